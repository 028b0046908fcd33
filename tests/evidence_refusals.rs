//! What ingest does with messages that are repeated, forged, forked or of the future.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::seal::seal_hash;
use sekisho_domain::ids::GatewayId;
use sekisho_domain::wire::code::EventCode;
use sekisho_server::flows::apply_birth::apply_birth;
use sekisho_server::flows::record_seal::{Recorded, record_seal};
use sekisho_server::jobs::sequencer::round;
use sekisho_server::store::{Scope, events, streams};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::sealer::{Sealer, event, publish};
use sekisho_tests::world::World;

use sekisho_tests::ok;

use crate::evidence_flows::{count, current, verify};

#[tokio::test]
async fn what_is_repeated_ahead_forged_or_forked() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let gateway = sealer.gateway;
        let first = sealer.seal(&[event(EventCode::DoorOpened, START)]);
        let message = publish(&first, &[]);
        assert!(matches!(
            ok!(record_seal(app, gateway, &message)),
            Recorded::Stored { .. }
        ));
        assert_eq!(
            ok!(record_seal(app, gateway, &message)),
            Recorded::Duplicate,
            "while it waits"
        );
        ok!(round(app));
        assert_eq!(
            ok!(record_seal(app, gateway, &message)),
            Recorded::Duplicate,
            "as a leaf"
        );

        let ahead = sealer.seal_at(5, sealer.hash, &[]);
        assert_eq!(
            ok!(record_seal(app, gateway, &publish(&ahead, &[]))),
            Recorded::Ahead {
                stream: sealer.stream,
                resend_from: 2
            }
        );

        let mut forged = message.clone();
        for at in (0..forged.len()).step_by(7) {
            forged[at] ^= 1;
            assert!(
                matches!(
                    ok!(record_seal(app, gateway, &forged)),
                    Recorded::Refused(_)
                ),
                "byte {at}"
            );
            forged[at] ^= 1;
        }
        assert!(matches!(
            ok!(record_seal(app, GatewayId([9; 16]), &message)),
            Recorded::Refused(_)
        ));

        let other = sealer.seal_at(1, Digest::ZERO, &[event(EventCode::DoorClosed, START)]);
        assert_eq!(
            ok!(record_seal(app, gateway, &publish(&other, &[]))),
            Recorded::Forked
        );
        assert_eq!(
            ok!(record_seal(app, gateway, &publish(&other, &[]))),
            Recorded::Forked,
            "again, and recorded once"
        );
        let torn = sealer.seal_at(2, Digest([1; 32]), &[]);
        assert_eq!(
            ok!(record_seal(app, gateway, &publish(&torn, &[]))),
            Recorded::Forked,
            "another predecessor"
        );
        assert_eq!(
            ok!(streams::forks(&mut app.db.read().await.unwrap(), gateway)),
            2
        );

        let second = sealer.seal(&[]);
        assert!(
            matches!(
                ok!(record_seal(app, gateway, &publish(&second, &[]))),
                Recorded::Stored { .. }
            ),
            "the stream goes on"
        );
        ok!(round(app));
        let log = current(app, world.site.id).await;
        let events = verify(app, &log, &[(gateway, sealer.key.verifying())]).await;
        assert_eq!(count(&events, EventCode::JournalForkDetected), 2);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_logged_and_not_applied() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = Sealer::enrol(app, world.site.id).await;
        let gateway = sealer.gateway;
        let mut form = sealer.form(1, Digest::ZERO, &[event(EventCode::AccessGranted, START)]);
        form.events.push(vec![0xff, 0x00].into());
        let mut unknown = event(EventCode::DoorOpened, START);
        unknown.code = 0x7fff;
        form.events.push(unknown.to_bytes().into());
        let seal = form.sign(&sealer.key);
        let stored = ok!(record_seal(app, gateway, &publish(&seal, &[])));
        assert!(matches!(stored, Recorded::Stored { .. }), "{stored:?}");
        (sealer.seal_no, sealer.seq, sealer.hash) = (1, 3, seal_hash(&seal));
        let rows = ok!(events::list(
            &mut app.db.read().await.unwrap(),
            Scope::System,
            world.site.id,
            None,
            true,
            3,
        ));
        let findings: Vec<_> = rows
            .iter()
            .rev()
            .map(|row| (row.seq, row.finding.as_deref()))
            .collect();
        assert_eq!(
            findings,
            [
                (Some(1), Some("undecodable_body")),
                (Some(2), Some("undecodable")),
                (Some(3), Some("unknown_code"))
            ]
        );

        // A version that this program does not know stops the stream of the last birth, once said.
        apply_birth(app, gateway, &sealer.birth(None, 0))
            .await
            .unwrap();
        let mut newer = sealer.form(2, sealer.hash, &[]);
        newer.version = 2;
        for _ in 0..2 {
            assert_eq!(
                ok!(record_seal(
                    app,
                    gateway,
                    &publish(&newer.sign(&sealer.key), &[])
                )),
                Recorded::Stopped
            );
        }
        assert!(
            !ok!(streams::of_gateway(
                &mut app.db.read().await.unwrap(),
                gateway
            ))[0]
                .open
        );
        let next = sealer.seal(&[]);
        assert!(matches!(
            ok!(record_seal(app, gateway, &publish(&next, &[]))),
            Recorded::Stored { .. }
        ));
        assert!(
            ok!(streams::of_gateway(
                &mut app.db.read().await.unwrap(),
                gateway
            ))[0]
                .open,
            "and a known one opens it again"
        );
        ok!(round(app));
        let log = current(app, world.site.id).await;
        let events = verify(app, &log, &[(gateway, sealer.key.verifying())]).await;
        assert_eq!(count(&events, EventCode::RequestRefused), 1);
    }
}
