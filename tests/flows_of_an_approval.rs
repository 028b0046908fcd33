//! Bookings that somebody has to approve: who is asked and how, who may answer, and what becomes of them.

use std::collections::BTreeSet;

use sekisho_domain::authority::Role;
use sekisho_domain::booking::{AllocationState, ApprovalKind, Rule};
use sekisho_domain::ids::TokenId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_server::app::App;
use sekisho_server::flows::answer_approval::{
    AnswerApproval, answer_approval, answer_by_link, behind_link,
};
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::confirm_booking::confirm_booking;
use sekisho_server::flows::create_person::{CreatePerson, create_person};
use sekisho_server::flows::deliver_outbox::deliver_outbox;
use sekisho_server::flows::hold_seat::hold_seat;
use sekisho_server::flows::release_run_out::release_run_out;
use sekisho_server::flows::set_approval_rule::{set_company_rule, set_site_rule};
use sekisho_server::flows::suspend_person::suspend_person;
use sekisho_server::flows::undo_cancel::undo_cancel;
use sekisho_server::flows::{Actor, Who};
use sekisho_server::store::approvals::{self, Approval};
use sekisho_server::store::bookings::Booking;
use sekisho_server::store::organisations::Organisation;
use sekisho_server::store::people::{Locale, Person};
use sekisho_server::store::{Scope, bookings, held};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::look::events;
use sekisho_tests::world::{World, acting, at, refused};

const MIN: i64 = 60_000;
const ALL: Scope = Scope::System;

fn rule() -> Rule {
    Rule {
        all: true,
        answer_minutes: 30,
        ..Rule::default()
    }
}

async fn manager(app: &App, organisation: &Organisation, email: &str) -> Person {
    let want = CreatePerson {
        organisation: organisation.id,
        name: "山田花子".to_owned(),
        email: email.to_owned(),
        locale: Locale::En,
        role: Role::Manager,
    };
    create_person(app, &Actor::system(), want).await.unwrap()
}

/// The site asks for approvals.
async fn asking(test: &TestApp) -> World {
    let world = World::on(&test.app).await;
    let owner = acting(&world.owner, Role::Owner);
    set_site_rule(&test.app, &owner, world.site.id, rule(), 10)
        .await
        .unwrap();
    world
}

async fn asked(test: &TestApp, booking: &Booking) -> Vec<Approval> {
    let mut tx = test.app.db.read().await.unwrap();
    approvals::of_booking(&mut tx, ALL, booking.id)
        .await
        .unwrap()
}

async fn again(test: &TestApp, booking: &Booking) -> Booking {
    let mut tx = test.app.db.read().await.unwrap();
    bookings::get(&mut tx, ALL, booking.id)
        .await
        .unwrap()
        .unwrap()
}

fn answer(approval: &Approval, approve: bool, reason: &str) -> AnswerApproval {
    AnswerApproval {
        approval: approval.id,
        approve,
        reason: reason.to_owned(),
    }
}

async fn mails(test: &TestApp) -> Vec<(String, String, String)> {
    deliver_outbox(&test.app, &mut BTreeSet::new())
        .await
        .unwrap();
    std::mem::take(&mut test.mailbox.0.lock().unwrap())
}

fn token(mail: &str) -> String {
    let (_, rest) = mail.split_once("/approvals/link?token=").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_booking_waits_for_the_site_and_is_approved_by_somebody_else() {
    for test in TestApp::on_both().await {
        let world = asking(&test).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        let owner = acting(&world.owner, Role::Owner);
        let booking = world.book(app, 0, 2, 1).await.unwrap();
        assert_eq!(
            (booking.state, booking.hold_until),
            (AllocationState::Held, Some(START.plus_ms(30 * MIN)))
        );
        let it = asked(&test, &booking).await.remove(0);
        assert_eq!((it.kind, it.answer.clone()), (ApprovalKind::Site, None));
        assert_eq!(
            refused(confirm_booking(app, &member, booking.id, None).await),
            Code::ApprovalAwaited
        );
        // Who has nothing to do with it, may not, or would approve themselves.
        let yes = || answer(&it, true, "");
        let by = async |actor: Actor| refused(answer_approval(app, &actor, yes()).await);
        assert_eq!(
            by(acting(&world.outsider, Role::Owner)).await,
            Code::NotFound
        );
        assert_eq!(by(acting(&world.boss, Role::Owner)).await, Code::NotFound);
        assert_eq!(by(member.clone()).await, Code::NotFound);
        assert_eq!(
            by(acting(&world.owner, Role::Auditor)).await,
            Code::NotAllowed
        );
        let program = Actor {
            who: Who::Token(TokenId([1; 16])),
            ..owner.clone()
        };
        assert_eq!(by(program).await, Code::NotAllowed);
        assert_eq!(
            refused(answer_approval(app, &owner, answer(&it, false, " ")).await),
            Code::InvalidInput,
            "a no has a reason"
        );
        let mut tx = app.db.read().await.unwrap();
        let of = async |tx: &mut _, org| {
            let scope = Scope::Organisation(org);
            approvals::waiting(tx, scope, app.now(), 9)
                .await
                .unwrap()
                .len()
        };
        assert_eq!(of(&mut tx, world.operator.id).await, 1);
        assert_eq!(of(&mut tx, world.company.id).await, 0, "not its approval");
        drop(tx);

        test.clock.advance_ms(30 * MIN - 1);
        let made = answer_approval(app, &owner, yes()).await.unwrap();
        assert_eq!(
            (made.state, made.hold_until, made.version),
            (AllocationState::Confirmed, None, 2)
        );
        assert_eq!(again(&test, &made).await, made);
        assert_eq!(by(owner.clone()).await, Code::ApprovalAnswered);
        let site = Some(world.site.id);
        for code in [
            EventCode::BookingHeld,
            EventCode::ApprovalRequested,
            EventCode::ApprovalGranted,
            EventCode::BookingConfirmed,
            EventCode::ApprovalRuleSet,
        ] {
            assert_eq!(events(&test, site, code, "").await, 1, "{code:?}");
        }
    }
}

#[tokio::test]
async fn a_mail_leads_to_one_answer_and_the_person_is_told_why() {
    for test in TestApp::on_both().await {
        let world = asking(&test).await;
        let app = &test.app;
        let second = manager(app, &world.operator, "second@operator.example").await;
        let booking = world.book(app, 0, 2, 1).await.unwrap();
        let sent = mails(&test).await;
        let to = |address: &str| {
            let found = sent.iter().filter(|(to, ..)| to == address);
            found.map(|(.., text)| text.clone()).collect::<Vec<_>>()
        };
        assert!(to(&world.member.email)[0].contains("承認を待っています"));
        let (ours, theirs) = (to(&world.owner.email), to(&second.email));
        assert!(ours[0].contains("承認が必要です") && theirs[0].contains("needs an approval"));
        let link = token(&theirs[0]);
        assert_ne!(link, token(&ours[0]), "each has a link of their own");

        assert!(behind_link(app, "nonsense").await.unwrap().is_none());
        for _ in 0..2 {
            let found = behind_link(app, &link).await.unwrap().unwrap();
            assert_eq!(
                found.actor,
                acting(&second, Role::Manager),
                "looking is free"
            );
        }
        assert_eq!(
            refused(answer_by_link(app, &link, false, "").await),
            Code::InvalidInput
        );
        let no = answer_by_link(app, &link, false, "満席の催しがあります")
            .await
            .unwrap();
        assert_eq!(no.state, AllocationState::Released);
        assert_eq!(
            refused(answer_by_link(app, &link, true, "").await),
            Code::LinkInvalid
        );
        assert_eq!(
            refused(answer_by_link(app, &token(&ours[0]), true, "").await),
            Code::ApprovalAnswered,
            "the other link comes too late"
        );
        assert_eq!(again(&test, &booking).await.hold_until, None, "not run out");
        let told = mails(&test).await;
        assert!(
            told[0].0 == world.member.email && told[0].2.contains("理由: 満席の催しがあります"),
            "{told:?}"
        );
        assert_eq!(told.len(), 1);
        world.book(app, 0, 2, 1).await.unwrap();

        // Of somebody who no longer may, and after its time, a link is dead.
        let late = token(
            &mails(&test)
                .await
                .iter()
                .find(|it| it.0 == second.email)
                .unwrap()
                .2,
        );
        assert!(behind_link(app, &late).await.unwrap().is_some());
        suspend_person(app, &acting(&world.owner, Role::Owner), second.id)
            .await
            .unwrap();
        assert!(behind_link(app, &late).await.unwrap().is_none());
        test.clock.advance_ms(30 * MIN);
        release_run_out(app).await.unwrap();
        let told = mails(&test).await;
        assert!(
            told.iter()
                .any(|it| it.0 == world.member.email && it.2.contains("解放しました"))
        );
    }
}

#[tokio::test]
async fn both_have_to_say_yes_and_nobody_says_it_for_themselves() {
    for test in TestApp::on_both().await {
        let world = asking(&test).await;
        let app = &test.app;
        let boss = acting(&world.boss, Role::Owner);
        set_company_rule(
            app,
            &boss,
            Rule {
                answer_minutes: 20,
                ..rule()
            },
        )
        .await
        .unwrap();
        let booking = world.book(app, 0, 2, 1).await.unwrap();
        assert_eq!(booking.hold_until, Some(START.plus_ms(20 * MIN)));
        let both = asked(&test, &booking).await;
        let of = |kind| both.iter().find(|it| it.kind == kind).unwrap();
        let (site, company) = (of(ApprovalKind::Site), of(ApprovalKind::Company));
        let owner = acting(&world.owner, Role::Owner);
        assert_eq!(
            refused(answer_approval(app, &owner, answer(company, true, "")).await),
            Code::NotFound,
            "the operator cannot speak for the company"
        );
        let half = answer_approval(app, &boss, answer(company, true, ""))
            .await
            .unwrap();
        assert_eq!(half.state, AllocationState::Held);
        let whole = answer_approval(app, &owner, answer(site, true, ""))
            .await
            .unwrap();
        assert_eq!(whole.state, AllocationState::Confirmed);

        // The company's only manager books for themselves: nobody could answer.
        let own = |person: &Person, seat: usize| BookSeat {
            person: person.id,
            seat: world.seats[seat].id,
            starts_at: at(4),
            ends_at: at(5),
        };
        assert_eq!(
            refused(book_seat(app, &boss, own(&world.boss, 1)).await),
            Code::NoApprover
        );
        let second = manager(app, &world.company, "second@company.example").await;
        let third = manager(app, &world.company, "third@company.example").await;
        let booking = book_seat(app, &boss, own(&second, 1)).await.unwrap();
        let it = asked(&test, &booking)
            .await
            .into_iter()
            .find(|it| it.kind == ApprovalKind::Company);
        let it = it.unwrap();
        for (who, code) in [(&world.boss, "who asked"), (&second, "whom it is for")] {
            let actor = acting(who, Role::Manager);
            let said = answer_approval(app, &actor, answer(&it, true, "")).await;
            assert_eq!(refused(said), Code::OwnApproval, "{code}");
        }
        answer_approval(app, &acting(&third, Role::Manager), answer(&it, true, ""))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn held_first_confirmed_then_approved_cancelled_and_taken_back() {
    for test in TestApp::on_both().await {
        let world = asking(&test).await;
        let (app, member) = (&test.app, acting(&world.member, Role::Member));
        let owner = acting(&world.owner, Role::Owner);
        let want = BookSeat {
            person: world.member.id,
            seat: world.seats[0].id,
            starts_at: at(2),
            ends_at: at(3),
        };
        let held = hold_seat(app, &member, want, 5).await.unwrap();
        assert_eq!(asked(&test, &held).await, [], "not meant yet");
        test.clock.advance_ms(4 * MIN);
        let meant = confirm_booking(app, &member, held.id, None).await.unwrap();
        assert_eq!(
            (meant.state, meant.hold_until),
            (AllocationState::Held, Some(START.plus_ms(34 * MIN)))
        );
        assert_eq!(again(&test, &meant).await, meant);
        let it = asked(&test, &meant).await.remove(0);
        cancel_booking(app, &member, held.id).await.unwrap();
        assert_eq!(
            refused(answer_approval(app, &owner, answer(&it, true, "")).await),
            Code::BookingCancelled
        );
        undo_cancel(app, &member, held.id).await.unwrap();
        test.clock.advance_ms(30 * MIN);
        assert_eq!(
            refused(answer_approval(app, &owner, answer(&it, true, "")).await),
            Code::HoldExpired
        );
        // What begins now cannot be asked for any more.
        let soon = BookSeat {
            starts_at: at(0).plus_ms(30 * MIN),
            ends_at: at(1),
            ..want
        };
        assert_eq!(
            refused(book_seat(app, &member, soon).await),
            Code::ApprovalTooLate
        );
        // The rule goes: what is booked now counts at once.
        let none = Rule {
            answer_minutes: 30,
            ..Rule::default()
        };
        set_site_rule(app, &owner, world.site.id, none, 3)
            .await
            .unwrap();
        let free = book_seat(app, &member, want).await.unwrap();
        assert_eq!(free.state, AllocationState::Confirmed);
        let mut tx = app.db.read().await.unwrap();
        assert_eq!(held::minutes(&mut tx, ALL, world.site.id).await.unwrap(), 3);
    }
}

#[tokio::test]
async fn who_sets_the_rules() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (app, site) = (&test.app, world.site.id);
        let set = async |actor: Actor, rule: Rule, hold| {
            refused(set_site_rule(app, &actor, site, rule, hold).await)
        };
        let owner = || acting(&world.owner, Role::Owner);
        assert_eq!(
            set(acting(&world.boss, Role::Owner), rule(), 10).await,
            Code::NotAllowed
        );
        assert_eq!(
            set(acting(&world.outsider, Role::Owner), rule(), 10).await,
            Code::NotFound
        );
        assert_eq!(
            set(acting(&world.owner, Role::Auditor), rule(), 10).await,
            Code::NotAllowed
        );
        assert_eq!(set(owner(), rule(), 61).await, Code::InvalidInput);
        let sofa = Rule {
            kinds: vec!["sofa".to_owned()],
            ..rule()
        };
        assert_eq!(set(owner(), sofa, 10).await, Code::InvalidInput);
        let member = acting(&world.member, Role::Member);
        assert_eq!(
            refused(set_company_rule(app, &member, rule()).await),
            Code::NotAllowed
        );
    }
}
