//! Passes, and the facts that a gateway gets about a site.

use std::collections::BTreeMap;

use sekisho_domain::booking::{Allocation, grant_interval};
use sekisho_domain::crypto::HolderKey;
use sekisho_domain::ids::{
    AllocationId, BookingId, GrantId, HolderKeyId, PassId, PersonId, SeatId, SiteId, SubjectId,
    ZoneId,
};
use sekisho_domain::reach;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_domain::wire::snapshot::{Class, Door, Grant, PassRow, PassState, Policy};

use super::columns::{corrupt, interval, one, read, read_opt, seconds};
use super::{Scope, Tx, visits_at_doors};
use crate::on;

/// What the person carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pass {
    /// Which.
    pub id: PassId,
    /// For which booking.
    pub booking: BookingId,
    /// At which site.
    pub site: SiteId,
    /// Whose.
    pub person: PersonId,
    /// Under which pseudonym.
    pub subject: SubjectId,
    /// The phone's key; `None` for a static pass.
    pub holder_key: Option<HolderKeyId>,
    /// The grant behind it ([`grant_id`]).
    pub grant: GrantId,
    /// COSE_Sign1 over the claims.
    pub signed: Vec<u8>,
    /// State.
    pub state: PassState,
    /// From when until when it opens doors.
    pub during: Interval,
    /// When it was issued.
    pub created_at: Timestamp,
}

/// The grant of an allocation: there is one each, so they share their 16 bytes.
pub fn grant_id(allocation: AllocationId) -> GrantId {
    GrantId(allocation.0)
}

/// The stable name of a pass's state.
pub fn state_name(state: PassState) -> &'static str {
    match state {
        PassState::Active => "active",
        PassState::Revoked => "revoked",
        PassState::Cancelled => "cancelled",
    }
}

pub(super) fn state_from(name: &str) -> sqlx::Result<PassState> {
    [PassState::Active, PassState::Revoked, PassState::Cancelled]
        .into_iter()
        .find(|state| state_name(*state) == name)
        .ok_or_else(|| corrupt("an unknown state of a pass"))
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    booking_id: String,
    site_id: String,
    person_id: String,
    subject_id: String,
    holder_key_id: Option<String>,
    grant_id: String,
    signed: Vec<u8>,
    state: String,
    starts_at: i64,
    ends_at: i64,
    created_at: i64,
}

impl TryFrom<Row> for Pass {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(PassId::parse_text, &row.id)?,
            booking: read(BookingId::parse_text, &row.booking_id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            person: read(PersonId::parse_text, &row.person_id)?,
            subject: read(SubjectId::parse_text, &row.subject_id)?,
            holder_key: read_opt(HolderKeyId::parse_text, row.holder_key_id.as_deref())?,
            grant: read(GrantId::parse_text, &row.grant_id)?,
            signed: row.signed,
            state: state_from(&row.state)?,
            during: interval(row.starts_at, row.ends_at)?,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Adds a pass for a booking of the scope.
pub async fn insert(tx: &mut Tx, scope: Scope, pass: &Pass) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO pass (id, booking_id, site_id, person_id, subject_id, holder_key_id, grant_id, signed, state, starts_at, ends_at, created_at)
         SELECT $1, b.id, b.site_id, b.person_id, $3, $4, $5, $6, $7, $8, $9, $10
           FROM booking b
          WHERE b.id = $2
            AND ($11 IS NULL OR b.operator_id = $11 OR b.company_id = $11)")
        .bind(pass.id.text())
        .bind(pass.booking.text())
        .bind(pass.subject.text())
        .bind(pass.holder_key.map(|id| id.text()))
        .bind(pass.grant.text())
        .bind(pass.signed.as_slice())
        .bind(state_name(pass.state))
        .bind(pass.during.start.0)
        .bind(pass.during.end.0)
        .bind(pass.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One pass for a booking that the scope can see.
pub async fn get(tx: &mut Tx, scope: Scope, id: PassId) -> sqlx::Result<Option<Pass>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.booking_id, p.site_id, p.person_id, p.subject_id, p.holder_key_id, p.grant_id, p.signed, p.state,
                p.starts_at, p.ends_at, p.created_at
           FROM pass p
           JOIN booking b ON b.id = p.booking_id
          WHERE p.id = $1
            AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Pass::try_from).transpose()
}

/// The passes of a booking that the scope can see, by id.
pub async fn of_booking(tx: &mut Tx, scope: Scope, booking: BookingId) -> sqlx::Result<Vec<Pass>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.booking_id, p.site_id, p.person_id, p.subject_id, p.holder_key_id, p.grant_id, p.signed, p.state,
                p.starts_at, p.ends_at, p.created_at
           FROM pass p
           JOIN booking b ON b.id = p.booking_id
          WHERE p.booking_id = $1
            AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2)
          ORDER BY p.id")
        .bind(booking.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter().map(Pass::try_from).collect()
}

/// The active passes of a person that have not ended by themselves, at all sites whose bookings the scope can see, by id.
pub async fn active_of_person(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
    now: Timestamp,
) -> sqlx::Result<Vec<Pass>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.booking_id, p.site_id, p.person_id, p.subject_id, p.holder_key_id, p.grant_id, p.signed, p.state,
                p.starts_at, p.ends_at, p.created_at
           FROM pass p
           JOIN booking b ON b.id = p.booking_id
          WHERE p.person_id = $1
            AND p.state = 'active'
            AND p.ends_at > $3
            AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2)
          ORDER BY p.id")
        .bind(person.text())
        .bind(scope.bind())
        .bind(now.0)
        .fetch_all(c).await)?;
    rows.into_iter().map(Pass::try_from).collect()
}

/// When passes were issued to a person after an instant, at all sites, for bookings that the scope can see.
pub async fn issued_since(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
    since: Timestamp,
) -> sqlx::Result<Vec<Timestamp>> {
    let rows: Vec<(i64,)> = on!(tx, c => sqlx::query_as(
        "SELECT p.created_at
           FROM pass p
           JOIN booking b ON b.id = p.booking_id
          WHERE p.person_id = $1
            AND p.created_at > $3
            AND ($2 IS NULL OR b.operator_id = $2 OR b.company_id = $2)
          ORDER BY p.created_at")
        .bind(person.text())
        .bind(scope.bind())
        .bind(since.0)
        .fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(at,)| Timestamp(at)).collect())
}

/// Ends an active pass of the scope; [`sqlx::Error::RowNotFound`] when it is not active.
pub async fn end(tx: &mut Tx, scope: Scope, id: PassId, state: PassState) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE pass
            SET state = $2
          WHERE id = $1
            AND state = 'active'
            AND EXISTS (SELECT 1 FROM booking b
                         WHERE b.id = pass.booking_id
                           AND ($3 IS NULL OR b.operator_id = $3 OR b.company_id = $3))")
        .bind(id.text())
        .bind(state_name(state))
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Everything of the directory that a gateway decides by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotFacts {
    /// The site's rules.
    pub policy: Policy,
    /// Its doors, by id.
    pub doors: Vec<Door>,
    /// Who may go where and when, by id.
    pub grants: Vec<Grant>,
    /// Passes with their states, by id.
    pub passes: Vec<PassRow>,
}

/// How long something that has ended stays in a snapshot, ms: clocks of gateways may be behind.
pub const KEPT_MS: i64 = 3_600_000;

/// What a snapshot of a site says at `now`: what has not ended an hour ago and begins within 35 days. For the snapshot job.
pub async fn snapshot_facts(
    tx: &mut Tx,
    site: SiteId,
    now: Timestamp,
) -> sqlx::Result<SnapshotFacts> {
    let doors: Vec<Door> = super::doors::list(tx, Scope::System, site)
        .await?
        .iter()
        .map(super::doors::Door::on_the_wire)
        .collect();
    let window = Interval {
        start: now.plus_ms(-KEPT_MS),
        end: now.plus_ms(sekisho_domain::booking::AHEAD_MAX_MS),
    };
    let mut grants = grants(tx, site, window, &doors).await?;
    grants.extend(visits_at_doors::grants(tx, site, window, &doors).await?);
    let mut passes = pass_rows(tx, site, window).await?;
    passes.extend(visits_at_doors::pass_rows(tx, site, window).await?);
    Ok(SnapshotFacts {
        policy: Policy::default(),
        doors,
        grants,
        passes,
    })
}

#[derive(sqlx::FromRow)]
struct GrantRow {
    id: String,
    subject_id: String,
    seat_id: String,
    zone_id: String,
    starts_at: i64,
    ends_at: i64,
    state: String,
    grant_before_s: i64,
    grant_after_s: i64,
}

/// The grants of the live allocations of people who are not suspended.
async fn grants(
    tx: &mut Tx,
    site: SiteId,
    window: Interval,
    doors: &[Door],
) -> sqlx::Result<Vec<Grant>> {
    let rows: Vec<GrantRow> = on!(tx, c => sqlx::query_as(
        "SELECT al.id, u.id AS subject_id, al.seat_id, t.zone_id, al.starts_at, al.ends_at, al.state, s.grant_before_s, s.grant_after_s
           FROM site s
           JOIN seat t ON t.site_id = s.id
           JOIN allocation al ON al.seat_id = t.id
           JOIN person p ON p.id = al.person_id
           JOIN subject u ON u.site_id = s.id AND u.person_id = al.person_id
          WHERE s.id = $1
            AND p.state = 'active'
            AND al.state IN ('confirmed', 'present', 'left')
            AND al.ends_at > $2 - s.grant_after_s * 1000
            AND al.starts_at < $3 + s.grant_before_s * 1000
          ORDER BY al.id")
        .bind(site.text())
        .bind(window.start.0)
        .bind(window.end.0)
        .fetch_all(c).await)?;
    let mut zones: BTreeMap<ZoneId, Vec<ZoneId>> = BTreeMap::new();
    rows.into_iter()
        .map(|row| {
            let zone = read(ZoneId::parse_text, &row.zone_id)?;
            let allocation = Allocation {
                seat: read(SeatId::parse_text, &row.seat_id)?,
                during: interval(row.starts_at, row.ends_at)?,
                state: row
                    .state
                    .parse()
                    .map_err(|_| corrupt("an unknown state of an allocation"))?,
            };
            Ok(Grant {
                id: grant_id(read(AllocationId::parse_text, &row.id)?),
                subject: read(SubjectId::parse_text, &row.subject_id)?,
                zones: zones
                    .entry(zone)
                    .or_insert_with(|| reach::zones(doors, zone))
                    .clone(),
                // `None` would mean "always".
                during: Some(
                    grant_interval(
                        &allocation,
                        seconds(row.grant_before_s)?,
                        seconds(row.grant_after_s)?,
                    )
                    .ok_or_else(|| corrupt("a grant for nothing"))?,
                ),
                class: Class::Member,
                escort: None,
            })
        })
        .collect()
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    id: String,
    subject_id: String,
    grant_id: String,
    state: String,
    public_key: Option<Vec<u8>>,
}

async fn pass_rows(tx: &mut Tx, site: SiteId, window: Interval) -> sqlx::Result<Vec<PassRow>> {
    let rows: Vec<KnownRow> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.subject_id, p.grant_id, p.state, k.public_key
           FROM pass p
           LEFT JOIN holder_key k ON k.id = p.holder_key_id
          WHERE p.site_id = $1
            AND p.ends_at > $2
            AND p.starts_at < $3
          ORDER BY p.id")
        .bind(site.text())
        .bind(window.start.0)
        .bind(window.end.0)
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|row| {
            let holder = row
                .public_key
                .map(|key| HolderKey::from_bytes(&key))
                .transpose();
            Ok(PassRow {
                id: read(PassId::parse_text, &row.id)?,
                subject: read(SubjectId::parse_text, &row.subject_id)?,
                state: state_from(&row.state)?,
                grants: vec![read(GrantId::parse_text, &row.grant_id)?],
                holder: holder.map_err(|_| corrupt("a holder key of another form"))?,
            })
        })
        .collect()
}
