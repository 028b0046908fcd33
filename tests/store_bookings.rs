//! Every store function of bookings and passes, on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::booking::AllocationState;
use sekisho_domain::crypto::HolderKey;
use sekisho_domain::ids::{
    AllocationId, BookingId, HolderKeyId, PassId, PersonId, SiteId, SubjectId,
};
use sekisho_domain::wire::snapshot::{Class, PassState, Policy};
use sekisho_server::store::bookings::Booking;
use sekisho_server::store::holder_keys::RegisteredKey;
use sekisho_server::store::passes::Pass;
use sekisho_server::store::{
    Scope, Tx, at_site, bookings, holder_keys, locks, occupancy, passes, seats, subjects,
};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::{Phone, World, at, span};

const ALL: Scope = Scope::System;

/// One booking of the member on the first seat, written row by row.
async fn booked(tx: &mut Tx, world: &World) -> Booking {
    let booking = Booking {
        id: BookingId([1; 16]),
        allocation: AllocationId([2; 16]),
        operator: world.operator.id,
        company: world.company.id,
        site: world.site.id,
        zone: world.quiet.id,
        seat: world.seats[0].id,
        person: world.member.id,
        during: span(1, 2),
        state: AllocationState::Confirmed,
        hold_until: None,
        version: 1,
        created_by: "system".to_owned(),
        created_at: START,
    };
    bookings::insert(tx, ALL, &booking).await.unwrap();
    bookings::insert_allocation(tx, ALL, &booking)
        .await
        .unwrap();
    booking
}

#[tokio::test]
async fn bookings_and_their_allocations() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let mut tx = test.app.db.write().await.unwrap();
        locks::lock_all(
            &mut tx,
            &[world.member.id, world.boss.id, world.member.id],
            &[world.seats[1].id, world.seats[0].id],
        )
        .await
        .unwrap();
        let mut booking = booked(&mut tx, &world).await;
        let company = Scope::Organisation(world.company.id);
        assert_eq!(
            bookings::get(&mut tx, company, booking.id).await.unwrap(),
            Some(booking.clone())
        );
        assert_eq!(
            bookings::list(&mut tx, company, Some(world.member.id), None, 9)
                .await
                .unwrap(),
            std::slice::from_ref(&booking)
        );
        assert_eq!(
            bookings::list(&mut tx, company, None, Some(booking.id), 9)
                .await
                .unwrap(),
            []
        );
        let named = bookings::of_person(&mut tx, company, world.member.id, at(2), 9)
            .await
            .unwrap();
        assert_eq!(
            (
                &named[0].booking,
                named[0].seat.as_str(),
                named[0].site.as_str()
            ),
            (
                &booking,
                world.seats[0].name.as_str(),
                world.site.name.as_str()
            )
        );
        assert_eq!(
            (named[0].person.as_str(), named[0].company.as_str()),
            (world.member.name.as_str(), world.company.name.as_str())
        );
        assert_eq!(
            bookings::of_person(&mut tx, company, world.member.id, at(3), 9)
                .await
                .unwrap(),
            [],
            "it has ended"
        );
        assert_eq!(
            bookings::at_site(&mut tx, company, world.site.id, span(0, 2))
                .await
                .unwrap(),
            named
        );
        assert_eq!(
            bookings::at_site(&mut tx, company, world.site.id, span(3, 1))
                .await
                .unwrap(),
            [],
            "half-open"
        );
        assert_eq!(
            occupancy::of_seat(&mut tx, booking.seat, span(0, 9), None)
                .await
                .unwrap(),
            [booking.during]
        );
        assert_eq!(
            bookings::person_taken(&mut tx, booking.person, span(0, 9))
                .await
                .unwrap(),
            [booking.during]
        );
        assert_eq!(
            bookings::person_taken(&mut tx, booking.person, span(0, 1))
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            seats::free(&mut tx, company, world.site.id, span(2, 1))
                .await
                .unwrap(),
            world.seats[1..]
        );
        assert_eq!(
            at_site::taken(&mut tx, company, world.site.id, span(2, 1))
                .await
                .unwrap(),
            [(booking.seat, booking.during)]
        );
        subjects::ensure(&mut tx, SubjectId([1; 16]), world.site.id, booking.person)
            .await
            .unwrap();
        assert_eq!(
            at_site::names(&mut tx, ALL, world.site.id).await.unwrap(),
            [(booking.person, world.member.name.clone())]
        );
        let open = booking.during.start.plus_ms(-600_000);
        assert!(
            bookings::current(&mut tx, booking.site, booking.person, open)
                .await
                .unwrap()
                .is_some()
        );
        assert!(
            bookings::current(&mut tx, booking.site, booking.person, open.plus_ms(-1))
                .await
                .unwrap()
                .is_none()
        );
        bookings::set_state(
            &mut tx,
            company,
            booking.allocation,
            AllocationState::Confirmed,
            AllocationState::Cancelled,
        )
        .await
        .unwrap();
        let again = bookings::set_state(
            &mut tx,
            company,
            booking.allocation,
            AllocationState::Confirmed,
            AllocationState::Present,
        )
        .await;
        assert!(matches!(again, Err(sqlx::Error::RowNotFound)));
        (booking.state, booking.version) = (AllocationState::Cancelled, 2);
        assert_eq!(
            bookings::get(&mut tx, company, booking.id).await.unwrap(),
            Some(booking.clone())
        );
        assert_eq!(
            occupancy::of_seat(&mut tx, booking.seat, span(0, 9), None)
                .await
                .unwrap(),
            []
        );
        assert!(
            bookings::current(&mut tx, booking.site, booking.person, open)
                .await
                .unwrap()
                .is_none()
        );
        let nobody = locks::lock_all(&mut tx, &[PersonId([9; 16])], &[]).await;
        assert!(matches!(nobody, Err(sqlx::Error::RowNotFound)));
        locks::lock_site(&mut tx, world.site.id).await.unwrap();
        let nowhere = locks::lock_site(&mut tx, SiteId([9; 16])).await;
        assert!(matches!(nowhere, Err(sqlx::Error::RowNotFound)));
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn holder_keys_passes_and_what_a_gateway_gets() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let mut tx = test.app.db.write().await.unwrap();
        let (person, site, all) = (
            world.member.id,
            world.site.id,
            Scope::Organisation(world.company.id),
        );

        holder_keys::insert_nonce(&mut tx, all, person, &[7; 32], at(1))
            .await
            .unwrap();
        assert!(
            !holder_keys::take_nonce(&mut tx, all, person, &[7; 32], at(1))
                .await
                .unwrap(),
            "expired"
        );
        assert!(
            !holder_keys::take_nonce(&mut tx, all, world.boss.id, &[7; 32], at(0))
                .await
                .unwrap(),
            "somebody else's"
        );
        assert!(
            holder_keys::take_nonce(&mut tx, all, person, &[7; 32], at(0))
                .await
                .unwrap()
        );
        assert!(
            !holder_keys::take_nonce(&mut tx, all, person, &[7; 32], at(0))
                .await
                .unwrap(),
            "used"
        );
        holder_keys::insert_nonce(&mut tx, all, person, &[8; 32], at(1))
            .await
            .unwrap();
        assert_eq!(holder_keys::forget_nonces(&mut tx, at(1)).await.unwrap(), 1);
        let public_key = HolderKey::from_bytes(&Phone::new().public_key()).unwrap();
        let key = RegisteredKey {
            id: HolderKeyId([1; 16]),
            person,
            public_key: public_key.clone(),
            created_at: START,
        };
        holder_keys::insert(&mut tx, all, &key).await.unwrap();
        assert_eq!(
            holder_keys::active(&mut tx, all, person).await.unwrap(),
            Some(key.clone())
        );

        let subject = subjects::ensure(&mut tx, SubjectId([1; 16]), site, person)
            .await
            .unwrap();
        assert_eq!(subject, SubjectId([1; 16]));
        assert_eq!(
            subjects::ensure(&mut tx, SubjectId([2; 16]), site, person)
                .await
                .unwrap(),
            subject,
            "one per site and person"
        );
        assert_eq!(
            subjects::person_of(&mut tx, site, subject).await.unwrap(),
            Some(person)
        );
        assert_eq!(
            subjects::person_of(&mut tx, SiteId([9; 16]), subject)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            subjects::of_person(&mut tx, person).await.unwrap(),
            [(site, subject)]
        );

        let booking = booked(&mut tx, &world).await;
        let mut pass = Pass {
            id: PassId([1; 16]),
            booking: booking.id,
            site,
            person,
            subject,
            holder_key: Some(key.id),
            grant: passes::grant_id(booking.allocation),
            signed: vec![1, 2, 3],
            state: PassState::Active,
            during: span(1, 2),
            created_at: START,
        };
        passes::insert(&mut tx, all, &pass).await.unwrap();
        assert_eq!(
            passes::get(&mut tx, all, pass.id).await.unwrap(),
            Some(pass.clone())
        );
        assert_eq!(
            passes::of_booking(&mut tx, all, booking.id).await.unwrap(),
            std::slice::from_ref(&pass)
        );
        assert_eq!(
            passes::active_of_person(&mut tx, all, person, START)
                .await
                .unwrap(),
            std::slice::from_ref(&pass)
        );
        assert_eq!(
            passes::active_of_person(&mut tx, all, person, at(3))
                .await
                .unwrap(),
            [],
            "it has ended by itself"
        );
        let since = START.plus_ms(-1);
        assert_eq!(
            passes::issued_since(&mut tx, all, person, since)
                .await
                .unwrap(),
            [START]
        );
        assert_eq!(
            passes::issued_since(&mut tx, all, person, START)
                .await
                .unwrap(),
            []
        );

        let facts = passes::snapshot_facts(&mut tx, site, START).await.unwrap();
        assert_eq!((facts.policy, facts.doors.len()), (Policy::default(), 2));
        let [grant] = &facts.grants[..] else {
            panic!("{:?}", facts.grants)
        };
        assert_eq!(
            (grant.id.0, grant.subject, grant.class),
            (booking.allocation.0, subject, Class::Member)
        );
        assert_eq!(grant.zones, [world.quiet.id, world.lobby.id]);
        let during = grant.during.unwrap();
        assert_eq!(
            (during.start, during.end),
            (at(1).plus_ms(-600_000), at(3).plus_ms(900_000))
        );
        let [row] = &facts.passes[..] else {
            panic!("{:?}", facts.passes)
        };
        assert_eq!(
            (row.id, row.state, row.holder.as_ref()),
            (pass.id, PassState::Active, Some(&public_key))
        );
        assert_eq!(row.grants, [grant.id]);

        passes::end(&mut tx, all, pass.id, PassState::Revoked)
            .await
            .unwrap();
        assert!(matches!(
            passes::end(&mut tx, all, pass.id, PassState::Cancelled).await,
            Err(sqlx::Error::RowNotFound)
        ));
        pass.state = PassState::Revoked;
        assert_eq!(
            passes::get(&mut tx, all, pass.id).await.unwrap(),
            Some(pass.clone())
        );
        assert_eq!(
            passes::active_of_person(&mut tx, all, person, START)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            passes::snapshot_facts(&mut tx, site, at(3))
                .await
                .unwrap()
                .passes[0]
                .state,
            PassState::Revoked,
            "known until its end"
        );
        assert_eq!(
            passes::snapshot_facts(&mut tx, site, at(6))
                .await
                .unwrap()
                .passes,
            []
        );
        holder_keys::deactivate(&mut tx, all, key.id).await.unwrap();
        assert_eq!(
            holder_keys::active(&mut tx, all, person).await.unwrap(),
            None
        );
        tx.commit().await.unwrap();
    }
}
