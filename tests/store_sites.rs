//! Every store function of sites, and the outbox, on both engines.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::access::Mode;
use sekisho_domain::booking::OpeningHours;
use sekisho_domain::booking::inventory::{Attributes, Buffers};
use sekisho_domain::ids::{
    DoorId, OrganisationId, OutboxId, PassId, SeatId, SiteId, SubjectId, ZoneId,
};
use sekisho_domain::wire::uplink::{RevocationLine, Revoked};
use sekisho_server::store::doors::Door;
use sekisho_server::store::organisations::{Organisation, OrganisationKind};
use sekisho_server::store::seats::{Seat, SeatKind};
use sekisho_server::store::site_access::SiteAccess;
use sekisho_server::store::sites::{Site, SiteState};
use sekisho_server::store::zones::Zone;
use sekisho_server::store::{
    Scope, doors, organisations, outbox, revocations, seats, site_access, sites, zones,
};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::{World, at, span};

#[tokio::test]
async fn sites_and_what_is_in_them() {
    for test in TestApp::on_both().await {
        let mut tx = test.app.db.write().await.unwrap();
        let operator = OrganisationId([1; 16]);
        let company = OrganisationId([2; 16]);
        for (id, kind) in [
            (operator, OrganisationKind::Operator),
            (company, OrganisationKind::Company),
        ] {
            organisations::insert(
                &mut tx,
                &Organisation {
                    id,
                    name: "名".to_owned(),
                    kind,
                    created_at: START,
                },
            )
            .await
            .unwrap();
        }
        let own = Scope::Organisation(operator);
        let mut site = Site {
            id: SiteId([1; 16]),
            operator,
            name: "所".to_owned(),
            time_zone: "Asia/Tokyo".to_owned(),
            state: SiteState::AwaitingKeys,
            grid_s: 900,
            grant_before_s: 600,
            grant_after_s: 900,
            facts_version: 1,
            created_at: START,
        };
        sites::insert(&mut tx, own, &site).await.unwrap();
        let hours = [
            OpeningHours {
                weekday: 0,
                opens_min: 0,
                closes_min: 720,
            },
            OpeningHours {
                weekday: 0,
                opens_min: 780,
                closes_min: 1440,
            },
        ];
        for hours in hours.iter().rev() {
            sites::insert_hours(&mut tx, own, site.id, *hours)
                .await
                .unwrap();
        }
        assert_eq!(sites::hours(&mut tx, own, site.id).await.unwrap(), hours);
        sites::set_state(&mut tx, own, site.id, SiteState::Open)
            .await
            .unwrap();
        assert_eq!(sites::bump_facts(&mut tx, own, site.id).await.unwrap(), 2);
        assert_eq!(sites::lock_facts(&mut tx, own, site.id).await.unwrap(), 2);
        (site.state, site.facts_version) = (SiteState::Open, 2);
        assert_eq!(
            sites::get(&mut tx, own, site.id).await.unwrap(),
            Some(site.clone())
        );
        assert_eq!(
            sites::list(&mut tx, own).await.unwrap(),
            std::slice::from_ref(&site)
        );

        let zone = Zone {
            id: ZoneId([1; 16]),
            site: site.id,
            name: "域".to_owned(),
            certified: true,
            created_at: START,
        };
        zones::insert(&mut tx, own, &zone).await.unwrap();
        assert_eq!(
            zones::get(&mut tx, own, zone.id).await.unwrap(),
            Some(zone.clone())
        );
        assert_eq!(
            zones::list(&mut tx, own, site.id).await.unwrap(),
            std::slice::from_ref(&zone)
        );
        let door = Door {
            id: DoorId([1; 16]),
            site: site.id,
            name: "戸".to_owned(),
            zone: zone.id,
            from_zone: None,
            min_assurance: 3,
            unlock_ms: 60_000,
            created_at: START,
            mode: Mode::Normal,
            mode_since: None,
        };
        doors::insert(&mut tx, own, &door).await.unwrap();
        let inner = Door {
            id: DoorId([2; 16]),
            from_zone: Some(zone.id),
            ..door.clone()
        };
        doors::insert(&mut tx, own, &inner).await.unwrap();
        assert_eq!(
            doors::get(&mut tx, own, inner.id).await.unwrap(),
            Some(inner.clone())
        );
        assert_eq!(
            doors::list(&mut tx, own, site.id).await.unwrap(),
            [door, inner]
        );
        let shut = doors::set_mode(&mut tx, site.id, DoorId([2; 16]), Mode::Lockdown, START);
        assert_eq!(shut.await.unwrap(), 1);
        let shut = doors::set_mode(&mut tx, site.id, DoorId([2; 16]), Mode::Blocked, START);
        assert_eq!(shut.await.unwrap(), 1);
        let nowhere = doors::set_mode(&mut tx, site.id, DoorId([9; 16]), Mode::Lockdown, START);
        assert_eq!(nowhere.await.unwrap(), 0);
        let seen = doors::get(&mut tx, own, DoorId([2; 16])).await.unwrap();
        let seen = seen.unwrap();
        assert_eq!((seen.mode, seen.mode_since), (Mode::Blocked, Some(START)));
        assert_eq!(doors::forget_modes(&mut tx, site.id).await.unwrap(), 1);
        let seat = Seat {
            id: SeatId([1; 16]),
            site: site.id,
            zone: zone.id,
            name: "席".to_owned(),
            kind: SeatKind::PhoneBox,
            floor: None,
            place: None,
            attributes: Attributes::default(),
            outage: None,
            buffers: Buffers::default(),
            pool: None,
            version: 1,
            created_at: START,
        };
        seats::insert(&mut tx, own, &seat).await.unwrap();
        assert_eq!(
            seats::get(&mut tx, own, seat.id).await.unwrap(),
            Some(seat.clone())
        );
        assert_eq!(
            seats::list(&mut tx, own, site.id).await.unwrap(),
            std::slice::from_ref(&seat)
        );
        assert_eq!(
            seats::free(&mut tx, own, site.id, span(0, 1))
                .await
                .unwrap(),
            [seat]
        );

        assert!(
            !site_access::serves(&mut tx, operator, company)
                .await
                .unwrap()
        );
        let mut access = SiteAccess {
            site: site.id,
            company,
            from: at(0),
            until: None,
            created_at: START,
        };
        site_access::put(&mut tx, own, &access).await.unwrap();
        assert_eq!(
            site_access::get(&mut tx, own, site.id, company)
                .await
                .unwrap(),
            Some(access.clone())
        );
        access.until = Some(at(9));
        site_access::put(&mut tx, own, &access).await.unwrap();
        assert_eq!(
            site_access::list(&mut tx, own, site.id).await.unwrap(),
            [access]
        );
        assert!(
            site_access::serves(&mut tx, operator, company)
                .await
                .unwrap()
        );
        assert_eq!(
            sites::list(&mut tx, Scope::Organisation(company))
                .await
                .unwrap(),
            [site],
            "the company sees it now"
        );
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn revocations_and_the_outbox() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let mut tx = test.app.db.write().await.unwrap();
        let site = world.site.id;
        assert_eq!(revocations::epoch(&mut tx, site).await.unwrap(), 0);
        let line = |what, until| RevocationLine {
            what,
            at: START,
            until: at(until),
        };
        let (pass, subject) = (
            Revoked::Pass(PassId([1; 16])),
            Revoked::Subject(SubjectId([1; 16])),
        );
        assert_eq!(
            revocations::put(&mut tx, site, line(subject, 5))
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            revocations::put(&mut tx, site, line(pass, 2))
                .await
                .unwrap(),
            2
        );
        assert_eq!(
            revocations::put(&mut tx, site, line(subject, 3))
                .await
                .unwrap(),
            3,
            "again is a new number"
        );
        assert_eq!(revocations::epoch(&mut tx, site).await.unwrap(), 3);
        assert_eq!(
            revocations::list(&mut tx, site, at(0)).await.unwrap(),
            [line(pass, 2), line(subject, 5)],
            "sorted, the later end"
        );
        assert_eq!(
            revocations::list(&mut tx, site, at(2)).await.unwrap(),
            [line(subject, 5)]
        );
        assert_eq!(
            revocations::list(&mut tx, SiteId([9; 16]), at(0))
                .await
                .unwrap(),
            []
        );

        let earlier = outbox::waiting(&mut tx, 1000).await.unwrap().len();
        let id = OutboxId([0xff; 16]);
        outbox::push(&mut tx, id, "mail.test", "{}", at(1))
            .await
            .unwrap();
        assert!(outbox::claim(&mut tx, id, 0).await.unwrap());
        assert!(!outbox::claim(&mut tx, id, 0).await.unwrap());
        let waiting = outbox::waiting(&mut tx, 1000).await.unwrap();
        assert_eq!(waiting.len(), earlier + 1);
        let last = waiting.last().unwrap();
        assert_eq!(
            (
                last.id,
                last.kind.as_str(),
                last.payload.as_str(),
                last.attempts,
                last.created_at
            ),
            (id, "mail.test", "{}", 1, at(1))
        );
        outbox::done(&mut tx, id, at(2)).await.unwrap();
        assert_eq!(outbox::waiting(&mut tx, 1000).await.unwrap().len(), earlier);
        assert!(matches!(
            outbox::done(&mut tx, id, at(2)).await,
            Err(sqlx::Error::RowNotFound)
        ));
        tx.commit().await.unwrap();
    }
}
