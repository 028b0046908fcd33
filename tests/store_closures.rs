//! Every store function of closures, on both engines and with a foreign scope.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::ids::ClosureId;
use sekisho_server::store::closures::{self, Bookings, Closure, ClosureState, Effect};
use sekisho_server::store::{Scope, occupancy};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::{World, at, span};

use crate::tenancy::nothing_written;

#[tokio::test]
async fn every_store_function_of_closures_and_with_a_foreign_scope() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let booking = world.book(&test.app, 0, 2, 1).await.unwrap();
        let scope = Scope::Organisation;
        let (own, foreign) = (scope(world.operator.id), scope(world.stranger.id));
        let (company, site) = (scope(world.company.id), world.site.id);
        let zone = Some(world.quiet.id);
        let mut tx = test.app.db.write().await.unwrap();
        let mut it = Closure {
            id: ClosureId([1; 16]),
            site,
            zone,
            during: span(1, 3),
            until: at(4),
            ja: "停電".to_owned(),
            en: "power cut".to_owned(),
            emergency: true,
            bookings: Bookings::Move,
            state: ClosureState::Working,
            made_by: "x".to_owned(),
            made_at: START,
            undone_at: None,
            version: 1,
        };
        nothing_written(closures::insert(&mut tx, foreign, &it).await);
        nothing_written(closures::insert(&mut tx, company, &it).await);
        closures::insert(&mut tx, own, &it).await.unwrap();
        assert_eq!(closures::get(&mut tx, foreign, it.id).await.unwrap(), None);
        assert_eq!(
            closures::get(&mut tx, own, it.id).await.unwrap(),
            Some(it.clone())
        );
        assert_eq!(closures::lock(&mut tx, foreign, it.id).await.unwrap(), None);
        assert_eq!(
            closures::lock(&mut tx, own, it.id).await.unwrap(),
            Some(it.clone())
        );
        assert_eq!(
            closures::list(&mut tx, foreign, site, START).await.unwrap(),
            []
        );
        assert_eq!(
            closures::list(&mut tx, own, site, START).await.unwrap(),
            std::slice::from_ref(&it)
        );
        assert_eq!(closures::list(&mut tx, own, site, at(4)).await.unwrap(), []);
        let force = closures::in_force(&mut tx, company, site, zone, START);
        assert_eq!(force.await.unwrap()[0].during, span(1, 3));
        assert_eq!(
            closures::in_force(&mut tx, foreign, site, zone, START)
                .await
                .unwrap(),
            []
        );
        for (zone, from) in [(None, START), (Some(world.lobby.id), START), (zone, at(4))] {
            let none = closures::in_force(&mut tx, own, site, zone, from).await;
            assert_eq!(none.unwrap(), []);
        }
        assert_eq!(
            closures::zones(&mut tx, foreign, site, span(0, 9))
                .await
                .unwrap(),
            []
        );
        let closed = closures::zones(&mut tx, company, site, span(0, 9)).await;
        assert_eq!(closed.unwrap(), [world.quiet.id]);
        let place = (site, zone);
        assert_eq!(
            closures::met(&mut tx, foreign, place, span(1, 3), None, 9)
                .await
                .unwrap(),
            []
        );
        let met = closures::met(&mut tx, own, place, span(1, 3), Some(it.id), 9).await;
        assert_eq!(met.unwrap(), [booking.id]);
        closures::put_effect(&mut tx, it.id, booking.id, Effect::Moved, START)
            .await
            .unwrap();
        let met = closures::met(&mut tx, own, place, span(1, 3), Some(it.id), 9).await;
        assert_eq!(met.unwrap(), [], "dealt with");
        let effect = closures::effect(&mut tx, it.id, booking.id).await;
        assert_eq!(effect.unwrap(), Some(Effect::Moved));
        closures::put_effect(&mut tx, it.id, booking.id, Effect::Restored, START)
            .await
            .unwrap();
        assert_eq!(
            closures::effects(&mut tx, foreign, it.id).await.unwrap(),
            []
        );
        assert_eq!(
            closures::effects(&mut tx, own, it.id).await.unwrap(),
            [(booking.id, Effect::Restored)]
        );
        assert_eq!(closures::unfinished(&mut tx).await.unwrap(), [it.id]);
        it.state = ClosureState::Undone;
        it.undone_at = Some(START);
        nothing_written(closures::update(&mut tx, foreign, &it).await);
        closures::update(&mut tx, own, &it).await.unwrap();
        nothing_written(closures::update(&mut tx, own, &it).await);
        assert_eq!(closures::unfinished(&mut tx).await.unwrap(), []);
        let after = closures::in_force(&mut tx, own, site, zone, START).await;
        assert_eq!(after.unwrap(), []);
        // All desks are in one zone: nothing elsewhere is their equal.
        let equal = occupancy::free_equal(&mut tx, &world.seats[0], span(2, 1), 3).await;
        assert_eq!(equal.unwrap(), []);
    }
}
