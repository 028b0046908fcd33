//! Orders to gateways.

use sekisho_domain::ids::{CommandId, GatewayId, SiteId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::uplink::{CommandResult, Outcome};

use super::values::{count, int, sound, time};
use super::{Scope, Tx};
use crate::on;

/// An order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCommand {
    /// Which.
    pub id: CommandId,
    /// To whom.
    pub gateway: GatewayId,
    /// `cut`, `unlock` or `mode`.
    pub kind: &'static str,
    /// Canonical bytes of the [`sekisho_domain::wire::uplink::Order`].
    pub order: Vec<u8>,
    /// When it was given.
    pub issued_at: Timestamp,
    /// Until when it may be carried out.
    pub not_after: Timestamp,
}

/// What a gateway answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// What became of it.
    pub outcome: Outcome,
    /// For a cut: the seal that ends with it.
    pub seal_no: Option<u64>,
}

/// Stores an order for the running server to send.
pub async fn insert(tx: &mut Tx, command: &StoredCommand) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("INSERT INTO command (id, gateway_id, kind, order_cbor, issued_at, not_after) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(command.id.text()).bind(command.gateway.text()).bind(command.kind).bind(&command.order)
        .bind(command.issued_at.0).bind(command.not_after.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Orders that have not been sent and are not too late: which, to whom, what, given when, until when.
pub async fn unsent(tx: &mut Tx, now: Timestamp) -> sqlx::Result<Vec<StoredCommand>> {
    let rows: Vec<(String, String, String, Vec<u8>, i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT id, gateway_id, kind, order_cbor, issued_at, not_after FROM command
          WHERE sent_at IS NULL AND outcome IS NULL AND not_after > $1 ORDER BY issued_at, id LIMIT 100")
        .bind(now.0).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, gateway, kind, order, issued_at, not_after)| {
            Ok(StoredCommand {
                id: sound(CommandId::parse_text(&id))?,
                gateway: sound(GatewayId::parse_text(&gateway))?,
                kind: match kind.as_str() {
                    "cut" => "cut",
                    "mode" => "mode",
                    _ => "unlock",
                },
                order,
                issued_at: Timestamp(issued_at),
                not_after: Timestamp(not_after),
            })
        })
        .collect()
}

/// Writes down that an order was sent; false when another server sent it.
pub async fn set_sent(tx: &mut Tx, id: CommandId, now: Timestamp) -> sqlx::Result<bool> {
    on!(tx, c => sqlx::query("UPDATE command SET sent_at = $1 WHERE id = $2 AND sent_at IS NULL").bind(now.0).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected() == 1))
}

/// Writes down what became of an order; the first answer counts.
pub async fn set_answer(
    tx: &mut Tx,
    gateway: GatewayId,
    result: &CommandResult,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE command SET outcome = $1, answered_at = $2, seal_no = $3 WHERE id = $4 AND gateway_id = $5 AND outcome IS NULL")
        .bind(text(result.outcome)).bind(now.0).bind(result.seal_no.map(int)).bind(result.id.text()).bind(gateway.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down what a gateway recorded about an order for a door, where its answer was lost.
pub async fn set_recorded(
    tx: &mut Tx,
    gateway: GatewayId,
    id: CommandId,
    outcome: Outcome,
    now: Timestamp,
) -> sqlx::Result<u64> {
    // A cut is answered with the seal that ends with it, which its record cannot name.
    on!(tx, c => sqlx::query(
        "UPDATE command SET outcome = $1, answered_at = $2
          WHERE id = $3 AND gateway_id = $4 AND outcome IS NULL AND kind <> 'cut'")
        .bind(text(outcome)).bind(now.0).bind(id.text()).bind(gateway.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// An order for a door and what is known about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DoorOrder {
    /// Which.
    pub id: CommandId,
    /// At which site.
    pub site: SiteId,
    /// Canonical bytes of the [`sekisho_domain::wire::uplink::Order`].
    pub order: Vec<u8>,
    /// When it was given.
    pub issued_at: Timestamp,
    /// Until when it may be carried out.
    pub not_after: Timestamp,
    /// Whether it was sent.
    pub sent: bool,
    /// What the gateway said became of it.
    pub outcome: Option<Outcome>,
    /// When that was known here.
    pub answered_at: Option<Timestamp>,
}

/// One order for a door of a site that the scope operates.
pub async fn for_door(tx: &mut Tx, scope: Scope, id: CommandId) -> sqlx::Result<Option<DoorOrder>> {
    type Row = (
        String,
        String,
        Vec<u8>,
        i64,
        i64,
        Option<i64>,
        Option<String>,
        Option<i64>,
    );
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT o.id, g.site_id, o.order_cbor, o.issued_at, o.not_after, o.sent_at, o.outcome, o.answered_at
           FROM command o
           JOIN gateway g ON g.id = o.gateway_id
           JOIN site s ON s.id = g.site_id
          WHERE o.id = $1 AND o.kind <> 'cut' AND ($2 IS NULL OR s.operator_id = $2)")
        .bind(id.text()).bind(scope.bind()).fetch_optional(c).await)?;
    row.map(
        |(id, site, order, issued_at, not_after, sent_at, outcome, answered_at)| {
            Ok(DoorOrder {
                id: sound(CommandId::parse_text(&id))?,
                site: sound(SiteId::parse_text(&site))?,
                order,
                issued_at: Timestamp(issued_at),
                not_after: Timestamp(not_after),
                sent: sent_at.is_some(),
                outcome: outcome.as_deref().map(outcome_of),
                answered_at: time(answered_at),
            })
        },
    )
    .transpose()
}

/// What became of an order; `None` while nobody answered.
pub async fn answer(tx: &mut Tx, id: CommandId) -> sqlx::Result<Option<Answer>> {
    let row: Option<(Option<String>, Option<i64>)> = on!(tx, c => sqlx::query_as("SELECT outcome, seal_no FROM command WHERE id = $1")
        .bind(id.text()).fetch_optional(c).await)?;
    Ok(row.and_then(|(outcome, seal_no)| {
        Some(Answer {
            outcome: outcome_of(&outcome?),
            seal_no: seal_no.map(count),
        })
    }))
}

fn outcome_of(text: &str) -> Outcome {
    match text {
        "executed" => Outcome::Executed,
        "expired" => Outcome::Expired,
        _ => Outcome::Rejected,
    }
}

fn text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Executed => "executed",
        Outcome::Expired => "expired",
        Outcome::Rejected => "rejected",
    }
}
