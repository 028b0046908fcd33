//! Store functions behind the pages for who runs sites, on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::ids::{EventId, GatewayId, PersonId, StreamId};
use sekisho_domain::wire::code::EventCode;
use sekisho_server::store::exports::{Ended, Export, ExportState, Progress};
use sekisho_server::store::opening_reads::OpeningRead;
use sekisho_server::store::{Scope, directory, events, exports, opening_reads, records};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::busy::Busy;
use sekisho_tests::ok;

fn export(n: u8, busy: &Busy) -> Export {
    Export {
        id: EventId([n; 16]),
        site: busy.world.site.id,
        nonce: [n; 16],
        state: ExportState::Running,
        progress: Progress::Cuts,
        findings: String::new(),
        started_at: START,
        finished_at: None,
        leaves: 0,
        bytes: None,
        removed_at: None,
    }
}

#[tokio::test]
async fn exports_from_their_beginning_to_their_end() {
    for test in TestApp::on_both().await {
        let busy = Busy::on(&test.app).await;
        let site = busy.world.site.id;
        let (own, foreign) = (
            Scope::Organisation(busy.world.operator.id),
            Scope::Organisation(busy.world.stranger.id),
        );
        let mut tx = test.app.db.write().await.unwrap();
        let done = Ended {
            state: ExportState::Done,
            findings: "a\nb",
            leaves: 3,
            bytes: Some(4),
        };
        for n in 1..=4 {
            assert_eq!(ok!(exports::insert(&mut tx, &export(n, &busy))), 1);
        }
        let first = EventId([1; 16]);
        ok!(exports::set_progress(
            &mut tx,
            first,
            Progress::Writing(1, 4),
            START
        ));
        assert!(ok!(exports::is_running(&mut tx, site, START.plus_ms(-1))));
        assert!(!ok!(exports::is_running(&mut tx, site, START)));
        let later = START.plus_ms(60_000);
        let done_some = Progress::Writing(1, 4);
        ok!(exports::set_progress(&mut tx, first, done_some, later));
        assert!(ok!(exports::is_running(&mut tx, site, START)));
        let given_up = ok!(exports::abandoned(&mut tx, later));
        assert!(!given_up.contains(&first), "it came on since");
        assert_eq!(given_up.len(), 3);
        let under_way = ok!(exports::get(&mut tx, own, first)).unwrap();
        assert_eq!(under_way.progress, Progress::Writing(1, 4));
        for (n, hours) in [(1, 0), (2, 48), (3, 49)] {
            let at = START.plus_ms(hours * 3_600_000);
            assert_eq!(
                ok!(exports::finish(&mut tx, EventId([n; 16]), &done, at)),
                1
            );
        }
        assert_eq!(
            ok!(exports::finish(&mut tx, first, &done, START)),
            0,
            "it has ended"
        );
        assert_eq!(
            ok!(exports::set_progress(&mut tx, first, Progress::Cuts, START)),
            0
        );
        let found = ok!(exports::get(&mut tx, own, first)).unwrap();
        let expected = Export {
            state: ExportState::Done,
            progress: Progress::Done,
            findings: "a\nb".to_owned(),
            finished_at: Some(START),
            leaves: 3,
            bytes: Some(4),
            ..export(1, &busy)
        };
        assert_eq!(found, expected);
        assert!(found.is_there());
        assert!(ok!(exports::get(&mut tx, foreign, first)).is_none());
        assert!(ok!(exports::list(&mut tx, foreign, site, 9)).is_empty());
        let order: Vec<u8> = ok!(exports::list(&mut tx, own, site, 9))
            .iter()
            .map(|it| it.id.0[0])
            .collect();
        assert_eq!(order, [4, 3, 2, 1], "newest first");

        // The first is too old; of the others only the newest is kept.
        let day = START.plus_ms(24 * 3_600_000);
        assert_eq!(ok!(exports::outlived(&mut tx, day, 9)), [first]);
        assert_eq!(
            ok!(exports::outlived(&mut tx, START, 1)),
            [first, EventId([2; 16])]
        );
        assert_eq!(ok!(exports::set_removed(&mut tx, first, day)), 1);
        assert_eq!(ok!(exports::set_removed(&mut tx, first, day)), 0);
        assert!(ok!(exports::outlived(&mut tx, day, 9)).is_empty());
        assert!(!ok!(exports::get(&mut tx, own, first)).unwrap().is_there());
        assert_eq!(ok!(exports::abandoned(&mut tx, day)), [EventId([4; 16])]);
        assert!(ok!(exports::abandoned(&mut tx, START)).is_empty());
    }
}

#[tokio::test]
async fn people_are_found_by_what_somebody_types() {
    for test in TestApp::on_both().await {
        let busy = Busy::hostile(&test.app).await;
        let world = &busy.world;
        // First in every alphabet here.
        let mut tx = ok!(test.app.db.write());
        let renamed = sekisho_server::on!(&mut tx, c =>
            sqlx::query("UPDATE person SET name = '!' WHERE id = $1").bind(world.outsider.id.text())
                .execute(c).await.map(|done| done.rows_affected()));
        assert_eq!(renamed.unwrap(), 1);
        ok!(tx.commit());
        let (own, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.stranger.id),
        );
        let company = Scope::Organisation(world.company.id);
        let mut tx = test.app.db.read().await.unwrap();
        // The operator's own, and the member of the company who has a booking; never the company's boss.
        let all = ok!(directory::search(&mut tx, own, "", None, 50));
        let ids: Vec<PersonId> = all.iter().map(|it| it.id).collect();
        assert!(ids.contains(&world.member.id) && ids.contains(&busy.attacker.id));
        assert!(!ids.contains(&world.boss.id) && !ids.contains(&world.outsider.id));
        let member = all.iter().find(|it| it.id == world.member.id).unwrap();
        assert_eq!(member.email, None, "the address is the company's business");
        let strangers = ok!(directory::search(&mut tx, foreign, "", None, 50));
        assert_eq!(strangers.len(), 1, "their own owner");
        for (typed, count) in [
            ("<SCRIPT>", all.len()),
            ("%_!", all.len()),
            ("%_x", 0),
            ("_script", 0),
            ("attacker@", 1),
            ("member@", 0),
            ("' OR 1=1 --", 0),
        ] {
            let found = ok!(directory::search(&mut tx, own, typed, None, 50));
            assert_eq!(found.len(), count, "{typed}");
        }
        // Page by page nobody is missed and nobody comes twice, though all have one name.
        let mut seen = Vec::new();
        let mut after = None;
        while let Some(it) = ok!(directory::search(&mut tx, own, "", after, 1)).pop() {
            after = Some(it.id);
            seen.push(it.id);
        }
        assert_eq!(seen, ids);
        // From somebody unknown to the operator there is no page: not where in the alphabet their name would be.
        let unknown = Some(world.outsider.id);
        assert!(ok!(directory::search(&mut tx, own, "", unknown, 50)).is_empty());
        let id = world.member.id;
        assert!(ok!(directory::get(&mut tx, own, id)).is_some());
        assert!(
            ok!(directory::get(&mut tx, company, id))
                .unwrap()
                .email
                .is_some()
        );
        assert!(ok!(directory::get(&mut tx, foreign, id)).is_none());
        assert!(ok!(directory::get(&mut tx, own, world.boss.id)).is_none());
    }
}

#[tokio::test]
async fn a_record_is_found_in_the_log() {
    for test in TestApp::on_both().await {
        let mut busy = Busy::on(&test.app).await;
        let site = busy.world.site.id;
        let (own, foreign) = (
            Scope::Organisation(busy.world.operator.id),
            Scope::Organisation(busy.world.stranger.id),
        );
        // Seals of one, two, three … events, one of them empty.
        for n in [0, 1, 2, 3, 1] {
            let events: Vec<_> = (0..n)
                .map(|_| sekisho_tests::sealer::event(EventCode::DoorOpened, START))
                .collect();
            let seal = busy.sealer.seal(&events);
            let message = sekisho_tests::sealer::publish(&seal, &[]);
            let flow = sekisho_server::flows::record_seal::record_seal;
            ok!(flow(&test.app, busy.sealer.gateway, &message));
        }
        ok!(sekisho_server::jobs::sequencer::round(&test.app));
        let (gateway, stream) = (busy.sealer.gateway, busy.sealer.stream);
        let mut tx = test.app.db.read().await.unwrap();
        let row = ok!(events::get(&mut tx, own, site, busy.refusal)).unwrap();
        assert!(ok!(events::get(&mut tx, foreign, site, busy.refusal)).is_none());
        assert_eq!((row.stream, row.seq), (Some(stream), Some(3)));
        for seq in 1..=busy.sealer.seq {
            let found = ok!(records::find(&mut tx, gateway, stream, seq)).unwrap();
            let expected = match seq {
                1 => EventCode::AccessGranted,
                2 => EventCode::AccessTaken,
                3 => EventCode::AccessDenied,
                4 => EventCode::DoorForcedOpen,
                _ => EventCode::DoorOpened,
            };
            assert_eq!(found.event.code(), Some(expected), "{seq}");
        }
        for (gateway, stream, seq) in [
            (gateway, stream, busy.sealer.seq + 1),
            (gateway, stream, 0),
            (gateway, StreamId([1; 16]), 1),
            (GatewayId([1; 16]), stream, 1),
        ] {
            assert_eq!(ok!(records::find(&mut tx, gateway, stream, seq)), None);
        }
        let code = EventCode::AccessDenied;
        assert_eq!(ok!(events::of_code(&mut tx, own, site, code, 9)).len(), 1);
        assert!(ok!(events::of_code(&mut tx, foreign, site, code, 9)).is_empty());
        let person = busy.attacker.id;
        let about = ok!(events::of_person(&mut tx, own, person, 9));
        assert!(about.iter().any(|it| it.id == busy.refusal));
        assert!(ok!(events::of_person(&mut tx, foreign, person, 9)).is_empty());
    }
}

#[tokio::test]
async fn a_look_at_names_is_known_for_its_day() {
    for test in TestApp::on_both().await {
        let busy = Busy::on(&test.app).await;
        let (own, foreign) = (
            Scope::Organisation(busy.world.operator.id),
            Scope::Organisation(busy.world.stranger.id),
        );
        let mut tx = test.app.db.write().await.unwrap();
        let look = OpeningRead {
            site: busy.world.site.id,
            actor: "per_1",
            kind: "today",
            day: 20_000,
        };
        assert!(!ok!(opening_reads::is_known(&mut tx, own, &look)));
        assert!(ok!(opening_reads::insert(&mut tx, &look)));
        assert!(!ok!(opening_reads::insert(&mut tx, &look)), "once");
        assert!(ok!(opening_reads::is_known(&mut tx, own, &look)));
        assert!(!ok!(opening_reads::is_known(&mut tx, foreign, &look)));
        let later = OpeningRead {
            day: 20_002,
            ..look
        };
        assert!(ok!(opening_reads::insert(&mut tx, &later)));
        assert!(
            !ok!(opening_reads::is_known(&mut tx, own, &look)),
            "forgotten"
        );
    }
}
