//! Says when a site is open: hours of the week, days of their own, public holidays. What is booked already stays as it is; what
//! cannot stay is closed with a closure.

use std::collections::BTreeSet;

use sekisho_domain::authority::Action;
use sekisho_domain::booking::{Calendar, HolidayPolicy, SpecialDay, check_opening_hours};
use sekisho_domain::ids::SiteId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::change_floor::stale;
use super::create_site::HOURS_MAX;
use super::record::record_registry;
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::calendars::{self, Holidays};
use crate::store::{Scope, sites};

/// Most days of their own of a site.
pub const SPECIAL_MAX: usize = 400;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct SetCalendar {
    /// Which site.
    pub site: SiteId,
    /// What holds from now on; closures are not among it.
    pub calendar: Calendar,
    /// The version that the actor saw, if that matters.
    pub seen: Option<i64>,
}

/// Sets a calendar as a whole; gives its version. Refused with `not_found`, `not_allowed`, `invalid_input` or `version_mismatch`.
pub async fn set_calendar(app: &App, actor: &Actor, want: SetCalendar) -> Result<i64, FlowError> {
    let want = &want;
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(actor, want, change))
    })
    .await
}

async fn attempt(
    actor: &Actor,
    want: &SetCalendar,
    change: &mut Change<'_>,
) -> Result<i64, FlowError> {
    let app = change.app;
    let site = sites::get(&mut change.tx, actor.scope(), want.site)
        .await?
        .ok_or(Code::NotFound)?;
    change.about = Some(site.id);
    let relations = authority::to_site(&mut change.tx, actor, &site).await?;
    authority::require(actor, Action::WriteSite, &relations)?;
    let it = &want.calendar;
    let special = checked(it)?;
    let scope = Scope::Organisation(site.operator);
    sites::lock_facts(&mut change.tx, scope, site.id).await?;
    let holidays = calendars::holidays(&mut change.tx, scope, site.id).await?;
    let holidays = Holidays {
        policy: it.holidays,
        hours: it.holiday_hours.clone(),
        version: want.seen.unwrap_or(holidays.version),
    };
    calendars::set_holidays(&mut change.tx, scope, site.id, &holidays)
        .await
        .map_err(stale)?;
    calendars::clear(&mut change.tx, scope, site.id).await?;
    for hours in &it.weekly {
        sites::insert_hours(&mut change.tx, scope, site.id, *hours).await?;
    }
    for day in &special {
        calendars::insert_special(&mut change.tx, scope, site.id, day).await?;
    }
    let what = (site.id.0, site.operator.0);
    let code = EventCode::CalendarSet;
    record_registry(&mut change.tx, app, actor, site.id, code, what).await?;
    Ok(holidays.version + 1)
}

/// What people wrote, trimmed and bounded.
fn checked(it: &Calendar) -> Result<Vec<SpecialDay>, FlowError> {
    if it.weekly.len() > HOURS_MAX {
        return Err(input::invalid("opening_hours").into());
    }
    check_opening_hours(&it.weekly)?;
    if it.holidays == HolidayPolicy::Hours && it.holiday_hours.0.is_empty() {
        return Err(input::invalid("holiday_hours").into());
    }
    let days: BTreeSet<_> = it.special.iter().map(|day| day.date).collect();
    if days.len() != it.special.len() || days.len() > SPECIAL_MAX {
        return Err(input::invalid("special_days").into());
    }
    it.special
        .iter()
        .map(|day| {
            Ok(SpecialDay {
                ja: reason("reason_ja", &day.ja)?,
                en: reason("reason_en", &day.en)?,
                ..day.clone()
            })
        })
        .collect()
}

/// A reason that may be left out.
fn reason(field: &'static str, text: &str) -> Result<String, FlowError> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    Ok(input::name(field, text)?)
}
