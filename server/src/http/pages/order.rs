//! Orders for doors: the forms on "today at the site", and a page that says what became of an order.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::access::Mode;
use sekisho_domain::ids::{CommandId, DoorId};
use sekisho_domain::refusal::Code;
use serde::Deserialize;

use super::texts::{self, Texts};
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::order_mode::order_mode;
use crate::flows::order_unlock::order_unlock;
use crate::http::api::Reader;
use crate::http::api::orders::Command;
use crate::http::extract::{Form, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::doors;

/// How often the page looks whether an answer came, while it is being asked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often at most: as long as an order lives.
const LOOKS: u32 = 105;

/// A form for a door.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unlock {
    reason: String,
}

/// A form for a door.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetMode {
    mode: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "order.html")]
struct Page {
    f: Frame,
    title: &'static str,
    note: &'static str,
    door: String,
    what: &'static str,
    command: Command,
}

/// `POST /doors/{door}/unlock`
pub async fn unlock(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(door): Path<DoorId>,
    Form(form): Form<Unlock>,
) -> Result<Response> {
    let id = order_unlock(&app, &caller.actor, door, &form.reason).await?;
    Ok(see_other(&format!("/commands/{id}")))
}

/// `POST /doors/{door}/mode`
pub async fn set_mode(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(door): Path<DoorId>,
    Form(form): Form<SetMode>,
) -> Result<Response> {
    let mode = Mode::from_name(&form.mode).ok_or(Error::from(Code::InvalidInput))?;
    let id = order_mode(&app, &caller.actor, door, mode, &form.reason).await?;
    Ok(see_other(&format!("/commands/{id}")))
}

/// `GET /commands/{command}`: what became of an order. The answer waits until that is known, at most as long as an order lives.
pub async fn show(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Path(id): Path<CommandId>,
) -> Result<Response> {
    let mut looks = 0..LOOKS;
    let (mut reader, command) = loop {
        let mut reader = Reader {
            caller: caller.clone(),
            tx: app.db.read().await?,
        };
        let command = reader.command(&app, id).await?;
        if command.state != "waiting" || looks.next().is_none() {
            break (reader, command);
        }
        drop(reader);
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let scope = reader.scope();
    let door = doors::get(&mut reader.tx, scope, command.door)
        .await?
        .ok_or(Error::from(Code::NotFound))?;
    let (title, note) = outcome(command.state, f.t);
    let mode = command.mode.and_then(Mode::from_name);
    page(&Page {
        what: mode.map_or(f.t.unlock, |mode| texts::mode(mode, f.lang)),
        door: door.name,
        title,
        note,
        f,
        command,
    })
}

fn outcome(state: &str, t: &'static Texts) -> (&'static str, &'static str) {
    match state {
        "executed" => (t.order_executed, t.order_executed_note),
        "expired" => (t.order_expired, t.order_expired_note),
        "rejected" => (t.order_rejected, t.order_rejected_note),
        "waiting" => (t.order_waiting, t.order_waiting_note),
        _ => (t.order_unanswered, t.order_unanswered_note),
    }
}
