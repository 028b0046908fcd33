//! What goes wrong: false receipts, restarts, a line that breaks, a device that is shut out.

use clap::Parser;
use sekisho_domain::cbor;
use sekisho_domain::time::{ClockState, Reading};
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{Order, Receipt};
use tokio_util::sync::CancellationToken;

use super::door::Double;
use super::doubles::{until, wall};
use super::whole::{Whole, audited, command, until_status};
use crate::config::Config;
use crate::env::Env;
use crate::store::Store;
use crate::{commands, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_freed_unproved_and_nothing_is_lost_over_cuts_and_restarts() {
    let mut whole = Whole::new().await;
    whole.inform(1).await;
    // Forged receipts free nothing and make the gateway repeat its birth.
    whole.server.seen.lock().unwrap().forge = true;
    let (freed, births) = (whole.status().await.durable.freed, whole.births());
    for n in 0..3 {
        let nonce = whole.server.nonce();
        whole
            .server
            .send(
                Channel::Command,
                command(10 + n, Order::Cut([n; 16].into()), nonce),
            )
            .await;
    }
    whole
        .server
        .wait("three cuts", |seen| seen.count(EventCode::LogCut) == 3)
        .await;
    whole
        .server
        .wait("another birth", |seen| seen.births.len() > births)
        .await;
    let ignored = until_status(&whole, |status| {
        status
            .live
            .as_ref()
            .is_some_and(|live| live.ignored.contains_key("a receipt that does not hold"))
    })
    .await;
    assert!(
        ignored.durable.freed <= freed + 1,
        "only what was proved before"
    );

    // Mute, restarted and cut off: all is kept, and freed once the proofs come.
    {
        let mut seen = whole.server.seen.lock().unwrap();
        (seen.forge, seen.mute) = (false, true);
    }
    whole.stop().await;
    whole.start().await;
    whole.server.broker.restart().await.unwrap();
    whole.server.seen.lock().unwrap().mute = false;
    whole
        .server
        .wait("two starts", |seen| {
            seen.count(EventCode::GatewayStarted) == 2
        })
        .await;
    let status = until_status(&whole, |status| status.durable.unacknowledged == 0).await;
    assert_eq!(
        status.durable.head.unwrap().size,
        status.durable.last_seal + 1,
        "leaf 0 and every seal"
    );
    assert_eq!(status.durable.snapshot_epoch, 1);
    whole.stop().await;
    audited(&whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_device_is_out_and_the_others_come_back() {
    let mut whole = Whole::new().await;
    let reader = whole.device(&["--kind", "reader"], "reader").await;
    let lock = whole.device(&["--kind", "lock"], "lock").await;
    let connected = |double: &Double| double.heard.lock().unwrap().connections;
    until("both", || {
        (connected(&reader) == 1 && connected(&lock) == 1).then_some(())
    })
    .await;
    let (home, id) = (
        whole.home().dir().display().to_string(),
        reader.id.to_string(),
    );
    let _ = commands::execute(
        crate::cli::Cli::parse_from(["sekisho-gateway", "device", "revoke", &id, "--dir", &home]),
        Env::real(),
    )
    .await;
    whole
        .server
        .wait("device.revoked", |seen| {
            seen.count(EventCode::DeviceRevoked) == 1
        })
        .await;
    until("the lock again", || (connected(&lock) == 2).then_some(())).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(
        connected(&reader),
        1,
        "a revoked certificate does not come back"
    );
    assert_eq!(whole.status().await.devices[0].state, "revoked");
    reader.stop().await;
    lock.stop().await;

    // A second run in the same directory is refused.
    let config = Config::load(&whole.home().config()).unwrap();
    let second = run::run(
        &whole.home(),
        &config,
        Env::real(),
        CancellationToken::new(),
    )
    .await;
    assert!(second.unwrap_err().to_string().contains("another"));
    whole.stop().await;
    audited(&whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_what_is_not_kept_does_not_stop_the_stream() {
    let mut whole = Whole::new().await;
    whole.inform(1).await;
    whole.device(&["--kind", "lock"], "lock").await.stop().await;
    until_status(&whole, |status| {
        status.durable.last_seal > 1 && status.durable.unacknowledged == 0
    })
    .await;
    let store = Store::open(&whole.home().database()).await.unwrap();
    let later = Reading {
        wall: wall().plus_ms(100 * 86_400_000),
        err_ms: 500,
        mono_ms: 1,
        clock: ClockState::Synced,
    };
    store.prune(later).await.unwrap();
    assert_eq!(store.seal_hash(1).await.unwrap(), None);
    store.close().await;
    let stream = whole.server.seen.lock().unwrap().stream.unwrap();
    let receipt = Receipt {
        version: VERSION,
        stream,
        resend_from: Some(1),
        proof: None,
        credit: 64,
        telemetry: None,
    };
    whole
        .server
        .send(Channel::Receipt, cbor::encode(&receipt))
        .await;
    until_status(&whole, |status| {
        status.live.as_ref().is_some_and(|live| {
            live.ignored
                .contains_key("a request for a seal that is not kept")
        })
    })
    .await;
    let cut = command(1, Order::Cut([1; 16].into()), whole.server.nonce());
    whole.server.send(Channel::Command, cut).await;
    whole
        .server
        .wait("a cut", |seen| seen.count(EventCode::LogCut) == 1)
        .await;
    whole.stop().await;
}
