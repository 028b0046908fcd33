//! Store functions of logs, of what waits for them, and of streams, on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::crypto::{Digest, VerifyingKey};
use sekisho_domain::evidence::seal::seal_hash;
use sekisho_domain::ids::{EventId, LogId};
use sekisho_server::store::log::{Advance, Leaf, Log, StreamEnd};
use sekisho_server::store::pending::{Pending, Waiting};
use sekisho_server::store::{Scope, Tx, gateways, log, pending, streams};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::World;

use sekisho_tests::ok;

use crate::store_gateways::{ALL, GATEWAY, STREAM, begin, birth};

fn a_log(world: &World) -> Log {
    Log {
        id: LogId([1; 16]),
        site: Some(world.site.id),
        origin: "sekisho/test".to_owned(),
        fiscal_year: 2030,
        vkey: "vkey".to_owned(),
        keyring: vec![1],
        service_stream: STREAM,
        size: 0,
        frontier: vec![2],
        checkpoint: "note".to_owned(),
        service: StreamEnd::START,
        sequenced_at: START,
    }
}

fn leaf(n: u8) -> Leaf {
    let bytes = vec![n; 3];
    Leaf {
        hash: seal_hash(&bytes),
        bytes,
        gateway: GATEWAY,
        stream: STREAM,
        seal_no: u64::from(n),
    }
}

#[tokio::test]
async fn logs_and_leaves() {
    for test in TestApp::on_both().await {
        let (world, mut tx) = begin(&test).await;
        let new = a_log(&world);
        let opened = ok!(log::all(&mut tx)).len();
        assert!(ok!(log::insert(&mut tx, &new, START)));
        assert!(
            !ok!(log::insert(
                &mut tx,
                &Log {
                    id: LogId([9; 16]),
                    ..new.clone()
                },
                START
            )),
            "one log an origin"
        );
        assert_eq!(ok!(log::get(&mut tx, new.id)), Some(new.clone()));
        assert_eq!(ok!(log::all(&mut tx)).len(), opened + 1);
        let (own, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.stranger.id),
        );
        assert_eq!(
            ok!(log::current(&mut tx, own, Some(world.site.id))),
            Some(new.clone())
        );
        assert!(ok!(log::current(&mut tx, foreign, Some(world.site.id))).is_none());
        assert_eq!(
            ok!(log::of_site(&mut tx, own, Some(world.site.id))).len(),
            2
        );
        assert_eq!(
            ok!(log::of_site(&mut tx, ALL, None)).len(),
            1,
            "the operator's"
        );
        assert!(ok!(log::any_keyring(&mut tx)).is_some());

        let service = StreamEnd {
            seal_no: 1,
            seq: 2,
            hash: Digest([3; 32]),
        };
        let advance = |from| Advance {
            from,
            size: from + 2,
            frontier: &[7],
            checkpoint: "next",
            service,
        };
        assert!(ok!(log::advance(&mut tx, new.id, &advance(0), START)));
        assert!(
            !ok!(log::advance(&mut tx, new.id, &advance(0), START)),
            "compare and swap"
        );
        assert_eq!(ok!(log::get(&mut tx, new.id)).unwrap().service, service);
        assert!(ok!(log::sizes(&mut tx)).contains(&(new.id, 2)));
        for n in 1..=2 {
            ok!(log::insert_leaf(
                &mut tx,
                new.id,
                u64::from(n) - 1,
                &leaf(n),
                START
            ));
        }
        assert_eq!(ok!(log::hashes(&mut tx, new.id, 1)), [leaf(2).hash]);
        assert_eq!(ok!(log::leaves(&mut tx, new.id, 0, 1)), [leaf(1).bytes]);
        assert_eq!(
            ok!(log::leaf_of_seal(&mut tx, new.id, GATEWAY, STREAM, 2)),
            Some((1, leaf(2).hash))
        );
        assert_eq!(
            ok!(log::last_logged(&mut tx, GATEWAY, STREAM)),
            Some((new.id, 2))
        );
        assert_eq!(ok!(log::last_leaf(&mut tx, GATEWAY, STREAM)), Some(leaf(2)));
        ok!(log::lock(&mut tx, new.id));
        assert_eq!(
            ok!(log::hash_of_seal(&mut tx, GATEWAY, STREAM, 1)),
            Some(leaf(1).hash)
        );
        assert!(
            !ok!(log::seal_is_logged(&mut tx, new.id, GATEWAY, 1)),
            "no gateway row names the stream"
        );
        ok!(gateways::insert(
            &mut tx,
            GATEWAY,
            world.site.id,
            Digest::ZERO,
            START,
            START
        ));
        let key = VerifyingKey::from_bytes([9; 32]);
        ok!(gateways::enrol(&mut tx, GATEWAY, key, "pem", "0a", START));
        ok!(gateways::set_birth(&mut tx, &birth(&world, 1), START));
        assert!(ok!(log::seal_is_logged(&mut tx, new.id, GATEWAY, 1)));
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_leaf_can_be_neither_changed_nor_deleted() {
    for test in TestApp::on_both().await {
        for statement in ["UPDATE log_leaf SET seal_no = 9", "DELETE FROM log_leaf"] {
            let mut tx = test.app.db.write().await.unwrap();
            let refused = match &mut tx {
                Tx::Sqlite(tx) => sqlx::query(statement).execute(&mut **tx).await.map(|_| ()),
                Tx::Postgres(tx) => sqlx::query(statement).execute(&mut **tx).await.map(|_| ()),
            };
            assert!(
                refused
                    .unwrap_err()
                    .to_string()
                    .contains("log_leaf_is_append_only"),
                "{}",
                test.engine()
            );
        }
    }
}

#[tokio::test]
async fn what_waits_and_where_streams_end() {
    for test in TestApp::on_both().await {
        let (world, mut tx) = begin(&test).await;
        let new = a_log(&world);
        ok!(log::insert(&mut tx, &new, START));
        let seal = Pending {
            id: EventId([2; 16]),
            what: Waiting::Seal {
                gateway: GATEWAY,
                stream: STREAM,
                seal_no: 1,
            },
            bytes: vec![5],
        };
        let event = Pending {
            id: EventId([1; 16]),
            what: Waiting::Event,
            bytes: vec![6],
        };
        ok!(pending::insert(&mut tx, new.id, &seal, START));
        ok!(pending::insert(&mut tx, new.id, &event, START));
        assert!(ok!(pending::logs(&mut tx)).contains(&new.id));
        assert_eq!(
            ok!(pending::oldest(&mut tx, new.id, 9)),
            [event.clone(), seal.clone()]
        );
        assert_eq!(
            ok!(pending::oldest(&mut tx, new.id, 1)),
            std::slice::from_ref(&event)
        );
        assert_eq!(ok!(pending::waiting(&mut tx, new.id)), 2);
        assert_eq!(
            ok!(pending::seal(&mut tx, GATEWAY, STREAM, 1)),
            Some(seal_hash(&[5]))
        );
        assert!(ok!(pending::is_waiting(&mut tx, event.id)));
        assert_eq!(ok!(pending::delete(&mut tx, event.id)), 1);
        assert_eq!(ok!(pending::delete(&mut tx, event.id)), 0);
        assert!(!ok!(pending::is_waiting(&mut tx, event.id)));

        ok!(gateways::insert(
            &mut tx,
            GATEWAY,
            world.site.id,
            Digest::ZERO,
            START,
            START
        ));
        assert!(ok!(streams::ensure(&mut tx, GATEWAY, STREAM, START)));
        assert!(!ok!(streams::ensure(&mut tx, GATEWAY, STREAM, START)));
        assert_eq!(
            ok!(streams::lock(&mut tx, GATEWAY, STREAM)).unwrap().end,
            StreamEnd::START
        );
        let end = StreamEnd {
            seal_no: 1,
            seq: 4,
            hash: Digest([8; 32]),
        };
        assert!(ok!(streams::stop(&mut tx, GATEWAY, STREAM, START)));
        assert!(!ok!(streams::stop(&mut tx, GATEWAY, STREAM, START)));
        ok!(streams::set_end(&mut tx, GATEWAY, STREAM, end, START));
        let known = ok!(streams::of_gateway(&mut tx, GATEWAY));
        assert_eq!((known.len(), known[0].end, known[0].open), (1, end, true));
        assert_eq!(
            ok!(streams::of_site(
                &mut tx,
                Scope::Organisation(world.operator.id),
                world.site.id
            )),
            known
        );
        assert!(
            ok!(streams::of_site(
                &mut tx,
                Scope::Organisation(world.stranger.id),
                world.site.id
            ))
            .is_empty()
        );
        assert!(ok!(streams::keep_fork(
            &mut tx,
            GATEWAY,
            STREAM,
            1,
            Digest([9; 32]),
            &[1],
            START
        )));
        assert!(!ok!(streams::keep_fork(
            &mut tx,
            GATEWAY,
            STREAM,
            1,
            Digest([9; 32]),
            &[1],
            START
        )));
        assert_eq!(ok!(streams::forks(&mut tx, GATEWAY)), 1);
        tx.commit().await.unwrap();
    }
}
