//! Each scoped function of the store, called on behalf of somebody else's organisation: nothing is given, nothing is written.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::booking::OpeningHours;
use sekisho_domain::ids::{DoorId, MembershipId, PersonId, SeatId, SiteId, ZoneId};
use sekisho_server::store::doors::Door;
use sekisho_server::store::people::{Membership, Person};
use sekisho_server::store::seats::Seat;
use sekisho_server::store::site_access::SiteAccess;
use sekisho_server::store::sites::{Site, SiteState};
use sekisho_server::store::zones::Zone;
use sekisho_server::store::{
    Scope, doors, organisations, people, seats, site_access, sites, zones,
};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::{World, span};

/// A write on somebody else's behalf finds no row.
#[expect(
    clippy::needless_pass_by_value,
    reason = "reads best around the call itself"
)]
pub(crate) fn nothing_written<T: std::fmt::Debug>(result: sqlx::Result<T>) {
    assert!(
        matches!(result, Err(sqlx::Error::RowNotFound)),
        "{result:?}"
    );
}

#[tokio::test]
async fn another_tenants_directory_does_not_exist() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let foreign = Scope::Organisation(world.stranger.id);
        let mut tx = test.app.db.write().await.unwrap();
        for other in [world.operator.id, world.company.id] {
            assert_eq!(
                organisations::get(&mut tx, foreign, other).await.unwrap(),
                None
            );
        }
        assert_eq!(
            organisations::list(&mut tx, foreign).await.unwrap(),
            std::slice::from_ref(&world.stranger)
        );

        assert_eq!(
            people::get(&mut tx, foreign, world.member.id)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            people::by_email(&mut tx, foreign, &world.member.email)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            people::list(&mut tx, foreign, world.company.id, None, 9)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            people::memberships(&mut tx, foreign, world.member.id)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            people::end_sessions(&mut tx, foreign, world.member.id, START)
                .await
                .unwrap(),
            0
        );
        nothing_written(people::suspend(&mut tx, foreign, world.member.id).await);
        let planted = Person {
            id: PersonId([9; 16]),
            email: "planted@example.jp".to_owned(),
            ..world.member.clone()
        };
        nothing_written(people::insert(&mut tx, foreign, &planted).await);
        let membership = Membership {
            id: MembershipId([9; 16]),
            organisation: world.company.id,
            person: world.outsider.id,
            role: Role::Owner,
            created_at: START,
        };
        nothing_written(people::insert_membership(&mut tx, foreign, &membership).await);

        assert_eq!(
            sites::get(&mut tx, foreign, world.site.id).await.unwrap(),
            None
        );
        assert_eq!(sites::list(&mut tx, foreign).await.unwrap(), []);
        assert_eq!(
            sites::hours(&mut tx, foreign, world.site.id).await.unwrap(),
            []
        );
        nothing_written(
            sites::insert(
                &mut tx,
                foreign,
                &Site {
                    id: SiteId([9; 16]),
                    ..world.site.clone()
                },
            )
            .await,
        );
        nothing_written(
            sites::insert_hours(
                &mut tx,
                foreign,
                world.site.id,
                OpeningHours {
                    weekday: 0,
                    opens_min: 1,
                    closes_min: 2,
                },
            )
            .await,
        );
        nothing_written(sites::bump_facts(&mut tx, foreign, world.site.id).await);
        nothing_written(sites::lock_facts(&mut tx, foreign, world.site.id).await);
        nothing_written(sites::set_state(&mut tx, foreign, world.site.id, SiteState::Closed).await);

        assert_eq!(
            zones::get(&mut tx, foreign, world.quiet.id).await.unwrap(),
            None
        );
        assert_eq!(
            zones::list(&mut tx, foreign, world.site.id).await.unwrap(),
            []
        );
        nothing_written(
            zones::insert(
                &mut tx,
                foreign,
                &Zone {
                    id: ZoneId([9; 16]),
                    ..world.quiet.clone()
                },
            )
            .await,
        );
        assert_eq!(
            doors::get(&mut tx, foreign, world.front.id).await.unwrap(),
            None
        );
        assert_eq!(
            doors::list(&mut tx, foreign, world.site.id).await.unwrap(),
            []
        );
        nothing_written(
            doors::insert(
                &mut tx,
                foreign,
                &Door {
                    id: DoorId([9; 16]),
                    ..world.front.clone()
                },
            )
            .await,
        );
        assert_eq!(
            seats::get(&mut tx, foreign, world.seats[0].id)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            seats::list(&mut tx, foreign, world.site.id).await.unwrap(),
            []
        );
        assert_eq!(
            seats::free(&mut tx, foreign, world.site.id, span(0, 1))
                .await
                .unwrap(),
            []
        );
        nothing_written(
            seats::insert(
                &mut tx,
                foreign,
                &Seat {
                    id: SeatId([9; 16]),
                    ..world.seats[0].clone()
                },
            )
            .await,
        );

        assert_eq!(
            site_access::list(&mut tx, foreign, world.site.id)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            site_access::get(&mut tx, foreign, world.site.id, world.company.id)
                .await
                .unwrap(),
            None
        );
        let access = SiteAccess {
            site: world.site.id,
            company: world.stranger.id,
            from: START,
            until: None,
            created_at: START,
        };
        nothing_written(site_access::put(&mut tx, foreign, &access).await);
    }
}

#[tokio::test]
async fn a_company_sees_a_site_but_changes_nothing_there() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let company = Scope::Organisation(world.company.id);
        let mut tx = test.app.db.write().await.unwrap();
        assert!(
            sites::get(&mut tx, company, world.site.id)
                .await
                .unwrap()
                .is_some()
        );
        assert_eq!(
            seats::list(&mut tx, company, world.site.id).await.unwrap(),
            world.seats
        );
        nothing_written(sites::set_state(&mut tx, company, world.site.id, SiteState::Closed).await);
        nothing_written(
            zones::insert(
                &mut tx,
                company,
                &Zone {
                    id: ZoneId([9; 16]),
                    ..world.quiet.clone()
                },
            )
            .await,
        );
        nothing_written(
            doors::insert(
                &mut tx,
                company,
                &Door {
                    id: DoorId([9; 16]),
                    ..world.front.clone()
                },
            )
            .await,
        );
        nothing_written(
            seats::insert(
                &mut tx,
                company,
                &Seat {
                    id: SeatId([9; 16]),
                    ..world.seats[0].clone()
                },
            )
            .await,
        );
        // Nor does the operator see the company's people before they book.
        assert_eq!(
            people::get(
                &mut tx,
                Scope::Organisation(world.operator.id),
                world.member.id
            )
            .await
            .unwrap(),
            None
        );
    }
}

/// A scoped store function that no tenancy test names might give everything to everybody.
#[test]
fn every_scoped_store_function_is_called_with_a_foreign_scope() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let about_rows = entries.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("tenancy") || name.starts_with("store_")
    });
    let tests: String = about_rows
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let tests: String = tests.split_whitespace().collect();
    let mut missing = Vec::new();
    for entry in std::fs::read_dir(root.join("../server/src/store")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for function in text.split("pub async fn ").skip(1) {
            let signature = function.split(')').next().unwrap();
            let name = &signature[..signature.find(['(', '<']).unwrap()];
            if signature.contains("Scope")
                && !tests.contains(&format!("{stem}::{name}(&muttx,foreign"))
            {
                missing.push(format!("{stem}::{name}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "scoped store functions that no test calls with a foreign scope: {missing:#?}"
    );
}
