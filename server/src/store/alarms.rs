//! Alarms: what needs a human, from its beginning to its end.

use sekisho_domain::ids::{
    AlarmId, DeviceId, DoorId, GatewayId, PersonId, SiteId, StreamId, ZoneId,
};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;

use super::columns::{corrupt, read, read_opt};
use super::values::{count, int, time};
use super::{Scope, Tx};
use crate::on;

/// An alarm.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a column and an answer of its own"
)]
pub struct Alarm {
    /// Which.
    pub id: AlarmId,
    /// Where.
    pub site: SiteId,
    /// Whose.
    pub gateway: GatewayId,
    /// What it is about: a stable name such as `forced_open`.
    pub kind: String,
    /// The event that began it.
    pub code: EventCode,
    /// At which door.
    pub door: Option<DoorId>,
    /// Which device.
    pub device: Option<DeviceId>,
    /// In which zone.
    pub zone: Option<ZoneId>,
    /// It has no end of its own: acknowledging ends it.
    pub once: bool,
    /// It stays on the list until somebody has acknowledged it, even when it is over.
    pub latching: bool,
    /// How often it has come, by the sealed records; more than once only where `once` holds.
    pub times: u64,
    /// When it began, by the gateway's clock.
    pub since: Timestamp,
    /// Its sealed record has come; before that this is an advisory copy.
    pub confirmed: bool,
    /// The sealed records have come and say otherwise: the copy was wrong.
    pub refuted: bool,
    /// When it ended, by the gateway's clock.
    pub cleared_at: Option<Timestamp>,
    /// Who has seen to it.
    pub acknowledged: Option<Acknowledged>,
}

impl Alarm {
    /// Whether it is on.
    pub fn is_active(&self) -> bool {
        self.cleared_at.is_none() && !self.refuted && !(self.once && self.acknowledged.is_some())
    }

    /// Whether somebody should look at it: it is on, or it was and nobody has seen to it.
    pub fn is_open(&self) -> bool {
        self.is_active() || (self.latching && !self.refuted && self.acknowledged.is_none())
    }

    /// What matters most comes first: fire, then doors that were forced, then the rest.
    pub fn rank(&self) -> u8 {
        match self.kind.as_str() {
            "fire" => 0,
            "forced_open" => 1,
            _ => 2,
        }
    }
}

/// Who has seen to an alarm, when, and what they say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acknowledged {
    /// Who: `per_…`, `tok_…` or `system`.
    pub by: String,
    /// Who, where it was a person.
    pub person: Option<PersonId>,
    /// Their name.
    pub name: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What they say.
    pub reason: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    site_id: String,
    gateway_id: String,
    kind: String,
    code: i64,
    door_id: Option<String>,
    device_id: Option<String>,
    zone_id: Option<String>,
    once: i64,
    latching: i64,
    times: i64,
    since: i64,
    confirmed_at: Option<i64>,
    refuted_at: Option<i64>,
    cleared_at: Option<i64>,
    acknowledged_by: Option<String>,
    acknowledged_person: Option<String>,
    acknowledged_name: Option<String>,
    acknowledged_at: Option<i64>,
    acknowledged_reason: Option<String>,
}

fn alarm(row: Row) -> sqlx::Result<Alarm> {
    let acknowledged = match (row.acknowledged_by, row.acknowledged_at) {
        (Some(by), Some(at)) => Some(Acknowledged {
            by,
            person: read_opt(PersonId::parse_text, row.acknowledged_person.as_deref())?,
            name: row.acknowledged_name,
            at: Timestamp(at),
            reason: row.acknowledged_reason.unwrap_or_default(),
        }),
        _ => None,
    };
    Ok(Alarm {
        id: read(AlarmId::parse_text, &row.id)?,
        site: read(SiteId::parse_text, &row.site_id)?,
        gateway: read(GatewayId::parse_text, &row.gateway_id)?,
        kind: row.kind,
        code: u16::try_from(row.code)
            .ok()
            .and_then(EventCode::from_u16)
            .ok_or_else(|| corrupt("an alarm of an unknown code"))?,
        door: read_opt(DoorId::parse_text, row.door_id.as_deref())?,
        device: read_opt(DeviceId::parse_text, row.device_id.as_deref())?,
        zone: read_opt(ZoneId::parse_text, row.zone_id.as_deref())?,
        once: row.once == 1,
        latching: row.latching == 1,
        times: count(row.times),
        since: Timestamp(row.since),
        confirmed: row.confirmed_at.is_some(),
        refuted: row.refuted_at.is_some(),
        cleared_at: time(row.cleared_at),
        acknowledged,
    })
}

/// Alarms of a site, newest first. `open_only`: those for which [`Alarm::is_open`] holds; in the order of [`Alarm::rank`], so
/// that what matters most is never beyond the limit.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    open_only: bool,
    limit: i64,
) -> sqlx::Result<Vec<Alarm>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT a.id, a.site_id, a.gateway_id, a.kind, a.code, a.door_id, a.device_id, a.zone_id, a.once, a.latching, a.times, a.since,
                a.confirmed_at, a.refuted_at, a.cleared_at,
                a.acknowledged_by, a.acknowledged_person, p.name AS acknowledged_name, a.acknowledged_at, a.acknowledged_reason
           FROM alarm a JOIN site ON site.id = a.site_id LEFT JOIN person p ON p.id = a.acknowledged_person
          WHERE a.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2)
            AND ($3 = 0 OR (a.refuted_at IS NULL
                 AND ((a.cleared_at IS NULL AND (a.once = 0 OR a.acknowledged_at IS NULL)) OR (a.latching = 1 AND a.acknowledged_at IS NULL))))
          ORDER BY CASE WHEN $3 = 0 THEN 0 WHEN a.kind = 'fire' THEN 0 WHEN a.kind = 'forced_open' THEN 1 ELSE 2 END, a.since DESC, a.id DESC LIMIT $4")
        .bind(site.text()).bind(scope.bind()).bind(i64::from(open_only)).bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(alarm).collect()
}

/// One alarm.
pub async fn get(tx: &mut Tx, scope: Scope, id: AlarmId) -> sqlx::Result<Option<Alarm>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT a.id, a.site_id, a.gateway_id, a.kind, a.code, a.door_id, a.device_id, a.zone_id, a.once, a.latching, a.times, a.since,
                a.confirmed_at, a.refuted_at, a.cleared_at,
                a.acknowledged_by, a.acknowledged_person, p.name AS acknowledged_name, a.acknowledged_at, a.acknowledged_reason
           FROM alarm a JOIN site ON site.id = a.site_id LEFT JOIN person p ON p.id = a.acknowledged_person
          WHERE a.id = $1 AND ($2 IS NULL OR site.operator_id = $2)")
        .bind(id.text()).bind(scope.bind()).fetch_optional(c).await)?;
    row.map(alarm).transpose()
}

/// The event that says something about an alarm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word<'a> {
    /// Whose.
    pub gateway: GatewayId,
    /// In which stream.
    pub stream: StreamId,
    /// Under which number.
    pub seq: u64,
    /// Kind of the alarm.
    pub kind: &'a str,
    /// Door or device as 26 characters; all zeros for the box itself.
    pub place: String,
    /// When, by the gateway's clock.
    pub at: Timestamp,
}

/// Writes down that an alarm began; 0 when this very event was heard before, when it goes on since an earlier one, or when it
/// has no end of its own and nobody has seen to an earlier one. What is sealed is only taken together with what is confirmed:
/// a copy may yet be refuted.
pub async fn begin(tx: &mut Tx, word: &Word<'_>, new: &Alarm, now: Timestamp) -> sqlx::Result<u64> {
    let confirmed = new.confirmed.then_some(now.0);
    on!(tx, c => sqlx::query(
        "INSERT INTO alarm (id, site_id, gateway_id, kind, code, place, door_id, device_id, zone_id, stream, seq, once, latching, since, heard_at, confirmed_at)
         SELECT $1, $2, $3, $4, CAST($5 AS BIGINT), $6, $7, $8, $9, $10, CAST($11 AS BIGINT), CAST($12 AS BIGINT), CAST($13 AS BIGINT), CAST($14 AS BIGINT), CAST($15 AS BIGINT), CAST($16 AS BIGINT)
          WHERE NOT EXISTS (SELECT 1 FROM alarm
                 WHERE gateway_id = $3 AND kind = $4 AND place = $6 AND stream = $10 AND seq < $11
                   AND cleared_at IS NULL AND refuted_at IS NULL AND (once = 0 OR acknowledged_at IS NULL)
                   AND (confirmed_at IS NOT NULL OR CAST($16 AS BIGINT) IS NULL))
         ON CONFLICT (gateway_id, stream, seq) DO NOTHING")
        .bind(new.id.text()).bind(new.site.text()).bind(word.gateway.text()).bind(word.kind).bind(i64::from(new.code as u16)).bind(&word.place)
        .bind(new.door.map(|id| id.text())).bind(new.device.map(|id| id.text())).bind(new.zone.map(|id| id.text()))
        .bind(word.stream.text()).bind(int(word.seq)).bind(i64::from(new.once)).bind(i64::from(new.latching)).bind(word.at.0).bind(now.0).bind(confirmed)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Counts a sealed record of an alarm without an end of its own that nobody has seen to: on the last row before this word.
pub async fn come_again(tx: &mut Tx, word: &Word<'_>) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE alarm SET times = times + 1
          WHERE gateway_id = $1 AND stream = $2
            AND seq = (SELECT MAX(seq) FROM alarm
                        WHERE gateway_id = $1 AND kind = $3 AND place = $4 AND stream = $2 AND seq < $5
                          AND once = 1 AND confirmed_at IS NOT NULL AND refuted_at IS NULL AND acknowledged_at IS NULL)")
        .bind(word.gateway.text()).bind(word.stream.text()).bind(word.kind).bind(&word.place).bind(int(word.seq))
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Alarms of a gateway of which only the advisory copy has come, and that nobody has seen to; how many.
pub async fn unconfirmed(tx: &mut Tx, gateway: GatewayId) -> sqlx::Result<u64> {
    let (rows,): (i64,) = on!(tx, c => sqlx::query_as(
        "SELECT COUNT(*) FROM alarm WHERE gateway_id = $1 AND confirmed_at IS NULL AND refuted_at IS NULL AND acknowledged_at IS NULL")
        .bind(gateway.text()).fetch_one(c).await)?;
    Ok(count(rows))
}

/// Writes down that the sealed record of an alarm's beginning has come; 0 when it was there.
pub async fn confirm(tx: &mut Tx, word: &Word<'_>, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE alarm SET confirmed_at = $1 WHERE gateway_id = $2 AND stream = $3 AND seq = $4 AND kind = $5 AND place = $6 AND confirmed_at IS NULL")
        .bind(now.0).bind(word.gateway.text()).bind(word.stream.text()).bind(int(word.seq)).bind(word.kind).bind(&word.place)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down that an alarm is over: what began before this word, in its stream or in an earlier one. How many.
pub async fn end(tx: &mut Tx, word: &Word<'_>) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE alarm SET cleared_at = $1
          WHERE gateway_id = $2 AND kind = $3 AND place = $4 AND cleared_at IS NULL AND once = 0 AND (stream <> $5 OR seq < $6)")
        .bind(word.at.0).bind(word.gateway.text()).bind(word.kind).bind(&word.place).bind(word.stream.text()).bind(int(word.seq))
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Refutes the advisory copies whose numbers the sealed records have now covered with something else; how many.
pub async fn refute(
    tx: &mut Tx,
    gateway: GatewayId,
    stream: StreamId,
    (first, last): (u64, u64),
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE alarm SET refuted_at = $1
          WHERE gateway_id = $2 AND stream = $3 AND seq >= $4 AND seq <= $5 AND confirmed_at IS NULL AND refuted_at IS NULL")
        .bind(now.0).bind(gateway.text()).bind(stream.text()).bind(int(first)).bind(int(last))
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Ends all alarms of a gateway that is no more, but those that only an acknowledgement ends; how many.
pub async fn end_all(tx: &mut Tx, gateway: GatewayId, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE alarm SET cleared_at = $1 WHERE gateway_id = $2 AND cleared_at IS NULL AND once = 0")
        .bind(now.0).bind(gateway.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down who has seen to an alarm; 0 when somebody had before.
pub async fn acknowledge(tx: &mut Tx, id: AlarmId, by: &Acknowledged) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE alarm SET acknowledged_by = $1, acknowledged_person = $2, acknowledged_at = $3, acknowledged_reason = $4
          WHERE id = $5 AND acknowledged_at IS NULL")
        .bind(&by.by).bind(by.person.map(|id| id.text())).bind(by.at.0).bind(&by.reason).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}
