//! What is told to addresses outside: each message with what became of it. A message has the id of its event.

use sekisho_domain::ids::{MessageId, WebhookId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, read};
use super::{Scope, Tx};
use crate::on;

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// It is still to be sent.
    Waiting,
    /// The receiver said that it has it.
    Delivered,
    /// The receiver refused it again and again.
    GivenUp,
}

impl MessageState {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    fn from_name(name: &str) -> sqlx::Result<Self> {
        [Self::Waiting, Self::Delivered, Self::GivenUp]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| corrupt("an unknown state of a message"))
    }
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// To whom.
    pub webhook: WebhookId,
    /// Which: the same at every try, so that a receiver knows a repeat.
    pub id: MessageId,
    /// Name of the event.
    pub kind: String,
    /// What is sent: JSON.
    pub payload: String,
    /// When the event was recorded.
    pub created_at: Timestamp,
    /// What became of it.
    pub state: MessageState,
    /// How often it was tried.
    pub tries: i64,
    /// When last.
    pub tried_at: Option<Timestamp>,
    /// With what HTTP status.
    pub status: Option<i64>,
    /// Or with what failure.
    pub error: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    webhook_id: String,
    id: String,
    kind: String,
    payload: String,
    created_at: i64,
    state: String,
    tries: i64,
    tried_at: Option<i64>,
    status: Option<i64>,
    error: Option<String>,
}

impl TryFrom<Row> for Message {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            webhook: read(WebhookId::parse_text, &row.webhook_id)?,
            id: read(MessageId::parse_text, &row.id)?,
            kind: row.kind,
            payload: row.payload,
            created_at: Timestamp(row.created_at),
            state: MessageState::from_name(&row.state)?,
            tries: row.tries,
            tried_at: row.tried_at.map(Timestamp),
            status: row.status,
            error: row.error,
        })
    }
}

/// Adds a message; 0 when the address has one of this id already.
pub async fn push(tx: &mut Tx, it: &Message) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "INSERT INTO webhook_message (webhook_id, id, kind, payload, created_at, state)
         VALUES ($1, $2, $3, $4, $5, 'waiting')
         ON CONFLICT (webhook_id, id) DO NOTHING")
        .bind(it.webhook.text())
        .bind(it.id.text())
        .bind(&it.kind)
        .bind(&it.payload)
        .bind(it.created_at.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// What waits for an address, in order, at most `limit`.
pub async fn waiting(tx: &mut Tx, webhook: WebhookId, limit: i64) -> sqlx::Result<Vec<Message>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT webhook_id, id, kind, payload, created_at, state, tries, tried_at, status, error
           FROM webhook_message
          WHERE webhook_id = $1 AND state = 'waiting'
          ORDER BY id
          LIMIT $2")
        .bind(webhook.text())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Message::try_from).collect()
}

/// Notes what came of a try.
pub async fn set_tried(tx: &mut Tx, it: &Message) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE webhook_message SET state = $3, tries = $4, tried_at = $5, status = $6, error = $7
          WHERE webhook_id = $1 AND id = $2")
        .bind(it.webhook.text())
        .bind(it.id.text())
        .bind(it.state.name())
        .bind(it.tries)
        .bind(it.tried_at.map(|at| at.0))
        .bind(it.status)
        .bind(it.error.as_deref())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Messages of an address of the scope before `before`, newest first, at most `limit`.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    webhook: WebhookId,
    before: Option<MessageId>,
    limit: i64,
) -> sqlx::Result<Vec<Message>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT m.webhook_id, m.id, m.kind, m.payload, m.created_at, m.state, m.tries, m.tried_at, m.status, m.error
           FROM webhook_message m
           JOIN webhook w ON w.id = m.webhook_id
          WHERE m.webhook_id = $1 AND ($2 IS NULL OR w.organisation_id = $2) AND ($3 IS NULL OR m.id < $3)
          ORDER BY m.id DESC
          LIMIT $4")
        .bind(webhook.text())
        .bind(scope.bind())
        .bind(before.map(|id| id.text()))
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Message::try_from).collect()
}

/// Sends one message again, or all that were recorded at or after `since`: they wait as if new. How many.
pub async fn replay(
    tx: &mut Tx,
    scope: Scope,
    webhook: WebhookId,
    one: Option<MessageId>,
    since: Option<Timestamp>,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE webhook_message SET state = 'waiting', tries = 0
          WHERE webhook_id = $1
            AND (id = $2 OR created_at >= $3)
            AND EXISTS (SELECT 1 FROM webhook w
                         WHERE w.id = webhook_message.webhook_id AND ($4 IS NULL OR w.organisation_id = $4))")
        .bind(webhook.text())
        .bind(one.map(|id| id.text()))
        .bind(since.map(|at| at.0))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Deletes what was recorded before `before`, and all of addresses that were ended.
pub async fn prune(tx: &mut Tx, before: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "DELETE FROM webhook_message
          WHERE created_at < $1 OR webhook_id IN (SELECT id FROM webhook WHERE state = 'ended')")
        .bind(before.0)
        .execute(c).await.map(|done| done.rows_affected()))
}
