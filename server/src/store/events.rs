//! Events as pages and the API show them, and the vault of openings. Leaves are the truth; these rows can be made again.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{
    Correlation, DeviceId, DoorId, EventId, GatewayId, PassId, PersonId, SiteId, StreamId, ZoneId,
};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::values::{count, int, sound, sound_option};
use super::{Scope, Tx};
use crate::on;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Which.
    pub id: EventId,
    /// Where; `None` at the operator.
    pub site: Option<SiteId>,
    /// Which gateway recorded it; `None` is the server.
    pub gateway: Option<GatewayId>,
    /// In which stream; absent until the server's own event is sealed.
    pub stream: Option<StreamId>,
    /// Its number in the stream.
    pub seq: Option<u64>,
    /// [`sekisho_domain::wire::code::EventCode`] as a number; 0 for what could not be read.
    pub code: u16,
    /// When, by the recorder's clock.
    pub at: Timestamp,
    /// Bound on that clock's error, ms.
    pub err_ms: u32,
    /// When this server heard of it.
    pub received_at: Timestamp,
    /// Door.
    pub door: Option<DoorId>,
    /// Device.
    pub device: Option<DeviceId>,
    /// Zone.
    pub zone: Option<ZoneId>,
    /// Joins read, decision, unlock and door.
    pub correlation: Option<Correlation>,
    /// Whom it was about.
    pub person: Option<PersonId>,
    /// Which pass.
    pub pass: Option<PassId>,
    /// Stable names of reasons, or the code of a refusal.
    pub reasons: Vec<String>,
    /// What is wrong with the event itself, e.g. `undecodable`.
    pub finding: Option<String>,
}

impl EventRow {
    /// What an event says of itself; who and why are added by whoever knows.
    pub fn of(id: EventId, event: &Event, received_at: Timestamp) -> Self {
        Self {
            id,
            site: None,
            gateway: None,
            stream: None,
            seq: None,
            code: event.code,
            at: event.at.wall,
            err_ms: event.at.err_ms,
            received_at,
            door: event.door,
            device: event.device,
            zone: event.zone,
            correlation: event.correlation,
            person: None,
            pass: None,
            reasons: Vec::new(),
            finding: None,
        }
    }
}

/// Stores one event.
pub async fn insert(tx: &mut Tx, row: &EventRow) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "INSERT INTO event (id, site_id, gateway_id, stream, seq, code, at, err_ms, received_at, door_id, device_id, zone_id, correlation,
                            person_id, pass_id, reasons, finding)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)")
        .bind(row.id.text()).bind(row.site.map(|id| id.text())).bind(row.gateway.map(|id| id.text()))
        .bind(row.stream.map(|id| id.text())).bind(row.seq.map(int)).bind(i64::from(row.code)).bind(row.at.0).bind(i64::from(row.err_ms))
        .bind(row.received_at.0).bind(row.door.map(|id| id.text())).bind(row.device.map(|id| id.text())).bind(row.zone.map(|id| id.text()))
        .bind(row.correlation.map(|id| id.text())).bind(row.person.map(|id| id.text())).bind(row.pass.map(|id| id.text()))
        .bind(row.reasons.join(",")).bind(row.finding.as_deref())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down where one of the server's own events was sealed.
pub async fn set_place(tx: &mut Tx, id: EventId, stream: StreamId, seq: u64) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE event SET stream = $1, seq = $2 WHERE id = $3").bind(stream.text()).bind(int(seq)).bind(id.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Events of a site after (or, newest first, before) `cursor`.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    cursor: Option<EventId>,
    newest_first: bool,
    limit: i64,
) -> sqlx::Result<Vec<EventRow>> {
    let (site, cursor) = (site.text(), cursor.map(|id| id.text()));
    let rows: Vec<Row> = if newest_first {
        on!(tx, c => sqlx::query_as(
            "SELECT e.id, e.site_id, e.gateway_id, e.stream, e.seq, e.code, e.at, e.err_ms, e.received_at, e.door_id, e.device_id, e.zone_id,
                    e.correlation, e.person_id, e.pass_id, e.reasons, e.finding
               FROM event e JOIN site ON site.id = e.site_id
              WHERE e.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2) AND ($3 IS NULL OR e.id < $3) ORDER BY e.id DESC LIMIT $4")
            .bind(site).bind(scope.bind()).bind(cursor).bind(limit).fetch_all(c).await)?
    } else {
        on!(tx, c => sqlx::query_as(
            "SELECT e.id, e.site_id, e.gateway_id, e.stream, e.seq, e.code, e.at, e.err_ms, e.received_at, e.door_id, e.device_id, e.zone_id,
                    e.correlation, e.person_id, e.pass_id, e.reasons, e.finding
               FROM event e JOIN site ON site.id = e.site_id
              WHERE e.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2) AND ($3 IS NULL OR e.id > $3) ORDER BY e.id LIMIT $4")
            .bind(site).bind(scope.bind()).bind(cursor).bind(limit).fetch_all(c).await)?
    };
    rows.into_iter().map(Row::read).collect()
}

/// One event of a site.
pub async fn get(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    id: EventId,
) -> sqlx::Result<Option<EventRow>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT e.id, e.site_id, e.gateway_id, e.stream, e.seq, e.code, e.at, e.err_ms, e.received_at, e.door_id, e.device_id, e.zone_id,
                e.correlation, e.person_id, e.pass_id, e.reasons, e.finding
           FROM event e JOIN site ON site.id = e.site_id
          WHERE e.id = $1 AND e.site_id = $2 AND ($3 IS NULL OR site.operator_id = $3)")
        .bind(id.text()).bind(site.text()).bind(scope.bind()).fetch_optional(c).await)?;
    row.map(Row::read).transpose()
}

/// The last events of one code at a site, newest first.
pub async fn of_code(
    tx: &mut Tx,
    scope: Scope,
    site: SiteId,
    code: EventCode,
    limit: i64,
) -> sqlx::Result<Vec<EventRow>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT e.id, e.site_id, e.gateway_id, e.stream, e.seq, e.code, e.at, e.err_ms, e.received_at, e.door_id, e.device_id, e.zone_id,
                e.correlation, e.person_id, e.pass_id, e.reasons, e.finding
           FROM event e JOIN site ON site.id = e.site_id
          WHERE e.site_id = $1 AND e.code = $2 AND ($3 IS NULL OR site.operator_id = $3) ORDER BY e.id DESC LIMIT $4")
        .bind(site.text()).bind(i64::from(code as u16)).bind(scope.bind()).bind(limit).fetch_all(c).await)?;
    rows.into_iter().map(Row::read).collect()
}

/// The last events about a person at sites of the scope, newest first.
pub async fn of_person(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
    limit: i64,
) -> sqlx::Result<Vec<EventRow>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT e.id, e.site_id, e.gateway_id, e.stream, e.seq, e.code, e.at, e.err_ms, e.received_at, e.door_id, e.device_id, e.zone_id,
                e.correlation, e.person_id, e.pass_id, e.reasons, e.finding
           FROM event e JOIN site ON site.id = e.site_id
          WHERE e.person_id = $1 AND ($2 IS NULL OR site.operator_id = $2) ORDER BY e.id DESC LIMIT $3")
        .bind(person.text()).bind(scope.bind()).bind(limit).fetch_all(c).await)?;
    rows.into_iter().map(Row::read).collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    site_id: Option<String>,
    gateway_id: Option<String>,
    stream: Option<String>,
    seq: Option<i64>,
    code: i64,
    at: i64,
    err_ms: i64,
    received_at: i64,
    door_id: Option<String>,
    device_id: Option<String>,
    zone_id: Option<String>,
    correlation: Option<String>,
    person_id: Option<String>,
    pass_id: Option<String>,
    reasons: String,
    finding: Option<String>,
}

impl Row {
    fn read(self) -> sqlx::Result<EventRow> {
        Ok(EventRow {
            id: sound(EventId::parse_text(&self.id))?,
            site: sound_option(self.site_id.as_deref(), SiteId::parse_text)?,
            gateway: sound_option(self.gateway_id.as_deref(), GatewayId::parse_text)?,
            stream: sound_option(self.stream.as_deref(), StreamId::parse_text)?,
            seq: self.seq.map(count),
            code: u16::try_from(self.code).unwrap_or(0),
            at: Timestamp(self.at),
            err_ms: u32::try_from(self.err_ms).unwrap_or(u32::MAX),
            received_at: Timestamp(self.received_at),
            door: sound_option(self.door_id.as_deref(), DoorId::parse_text)?,
            device: sound_option(self.device_id.as_deref(), DeviceId::parse_text)?,
            zone: sound_option(self.zone_id.as_deref(), ZoneId::parse_text)?,
            correlation: sound_option(self.correlation.as_deref(), Correlation::parse_text)?,
            person: sound_option(self.person_id.as_deref(), PersonId::parse_text)?,
            pass: sound_option(self.pass_id.as_deref(), PassId::parse_text)?,
            reasons: self
                .reasons
                .split(',')
                .filter(|reason| !reason.is_empty())
                .map(str::to_owned)
                .collect(),
            finding: self.finding,
        })
    }
}

/// Keeps an opening in the vault. One that is there already is left alone.
pub async fn keep_opening(
    tx: &mut Tx,
    site: Option<SiteId>,
    digest: Digest,
    disclosure: &str,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "INSERT INTO opening (digest, site_id, disclosure, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO NOTHING")
        .bind(digest.0.to_vec()).bind(site.map(|site| site.text())).bind(disclosure).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// The opening behind a digest in an event of a site.
pub async fn opening(
    tx: &mut Tx,
    site: Option<SiteId>,
    digest: Digest,
) -> sqlx::Result<Option<String>> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT disclosure FROM opening WHERE digest = $1 AND ((site_id IS NULL AND $2 IS NULL) OR site_id = $2)")
        .bind(digest.0.to_vec()).bind(site.map(|site| site.text())).fetch_optional(c).await)?;
    Ok(row.map(|(disclosure,)| disclosure))
}

/// When a pass was revoked at a site, if it was.
pub async fn pass_revoked_at(
    tx: &mut Tx,
    site: SiteId,
    pass: PassId,
) -> sqlx::Result<Option<Timestamp>> {
    let row: Option<(i64,)> = on!(tx, c => sqlx::query_as("SELECT at FROM revocation WHERE site_id = $1 AND kind = 'pass' AND ref_id = $2")
        .bind(site.text()).bind(pass.text()).fetch_optional(c).await)?;
    Ok(row.map(|(at,)| Timestamp(at)))
}

/// Whose a pass of this site is.
pub async fn person_of_pass(
    tx: &mut Tx,
    site: SiteId,
    pass: PassId,
) -> sqlx::Result<Option<PersonId>> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as("SELECT person_id FROM pass WHERE id = $1 AND site_id = $2")
        .bind(pass.text()).bind(site.text()).fetch_optional(c).await)?;
    row.map(|(person,)| sound(PersonId::parse_text(&person)))
        .transpose()
}

/// Whom the grant of a correlation was about, as its gateway recorded it.
pub async fn person_of_grant(
    tx: &mut Tx,
    gateway: GatewayId,
    correlation: Correlation,
) -> sqlx::Result<Option<PersonId>> {
    let row: Option<(Option<String>,)> = on!(tx, c => sqlx::query_as(
        "SELECT person_id FROM event WHERE correlation = $1 AND gateway_id = $2 AND code = $3 AND person_id IS NOT NULL")
        .bind(correlation.text()).bind(gateway.text()).bind(EventCode::AccessGranted as i64)
        .fetch_optional(c).await)?;
    sound_option(
        row.and_then(|(person,)| person).as_deref(),
        PersonId::parse_text,
    )
}
