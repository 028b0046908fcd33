//! One bad site or gateway: nobody else waits for it.

use std::time::{Duration, Instant};

use sekisho_domain::authority::Role;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::signed::seal_for;
use sekisho_domain::wire::topic::{Channel, Uplink};
use sekisho_server::flows::apply_birth::{Applied, apply_birth};
use sekisho_server::flows::create_site::{CreateSite, create_site};
use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_server::ingest::mqtt::persist;
use sekisho_server::jobs;
use sekisho_server::jobs::sequencer::round;
use sekisho_server::on;
use sekisho_server::store::log;
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, event, publish};
use sekisho_tests::web::Web;
use sekisho_tests::world::{World, acting};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::evidence_flows::Sent;

/// Two sites with their gateways connected: the one that jobs look at first, and another.
async fn two_sites(test: &TestApp) -> (Sealer, Sealer) {
    let app = &test.app;
    let world = World::on(app).await;
    let second = CreateSite {
        operator: world.operator.id,
        name: "隣のオフィス".to_owned(),
        time_zone: "Asia/Tokyo".to_owned(),
        hours: Vec::new(),
        grid_s: None,
        grant_before_s: None,
        grant_after_s: None,
    };
    let second = ok!(create_site(app, &acting(&world.owner, Role::Owner), second)).id;
    let mut sealers = Vec::new();
    for site in [world.site.id.min(second), world.site.id.max(second)] {
        let mut sealer = Sealer::enrol(app, site).await;
        assert_eq!(
            ok!(apply_birth(app, sealer.gateway, &sealer.birth(None, 0))),
            Applied::Born
        );
        sealers.push(sealer);
    }
    let other = sealers.pop().unwrap();
    (sealers.pop().unwrap(), other)
}

/// What the gateway of a seal publishes, taken in as from the broker.
async fn send(test: &TestApp, sealer: &mut Sealer) -> bool {
    let topic = Uplink {
        gateway: sealer.gateway,
        channel: Channel::Evidence,
    };
    let seal = sealer.seal(&[event(EventCode::DoorOpened, START)]);
    persist(&test.app, &topic.to_string(), &publish(&seal, &[]), false).await
}

#[tokio::test]
async fn a_site_whose_log_is_damaged_keeps_no_other_waiting() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let (mut bad, mut good) = two_sites(&test).await;
        let mut tx = app.db.write().await.unwrap();
        on!(&mut tx, c => sqlx::query("UPDATE log SET service_stream = '?' WHERE site_id = $1")
            .bind(bad.site.text()).execute(c).await.map(|done| done.rows_affected()))
        .unwrap();
        tx.commit().await.unwrap();

        let begun = Instant::now();
        assert!(send(&test, &mut bad).await, "given up, and acknowledged");
        assert!(send(&test, &mut good).await);
        assert!(begun.elapsed() < Duration::from_secs(2), "and at once");
        assert!(round(app).await.is_err());
        let mut tx = app.db.read().await.unwrap();
        let logged = ok!(log::last_logged(&mut tx, good.gateway, good.stream));
        assert_eq!(logged.unwrap().1, 1);
        assert_eq!(
            ok!(log::last_logged(&mut tx, bad.gateway, bad.stream)),
            None
        );
        drop(tx);

        let (mut sent, stop) = (Sent::of(app), CancellationToken::new());
        let job = tokio::spawn(jobs::gateways::run(app.clone(), stop.clone()));
        let mut told = Vec::new();
        while begun.elapsed() < Duration::from_secs(10) && !told.contains(&Channel::Freshness) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let good = sent
                .all()
                .into_iter()
                .filter(|down| down.gateway == good.gateway);
            told.extend(
                good.map(|down| down.channel)
                    .filter(|it| *it != Channel::Receipt),
            );
        }
        stop.cancel();
        job.await.unwrap();
        assert_eq!(told.first(), Some(&Channel::Snapshot));
        assert!(told.contains(&Channel::Freshness));
    }
}

#[tokio::test]
async fn a_birth_that_no_column_takes_is_refused() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let (sealer, _) = two_sites(&test).await;
        for software in ["0.1\0", "0.1\u{1b}[2J", &"9".repeat(1_000)] {
            let mut state = sealer.state(true, None, 0);
            state.connection += 1;
            state.nonce = [8; 16].into();
            state.software = software.to_owned();
            let birth = seal_for(&sealer.key, sealer.gateway, Channel::State, &state);
            let applied = ok!(apply_birth(app, sealer.gateway, &birth));
            assert!(
                matches!(applied, Applied::Refused(_)),
                "{software:?}: {applied:?}"
            );
        }
    }
}

#[tokio::test]
async fn who_never_sends_a_form_keeps_no_reader_from_others() {
    let web = Web::sqlite().await;
    let app = &web.test.app;
    let world = World::on(app).await;
    let link = ok!(sign_in_link_for(app, world.member.id));
    let token = link.split_once("token=").unwrap().1;
    let signed_in = web.form("/sign-in/link", &[("token", token)]).send().await;
    let listener = ok!(TcpListener::bind("127.0.0.1:0"));
    let address = listener.local_addr().unwrap();
    let router = sekisho_server::http::router(app.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    let ask = async |head: String| {
        let mut stream = ok!(TcpStream::connect(address));
        ok!(stream.write_all(format!("{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n", signed_in.set_cookie()).as_bytes()));
        stream
    };
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(ask(format!("POST /sites/{}/book", world.site.id)).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut ready = ask("GET /readyz".to_owned()).await;
    ok!(ready.write_all(b"123456789"));
    let mut answer = String::new();
    ok!(tokio::time::timeout(
        Duration::from_secs(5),
        ready.read_to_string(&mut answer)
    ))
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.abort();
}
