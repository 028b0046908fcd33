//! Asks who has to approve a booking. Each of them gets a mail with a link of their own; the page of what waits shows it to all.

use sekisho_domain::booking::{ApprovalKind, Approvals};
use sekisho_domain::ids::{ApprovalId, OutboxId, PersonId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::cancel_booking::note;
use super::change::Change;
use super::{Actor, FlowError};
use crate::store::approvals::{self, Approval};
use crate::store::bookings::Booking;
use crate::store::{Scope, outbox};

/// Kind of the outbox line for one approver's mail.
pub(super) const REQUESTED: &str = "approval.requested";

/// Kind of the outbox line that tells whoever has the booking that it waits.
pub(super) const AWAITED: &str = "approval.awaited";

/// Most people who are asked by mail; the page shows it to everybody who may answer.
const ASKED_MAX: i64 = 20;

/// Asks for what `approvals` says; nothing where it says nothing. Refused with `no_approver` where nobody else could answer.
pub(super) async fn ask_approval(
    actor: &Actor,
    booking: &Booking,
    approvals: Approvals,
    in_bulk: bool,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let app = change.app;
    for kind in ApprovalKind::ALL
        .into_iter()
        .filter(|kind| approvals.of(*kind))
    {
        let it = Approval {
            id: ApprovalId::new(app.now().0, app.random()),
            booking: booking.id,
            kind,
            asked_by: actor.text(),
            asked_at: app.now(),
            until: booking.hold_until.unwrap_or(booking.during.start),
            answer: None,
        };
        let scope = Scope::Organisation(booking.operator);
        approvals::insert(&mut change.tx, scope, &it).await?;
        note(app, actor, booking, EventCode::ApprovalRequested, change).await?;
        let asked = approvers(booking, &it, change).await?;
        if asked.is_empty() {
            return Err(Code::NoApprover.into());
        }
        // One of many sends no mail for itself; the page of what waits shows it.
        for person in asked.into_iter().filter(|_| !in_bulk) {
            let payload = serde_json::json!({ "approval": it.id, "person": person }).to_string();
            let id = OutboxId::new(app.now().0, app.random());
            outbox::push(&mut change.tx, id, REQUESTED, &payload, app.now()).await?;
        }
    }
    Ok(())
}

/// Who could answer: who runs the site or the company, and neither asked nor is who it is for.
async fn approvers(
    booking: &Booking,
    it: &Approval,
    change: &mut Change<'_>,
) -> Result<Vec<PersonId>, FlowError> {
    let organisation = match it.kind {
        ApprovalKind::Site => booking.operator,
        ApprovalKind::Company => booking.company,
    };
    let mut found =
        approvals::approvers(&mut change.tx, Scope::System, organisation, ASKED_MAX).await?;
    found.retain(|person| !is_own(booking, it, *person));
    Ok(found)
}

/// Whether a person asked for this booking, made it, or is who it is for.
pub(super) fn is_own(booking: &Booking, it: &Approval, person: PersonId) -> bool {
    let text = person.to_string();
    booking.person == person || booking.created_by == text || it.asked_by == text
}
