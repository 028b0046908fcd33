//! Somebody has seen to an alarm, and says what it was.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::AlarmId;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::authority::{require, to_site};
use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, Who, input};
use crate::app::{App, Live};
use crate::store::alarms::{self, Acknowledged, Alarm};
use crate::store::{Scope, sites};

/// Acknowledges an alarm, with a reason of 1 to 200 characters. The first who does is kept. Refused with `not_found`,
/// `not_allowed` or `invalid_input`.
pub async fn acknowledge_alarm(
    app: &App,
    actor: &Actor,
    id: AlarmId,
    reason: &str,
) -> Result<Alarm, FlowError> {
    let alarm = change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, id, reason, change))
    })
    .await?;
    let _ = app.live.send(Live { site: alarm.site });
    Ok(alarm)
}

async fn attempt(
    app: &App,
    actor: &Actor,
    id: AlarmId,
    reason: &str,
    change: &mut Change<'_>,
) -> Result<Alarm, FlowError> {
    let tx = &mut change.tx;
    let alarm = alarms::get(tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    let site = sites::get(tx, actor.scope(), alarm.site)
        .await?
        .ok_or(Code::NotFound)?;
    let relations = to_site(tx, actor, &site).await?;
    require(actor, Action::AcknowledgeAlarm, &relations)?;
    change.about = Some(site.id);
    let by = Acknowledged {
        by: actor.text(),
        person: match actor.who {
            Who::Person(person) => Some(person),
            Who::Token(_) | Who::System => None,
        },
        name: None,
        at: app.now(),
        reason: input::reason(reason)?,
    };
    let tx = &mut change.tx;
    if alarms::acknowledge(tx, id, &by).await? == 1 {
        let body = RegistryBody {
            id: Some(id.0.into()),
            parent: Some(alarm.gateway.0.into()),
        };
        let mut draft = Draft::new(app, Some(site.id), EventCode::AlarmAcknowledged)
            .actor(app, actor)
            .body(&body);
        draft.event.door = alarm.door;
        draft.event.device = alarm.device;
        record(tx, app, draft).await?;
    }
    let alarm = alarms::get(tx, Scope::System, id).await?;
    alarm.ok_or_else(|| Code::NotFound.into())
}
