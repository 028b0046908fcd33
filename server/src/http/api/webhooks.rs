//! Webhooks: addresses outside that are told of events, in the form of Standard Webhooks.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{MessageId, WebhookId};
use sekisho_domain::refusal::Code;
use sekisho_domain::webhook::secret_text;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::types::{Page, Paging, Time, created, etag};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::add_webhook::{AddWebhook, add_webhook};
use crate::flows::authority;
use crate::flows::change_webhook::{ChangeWebhook, change_webhook};
use crate::http::extract::{IfMatch, Json, NoBody, Path, Query};
use crate::http::idempotency::KeepInstead;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::webhook_messages::{self, MessageState};
use crate::store::webhooks::{self, WebhookState};

/// An address that is told of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct Webhook {
    /// Which.
    #[schema(value_type = String, example = "whk_01jd6xwq5t0000000000000000")]
    pub id: WebhookId,
    /// What it is for.
    pub name: String,
    /// Where messages go.
    pub url: String,
    /// Patterns of event names.
    pub events: Vec<String>,
    /// `active`; `paused` by somebody; `disabled` because it failed for five days or answered 410: messages wait meanwhile, up to
    /// 30 days; `ended` for good.
    #[schema(value_type = String)]
    pub state: WebhookState,
    /// Failures in a row.
    pub failures: i64,
    /// Since when it fails.
    #[schema(inline)]
    pub failing_since: Option<Time>,
    /// Until when the secret before the present one signs too.
    #[schema(inline)]
    pub old_secret_until: Option<Time>,
    /// Counts changes; the ETag.
    pub version: i64,
    /// Since when.
    #[schema(inline)]
    pub created_at: Time,
}

/// An address with its secret, right after that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewWebhook {
    /// The address.
    #[serde(flatten)]
    pub webhook: Webhook,
    /// Signs every message (`whsec_…`). Shown only now; null when a repeat is answered.
    pub secret: Option<String>,
}

/// An address to add, or what it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetWebhook {
    /// What it is for.
    pub name: String,
    /// Where messages go: https, and no network that the operator did not allow.
    #[schema(example = "https://example.com/hooks/sekisho")]
    pub url: String,
    /// Event names, or families of them: `booking.made`, `booking.*`, `*`.
    #[schema(example = json!(["booking.*", "checkin.done"]))]
    pub events: Vec<String>,
}

/// What is to be sent again: one message, or everything since.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// One message.
    #[schema(value_type = Option<String>)]
    pub message: Option<MessageId>,
    /// Everything that was recorded since.
    #[schema(inline)]
    pub since: Option<Time>,
}

/// A message and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Message {
    /// Its `webhook-id`: the same at every try.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// Name of the event.
    pub event: String,
    /// `waiting`, `delivered` or `given_up`.
    #[schema(value_type = String)]
    pub state: MessageState,
    /// How often it was tried.
    pub tries: i64,
    /// When last.
    #[schema(inline)]
    pub tried_at: Option<Time>,
    /// HTTP status of the last answer.
    pub status: Option<i64>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// What is sent.
    #[schema(value_type = Object)]
    pub payload: serde_json::Value,
    /// When the event was recorded.
    #[schema(inline)]
    pub created_at: Time,
}

impl From<webhooks::Webhook> for Webhook {
    fn from(it: webhooks::Webhook) -> Self {
        Self {
            id: it.id,
            name: it.name,
            url: it.url,
            events: it.events.split(',').map(str::to_owned).collect(),
            state: it.state,
            failures: it.failures,
            failing_since: it.failing_since.map(Into::into),
            old_secret_until: it.old.map(|(_, until)| until.into()),
            version: it.version,
            created_at: it.created_at.into(),
        }
    }
}

impl From<webhook_messages::Message> for Message {
    fn from(it: webhook_messages::Message) -> Self {
        Self {
            id: it.id,
            event: it.kind,
            state: it.state,
            tries: it.tries,
            tried_at: it.tried_at.map(Into::into),
            status: it.status,
            error: it.error,
            payload: serde_json::from_str(&it.payload).unwrap_or_default(),
            created_at: it.created_at.into(),
        }
    }
}

/// With its secret, once.
fn shown(mut response: Response, mut new: NewWebhook) -> Response {
    response.headers_mut().extend(etag(new.webhook.version));
    new.secret = None;
    response.extensions_mut().insert(KeepInstead(json!(new)));
    response
}

/// Adds an address. Its secret is shown in this answer and never again.
#[utoipa::path(post, path = "/api/v1/webhooks", tag = "webhooks", request_body = SetWebhook, responses((status = 201, body = NewWebhook), (status = "default", body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(want): Json<SetWebhook>,
) -> Result<Response> {
    let want = AddWebhook {
        organisation: caller.organisation,
        name: want.name,
        url: want.url,
        events: want.events,
    };
    let made = add_webhook(&app, &caller.actor, want).await?;
    let new = NewWebhook {
        secret: Some(secret_text(&made.secret)),
        webhook: made.into(),
    };
    let at = format!("/api/v1/webhooks/{}", new.webhook.id);
    Ok(shown(created(&at, &new), new))
}

/// Addresses of the caller's organisation.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "webhooks", params(Paging), responses((status = 200, body = Page<Webhook>), (status = "default", body = Problem)))]
pub async fn list(
    mut reader: Reader,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<Webhook>>> {
    let (limit, after) = (paging.limit()?, paging.after::<WebhookId>()?);
    reader.may_see_webhooks().await?;
    let scope = reader.scope();
    let found = webhooks::list(&mut reader.tx, scope, after, limit + 1).await?;
    let items = found.into_iter().map(Webhook::from).collect();
    Ok(Page::of(items, limit, |it| it.id.to_string()))
}

/// One address.
#[utoipa::path(get, path = "/api/v1/webhooks/{webhook}", tag = "webhooks", params(("webhook" = String, Path)), responses((status = 200, body = Webhook), (status = "default", body = Problem)))]
pub async fn get(
    mut reader: Reader,
    Path(id): Path<WebhookId>,
) -> Result<(HeaderMap, Answer<Webhook>)> {
    let it = reader.webhook(id).await?;
    Ok((etag(it.version), Answer(it.into())))
}

/// Says anew what an address is. `If-Match` makes sure that nobody changed it meanwhile.
#[utoipa::path(put, path = "/api/v1/webhooks/{webhook}", tag = "webhooks", params(("webhook" = String, Path), ("If-Match" = Option<String>, Header)), request_body = SetWebhook,
    responses((status = 200, body = Webhook), (status = "default", body = Problem)))]
pub async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WebhookId>,
    IfMatch(seen): IfMatch,
    Json(want): Json<SetWebhook>,
) -> Result<(HeaderMap, Answer<Webhook>)> {
    let what = ChangeWebhook::Set {
        name: want.name,
        url: want.url,
        events: want.events,
    };
    done(&app, &caller, id, what, seen).await
}

/// Ends an address: nothing is sent to it any more, and what waited is thrown away.
#[utoipa::path(delete, path = "/api/v1/webhooks/{webhook}", tag = "webhooks", params(("webhook" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Webhook), (status = "default", body = Problem)))]
pub async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WebhookId>,
    IfMatch(seen): IfMatch,
) -> Result<(HeaderMap, Answer<Webhook>)> {
    done(&app, &caller, id, ChangeWebhook::End, seen).await
}

/// Stops for now: messages wait, up to 30 days.
#[utoipa::path(post, path = "/api/v1/webhooks/{webhook}/pause", tag = "webhooks", params(("webhook" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Webhook), (status = "default", body = Problem)))]
pub async fn pause(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WebhookId>,
    IfMatch(seen): IfMatch,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Webhook>)> {
    done(&app, &caller, id, ChangeWebhook::Pause, seen).await
}

/// Goes on, also after it was disabled: beginning with what waits, in order.
#[utoipa::path(post, path = "/api/v1/webhooks/{webhook}/resume", tag = "webhooks", params(("webhook" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Webhook), (status = "default", body = Problem)))]
pub async fn resume(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WebhookId>,
    IfMatch(seen): IfMatch,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Webhook>)> {
    done(&app, &caller, id, ChangeWebhook::Resume, seen).await
}

/// Makes a new secret, shown in this answer and never again. For 24 hours messages are signed with the old one too.
#[utoipa::path(post, path = "/api/v1/webhooks/{webhook}/rotate-secret", tag = "webhooks", params(("webhook" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = NewWebhook), (status = "default", body = Problem)))]
pub async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WebhookId>,
    IfMatch(seen): IfMatch,
    _: NoBody,
) -> Result<Response> {
    let it = change_webhook(&app, &caller.actor, id, ChangeWebhook::Rotate, seen).await?;
    let new = NewWebhook {
        secret: Some(secret_text(&it.secret)),
        webhook: it.into(),
    };
    let response = axum::response::IntoResponse::into_response(Answer(&new));
    Ok(shown(response, new))
}

/// Sends a message of the type `webhook.test`.
#[utoipa::path(post, path = "/api/v1/webhooks/{webhook}/test", tag = "webhooks", params(("webhook" = String, Path)),
    responses((status = 200, body = Webhook), (status = "default", body = Problem)))]
pub async fn test(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WebhookId>,
    _: NoBody,
) -> Result<(HeaderMap, Answer<Webhook>)> {
    done(&app, &caller, id, ChangeWebhook::Test, None).await
}

/// Sends again what was sent before, with the same `webhook-id`: one message, or everything since. Kept are 30 days.
#[utoipa::path(post, path = "/api/v1/webhooks/{webhook}/replay", tag = "webhooks", params(("webhook" = String, Path)), request_body = Replay,
    responses((status = 200, body = Webhook), (status = "default", body = Problem)))]
pub async fn replay(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<WebhookId>,
    Json(want): Json<Replay>,
) -> Result<(HeaderMap, Answer<Webhook>)> {
    let what = match (want.message, want.since) {
        (Some(message), None) => ChangeWebhook::ReplayOne(message),
        (None, Some(since)) => ChangeWebhook::ReplaySince(since.0),
        _ => return Err(Error::invalid("message or since, one of them")),
    };
    done(&app, &caller, id, what, None).await
}

/// What was sent to an address, newest first.
#[utoipa::path(get, path = "/api/v1/webhooks/{webhook}/messages", tag = "webhooks", params(("webhook" = String, Path), Paging),
    responses((status = 200, body = Page<Message>), (status = "default", body = Problem)))]
pub async fn messages(
    mut reader: Reader,
    Path(id): Path<WebhookId>,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<Message>>> {
    let (limit, before) = (paging.limit()?, paging.after::<MessageId>()?);
    let it = reader.webhook(id).await?;
    let scope = reader.scope();
    let found = webhook_messages::list(&mut reader.tx, scope, it.id, before, limit + 1).await?;
    let items = found.into_iter().map(Message::from).collect();
    Ok(Page::of(items, limit, |it| it.id.to_string()))
}

async fn done(
    app: &App,
    caller: &Caller,
    id: WebhookId,
    what: ChangeWebhook,
    seen: Option<i64>,
) -> Result<(HeaderMap, Answer<Webhook>)> {
    let it = change_webhook(app, &caller.actor, id, what, seen).await?;
    Ok((etag(it.version), Answer(it.into())))
}

impl Reader {
    /// Refuses who may not see the webhooks of the own organisation.
    pub(in crate::http) async fn may_see_webhooks(&mut self) -> Result<()> {
        let actor = self.caller.actor.clone();
        let own = self.caller.organisation;
        let relations = authority::to_organisation(&mut self.tx, &actor, own).await?;
        Ok(authority::require(
            &actor,
            Action::WriteWebhook,
            &relations,
        )?)
    }

    /// A webhook of the own organisation.
    pub(in crate::http) async fn webhook(&mut self, id: WebhookId) -> Result<webhooks::Webhook> {
        let scope = self.scope();
        let found = webhooks::get(&mut self.tx, scope, id).await?;
        let it = found.ok_or(Error::from(Code::NotFound))?;
        self.may_see_webhooks().await?;
        Ok(it)
    }
}
