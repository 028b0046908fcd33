//! Every store function of groups, on both engines and with a foreign scope.

use sekisho_domain::ids::GroupId;
use sekisho_server::store::Scope;
use sekisho_server::store::groups::{self, Group};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::{World, at, span};

use crate::tenancy::nothing_written;

#[tokio::test]
async fn every_store_function_of_groups_and_with_a_foreign_scope() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let alone = world.book(&test.app, 0, 1, 1).await.unwrap();
        let (own, foreign) = (
            Scope::Organisation(world.company.id),
            Scope::Organisation(world.stranger.id),
        );
        let group = Group {
            id: GroupId([5; 16]),
            name: "合宿".to_owned(),
            operator: world.operator.id,
            company: world.company.id,
            site: world.site.id,
            organiser: "per_x".to_owned(),
            during: span(1, 1),
            created_at: START,
        };
        let mut tx = test.app.db.write().await.unwrap();
        nothing_written(groups::insert(&mut tx, foreign, &group).await);
        groups::insert(&mut tx, own, &group).await.unwrap();
        nothing_written(groups::join(&mut tx, foreign, alone.id, group.id).await);
        assert_eq!(
            groups::of_booking(&mut tx, own, alone.id).await.unwrap(),
            None
        );
        groups::join(&mut tx, own, alone.id, group.id)
            .await
            .unwrap();
        nothing_written(groups::join(&mut tx, own, alone.id, group.id).await);
        assert_eq!(
            groups::of_booking(&mut tx, own, alone.id).await.unwrap(),
            Some(group.id)
        );
        assert_eq!(
            groups::of_booking(&mut tx, foreign, alone.id)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            groups::get(&mut tx, own, group.id).await.unwrap(),
            Some(group.clone())
        );
        assert_eq!(groups::get(&mut tx, foreign, group.id).await.unwrap(), None);
        assert_eq!(
            groups::members(&mut tx, own, group.id).await.unwrap(),
            [alone.id]
        );
        assert_eq!(
            groups::members(&mut tx, foreign, group.id).await.unwrap(),
            []
        );
        assert_eq!(
            groups::list(&mut tx, own, at(1), 9).await.unwrap(),
            std::slice::from_ref(&group)
        );
        assert_eq!(groups::list(&mut tx, own, at(2), 9).await.unwrap(), []);
        assert_eq!(groups::list(&mut tx, foreign, at(1), 9).await.unwrap(), []);
    }
}
