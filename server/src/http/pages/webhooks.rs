//! Webhooks of the own organisation: the addresses, what became of messages, and what can be done about it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use sekisho_domain::ids::{MessageId, WebhookId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::webhook::secret_text;
use serde::Deserialize;

use super::webhook_texts::{WebhookTexts, webhook_texts};
use super::when::Wall;
use super::{Frame, page, see_other};
use crate::app::App;
use crate::flows::add_webhook::{AddWebhook, add_webhook};
use crate::flows::change_webhook::{ChangeWebhook, change_webhook};
use crate::http::api::Reader;
use crate::http::extract::{Form, Path};
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::webhook_messages;
use crate::store::webhooks::{self, Webhook, WebhookState};

/// Addresses that are shown: more than an organisation may have.
const LIST_MAX: i64 = 100;

/// Messages that are shown.
const LOG_MAX: i64 = 50;

/// An organisation has no site, and no zone: times are said as at the first office.
const ZONE: &str = "Asia/Tokyo";

#[derive(Template)]
#[template(path = "webhooks.html")]
struct List {
    f: Frame,
    w: &'static WebhookTexts,
    hooks: Vec<Line>,
}

struct Line {
    id: WebhookId,
    name: String,
    url: String,
    word: &'static str,
    mark: &'static str,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct One {
    f: Frame,
    w: &'static WebhookTexts,
    hook: Webhook,
    word: &'static str,
    mark: &'static str,
    failing_since: Option<String>,
    stopped: bool,
    messages: Vec<Sent>,
    /// The secret, right after it was made.
    fresh: Option<String>,
}

struct Sent {
    id: MessageId,
    kind: String,
    at: String,
    word: &'static str,
    mark: &'static str,
    tries: i64,
    why: String,
}

/// What an address is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    name: String,
    url: String,
    events: String,
}

/// What is to be done with an address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    what: What,
    message: Option<MessageId>,
    since: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Pause,
    Resume,
    Rotate,
    Test,
    Replay,
    End,
}

/// `GET /webhooks`
pub async fn list(f: Frame, mut reader: Reader) -> Result<Response> {
    reader.may_see_webhooks().await?;
    let (scope, w) = (reader.scope(), webhook_texts(f.lang));
    let found = webhooks::list(&mut reader.tx, scope, None, LIST_MAX).await?;
    let hooks = found.into_iter().map(|it| {
        let (word, mark) = w.state(it.state, it.failures);
        Line {
            id: it.id,
            name: it.name,
            url: it.url,
            word,
            mark,
        }
    });
    page(&List {
        hooks: hooks.collect(),
        w,
        f,
    })
}

/// `POST /webhooks`. The secret stands on the answer and nowhere else, so this is no redirection.
pub async fn add(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Form(fields): Form<Fields>,
) -> Result<Response> {
    let want = AddWebhook {
        organisation: caller.organisation,
        events: names(&fields.events),
        name: fields.name,
        url: fields.url,
    };
    let made = add_webhook(&app, &caller.actor, want).await?;
    let fresh = Some(secret_text(&made.secret));
    let tx = app.db.read().await?;
    shown(f, Reader { caller, tx }, made, fresh).await
}

/// `GET /webhooks/{webhook}`
pub async fn show(f: Frame, mut reader: Reader, Path(id): Path<WebhookId>) -> Result<Response> {
    let it = reader.webhook(id).await?;
    shown(f, reader, it, None).await
}

/// `POST /webhooks/{webhook}`
pub async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WebhookId>,
    Form(fields): Form<Fields>,
) -> Result<Response> {
    let what = ChangeWebhook::Set {
        events: names(&fields.events),
        name: fields.name,
        url: fields.url,
    };
    change_webhook(&app, &caller.actor, id, what, None).await?;
    Ok(see_other(&format!("/webhooks/{id}")))
}

/// `POST /webhooks/{webhook}/do`
pub async fn act(
    State(app): State<Arc<App>>,
    f: Frame,
    caller: Caller,
    Path(id): Path<WebhookId>,
    Form(deed): Form<Deed>,
) -> Result<Response> {
    let what = deed.change()?;
    let it = change_webhook(&app, &caller.actor, id, what, None).await?;
    match deed.what {
        What::Rotate => {
            let fresh = Some(secret_text(&it.secret));
            let tx = app.db.read().await?;
            shown(f, Reader { caller, tx }, it, fresh).await
        }
        What::End => Ok(see_other("/webhooks")),
        _ => Ok(see_other(&format!("/webhooks/{id}"))),
    }
}

impl Deed {
    fn change(&self) -> Result<ChangeWebhook> {
        Ok(match self.what {
            What::Pause => ChangeWebhook::Pause,
            What::Resume => ChangeWebhook::Resume,
            What::Rotate => ChangeWebhook::Rotate,
            What::Test => ChangeWebhook::Test,
            What::End => ChangeWebhook::End,
            What::Replay => match (self.message, &self.since) {
                (Some(message), None) => ChangeWebhook::ReplayOne(message),
                (None, Some(day)) => ChangeWebhook::ReplaySince(day_begins(day)?),
                _ => return Err(Error::invalid("message or since")),
            },
        })
    }
}

fn day_begins(day: &str) -> Result<Timestamp> {
    let day: Date = day.parse().map_err(|_| Error::invalid("since: a day"))?;
    let zone = jiff::tz::TimeZone::get(ZONE).unwrap_or(jiff::tz::TimeZone::UTC);
    let start = day
        .to_zoned(zone)
        .map_err(|_| Error::invalid("since: a day"))?;
    Ok(Timestamp(start.timestamp().as_millisecond()))
}

fn names(text: &str) -> Vec<String> {
    let names = text.split([',', '、', ' ', '\n', '\r']).map(str::trim);
    names
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn shown(
    f: Frame,
    mut reader: Reader,
    it: Webhook,
    fresh: Option<String>,
) -> Result<Response> {
    let (scope, w, wall) = (
        reader.scope(),
        webhook_texts(f.lang),
        Wall::new(ZONE, f.lang),
    );
    let found = webhook_messages::list(&mut reader.tx, scope, it.id, None, LOG_MAX).await?;
    let sent = found.into_iter().map(|message| {
        let (word, mark) = w.message(message.state);
        let status = message.status.map(|status| format!("HTTP {status}"));
        Sent {
            id: message.id,
            kind: message.kind,
            at: wall.clock_of_day(message.created_at),
            word,
            mark,
            tries: message.tries,
            why: status.or(message.error).unwrap_or_default(),
        }
    });
    let (word, mark) = w.state(it.state, it.failures);
    page(&One {
        w,
        word,
        mark,
        failing_since: it.failing_since.map(|at| wall.clock_of_day(at)),
        stopped: it.state != WebhookState::Active,
        messages: sent.collect(),
        fresh,
        hook: it,
        f,
    })
}
