//! The form that acknowledges an alarm.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use sekisho_domain::ids::AlarmId;
use serde::Deserialize;

use super::see_other;
use crate::app::App;
use crate::flows::acknowledge_alarm::acknowledge_alarm;
use crate::http::extract::{Form, Path};
use crate::http::problem::Result;
use crate::http::session::Caller;

/// What was done about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    reason: String,
}

/// `POST /alarms/{alarm}/acknowledge`
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(alarm): Path<AlarmId>,
    Form(seen): Form<Seen>,
) -> Result<Response> {
    let alarm = acknowledge_alarm(&app, &caller.actor, alarm, &seen.reason).await?;
    Ok(see_other(&format!("/sites/{}/today#attention", alarm.site)))
}
