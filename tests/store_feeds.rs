//! Feeds in the database, on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::booking::AllocationState;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::FeedId;
use sekisho_server::store::feeds::{self, Feed, Of};
use sekisho_server::store::{Scope, people};
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::world::{World, span};

use crate::tenancy::nothing_written;

fn hash(n: u8) -> Digest {
    Digest([n; 32])
}

#[tokio::test]
async fn a_feed_is_found_by_its_secret_until_it_ends() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let own = Scope::Organisation(world.company.id);
        let foreign = Scope::Organisation(world.stranger.id);
        let feed = |n: u8, of| Feed {
            id: FeedId([n; 16]),
            organisation: world.company.id,
            of,
            created_by: "test".to_owned(),
            created_at: START,
            revoked_at: None,
        };
        let (mine, seats) = (Of::Person(world.member.id), Of::Seat(world.seats[0].id));
        let mut tx = test.app.db.write().await.unwrap();
        let (one, two) = (feed(1, mine), feed(2, seats));
        nothing_written(feeds::insert(&mut tx, foreign, &one, hash(1)).await);
        feeds::insert(&mut tx, own, &one, hash(1)).await.unwrap();
        feeds::insert(&mut tx, own, &two, hash(2)).await.unwrap();
        for (scope, there) in [(own, true), (foreign, false)] {
            let some = |feed: &Feed| there.then(|| feed.clone());
            assert_eq!(
                feeds::get(&mut tx, scope, one.id).await.unwrap(),
                some(&one)
            );
            assert_eq!(feeds::live(&mut tx, scope, mine).await.unwrap(), some(&one));
            assert_eq!(
                feeds::live(&mut tx, scope, seats).await.unwrap(),
                some(&two)
            );
            let all = feeds::list(&mut tx, scope, Some(world.member.id), true, None, 9)
                .await
                .unwrap();
            assert_eq!(all.len(), if there { 2 } else { 0 });
        }
        assert_eq!(feeds::live(&mut tx, foreign, mine).await.unwrap(), None);
        assert_eq!(feeds::get(&mut tx, foreign, one.id).await.unwrap(), None);
        assert_eq!(
            feeds::list(&mut tx, foreign, None, true, None, 9)
                .await
                .unwrap(),
            []
        );
        let list = |seats, after| (own, Some(world.member.id), seats, after);
        for ((scope, person, seats, after), expected) in [
            (list(false, None), vec![one.clone()]),
            (list(true, Some(one.id)), vec![two.clone()]),
            ((own, None, false, None), vec![]),
            ((own, Some(world.boss.id), false, None), vec![]),
        ] {
            assert_eq!(
                feeds::list(&mut tx, scope, person, seats, after, 9)
                    .await
                    .unwrap(),
                expected
            );
        }
        assert_eq!(
            feeds::by_secret(&mut tx, hash(1)).await.unwrap(),
            Some(one.clone())
        );
        assert_eq!(feeds::by_secret(&mut tx, hash(9)).await.unwrap(), None);

        assert_eq!(
            feeds::revoke(&mut tx, foreign, two.id, START)
                .await
                .unwrap(),
            0
        );
        assert_eq!(feeds::revoke(&mut tx, own, two.id, START).await.unwrap(), 1);
        assert_eq!(feeds::revoke(&mut tx, own, two.id, START).await.unwrap(), 0);
        assert_eq!(feeds::by_secret(&mut tx, hash(2)).await.unwrap(), None);
        // Whoever is suspended is told nothing.
        people::suspend(&mut tx, own, world.member.id)
            .await
            .unwrap();
        assert_eq!(feeds::by_secret(&mut tx, hash(1)).await.unwrap(), None);
        // One address at a time.
        assert!(
            feeds::insert(&mut tx, own, &feed(3, mine), hash(3))
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn a_feed_shows_what_its_person_or_seat_has() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let first = world.book(&test.app, 0, 1, 2).await.unwrap();
        let second = world.book(&test.app, 1, 4, 1).await.unwrap();
        let (mine, seat) = (Of::Person(world.member.id), Of::Seat(first.seat));
        let foreign = Scope::Organisation(world.stranger.id);
        let mut tx = test.app.db.write().await.unwrap();
        let found = feeds::entries(&mut tx, Scope::System, mine, span(0, 24), 9)
            .await
            .unwrap();
        let ids: Vec<_> = found.iter().map(|it| it.booking).collect();
        assert_eq!(ids, [first.id, second.id]);
        assert_eq!(
            (
                found[0].during,
                found[0].state,
                found[0].version,
                found[0].changed_at
            ),
            (first.during, AllocationState::Confirmed, 1, START)
        );
        assert_eq!(
            (found[0].time_zone.as_str(), found[0].seat.as_str()),
            ("Asia/Tokyo", world.seats[0].name.as_str())
        );
        // The latest ones where there are too many.
        let last = feeds::entries(&mut tx, Scope::System, mine, span(0, 24), 1)
            .await
            .unwrap();
        assert_eq!(last[0].booking, second.id);
        let of_seat = feeds::entries(&mut tx, Scope::System, seat, span(0, 24), 9)
            .await
            .unwrap();
        assert_eq!(of_seat.len(), 1);
        assert_eq!(
            feeds::entries(&mut tx, foreign, mine, span(0, 24), 9)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            feeds::entries(&mut tx, Scope::System, mine, span(3, 1), 9)
                .await
                .unwrap(),
            []
        );

        assert_eq!(
            feeds::touch(&mut tx, first.id, START).await.unwrap(),
            0,
            "never changed"
        );
        assert_eq!(
            feeds::touch(&mut tx, first.id, START.plus_ms(HOUR))
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            feeds::touch(&mut tx, first.id, START.plus_ms(1))
                .await
                .unwrap(),
            0,
            "late news"
        );
        let found = feeds::entries(&mut tx, Scope::System, mine, span(0, 24), 9)
            .await
            .unwrap();
        assert_eq!(found[0].changed_at, START.plus_ms(HOUR));
    }
}
