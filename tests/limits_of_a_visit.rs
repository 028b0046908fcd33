//! What bounds the visits of one host, and what ends them and their links.

use sekisho_domain::authority::Role;
use sekisho_domain::refusal::Code;
use sekisho_domain::visit;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_domain::wire::uplink::Revoked;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::cancel_visit::cancel_visit;
use sekisho_server::flows::grant_site_access::{GrantSiteAccess, grant_site_access};
use sekisho_server::flows::invite_visitor::invite_visitor;
use sekisho_server::flows::issue_visit_pass::issue_visit_pass;
use sekisho_server::store::visits;
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::look::{facts_version, revoked};
use sekisho_tests::ok;
use sekisho_tests::world::{World, acting, at, refused};

use crate::flows_of_a_visit::{host, invited, now, pass_state, wanted};

#[tokio::test]
async fn one_host_cannot_fill_the_revocation_list() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, member) = (&test.app, host(&world));
        ok!(world.book(app, 0, 1, 4));
        let it = invited(&test, &world).await;
        for _ in 1..visit::PASSES_MAX {
            ok!(issue_visit_pass(app, &member, it.visit.id));
        }
        let one_more = issue_visit_pass(app, &member, it.visit.id).await;
        let Err(FlowError::Refused(refusal)) = one_more else {
            panic!("{one_more:?}")
        };
        assert_eq!(
            (refusal.code, refusal.lifts_at),
            (Code::TooManyPasses, Some(at(3)))
        );
        assert_eq!(revoked(&test, &world).await.len(), visit::PASSES_MAX - 1);
        assert_eq!(pass_state(&test, &it.visit).await, PassState::Active);

        // Invited and cancelled, again and again.
        ok!(cancel_visit(app, &member, it.visit.id));
        for _ in 1..visit::INVITATIONS_A_DAY {
            let it = invited(&test, &world).await;
            ok!(cancel_visit(app, &member, it.visit.id));
        }
        let one_more = invite_visitor(app, &member, wanted(&world)).await;
        let Err(FlowError::Refused(refusal)) = one_more else {
            panic!("{one_more:?}")
        };
        let lifts = Some(it.visit.created_at.plus_ms(24 * HOUR));
        assert_eq!(
            (refusal.code, refusal.lifts_at),
            (Code::TooManyInvitations, lifts)
        );
        test.clock.advance_ms(24 * HOUR);
        let rested = invite_visitor(app, &member, wanted(&world)).await;
        assert_eq!(refused(rested), Code::InThePast, "this rule has lifted");
    }
}

#[tokio::test]
async fn another_pass_has_another_link_and_it_is_mailed_again() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        ok!(world.book(&test.app, 0, 1, 4));
        let mut want = wanted(&world);
        want.email = Some("visitor@example.jp".to_owned());
        let first = ok!(invite_visitor(&test.app, &host(&world), want));
        let second = ok!(issue_visit_pass(&test.app, &host(&world), first.visit.id));
        assert_ne!(first.link, second.link);
        assert_ne!(first.visit.link_hash, second.visit.link_hash);
        let stored = now(&test, &first.visit).await;
        assert_eq!(stored.link_hash, second.visit.link_hash);
        let mut tx = ok!(test.app.db.read());
        let dead = ok!(visits::by_link(&mut tx, first.visit.link_hash));
        assert_eq!(dead, None, "the old link is nobody's");
        drop(tx);
        for _ in 0..500 {
            if test.mailbox.0.lock().unwrap().len() > 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let mails = test.mailbox.0.lock().unwrap().clone();
        assert!(mails.iter().any(|mail| mail.2.contains(&second.link)));
    }
}

#[tokio::test]
async fn visits_end_where_the_access_of_the_company_does() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, owner) = (&test.app, acting(&world.owner, Role::Owner));
        ok!(world.book(app, 0, 1, 4));
        let it = invited(&test, &world).await;
        let mut later = wanted(&world);
        (later.starts_at, later.ends_at) = (at(3), at(4));
        let later = ok!(invite_visitor(app, &host(&world), later));
        let mut of_owner = wanted(&world);
        of_owner.host = world.owner.id;
        let of_owner = ok!(invite_visitor(app, &owner, of_owner));
        let access = |hour| GrantSiteAccess {
            site: world.site.id,
            company: world.company.id,
            from: at(-1),
            until: Some(at(hour)),
        };
        ok!(grant_site_access(app, &owner, access(4)));
        assert!(!now(&test, &later.visit).await.cancelled, "long enough");
        let before = facts_version(&test, &world).await;
        ok!(grant_site_access(app, &owner, access(3)));
        assert!(facts_version(&test, &world).await > before);
        assert!(!now(&test, &it.visit).await.cancelled);
        assert!(!now(&test, &of_owner.visit).await.cancelled);
        assert!(now(&test, &later.visit).await.cancelled);
        let pass = later.pass.unwrap().id;
        assert_eq!(revoked(&test, &world).await, [Revoked::Pass(pass)]);
    }
}
