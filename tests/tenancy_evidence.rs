//! The evidence of one operator does not exist to another tenant.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::cbor;
use sekisho_domain::ids::{CommandId, EventId};
use sekisho_domain::wire::body::{DeviceEnrolled, DeviceKind};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::uplink::Order;
use sekisho_server::flows::export_bundle::export_bundle;
use sekisho_server::flows::record_seal::record_seal;
use sekisho_server::store::commands::StoredCommand;
use sekisho_server::store::exports::{Export, ExportState, Progress};
use sekisho_server::store::presence::Presence;
use sekisho_server::store::{
    Scope, commands, devices, events, exports, gateways, log, presence, streams,
};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, event, publish};
use sekisho_tests::world::{World, acting, refused};

use sekisho_domain::authority::Role;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::DeviceId;
use sekisho_domain::presence::State;
use sekisho_domain::refusal::Code;

#[tokio::test]
async fn evidence_of_another_operator_does_not_exist() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let site = world.site.id;
        let mut sealer = Sealer::enrol(&test.app, site).await;
        let device = DeviceEnrolled {
            device: DeviceId([1; 16]),
            kind: DeviceKind::Lock,
            door: world.front.id,
            direction: None,
            certificate: Digest::ZERO,
            seat: None,
            zone: None,
        };
        let seal = sealer.seal(&[event(EventCode::DeviceEnrolled, START).with_body(&device)]);
        ok!(record_seal(&test.app, sealer.gateway, &publish(&seal, &[])));
        let (own, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.stranger.id),
        );
        let mut tx = test.app.db.write().await.unwrap();
        let person = world.member.id;
        ok!(presence::put(
            &mut tx,
            &Presence {
                site,
                person,
                zone: None,
                state: State::Present,
                since: START,
                evidence_at: START,
            },
        ));
        let export = Export {
            id: EventId([1; 16]),
            site,
            nonce: [0; 16],
            state: ExportState::Running,
            progress: Progress::Cuts,
            findings: String::new(),
            started_at: START,
            finished_at: None,
            leaves: 0,
            bytes: None,
            removed_at: None,
        };
        ok!(exports::insert(&mut tx, &export));

        assert_eq!(ok!(gateways::list(&mut tx, own, site)).len(), 1);
        assert!(ok!(gateways::list(&mut tx, foreign, site)).is_empty());
        assert!(ok!(gateways::get(&mut tx, own, sealer.gateway)).is_some());
        assert!(ok!(gateways::get(&mut tx, foreign, sealer.gateway)).is_none());
        assert_eq!(ok!(devices::list(&mut tx, own, site)).len(), 1);
        assert!(ok!(devices::list(&mut tx, foreign, site)).is_empty());
        assert_eq!(ok!(streams::of_site(&mut tx, own, site)).len(), 1);
        assert!(ok!(streams::of_site(&mut tx, foreign, site)).is_empty());
        assert!(!ok!(events::list(&mut tx, own, site, None, true, 9)).is_empty());
        assert!(ok!(events::list(&mut tx, foreign, site, None, true, 9)).is_empty());
        assert!(ok!(log::current(&mut tx, own, Some(site))).is_some());
        assert!(ok!(log::current(&mut tx, foreign, Some(site))).is_none());
        assert!(ok!(log::of_site(&mut tx, foreign, Some(site))).is_empty());
        assert!(
            ok!(log::of_site(&mut tx, foreign, None)).is_empty(),
            "the installation's own log is no tenant's"
        );
        assert_eq!(ok!(presence::list(&mut tx, own, site)).len(), 1);
        assert!(ok!(presence::list(&mut tx, foreign, site)).is_empty());
        assert!(ok!(presence::get(&mut tx, foreign, site, person)).is_none());
        assert!(ok!(exports::get(&mut tx, own, export.id)).is_some());
        assert!(ok!(exports::get(&mut tx, foreign, export.id)).is_none());
        assert!(ok!(exports::list(&mut tx, foreign, site, 9)).is_empty());
        let order = Order::Unlock(world.front.id, "荷物".to_owned());
        let command = StoredCommand {
            id: CommandId([1; 16]),
            gateway: sealer.gateway,
            kind: "unlock",
            order: cbor::encode(&order),
            issued_at: START,
            not_after: START.plus_ms(10),
        };
        ok!(commands::insert(&mut tx, &command));
        assert!(ok!(commands::for_door(&mut tx, own, command.id)).is_some());
        assert!(ok!(commands::for_door(&mut tx, foreign, command.id)).is_none());
        tx.commit().await.unwrap();

        let out = test.dir.path().join("stolen.evb");
        let stolen = export_bundle(
            &test.app,
            &acting(&world.outsider, Role::Owner),
            site,
            None,
            &out,
        )
        .await;
        assert_eq!(refused(stolen), Code::NotFound);
        assert!(!out.exists());
    }
}
