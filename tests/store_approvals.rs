//! Every store function of approvals and their rules, on both engines and with a foreign scope.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::booking::{ApprovalKind, Rule};
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{ApprovalId, ApprovalRuleId};
use sekisho_server::flows::set_approval_rule::set_site_rule;
use sekisho_server::store::approvals::{self, Answer, Approval};
use sekisho_server::store::{Scope, approval_rules};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::world::{World, acting};

use crate::tenancy::nothing_written;

fn rule() -> Rule {
    Rule {
        all: true,
        answer_minutes: 30,
        ..Rule::default()
    }
}

#[tokio::test]
async fn every_store_function_of_approvals_and_with_a_foreign_scope() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let owner = acting(&world.owner, Role::Owner);
        set_site_rule(&test.app, &owner, world.site.id, rule(), 10)
            .await
            .unwrap();
        let booking = world.book(&test.app, 0, 2, 1).await.unwrap();
        let scope = Scope::Organisation;
        let (own, foreign) = (scope(world.operator.id), scope(world.stranger.id));
        let company = scope(world.company.id);
        let (now, site) = (START, world.site.id);
        let mut tx = test.app.db.write().await.unwrap();
        let asked = approvals::of_booking(&mut tx, Scope::System, booking.id).await;
        let first = asked.unwrap().remove(0);
        let other = Approval {
            id: ApprovalId([9; 16]),
            kind: ApprovalKind::Company,
            ..first.clone()
        };
        nothing_written(approvals::insert(&mut tx, foreign, &other).await);
        approvals::insert(&mut tx, own, &other).await.unwrap();
        assert_eq!(
            approvals::get(&mut tx, foreign, first.id).await.unwrap(),
            None
        );
        assert_eq!(
            approvals::get(&mut tx, company, other.id).await.unwrap(),
            Some(other.clone())
        );
        assert_eq!(
            approvals::of_booking(&mut tx, foreign, booking.id)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            approvals::of_booking(&mut tx, own, booking.id)
                .await
                .unwrap()
                .len(),
            2
        );
        assert_eq!(
            approvals::waiting(&mut tx, foreign, now, 9).await.unwrap(),
            []
        );
        let waiting = approvals::waiting(&mut tx, company, now, 9).await.unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(
            (
                waiting[0].approval.id,
                waiting[0].person_id,
                waiting[0].during
            ),
            (other.id, world.member.id, booking.during)
        );
        let late = booking.hold_until.unwrap();
        assert_eq!(approvals::waiting(&mut tx, own, late, 9).await.unwrap(), []);
        assert_eq!(
            approvals::count_at(&mut tx, own, site, now).await.unwrap(),
            Some((1, START))
        );
        assert_eq!(
            approvals::count_at(&mut tx, foreign, site, now)
                .await
                .unwrap(),
            None
        );
        let said = Answer {
            approved: false,
            reason: Some("why".to_owned()),
            by: "per_x".to_owned(),
            at: now,
        };
        nothing_written(approvals::answer(&mut tx, foreign, first.id, &said).await);
        approvals::answer(&mut tx, own, first.id, &said)
            .await
            .unwrap();
        nothing_written(approvals::answer(&mut tx, own, first.id, &said).await);
        let found = approvals::get(&mut tx, own, first.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.answer, Some(said));
        assert_eq!(approvals::waiting(&mut tx, own, now, 9).await.unwrap(), []);

        let of = world.operator.id;
        assert_eq!(
            approvals::approvers(&mut tx, foreign, of, 9).await.unwrap(),
            []
        );
        assert_eq!(
            approvals::approvers(&mut tx, own, of, 9).await.unwrap(),
            [world.owner.id]
        );
        let hash = Digest([7; 32]);
        approvals::insert_link(&mut tx, hash, first.id, world.owner.id, late)
            .await
            .unwrap();
        assert_eq!(
            approvals::link(&mut tx, hash, now).await.unwrap(),
            Some((first.id, world.owner.id))
        );
        assert_eq!(approvals::link(&mut tx, hash, late).await.unwrap(), None);
        nothing_written(approvals::use_link(&mut tx, hash, late).await);
        approvals::use_link(&mut tx, hash, now).await.unwrap();
        nothing_written(approvals::use_link(&mut tx, hash, now).await);
        assert_eq!(approvals::delete_links(&mut tx, late).await.unwrap(), 0);
        assert_eq!(
            approvals::delete_links(&mut tx, late.plus_ms(1))
                .await
                .unwrap(),
            1
        );

        let id = ApprovalRuleId([3; 16]);
        let (some, none) = (rule(), Rule::default());
        let hours = Rule {
            hours: Some((540, 1440)),
            kinds: vec!["room".to_owned(), "booth".to_owned()],
            ..rule()
        };
        assert_eq!(
            approval_rules::both(&mut tx, site, world.company.id)
                .await
                .unwrap(),
            (some.clone(), none)
        );
        nothing_written(approval_rules::put_site(&mut tx, foreign, id, site, &hours).await);
        nothing_written(approval_rules::put_site(&mut tx, company, id, site, &hours).await);
        approval_rules::put_site(&mut tx, own, id, site, &hours)
            .await
            .unwrap();
        assert_eq!(
            approval_rules::of_site(&mut tx, company, site)
                .await
                .unwrap(),
            Some(hours.clone())
        );
        assert_eq!(
            approval_rules::of_site(&mut tx, foreign, site)
                .await
                .unwrap(),
            None
        );
        let of = world.company.id;
        nothing_written(approval_rules::put_company(&mut tx, foreign, id, of, &some).await);
        approval_rules::put_company(&mut tx, company, id, of, &some)
            .await
            .unwrap();
        assert_eq!(
            approval_rules::of_company(&mut tx, foreign, of)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            approval_rules::of_company(&mut tx, company, of)
                .await
                .unwrap(),
            Some(some.clone())
        );
        assert_eq!(
            approval_rules::both(&mut tx, site, of).await.unwrap(),
            (hours, some)
        );
    }
}
