//! Changes an address outside: name, address, events, whether it is told anything; gives it a new secret; sends it something
//! again, or a test.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::{MessageId, WebhookId};
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_domain::webhook::PAYLOAD_VERSION;
use sekisho_domain::wire::code::EventCode;
use serde_json::json;

use super::add_webhook::{patterns, tell, url};
use super::change::{Change, change};
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::webhook_messages::{self, Message, MessageState};
use crate::store::webhooks::{self, Webhook, WebhookState};

/// How long the old secret signs beside a new one, ms.
pub const OVERLAP_MS: i64 = 24 * 3_600_000;

/// What is to be done.
#[derive(Clone, Debug)]
pub enum ChangeWebhook {
    /// Say anew what it is.
    Set {
        /// What it is for, in words.
        name: String,
        /// Where to.
        url: String,
        /// Patterns of event names.
        events: Vec<String>,
    },
    /// Tell it nothing for now; messages wait.
    Pause,
    /// Tell it again, beginning with what waits.
    Resume,
    /// Give it a new secret; both sign for a day.
    Rotate,
    /// Send one message again.
    ReplayOne(MessageId),
    /// Send everything again that was recorded since.
    ReplaySince(Timestamp),
    /// Send a message that says nothing happened.
    Test,
    /// Tell it nothing ever again; what waited is thrown away.
    End,
}

/// Does it, if nobody changed the address since `seen`.
pub async fn change_webhook(
    app: &App,
    actor: &Actor,
    id: WebhookId,
    what: ChangeWebhook,
    seen: Option<i64>,
) -> Result<Webhook, FlowError> {
    let secret: [u8; 32] = app.random();
    let (what, secret) = (&what, &secret);
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, (id, seen), what, secret, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    (id, seen): (WebhookId, Option<i64>),
    what: &ChangeWebhook,
    secret: &[u8; 32],
    change: &mut Change<'_>,
) -> Result<Webhook, FlowError> {
    let mut it = webhooks::get(&mut change.tx, actor.scope(), id)
        .await?
        .ok_or(Code::NotFound)?;
    let relations = authority::to_organisation(&mut change.tx, actor, it.organisation).await?;
    authority::require(actor, Action::WriteWebhook, &relations)?;
    if seen.is_some_and(|seen| seen != it.version) {
        return Err(Code::VersionMismatch.into());
    }
    if let Some(replay) = queue(app, actor, &it, what, change).await? {
        return Ok(replay);
    }
    apply(app, &mut it, what, secret)?;
    webhooks::update(&mut change.tx, actor.scope(), &it)
        .await
        .map_err(|error| match error {
            // Somebody was faster.
            crate::store::SqlError::RowNotFound => FlowError::from(Code::VersionMismatch),
            error => error.into(),
        })?;
    it.version += 1;
    tell(app, actor, &it, EventCode::WebhookChanged, change).await?;
    Ok(it)
}

/// What puts messages into the queue and changes nothing else.
async fn queue(
    app: &App,
    actor: &Actor,
    it: &Webhook,
    what: &ChangeWebhook,
    change: &mut Change<'_>,
) -> Result<Option<Webhook>, FlowError> {
    let (one, since) = match what {
        ChangeWebhook::ReplayOne(id) => (Some(*id), None),
        ChangeWebhook::ReplaySince(at) => (None, Some(*at)),
        ChangeWebhook::Test => {
            webhook_messages::push(&mut change.tx, &test_message(app, it)).await?;
            return Ok(Some(it.clone()));
        }
        _ => return Ok(None),
    };
    let found = webhook_messages::replay(&mut change.tx, actor.scope(), it.id, one, since).await?;
    if found == 0 && one.is_some() {
        return Err(Code::NotFound.into());
    }
    tell(app, actor, it, EventCode::WebhookReplayed, change).await?;
    Ok(Some(it.clone()))
}

fn test_message(app: &App, it: &Webhook) -> Message {
    let id = MessageId(app.event_id().0);
    let payload = json!({
        "version": PAYLOAD_VERSION,
        "type": "webhook.test",
        "timestamp": app.now().rfc3339(),
        "data": { "webhook": it.id },
    });
    Message {
        webhook: it.id,
        id,
        kind: "webhook.test".to_owned(),
        payload: payload.to_string(),
        created_at: app.now(),
        state: MessageState::Waiting,
        tries: 0,
        tried_at: None,
        status: None,
        error: None,
    }
}

fn apply(
    app: &App,
    it: &mut Webhook,
    what: &ChangeWebhook,
    secret: &[u8; 32],
) -> Result<(), FlowError> {
    match what {
        ChangeWebhook::Set {
            name,
            url: to,
            events,
        } => {
            it.name = input::name("name", name)?;
            it.url = url(app, to)?;
            it.events = patterns(events)?;
        }
        ChangeWebhook::Pause => it.state = WebhookState::Paused,
        ChangeWebhook::Resume => it.state = WebhookState::Active,
        ChangeWebhook::Rotate => {
            let old = std::mem::replace(&mut it.secret, secret.to_vec());
            it.old = Some((old, app.now().plus_ms(OVERLAP_MS)));
        }
        ChangeWebhook::End => {
            it.state = WebhookState::Ended;
            it.secret = Vec::new();
            it.old = None;
        }
        ChangeWebhook::ReplayOne(_) | ChangeWebhook::ReplaySince(_) | ChangeWebhook::Test => {}
    }
    Ok(())
}
