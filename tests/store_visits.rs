//! Store functions of visits, on both engines: what they give, what they refuse, and what another tenant gets.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{Correlation, GatewayId, PassId, StreamId, SubjectId, VisitId};
use sekisho_domain::presence::{Presence, State};
use sekisho_domain::time::Interval;
use sekisho_domain::visit::{PER_HOST, Policy};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_server::on;
use sekisho_server::store::events::EventRow;
use sekisho_server::store::visits::{Visit, VisitPass};
use sekisho_server::store::{Scope, events, gateways, visitor_policies, visits, visits_at_doors};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::world::{World, at, span};

use crate::flows_of_a_visit::invited;
use crate::tenancy::nothing_written;

/// Makes something of a visit that cannot be stored beside the other.
type Spoil = fn(&mut Visit, &Visit);

/// A world, and a visit of another id that could be stored beside the one that is.
async fn world(test: &TestApp) -> (World, Visit, VisitPass, Visit) {
    let world = World::on(&test.app).await;
    ok!(world.book(&test.app, 0, 1, 4));
    let it = invited(test, &world).await;
    let other = Visit {
        id: VisitId([9; 16]),
        subject: SubjectId([9; 16]),
        link_hash: Digest([9; 32]),
        ..it.visit.clone()
    };
    (world, it.visit, it.pass.unwrap(), other)
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    for test in TestApp::on_both().await {
        let (world, visit, pass, _) = world(&test).await;
        let mut tx = ok!(test.app.db.write());
        for scope in [world.operator.id, world.company.id].map(Scope::Organisation) {
            assert_eq!(
                ok!(visits::get(&mut tx, scope, visit.id)),
                Some(visit.clone())
            );
            assert_eq!(
                ok!(visits::pass_of(&mut tx, scope, visit.id)),
                Some(pass.clone())
            );
            let here = ok!(visits::at_site(
                &mut tx,
                scope,
                visit.site,
                None,
                span(0, 9)
            ));
            assert_eq!(here, std::slice::from_ref(&visit));
            let open = ok!(visits::open_of_host(&mut tx, scope, visit.host, at(0)));
            assert_eq!(open, std::slice::from_ref(&visit));
            assert_eq!(
                ok!(visits::open_of_host(&mut tx, scope, visit.host, at(3))),
                []
            );
        }
        let system = Scope::System;
        assert_eq!(
            ok!(visits::by_link(&mut tx, visit.link_hash)),
            Some(visit.clone())
        );
        assert_eq!(ok!(visits::by_link(&mut tx, Digest([8; 32]))), None);
        // Touching is not being there.
        for (during, n) in [(span(3, 1), 0), (span(1, 1), 0), (span(2, 1), 1)] {
            let found = ok!(visits::at_site(
                &mut tx,
                system,
                visit.site,
                Some(visit.host),
                during
            ));
            assert_eq!(found.len(), n, "{during:?}");
        }
        assert_eq!(
            ok!(visits::at_site(
                &mut tx,
                system,
                visit.site,
                Some(world.boss.id),
                span(2, 1)
            )),
            []
        );

        let inside = Presence {
            state: State::Present,
            zone: Some(visit.zone),
            since: at(2),
            evidence_at: at(2),
        };
        ok!(visits::set_presence(&mut tx, system, visit.id, &inside));
        let years = Interval {
            start: START.plus_ms(400 * 86_400_000),
            end: START.plus_ms(401 * 86_400_000),
        };
        let found = ok!(visits::at_site(&mut tx, system, visit.site, None, years));
        assert_eq!(
            (found.len(), found[0].presence),
            (1, inside),
            "inside is never forgotten"
        );

        let names = ok!(visits_at_doors::names(&mut tx, system, visit.site));
        assert_eq!(names, [(pass.id, visit.name.clone())]);
        assert_eq!(
            ok!(visits_at_doors::of_pass(&mut tx, visit.site, pass.id)),
            Some(visit.id)
        );
        let gateway = GatewayId([6; 16]);
        let hash = Digest([6; 32]);
        ok!(gateways::insert(
            &mut tx, gateway, visit.site, hash, START, START
        ));
        let correlation = Correlation([5; 16]);
        let taken = sekisho_tests::sealer::event(EventCode::AccessGranted, START);
        let granted = EventRow {
            site: Some(visit.site),
            gateway: Some(gateway),
            stream: Some(StreamId([6; 16])),
            seq: Some(1),
            correlation: Some(correlation),
            pass: Some(pass.id),
            ..EventRow::of(test.app.event_id(), &taken, START)
        };
        ok!(events::insert(&mut tx, &granted));
        assert_eq!(
            ok!(visits_at_doors::of_grant(&mut tx, gateway, correlation)),
            Some(visit.id)
        );
        for (gateway, correlation) in [
            (GatewayId([7; 16]), correlation),
            (gateway, Correlation([6; 16])),
        ] {
            let found = ok!(visits_at_doors::of_grant(&mut tx, gateway, correlation));
            assert_eq!(found, None);
        }
        assert_eq!(
            ok!(visits_at_doors::of_subject(
                &mut tx,
                visit.site,
                visit.subject
            )),
            Some(visit.id)
        );
        assert_eq!(
            ok!(visits_at_doors::of_subject(
                &mut tx,
                visit.site,
                visit.host_subject
            )),
            None
        );
        assert_eq!(
            ok!(visits_at_doors::grants(
                &mut tx,
                visit.site,
                span(3, 1),
                &[]
            )),
            []
        );
        assert_eq!(
            ok!(visits_at_doors::pass_rows(&mut tx, visit.site, span(2, 1))).len(),
            1
        );
        ok!(visits::end_pass(
            &mut tx,
            system,
            pass.id,
            PassState::Revoked
        ));
        nothing_written(visits::end_pass(&mut tx, system, pass.id, PassState::Revoked).await);
        ok!(visits::cancel(&mut tx, system, visit.id));
        nothing_written(visits::cancel(&mut tx, system, visit.id).await);
        assert_eq!(
            ok!(visits::open_of_host(&mut tx, system, visit.host, at(0))),
            []
        );
        assert_eq!(
            ok!(visits_at_doors::grants(
                &mut tx,
                visit.site,
                span(2, 1),
                &[]
            )),
            []
        );
    }
}

#[tokio::test]
async fn the_database_itself_refuses_what_cannot_be() {
    for test in TestApp::on_both().await {
        let (_, visit, pass, other) = world(&test).await;
        let spoils: [(&str, Spoil); 5] = [
            ("longer than a day", |it, _| {
                it.during.end = it.during.start.plus_ms(86_400_001);
            }),
            ("a subject twice", |it, first| it.subject = first.subject),
            ("a link twice", |it, first| it.link_hash = first.link_hash),
            ("no name", |it, _| it.name.clear()),
            ("a long name", |it, _| it.name = "字".repeat(121)),
        ];
        for (what, spoil) in spoils {
            let mut it = other.clone();
            spoil(&mut it, &visit);
            let mut tx = ok!(test.app.db.write());
            assert!(
                visits::insert(&mut tx, Scope::System, &it).await.is_err(),
                "{what}"
            );
        }
        let second = VisitPass {
            id: PassId([9; 16]),
            ..pass
        };
        let mut tx = ok!(test.app.db.write());
        let twice = visits::insert_pass(&mut tx, Scope::System, &second).await;
        assert!(twice.is_err(), "one active pass at a time");
        drop(tx);
        let mut tx = ok!(test.app.db.write());
        let gone = on!(&mut tx, c => sqlx::query("DELETE FROM visit WHERE id = $1")
            .bind(visit.id.text()).execute(c).await.map(|done| done.rows_affected()));
        assert!(
            gone.unwrap_err()
                .to_string()
                .contains("visit_is_never_deleted")
        );
    }
}

#[tokio::test]
async fn another_tenants_visits_do_not_exist() {
    for test in TestApp::on_both().await {
        let (world, visit, pass, other) = world(&test).await;
        let foreign = Scope::Organisation(world.stranger.id);
        let mut tx = ok!(test.app.db.write());
        assert_eq!(ok!(visits::get(&mut tx, foreign, visit.id)), None);
        assert_eq!(ok!(visits::pass_of(&mut tx, foreign, visit.id)), None);
        assert_eq!(
            ok!(visits::at_site(
                &mut tx,
                foreign,
                visit.site,
                None,
                span(0, 9)
            )),
            []
        );
        assert_eq!(
            ok!(visits::open_of_host(&mut tx, foreign, visit.host, at(0))),
            []
        );
        assert_eq!(
            ok!(visits_at_doors::names(&mut tx, foreign, visit.site)),
            []
        );
        let (host, site, company) = (visit.host, visit.site, visit.company);
        let made = ok!(visits::made_for_host(
            &mut tx,
            foreign,
            host,
            at(-99),
            at(0)
        ));
        assert_eq!(made, []);
        let hosts = ok!(visits::hosts_at(&mut tx, foreign, site, company, at(0)));
        assert_eq!(hosts, []);
        assert_eq!(ok!(visits::passes_made(&mut tx, foreign, visit.id)), 0);
        nothing_written(visits::set_link(&mut tx, foreign, visit.id, other.link_hash).await);
        nothing_written(visits::insert(&mut tx, foreign, &other).await);
        nothing_written(visits::cancel(&mut tx, foreign, visit.id).await);
        nothing_written(visits::set_presence(&mut tx, foreign, visit.id, &visit.presence).await);
        nothing_written(visits::end_pass(&mut tx, foreign, pass.id, PassState::Revoked).await);
        let planted = VisitPass {
            id: PassId([9; 16]),
            state: PassState::Revoked,
            ..pass.clone()
        };
        nothing_written(visits::insert_pass(&mut tx, foreign, &planted).await);

        let policy = Policy {
            escort_required: true,
            per_host: 2,
            closed_zones: vec![world.quiet.id],
        };
        nothing_written(visitor_policies::put(&mut tx, foreign, visit.site, &policy).await);
        // Nor does a company that may see it write it.
        let company = Scope::Organisation(world.company.id);
        nothing_written(visitor_policies::put(&mut tx, company, visit.site, &policy).await);
        assert_eq!(
            ok!(visitor_policies::get(&mut tx, company, visit.site)),
            Policy::default()
        );
        let own = Scope::Organisation(world.operator.id);
        ok!(visitor_policies::put(&mut tx, own, visit.site, &policy));
        assert_eq!(
            ok!(visitor_policies::get(&mut tx, company, visit.site)),
            policy
        );
        let unseen = ok!(visitor_policies::get(&mut tx, foreign, visit.site));
        assert_eq!((unseen.per_host, unseen.closed_zones.len()), (PER_HOST, 0));
        assert_eq!(ok!(visits::get(&mut tx, own, visit.id)), Some(visit));
    }
}
