//! Orders to gateways.

use sekisho_domain::ids::{CommandId, GatewayId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::uplink::{CommandResult, Outcome};

use super::Tx;
use super::values::{count, int, sound};
use crate::on;

/// An order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCommand {
    /// Which.
    pub id: CommandId,
    /// To whom.
    pub gateway: GatewayId,
    /// `cut` or `unlock`.
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
                kind: if kind == "cut" { "cut" } else { "unlock" },
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

/// What became of an order; `None` while nobody answered.
pub async fn answer(tx: &mut Tx, id: CommandId) -> sqlx::Result<Option<Answer>> {
    let row: Option<(Option<String>, Option<i64>)> = on!(tx, c => sqlx::query_as("SELECT outcome, seal_no FROM command WHERE id = $1")
        .bind(id.text()).fetch_optional(c).await)?;
    Ok(row.and_then(|(outcome, seal_no)| {
        let outcome = match outcome?.as_str() {
            "executed" => Outcome::Executed,
            "expired" => Outcome::Expired,
            _ => Outcome::Rejected,
        };
        Some(Answer {
            outcome,
            seal_no: seal_no.map(count),
        })
    }))
}

fn text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Executed => "executed",
        Outcome::Expired => "expired",
        Outcome::Rejected => "rejected",
    }
}
