//! A bundle out of a server, into the auditor's verifier.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use sekisho_certs::Purpose;
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::LogCut;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::signed::{open_for, seal_for};
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{Command, CommandResult, Order, Outcome};
use sekisho_server::app::App;
use sekisho_server::flows::Actor;
use sekisho_server::flows::answer_command::answer_command;
use sekisho_server::flows::apply_birth::apply_birth;
use sekisho_server::flows::export_bundle::{Report, export_bundle};
use sekisho_server::flows::publish_tiles::{dir, publish_tiles};
use sekisho_server::flows::record_seal::record_seal;
use sekisho_server::flows::start_export::start_export;
use sekisho_server::flows::start_fence::{lock, sign_alone, start_fence};
use sekisho_server::jobs::{gateways, sequencer};
use sekisho_server::store::{Scope, events};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, event, publish};
use sekisho_tests::world::{World, refused};
use sekisho_verify::{Options, Verdict, verify};
use tokio_util::sync::CancellationToken;

use crate::evidence_flows::{Sent, current};

/// Answers orders as a gateway does, until `stop`.
pub(crate) async fn answer(
    app: Arc<App>,
    mut sealer: Sealer,
    mut sent: Sent,
    stop: CancellationToken,
) -> (Sealer, Sent) {
    let key = app.key(Purpose::Command).unwrap().verifying();
    while !stop.is_cancelled() {
        for down in sent
            .all()
            .into_iter()
            .filter(|down| down.channel == Channel::Command)
        {
            let command: Command =
                open_for(&[key], sealer.gateway, Channel::Command, &down.bytes, 4096).unwrap();
            assert_eq!(
                command.nonce,
                sealer.state(true, None, 0).nonce,
                "quotes the birth"
            );
            let Order::Cut(nonce) = command.order else {
                panic!("not a cut")
            };
            let seal = sealer.seal(&[event(EventCode::LogCut, START).with_body(&LogCut { nonce })]);
            ok!(record_seal(&app, sealer.gateway, &publish(&seal, &[])));
            let result = CommandResult {
                version: 1,
                id: command.id,
                outcome: Outcome::Executed,
                at: START,
                seal_no: Some(sealer.seal_no),
            };
            let bytes = seal_for(&sealer.key, sealer.gateway, Channel::Result, &result);
            assert!(ok!(answer_command(&app, sealer.gateway, &bytes)));
            let elsewhere = seal_for(&sealer.key, sealer.gateway, Channel::State, &result);
            assert!(!ok!(answer_command(&app, sealer.gateway, &elsewhere)));
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    (sealer, sent)
}

struct Site {
    test: TestApp,
    world: World,
    sealer: Sealer,
}

/// A site whose gateway has sealed `seals` seals.
async fn site(test: TestApp, seals: u64) -> Site {
    let world = World::on(&test.app).await;
    let mut sealer = Sealer::enrol(&test.app, world.site.id).await;
    for n in 0..seals {
        let at = START.plus_ms(i64::try_from(n).unwrap());
        let seal = sealer.seal(&[
            event(EventCode::DoorOpened, at),
            event(EventCode::DoorClosed, at),
        ]);
        ok!(record_seal(&test.app, sealer.gateway, &publish(&seal, &[])));
    }
    ok!(sequencer::round(&test.app));
    Site {
        test,
        world,
        sealer,
    }
}

pub(crate) fn verdict(report: &Report, nonce: Option<[u8; 16]>) -> sekisho_verify::Report {
    let trust = TrustPolicy::parse(&std::fs::read(&report.policy).unwrap()).unwrap();
    verify(
        File::open(&report.bundle).unwrap(),
        &trust,
        &Options {
            nonce,
            strict: true,
            seed: None,
        },
        &mut |_| {},
    )
}

#[tokio::test]
async fn an_export_with_a_gateway_that_answers_passes() {
    for test in TestApp::on_both().await {
        let Site {
            test,
            world,
            mut sealer,
        } = site(test, 300).await;
        let app = &test.app;
        ok!(apply_birth(app, sealer.gateway, &sealer.birth(None, 0)));
        let stop = CancellationToken::new();
        let jobs = [
            tokio::spawn(gateways::run(Arc::clone(app), stop.clone())),
            tokio::spawn(sequencer::run(Arc::clone(app), stop.clone())),
        ];
        let box_ = tokio::spawn(answer(Arc::clone(app), sealer, Sent::of(app), stop.clone()));
        let nonce = [0x5a; 16];
        let report = ok!(export_bundle(
            app,
            &Actor::system(),
            world.site.id,
            Some(nonce),
            &test.dir.path().join("site.evb"),
        ));
        stop.cancel();
        for job in jobs {
            job.await.unwrap();
        }
        box_.await.unwrap();
        assert_eq!(report.findings, Vec::<String>::new());
        assert!(report.leaves > 300);
        let verified = verdict(&report, Some(nonce));
        assert_eq!(verified.verdict, Verdict::Pass, "{verified:#?}");
        assert_eq!(
            verdict(&report, Some([1; 16])).verdict,
            Verdict::Fail,
            "another nonce was never answered"
        );
        let rows = ok!(events::list(
            &mut app.db.read().await.unwrap(),
            Scope::System,
            world.site.id,
            None,
            true,
            1,
        ));
        assert_eq!(rows[0].code, EventCode::EvidenceExported as u16);
    }
}

#[tokio::test]
async fn an_export_without_the_gateway_is_made_and_says_so() {
    let Site { test, world, .. } = site(TestApp::sqlite().await, 3).await;
    let report = ok!(export_bundle(
        &test.app,
        &Actor::system(),
        world.site.id,
        None,
        &test.dir.path().join("site.evb"),
    ));
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert!(
        report.findings[0].contains("did not answer: unproven since"),
        "{}",
        report.findings[0]
    );
    assert_ne!(verdict(&report, Some(report.nonce)).verdict, Verdict::Pass);
}

#[tokio::test]
async fn files_of_a_log_are_made_again_and_guard_the_start() {
    let Site {
        test,
        world,
        mut sealer,
    } = site(TestApp::sqlite().await, 260).await;
    let app = &test.app;
    let log = current(app, world.site.id).await;
    assert!(ok!(publish_tiles(app, log.id)));
    assert!(!ok!(publish_tiles(app, log.id)), "nothing new");
    let dir: PathBuf = dir(app, &log);
    assert_eq!(
        std::fs::read_to_string(dir.join("checkpoint")).unwrap(),
        log.checkpoint
    );
    assert!(
        dir.join("tile/0/000").exists()
            && dir.join("tile/entries/000").exists()
            && !dir.join("tile/0/000.p").exists()
    );
    ok!(start_fence(app));

    // Who exports signs only where no server does.
    let server = lock(&app.config).unwrap();
    assert!(server.is_some() && ok!(sign_alone(app)).is_none());
    drop(server);
    assert!(ok!(sign_alone(app)).is_some());

    std::fs::remove_dir_all(&dir).unwrap();
    assert!(ok!(publish_tiles(app, log.id)), "made again");
    ok!(start_fence(app));

    // The database as it was before the last head: as after a restored backup.
    let ahead = std::fs::read(dir.join("checkpoint")).unwrap();
    let seal = sealer.seal(&[]);
    ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
    ok!(sequencer::round(app));
    ok!(publish_tiles(app, log.id));
    ok!(start_fence(app));
    let newer = std::fs::read(dir.join("checkpoint")).unwrap();
    assert_ne!(ahead, newer);
    let mut tx = app.db.write().await.unwrap();
    if let sekisho_server::store::Tx::Sqlite(tx) = &mut tx {
        sqlx::query("UPDATE log SET size = size - 1 WHERE id = $1")
            .bind(log.id.text())
            .execute(&mut **tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    for error in [
        start_fence(app).await.unwrap_err(),
        sign_alone(app).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("restored backup?"), "{error}");
    }
}

#[tokio::test]
async fn a_site_is_exported_once_at_a_time() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, actor, site) = (&test.app, Actor::system(), world.site.id);
        // Whoever asks at the same moment.
        let (a, b, c) = tokio::join!(
            start_export(app, &actor, site, None),
            start_export(app, &actor, site, None),
            start_export(app, &actor, site, None)
        );
        assert_eq!([a, b, c].iter().filter(|it| it.is_ok()).count(), 1);
        assert_eq!(
            refused(start_export(app, &actor, site, None).await),
            Code::TooManyRequests
        );
        // One whose process died does not block for ever.
        test.clock.advance_ms(11 * 60_000);
        ok!(start_export(app, &actor, site, None));
    }
}

#[tokio::test]
async fn a_key_that_is_missing_stops_the_start_and_is_not_replaced() {
    let test = TestApp::sqlite().await;
    World::on(&test.app).await;
    let app = &test.app;
    let dir = app.config.data_dir.join("keys");
    let files = || {
        let entries = std::fs::read_dir(&dir).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
        names.sort();
        names
    };
    // As after a restart.
    let again = || {
        let (clock, mailer) = (test.clock.clone(), test.mailbox.clone());
        App::new(
            app.config.clone(),
            app.db.clone(),
            clock,
            app.rng.clone(),
            mailer,
        )
        .unwrap()
    };
    ok!(start_fence(&again()));
    let names = files();
    assert!(names.len() >= 8, "{names:?}");
    for name in &names {
        let (path, away) = (dir.join(name), test.dir.path().join("away"));
        std::fs::rename(&path, &away).unwrap();
        let rest = files();
        let outcome = start_fence(&again()).await;
        // The keyring's key may lie offline.
        let offline = name.to_string_lossy().starts_with("keyring.");
        assert_eq!(outcome.is_ok(), offline, "{name:?}: {outcome:?}");
        assert_eq!(files(), rest);
        std::fs::rename(&away, &path).unwrap();
    }
}
