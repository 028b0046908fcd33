//! Issues a pass for a booking.

use sekisho_certs::Purpose;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::{AllocationState, grant_interval, require_confirmed};
use sekisho_domain::crypto::SigningKey;
use sekisho_domain::ids::{BookingId, PassId, SubjectId};
use sekisho_domain::pass::{Claims, LIFE_MAX_S, static_text};
use sekisho_domain::reach;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::visit::{DAY_MS, require_pass_room, require_pass_room_today};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;

use super::change::{Change, change};
use super::end_pass::{body, end_pass};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority};
use crate::app::App;
use crate::store::bookings::{self, Booking};
use crate::store::doors::Door;
use crate::store::holder_keys::{self, RegisteredKey};
use crate::store::passes::{self, Pass};
use crate::store::sites::Site;
use crate::store::{Scope, columns, doors, holds, locks, people, sites, subjects};

/// Passes that one booking can have, one after the other. Each one that ends is a line of the site's revocation list.
pub const PASSES_MAX: usize = 20;

/// Passes that one person can be issued within 24 hours, whatever the bookings: whoever books and cancels all day fills the list
/// with a line each time.
pub const PASSES_OF_DAY: usize = 100;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct IssuePass {
    /// For which booking.
    pub booking: BookingId,
    /// Which kind.
    pub kind: PassKind,
}

/// What kind of pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassKind {
    /// Printed; lets in once, and only at doors that accept it.
    Static,
    /// Shown by the phone whose key it names.
    WithHolder,
}

/// A pass that was issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The pass; `signed` is what a phone carries.
    pub pass: Pass,
    /// Of a static pass: the text of its code.
    pub text: Option<String>,
}

/// Issues a pass. For a phone whose key has an active pass for this booking already, that one; active passes for other phones
/// end, and so do earlier prints where another is printed. Refused with `not_found`, `not_allowed`, `booking_cancelled`, `booking_held`, `booking_ended`, `person_suspended`, `no_holder_key`,
/// `static_not_accepted`, `too_many_passes` or `too_many_passes_today`.
pub async fn issue_pass(app: &App, actor: &Actor, want: IssuePass) -> Result<Issued, FlowError> {
    let key = app.key(Purpose::Pass)?;
    let key = &key;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, key, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: IssuePass,
    key: &SigningKey,
    change: &mut Change<'_>,
) -> Result<Issued, FlowError> {
    let found = bookings::get(&mut change.tx, actor.scope(), want.booking)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(found.site);
    authority::require(
        actor,
        Action::IssuePass,
        &authority::to_booking(actor, &found),
    )?;

    locks::lock_all(&mut change.tx, &[found.person], &[]).await?;
    let booking = bookings::get(&mut change.tx, actor.scope(), want.booking)
        .await?
        .ok_or(Code::NotFound)?;
    let site = sites::get(&mut change.tx, Scope::System, booking.site)
        .await?
        .ok_or(Code::NotFound)?;
    let during = still_open(app, &booking, &site)?;
    if holds::of_site(&mut change.tx, Scope::System, site.id)
        .await?
        .is_some()
    {
        return Err(Code::SiteHeld.into());
    }
    let person = people::get(&mut change.tx, Scope::System, booking.person)
        .await?
        .ok_or(Code::NotFound)?;
    if !person.active {
        return Err(Code::PersonSuspended.into());
    }
    let doors = doors::list(&mut change.tx, Scope::System, site.id).await?;
    let holder = match want.kind {
        PassKind::Static if doors.iter().any(|door| door.min_assurance == 0) => None,
        PassKind::Static => return Err(Code::StaticNotAccepted.into()),
        PassKind::WithHolder => Some(
            holder_keys::active(&mut change.tx, Scope::System, person.id)
                .await?
                .ok_or(Code::NoHolderKey)?,
        ),
    };

    change.facts(site.id).await?;
    // One that ends before the booking is of a time before an extension; it runs out beside the one that is issued now.
    if let Some(pass) = replace_others(app, actor, &booking, holder.as_ref(), change)
        .await?
        .filter(|pass| during.end <= pass.during.end)
    {
        return Ok(Issued { pass, text: None });
    }
    require_room(app, &booking, during.end, change).await?;
    let subject = subjects::ensure(
        &mut change.tx,
        SubjectId::new(app.now().0, app.random()),
        site.id,
        person.id,
    )
    .await?;
    let pass = sign(app, &booking, during, subject, holder.as_ref(), &doors, key);
    passes::insert(&mut change.tx, Scope::Organisation(booking.operator), &pass).await?;
    let draft = Draft::new(app, Some(site.id), EventCode::PassIssued)
        .subject(app, subject, person.id)
        .pass(app, pass.id)
        .booking(app, booking.id)
        .actor(app, actor)
        .body(&body(&pass));
    record(&mut change.tx, app, draft).await?;
    let text = holder.is_none().then(|| static_text(&pass.signed));
    Ok(Issued { pass, text })
}

/// Refuses one pass too many: for the booking, or for the person within 24 hours.
async fn require_room(
    app: &App,
    booking: &Booking,
    end: Timestamp,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let made = passes::of_booking(&mut change.tx, Scope::System, booking.id).await?;
    require_pass_room(made.len(), PASSES_MAX, end)?;
    let since = app.now().plus_ms(-DAY_MS);
    let made = passes::issued_since(&mut change.tx, Scope::System, booking.person, since).await?;
    require_pass_room_today(made, PASSES_OF_DAY)?;
    Ok(())
}

/// When the booking opens doors, if it still does.
fn still_open(app: &App, booking: &Booking, site: &Site) -> Result<Interval, FlowError> {
    if booking.state == AllocationState::Cancelled {
        return Err(Code::BookingCancelled.into());
    }
    require_confirmed(&booking.allocation())?;
    let during = grant_interval(
        &booking.allocation(),
        columns::seconds(site.grant_before_s)?,
        columns::seconds(site.grant_after_s)?,
    );
    Ok(during
        .filter(|during| app.now() < during.end)
        .ok_or(Code::BookingEnded)?)
}

/// Ends the booking's active passes for other phones and gives the one for this phone; or ends what was printed before, since
/// each print lets somebody in.
async fn replace_others(
    app: &App,
    actor: &Actor,
    booking: &Booking,
    holder: Option<&RegisteredKey>,
    change: &mut Change<'_>,
) -> Result<Option<Pass>, FlowError> {
    let mut same: Option<Pass> = None;
    for pass in passes::of_booking(&mut change.tx, Scope::System, booking.id).await? {
        if pass.state != PassState::Active || pass.holder_key.is_some() != holder.is_some() {
            continue;
        }
        if holder.is_some_and(|holder| pass.holder_key == Some(holder.id)) {
            // After an extension there are two: the one that lasts longest is the one to show.
            same = same
                .filter(|known| pass.during.end <= known.during.end)
                .or(Some(pass));
        } else {
            end_pass(app, actor, &pass, PassState::Revoked, change).await?;
        }
    }
    Ok(same)
}

fn sign(
    app: &App,
    booking: &Booking,
    during: Interval,
    subject: SubjectId,
    holder: Option<&RegisteredKey>,
    doors: &[Door],
    key: &SigningKey,
) -> Pass {
    let wire: Vec<_> = doors.iter().map(Door::on_the_wire).collect();
    // Whole seconds, inwards: a pass never opens earlier or later than its grant.
    let not_before_s =
        during.start.0.div_euclid(1000) + i64::from(during.start.0.rem_euclid(1000) > 0);
    let claims = Claims {
        pass: PassId::new(app.now().0, app.random()),
        subject,
        not_before_s,
        expires_s: during.end.0.div_euclid(1000).min(not_before_s + LIFE_MAX_S),
        issued_at_s: app.now().0.div_euclid(1000),
        site: booking.site,
        zones: reach::zones(&wire, booking.zone),
        holder: holder.map(|key| key.public_key.clone()),
        escort: None,
    };
    Pass {
        id: claims.pass,
        booking: booking.id,
        site: booking.site,
        person: booking.person,
        subject,
        holder_key: holder.map(|key| key.id),
        grant: passes::grant_id(booking.allocation),
        signed: claims.sign(key),
        state: PassState::Active,
        during,
        created_at: app.now(),
    }
}
