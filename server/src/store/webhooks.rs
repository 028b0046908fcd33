//! Addresses outside that are told of events.

use sekisho_domain::ids::{OrganisationId, PersonId, SiteId, WebhookId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read};
use super::{Scope, Tx};
use crate::on;

/// Whether an address is told anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// Told as things happen.
    Active,
    /// Somebody stopped it for now: messages wait.
    Paused,
    /// It failed for too long, or said that it is gone: messages wait.
    Disabled,
    /// Ended for good: nothing is kept for it.
    Ended,
}

impl WebhookState {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Ended => "ended",
        }
    }

    fn from_name(name: &str) -> sqlx::Result<Self> {
        [Self::Active, Self::Paused, Self::Disabled, Self::Ended]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| corrupt("an unknown state of a webhook"))
    }
}

/// An address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Webhook {
    /// Which.
    pub id: WebhookId,
    /// Whose.
    pub organisation: OrganisationId,
    /// What it is for, in words.
    pub name: String,
    /// Where to.
    pub url: String,
    /// Patterns of event names, separated by commas.
    pub events: String,
    /// Signs every message.
    pub secret: Vec<u8>,
    /// Signs beside it until then.
    pub old: Option<(Vec<u8>, Timestamp)>,
    /// Whether it is told anything.
    pub state: WebhookState,
    /// Failures in a row.
    pub failures: i64,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
    /// Nothing is sent before.
    pub next_at: Timestamp,
    /// Counts changes by people, for ETag and If-Match.
    pub version: i64,
    /// Who had it made ([`crate::flows::Actor::text`]).
    pub created_by: String,
    /// Since when.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    organisation_id: String,
    name: String,
    url: String,
    events: String,
    secret: Vec<u8>,
    old_secret: Option<Vec<u8>>,
    old_until: Option<i64>,
    state: String,
    failures: i64,
    failing_since: Option<i64>,
    next_at: i64,
    version: i64,
    created_by: String,
    created_at: i64,
}

impl TryFrom<Row> for Webhook {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(WebhookId::parse_text, &row.id)?,
            organisation: read(OrganisationId::parse_text, &row.organisation_id)?,
            name: row.name,
            url: row.url,
            events: row.events,
            secret: row.secret,
            old: row.old_secret.zip(row.old_until.map(Timestamp)),
            state: WebhookState::from_name(&row.state)?,
            failures: row.failures,
            failing_since: row.failing_since.map(Timestamp),
            next_at: Timestamp(row.next_at),
            version: row.version,
            created_by: row.created_by,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Stores an address of the scope's organisation.
pub async fn insert(tx: &mut Tx, scope: Scope, it: &Webhook) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO webhook (id, organisation_id, name, url, events, secret, state, version, created_by, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
          WHERE $11 IS NULL OR $2 = $11")
        .bind(it.id.text())
        .bind(it.organisation.text())
        .bind(&it.name)
        .bind(&it.url)
        .bind(&it.events)
        .bind(&it.secret)
        .bind(it.state.name())
        .bind(it.version)
        .bind(&it.created_by)
        .bind(it.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One address that was not ended.
pub async fn get(tx: &mut Tx, scope: Scope, id: WebhookId) -> sqlx::Result<Option<Webhook>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, name, url, events, secret, old_secret, old_until, state, failures, failing_since, next_at,
                version, created_by, created_at
           FROM webhook
          WHERE id = $1 AND state <> 'ended' AND ($2 IS NULL OR organisation_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Webhook::try_from).transpose()
}

/// Addresses of the scope, by id.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    after: Option<WebhookId>,
    limit: i64,
) -> sqlx::Result<Vec<Webhook>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, name, url, events, secret, old_secret, old_until, state, failures, failing_since, next_at,
                version, created_by, created_at
           FROM webhook
          WHERE state <> 'ended' AND ($1 IS NULL OR organisation_id = $1) AND id > $2
          ORDER BY id
          LIMIT $3")
        .bind(scope.bind())
        .bind(after.map(|id| id.text()).unwrap_or_default())
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Webhook::try_from).collect()
}

/// Writes what people change, if the version is still the one that they saw; one whose state changes begins afresh.
/// [`sqlx::Error::RowNotFound`] where it is not.
pub async fn update(tx: &mut Tx, scope: Scope, it: &Webhook) -> sqlx::Result<()> {
    let (old, until) = match &it.old {
        Some((secret, until)) => (Some(secret), Some(until.0)),
        None => (None, None),
    };
    one(on!(tx, c => sqlx::query(
        "UPDATE webhook
            SET name = $3, url = $4, events = $5, secret = $6, old_secret = $7, old_until = $8, state = $9,
                failures = 0, failing_since = NULL, next_at = 0, version = version + 1
          WHERE id = $1 AND version = $2 AND state <> 'ended' AND ($10 IS NULL OR organisation_id = $10)")
        .bind(it.id.text())
        .bind(it.version)
        .bind(&it.name)
        .bind(&it.url)
        .bind(&it.events)
        .bind(&it.secret)
        .bind(old)
        .bind(until)
        .bind(it.state.name())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Who is told of what happens at a site to a person: the operator, and the person's home organisation. Id and patterns.
pub async fn listeners(
    tx: &mut Tx,
    site: Option<SiteId>,
    person: Option<PersonId>,
) -> sqlx::Result<Vec<(WebhookId, String)>> {
    let rows: Vec<(String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT id, events
           FROM webhook
          WHERE state <> 'ended'
            AND organisation_id IN (SELECT operator_id FROM site WHERE id = $1
                                     UNION
                                    SELECT organisation_id FROM person WHERE id = $2)
          ORDER BY id")
        .bind(site.map(|id| id.text()))
        .bind(person.map(|id| id.text()))
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, events)| Ok((read(WebhookId::parse_text, &id)?, events)))
        .collect()
}

/// Addresses for which something waits and may be sent now, at most `limit`.
pub async fn due(tx: &mut Tx, now: Timestamp, limit: i64) -> sqlx::Result<Vec<WebhookId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT w.id
           FROM webhook w
          WHERE w.state = 'active' AND w.next_at <= $1 AND w.leased_until <= $1
            AND EXISTS (SELECT 1 FROM webhook_message m WHERE m.webhook_id = w.id AND m.state = 'waiting')
          ORDER BY w.next_at, w.id
          LIMIT $2")
        .bind(now.0)
        .bind(limit)
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(WebhookId::parse_text, id))
        .collect()
}

/// Takes an address for oneself until then, so that of several servers one sends; 0 when another has it.
pub async fn lease(
    tx: &mut Tx,
    id: WebhookId,
    now: Timestamp,
    until: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE webhook SET leased_until = $3
          WHERE id = $1 AND leased_until <= $2 AND state = 'active'")
        .bind(id.text())
        .bind(now.0)
        .bind(until.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Gives it back.
pub async fn give_back(tx: &mut Tx, id: WebhookId) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE webhook SET leased_until = 0 WHERE id = $1")
        .bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// How an address does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Health {
    /// Failures in a row.
    pub failures: i64,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// Nothing is sent before.
    pub next_at: Timestamp,
    /// Whether it is switched off.
    pub disabled: bool,
}

/// Notes how an address does, while it is active.
pub async fn set_health(tx: &mut Tx, id: WebhookId, health: Health) -> sqlx::Result<u64> {
    let state = if health.disabled {
        "disabled"
    } else {
        "active"
    };
    on!(tx, c => sqlx::query(
        "UPDATE webhook SET failures = $2, failing_since = $3, next_at = $4, state = $5
          WHERE id = $1 AND state = 'active'")
        .bind(id.text())
        .bind(health.failures)
        .bind(health.failing_since.map(|at| at.0))
        .bind(health.next_at.0)
        .bind(state)
        .execute(c).await.map(|done| done.rows_affected()))
}
