//! Answers whether a booking is approved. With the last yes it counts; a no releases it.
//!
//! Only people answer, never who asked or whom the booking is for; a token is nobody who could be asked why. A link from a mail
//! acts in the name of the one person whom it was sent to, for this one answer.

use sekisho_domain::authority::Action;
use sekisho_domain::booking;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::ApprovalId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::code::EventCode;

use super::ask_approval::is_own;
use super::cancel_booking::{note, tell};
use super::change::{Change, change};
use super::confirm_booking::{make_count, own_facts};
use super::locked_booking::locked_booking;
use super::{Actor, FlowError, Who, authority, input, secret};
use crate::app::App;
use crate::store::approvals::{self, Answer, Approval};
use crate::store::bookings::{self, Booking};
use crate::store::{Scope, people};

/// An answer.
#[derive(Clone, Debug)]
pub struct AnswerApproval {
    /// To which question.
    pub approval: ApprovalId,
    /// Yes or no.
    pub approve: bool,
    /// Why; a no needs it.
    pub reason: String,
}

/// Answers. Refused with `not_found`, `not_allowed`, `own_approval`, `approval_answered`, `hold_expired`, `invalid_input` (a no
/// without a reason) or the codes of [`sekisho_domain::booking::approve`].
pub async fn answer_approval(
    app: &App,
    actor: &Actor,
    want: AnswerApproval,
) -> Result<Booking, FlowError> {
    answer(app, actor, &want, None).await
}

/// Answers by the link of a mail, which is used up. Refused with `link_invalid` too.
pub async fn answer_by_link(
    app: &App,
    token: &str,
    approve: bool,
    reason: &str,
) -> Result<Booking, FlowError> {
    let link = behind_link(app, token).await?.ok_or(Code::LinkInvalid)?;
    let want = AnswerApproval {
        approval: link.approval,
        approve,
        reason: reason.to_owned(),
    };
    answer(app, &link.actor, &want, Some(link.hash)).await
}

/// What a link answers and in whose name.
pub struct Link {
    /// Which question.
    pub approval: ApprovalId,
    /// Who was asked.
    pub actor: Actor,
    hash: Digest,
}

/// What a link would do now, for the page that shows its buttons. Looking does not use it up: mail scanners look too. `None`: it
/// does not work, or whoever got it may no longer answer.
pub async fn behind_link(app: &App, token: &str) -> Result<Option<Link>, FlowError> {
    let Some(hash) = secret::hash_of(token) else {
        return Ok(None);
    };
    let mut tx = app.db.read().await?;
    let Some((approval, person)) = approvals::link(&mut tx, hash, app.now()).await? else {
        return Ok(None);
    };
    let person = people::get(&mut tx, Scope::System, person).await?;
    let Some(person) = person.filter(|person| person.active) else {
        return Ok(None);
    };
    let known = people::memberships(&mut tx, Scope::System, person.id).await?;
    let role = known
        .iter()
        .find(|it| it.organisation == person.organisation)
        .map(|it| it.role);
    Ok(role.map(|role| Link {
        approval,
        actor: Actor {
            who: Who::Person(person.id),
            organisation: Some(person.organisation),
            role,
        },
        hash,
    }))
}

async fn answer(
    app: &App,
    actor: &Actor,
    want: &AnswerApproval,
    link: Option<Digest>,
) -> Result<Booking, FlowError> {
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(actor, want, link, change))
    })
    .await
}

async fn attempt(
    actor: &Actor,
    want: &AnswerApproval,
    link: Option<Digest>,
    change: &mut Change<'_>,
) -> Result<Booking, FlowError> {
    let app = change.app;
    let found = approvals::get(&mut change.tx, actor.scope(), want.approval)
        .await?
        .ok_or(Code::NotFound)?;
    let mut booking = locked_booking(actor, found.booking, None, change).await?;
    may_answer(actor, &booking, &found)?;
    // Read again: somebody may have answered before the lock.
    let scope = Scope::Organisation(booking.operator);
    let asked = approvals::get(&mut change.tx, scope, want.approval)
        .await?
        .ok_or(Code::NotFound)?;
    if asked.answer.is_some() {
        return Err(Code::ApprovalAnswered.into());
    }
    if let Some(hash) = link {
        approvals::use_link(&mut change.tx, hash, app.now())
            .await
            .map_err(|_| Code::LinkInvalid)?;
    }
    let reason = match want.reason.trim() {
        "" if want.approve => None,
        reason => Some(input::reason(reason)?),
    };
    let said = Answer {
        approved: want.approve,
        reason,
        by: actor.text(),
        at: app.now(),
    };
    approvals::answer(&mut change.tx, scope, asked.id, &said).await?;
    if want.approve {
        approved(actor, &mut booking, change).await?;
    } else {
        declined(actor, &mut booking, change).await?;
    }
    Ok(booking)
}

fn may_answer(actor: &Actor, booking: &Booking, it: &Approval) -> Result<(), Refusal> {
    let relations = authority::to_approval(actor, booking, it.kind);
    authority::require(actor, Action::AnswerApproval, &relations)?;
    let Who::Person(person) = actor.who else {
        return Err(Refusal::new(Code::NotAllowed).with("action", Action::AnswerApproval));
    };
    if is_own(booking, it, person) {
        return Err(Code::OwnApproval.into());
    }
    Ok(())
}

/// One more yes; with the last one the booking counts.
async fn approved(
    actor: &Actor,
    booking: &mut Booking,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let app = change.app;
    let facts = own_facts(booking, change).await?;
    booking::approve(&booking.allocation(), booking.hold_until, &facts, app.now())?;
    note(app, actor, booking, EventCode::ApprovalGranted, change).await?;
    let scope = Scope::Organisation(booking.operator);
    let all = approvals::of_booking(&mut change.tx, scope, booking.id).await?;
    if all.iter().all(|it| it.answer.is_some()) {
        booking.version += 1;
        make_count(actor, booking, change).await?;
    }
    Ok(())
}

async fn declined(
    actor: &Actor,
    booking: &mut Booking,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let app = change.app;
    let state = booking::decline(&booking.allocation(), booking.hold_until, app.now())?;
    let scope = Scope::Organisation(booking.operator);
    let (id, from) = (booking.allocation, booking.state);
    bookings::set_state(&mut change.tx, scope, id, from, state).await?;
    (booking.state, booking.hold_until) = (state, None);
    booking.version += 1;
    tell(app, actor, booking, EventCode::ApprovalDeclined, change).await
}
