//! The rest of `tenancy.rs`: bookings, passes, whole-site reads and tokens.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use crate::tenancy::nothing_written;
use sekisho_domain::authority::Role;
use sekisho_domain::booking::AllocationState;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{AllocationId, BookingId, HolderKeyId, PassId, TokenId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use sekisho_server::flows::revoke_pass::revoke_pass;
use sekisho_server::flows::suspend_person::suspend_person;
use sekisho_server::store::bookings::Booking;
use sekisho_server::store::holder_keys::RegisteredKey;
use sekisho_server::store::passes::Pass;
use sekisho_server::store::tokens::Token;
use sekisho_server::store::{Scope, at_site, bookings, holder_keys, passes, tokens};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::{Phone, World, acting, at, refused, span};

#[tokio::test]
async fn another_tenants_bookings_and_passes_do_not_exist() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let booking = world.book(&test.app, 0, 1, 1).await.unwrap();
        let key = Phone::new()
            .register(&test.app, &world.member)
            .await
            .unwrap();
        let want = IssuePass {
            booking: booking.id,
            kind: PassKind::WithHolder,
        };
        let pass = issue_pass(&test.app, &acting(&world.member, Role::Member), want)
            .await
            .unwrap()
            .pass;
        let foreign = Scope::Organisation(world.stranger.id);
        let mut tx = test.app.db.write().await.unwrap();

        assert_eq!(
            bookings::get(&mut tx, foreign, booking.id).await.unwrap(),
            None
        );
        assert_eq!(
            bookings::list(&mut tx, foreign, None, None, 9)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            bookings::of_person(&mut tx, foreign, world.member.id, at(0), 9)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            bookings::at_site(&mut tx, foreign, world.site.id, span(0, 9))
                .await
                .unwrap(),
            []
        );
        nothing_written(
            bookings::set_state(
                &mut tx,
                foreign,
                booking.allocation,
                AllocationState::Confirmed,
                AllocationState::Cancelled,
            )
            .await,
        );
        let planted = Booking {
            id: BookingId([9; 16]),
            allocation: AllocationId([9; 16]),
            during: span(5, 1),
            ..booking.clone()
        };
        nothing_written(bookings::insert(&mut tx, foreign, &planted).await);
        nothing_written(
            bookings::insert_allocation(
                &mut tx,
                foreign,
                &Booking {
                    id: booking.id,
                    ..planted
                },
            )
            .await,
        );

        assert_eq!(passes::get(&mut tx, foreign, pass.id).await.unwrap(), None);
        assert_eq!(
            passes::of_booking(&mut tx, foreign, booking.id)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            passes::active_of_person(&mut tx, foreign, world.member.id, START)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            passes::issued_since(&mut tx, foreign, world.member.id, START.plus_ms(-1))
                .await
                .unwrap(),
            []
        );
        nothing_written(passes::end(&mut tx, foreign, pass.id, PassState::Revoked).await);
        nothing_written(
            passes::insert(
                &mut tx,
                foreign,
                &Pass {
                    id: PassId([9; 16]),
                    ..pass.clone()
                },
            )
            .await,
        );

        assert_eq!(
            holder_keys::active(&mut tx, foreign, world.member.id)
                .await
                .unwrap(),
            None
        );
        nothing_written(holder_keys::deactivate(&mut tx, foreign, key.id).await);
        nothing_written(
            holder_keys::insert(
                &mut tx,
                foreign,
                &RegisteredKey {
                    id: HolderKeyId([9; 16]),
                    ..key
                },
            )
            .await,
        );
        nothing_written(
            holder_keys::insert_nonce(&mut tx, foreign, world.member.id, &[1; 32], at(1)).await,
        );
        holder_keys::insert_nonce(&mut tx, Scope::System, world.member.id, &[1; 32], at(1))
            .await
            .unwrap();
        assert!(
            !holder_keys::take_nonce(&mut tx, foreign, world.member.id, &[1; 32], at(0))
                .await
                .unwrap()
        );
        drop(tx);
        strangers_are_refused(&test, &world, &booking, &pass).await;
    }
}

/// The same through the flows: what belongs to others is not found, not forbidden.
async fn strangers_are_refused(test: &TestApp, world: &World, booking: &Booking, pass: &Pass) {
    let app = &test.app;
    let stranger = acting(&world.outsider, Role::Owner);
    assert_eq!(
        refused(cancel_booking(app, &stranger, booking.id).await),
        Code::NotFound
    );
    assert_eq!(
        refused(
            issue_pass(
                app,
                &stranger,
                IssuePass {
                    booking: booking.id,
                    kind: PassKind::Static
                }
            )
            .await
        ),
        Code::NotFound
    );
    assert_eq!(
        refused(revoke_pass(app, &stranger, pass.id).await),
        Code::NotFound
    );
    assert_eq!(
        refused(suspend_person(app, &stranger, world.member.id).await),
        Code::NotFound
    );
    let want = BookSeat {
        person: world.outsider.id,
        seat: world.seats[1].id,
        starts_at: at(1),
        ends_at: at(2),
    };
    assert_eq!(
        refused(book_seat(app, &stranger, want).await),
        Code::NotFound,
        "the seat"
    );
    // The operator has never heard of the stranger, nor of anybody there.
    let operator = acting(&world.owner, Role::Owner);
    assert_eq!(
        refused(book_seat(app, &operator, want).await),
        Code::NotFound,
        "the person"
    );
}

#[tokio::test]
async fn whole_site_reads_and_tokens_belong_to_somebody() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let booking = world.book(&test.app, 0, 1, 1).await.unwrap();
        let site = world.site.id;
        let token = Token {
            id: TokenId([1; 16]),
            organisation: world.company.id,
            name: "自動".to_owned(),
            role: Role::Manager,
            created_by: None,
            created_at: START,
            expires_at: at(1),
            revoked_at: None,
        };
        let mut tx = test.app.db.write().await.unwrap();
        tokens::insert_token(&mut tx, &token, Digest([7; 32]))
            .await
            .unwrap();
        let foreign = Scope::Organisation(world.stranger.id);
        assert_eq!(
            at_site::taken(&mut tx, foreign, site, span(0, 9))
                .await
                .unwrap(),
            []
        );
        assert_eq!(at_site::names(&mut tx, foreign, site).await.unwrap(), []);
        assert!(
            tokens::token_by_id(&mut tx, foreign, token.id)
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            tokens::list_tokens(&mut tx, foreign, None, 9)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            tokens::revoke_token(&mut tx, foreign, token.id, START)
                .await
                .unwrap(),
            0
        );
        // A company may know what is taken, but not who else is there.
        let company = Scope::Organisation(world.company.id);
        assert_eq!(
            at_site::taken(&mut tx, company, site, span(0, 9))
                .await
                .unwrap(),
            [(booking.seat, booking.during)]
        );
        assert_eq!(at_site::names(&mut tx, company, site).await.unwrap(), []);
    }
}
