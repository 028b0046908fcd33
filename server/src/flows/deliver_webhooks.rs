//! Tells addresses outside what waits for them. Nothing here can undo anything.
//!
//! *At least once*: a receiver whose answer was lost gets the message again, with the same `webhook-id`. In order as far as one
//! address is concerned: while a message waits for its next try, those behind it wait too.

use sekisho_domain::ids::WebhookId;
use sekisho_domain::time::Timestamp;
use sekisho_domain::webhook::{self, Next, Outcome, Patience, Tried};
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::FlowError;
use super::record::{Draft, record};
use crate::app::App;
use crate::outgoing;
use crate::store::webhook_messages::{self, Message, MessageState};
use crate::store::webhooks::{self, Health, Webhook};
use crate::store::{Scope, Tx};

/// Addresses that are spoken to at the same time.
const AT_ONCE: i64 = 16;

/// Most messages to one address before the others have their turn.
const BATCH: i64 = 20;

/// Longer than a batch can last: a server that died gives its addresses back by then.
const LEASE_MS: i64 = 5 * 60_000;

/// How long messages are kept, ms.
const KEPT_MS: i64 = 30 * 86_400_000;

/// Sends what is due; how many messages arrived.
pub async fn deliver_webhooks(app: &App, patience: Patience) -> Result<usize, FlowError> {
    let due = webhooks::due(&mut app.db.read().await?, app.now(), AT_ONCE).await?;
    let work = due.into_iter().map(|id| serve(app, id, patience));
    let mut arrived = 0;
    for done in futures_util::future::join_all(work).await {
        arrived += done?;
    }
    Ok(arrived)
}

/// Throws away what is too old to be of use to anybody.
pub async fn prune_webhooks(app: &App) -> Result<u64, FlowError> {
    let mut tx = app.db.write().await?;
    let gone = webhook_messages::prune(&mut tx, app.now().plus_ms(-KEPT_MS)).await?;
    tx.commit().await?;
    Ok(gone)
}

/// Sends one address what waits for it, in order, until one fails.
async fn serve(app: &App, id: WebhookId, patience: Patience) -> Result<usize, FlowError> {
    let now = app.now();
    let mut tx = app.db.write().await?;
    let ours = webhooks::lease(&mut tx, id, now, now.plus_ms(LEASE_MS)).await?;
    tx.commit().await?;
    if ours == 0 {
        return Ok(0);
    }
    let done = batch(app, id, patience).await;
    let mut tx = app.db.write().await?;
    webhooks::give_back(&mut tx, id).await?;
    tx.commit().await?;
    done
}

async fn batch(app: &App, id: WebhookId, patience: Patience) -> Result<usize, FlowError> {
    let mut tx = app.db.read().await?;
    let found = webhooks::get(&mut tx, Scope::System, id).await?;
    let waiting = webhook_messages::waiting(&mut tx, id, BATCH).await?;
    drop(tx);
    let Some(mut to) = found else { return Ok(0) };
    let mut arrived = 0;
    for mut message in waiting {
        let sent = send(app, &to, &message).await;
        let mut tx = app.db.write().await?;
        let next = note(&mut tx, app, &mut to, &mut message, sent, patience).await?;
        tx.commit().await?;
        match next {
            Next::Delivered => arrived += 1,
            // It stands behind the failing one no longer, but the receiver gets a pause all the same.
            Next::Again(_) | Next::GivenUp(_) | Next::Disabled => break,
        }
    }
    Ok(arrived)
}

/// One try.
async fn send(app: &App, to: &Webhook, message: &Message) -> Result<u16, outgoing::Refused> {
    let allowed = app.config.webhooks.networks();
    let url = outgoing::read_url(&to.url, &allowed)?;
    let (id, at_s) = (message.id.to_string(), app.now().0 / 1000);
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", "sekisho".to_owned()),
        ("webhook-timestamp", at_s.to_string()),
        (
            "webhook-signature",
            signatures(to, &id, at_s, message, app.now()),
        ),
        ("webhook-id", id),
    ];
    outgoing::post(&url, &headers, message.payload.clone(), &allowed).await
}

/// Under the secret, and for a while under the one before it too, so that a receiver can change over in its own time.
fn signatures(to: &Webhook, id: &str, at_s: i64, message: &Message, now: Timestamp) -> String {
    let sign = |secret: &[u8]| webhook::signature(secret, id, at_s, &message.payload);
    match &to.old {
        Some((old, until)) if now < *until => format!("{} {}", sign(&to.secret), sign(old)),
        _ => sign(&to.secret),
    }
}

/// Writes down what came of a try and what follows.
async fn note(
    tx: &mut Tx,
    app: &App,
    to: &mut Webhook,
    message: &mut Message,
    sent: Result<u16, outgoing::Refused>,
    patience: Patience,
) -> Result<Next, FlowError> {
    let now = app.now();
    let since = to.failing_since.unwrap_or(now);
    message.tries += 1;
    message.tried_at = Some(now);
    message.status = sent.ok().map(i64::from);
    message.error = sent.err().map(|error| error.to_string());
    let next = webhook::after(
        Tried {
            outcome: sent.map_or(Outcome::Silent, Outcome::Answered),
            tries: message.tries,
            failures: to.failures + 1,
            failing_since: since,
            now,
            jitter: u16::from_be_bytes(app.random()) % 1000,
        },
        patience,
    );
    let mut health = Health {
        failures: to.failures + 1,
        failing_since: Some(since),
        next_at: now,
        disabled: false,
    };
    match next {
        Next::Delivered => {
            message.state = MessageState::Delivered;
            (health.failures, health.failing_since) = (0, None);
        }
        Next::Again(at) => health.next_at = at,
        Next::GivenUp(at) => {
            message.state = MessageState::GivenUp;
            health.next_at = at;
        }
        Next::Disabled => health.disabled = true,
    }
    webhook_messages::set_tried(tx, message).await?;
    let still = webhooks::set_health(tx, to.id, health).await?;
    (to.failures, to.failing_since) = (health.failures, health.failing_since);
    if health.disabled && still == 1 {
        disabled(tx, app, to).await?;
    }
    Ok(next)
}

async fn disabled(tx: &mut Tx, app: &App, to: &Webhook) -> Result<(), FlowError> {
    tracing::warn!(webhook.id = %to.id, "a webhook is switched off: it failed for too long, or is gone");
    let body = RegistryBody {
        id: Some(to.id.0.into()),
        parent: Some(to.organisation.0.into()),
    };
    record(
        tx,
        app,
        Draft::new(app, None, EventCode::WebhookDisabled).body(&body),
    )
    .await?;
    Ok(())
}
