//! Store functions of held logs, and the upkeep of the database itself, on both engines.

use sekisho_domain::ids::{EventId, LogId};
use sekisho_server::store::holds::Kind;
use sekisho_server::store::pending::{Pending, Waiting};
use sekisho_server::store::{Scope, db, holds, log, pending, revocations};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::Sealer;
use sekisho_tests::world::World;

#[tokio::test]
async fn what_was_refuted_stays_refuted_and_a_wait_ends() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let site = world.site.id;
        Sealer::enrol(&test.app, site).await;
        let (own, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.stranger.id),
        );
        let mut tx = ok!(test.app.db.write());
        let id = ok!(log::current(&mut tx, own, Some(site))).unwrap().id;
        assert!(!ok!(holds::is_held(&mut tx, id)));
        assert!(ok!(holds::put(&mut tx, id, Kind::Restored, "waits", START)));
        let hold = ok!(holds::of_site(&mut tx, own, site)).unwrap();
        assert_eq!(
            (hold.log, hold.kind, hold.why.as_str()),
            (id, Kind::Restored, "waits")
        );
        assert!(ok!(holds::of_site(&mut tx, foreign, site)).is_none());
        assert_eq!(ok!(holds::end_wait(&mut tx, foreign, site)), 0);
        assert_eq!(ok!(holds::end_wait(&mut tx, own, site)), 1);
        assert!(ok!(holds::all(&mut tx)).is_empty());

        assert!(ok!(holds::put(&mut tx, id, Kind::Restored, "waits", START)));
        assert!(ok!(holds::put(&mut tx, id, Kind::Ahead, "seen", START)));
        assert!(!ok!(holds::put(
            &mut tx,
            id,
            Kind::Restored,
            "waits",
            START
        )));
        assert_eq!(ok!(holds::end_wait(&mut tx, own, site)), 0);
        let all = ok!(holds::all(&mut tx));
        assert_eq!(
            (all.len(), all[0].kind, all[0].site),
            (1, Kind::Ahead, Some(site))
        );

        let names = ok!(holds::approve(&mut tx, id, "a", START));
        assert_eq!(names, ok!(holds::approve(&mut tx, id, "a", START)));
        assert_eq!(ok!(holds::approve(&mut tx, id, "b", START)), ["a", "b"]);
        assert_eq!(ok!(holds::replaced_at(&mut tx, site)), None);
        assert_eq!(ok!(holds::replace(&mut tx, id, 7)), 1);
        assert_eq!(ok!(holds::replace(&mut tx, id, 9)), 0);
        assert_eq!(ok!(holds::replaced_at(&mut tx, site)), Some(7));
        assert!(ok!(holds::is_held(&mut tx, id)), "never signed again");
        assert!(ok!(holds::of_site(&mut tx, own, site)).is_none());
        assert!(ok!(holds::all(&mut tx)).is_empty());
        ok!(revocations::raise(&mut tx, site, 12, START));
        ok!(revocations::raise(&mut tx, site, 14, START));
        assert_eq!(ok!(revocations::epoch(&mut tx, site)), 14);
        assert!(ok!(revocations::list(&mut tx, site, START)).is_empty());
        assert!(
            holds::put(&mut tx, LogId([9; 16]), Kind::Ahead, "", START)
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn a_database_is_copied_counted_and_looked_at() {
    for test in TestApp::on_both().await {
        let database = &test.app.db;
        let (applied, known) = ok!(database.schema());
        assert_eq!((applied, known), (db::known_schema(), db::known_schema()));
        assert!(ok!(database.tables()) > 20);
        assert_eq!(ok!(database.defect()), None);
        let copy = test.dir.path().join("copy.db");
        let copied = database.copy_into(&copy).await;
        assert_eq!(copied.is_ok(), test.engine() == "sqlite");
        if test.engine() == "sqlite" {
            assert!(database.copy_into(&copy).await.is_err(), "never overwrites");
            let copy = ok!(db::Db::open(&format!("sqlite:{}", copy.display())));
            assert_eq!(ok!(copy.schema()).0, applied);
            let empty = format!("sqlite:{}", test.dir.path().join("empty.db").display());
            assert_eq!(ok!(ok!(db::Db::open(&empty)).schema()).0, 0);
        }
    }
}

#[tokio::test]
async fn what_waits_for_the_sequencer_has_an_age() {
    for test in TestApp::on_both().await {
        let mut tx = ok!(test.app.db.write());
        let id = ok!(log::current(&mut tx, Scope::System, None)).unwrap().id;
        for n in 1..=2 {
            let event = Pending {
                id: EventId([n; 16]),
                what: Waiting::Event,
                bytes: vec![n],
            };
            let at = START.plus_ms(i64::from(n));
            ok!(pending::insert(&mut tx, id, &event, at));
        }
        assert_eq!(ok!(pending::ages(&mut tx)), [(id, 2, START.plus_ms(1))]);
        assert_eq!(ok!(pending::move_all(&mut tx, id, id)), 2);
        assert_eq!(ok!(pending::move_all(&mut tx, LogId([9; 16]), id)), 0);
    }
}
