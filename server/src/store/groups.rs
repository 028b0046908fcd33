//! Groups of bookings that were made together. Both the operator and the company see them.

use sekisho_domain::ids::{BookingId, GroupId, OrganisationId, SiteId};
use sekisho_domain::time::{Interval, Timestamp};

use super::columns::{interval, one, read, read_opt};
use super::{Scope, Tx};
use crate::on;

/// A group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Which.
    pub id: GroupId,
    /// What it is called.
    pub name: String,
    /// Who runs the site.
    pub operator: OrganisationId,
    /// Whose people they are.
    pub company: OrganisationId,
    /// Where.
    pub site: SiteId,
    /// Who made it ([`crate::flows::Actor::text`]).
    pub organiser: String,
    /// When.
    pub during: Interval,
    /// When it was made.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    operator_id: String,
    company_id: String,
    site_id: String,
    organiser: String,
    starts_at: i64,
    ends_at: i64,
    created_at: i64,
}

impl TryFrom<Row> for Group {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(GroupId::parse_text, &row.id)?,
            name: row.name,
            operator: read(OrganisationId::parse_text, &row.operator_id)?,
            company: read(OrganisationId::parse_text, &row.company_id)?,
            site: read(SiteId::parse_text, &row.site_id)?,
            organiser: row.organiser,
            during: interval(row.starts_at, row.ends_at)?,
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Adds a group without members.
pub async fn insert(tx: &mut Tx, scope: Scope, group: &Group) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO booking_group (id, name, operator_id, company_id, site_id, organiser, starts_at, ends_at, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
          WHERE $10 IS NULL OR $3 = $10 OR $4 = $10")
        .bind(group.id.text())
        .bind(&group.name)
        .bind(group.operator.text())
        .bind(group.company.text())
        .bind(group.site.text())
        .bind(&group.organiser)
        .bind(group.during.start.0)
        .bind(group.during.end.0)
        .bind(group.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Makes a booking of the scope a member of a group of the same company at the same site.
pub async fn join(
    tx: &mut Tx,
    scope: Scope,
    booking: BookingId,
    group: GroupId,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE booking
            SET group_id = $2
          WHERE id = $1
            AND group_id IS NULL
            AND ($3 IS NULL OR operator_id = $3 OR company_id = $3)
            AND EXISTS (SELECT 1 FROM booking_group g
                         WHERE g.id = $2 AND g.site_id = booking.site_id AND g.company_id = booking.company_id)")
        .bind(booking.text())
        .bind(group.text())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One group that the scope can see.
pub async fn get(tx: &mut Tx, scope: Scope, id: GroupId) -> sqlx::Result<Option<Group>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, name, operator_id, company_id, site_id, organiser, starts_at, ends_at, created_at
           FROM booking_group
          WHERE id = $1
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Group::try_from).transpose()
}

/// Groups that the scope can see and that end after `from`, by start, at most `limit`.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    from: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<Group>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, name, operator_id, company_id, site_id, organiser, starts_at, ends_at, created_at
           FROM booking_group
          WHERE ends_at > $2
            AND ($1 IS NULL OR operator_id = $1 OR company_id = $1)
          ORDER BY starts_at, id
          LIMIT $3")
        .bind(scope.bind())
        .bind(from.0)
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Group::try_from).collect()
}

/// The bookings of a group that the scope can see, by id: also those that were cancelled.
pub async fn members(tx: &mut Tx, scope: Scope, group: GroupId) -> sqlx::Result<Vec<BookingId>> {
    let rows: Vec<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT id
           FROM booking
          WHERE group_id = $1
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)
          ORDER BY id")
        .bind(group.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.iter()
        .map(|(id,)| read(BookingId::parse_text, id))
        .collect()
}

/// The group of a booking that the scope can see.
pub async fn of_booking(
    tx: &mut Tx,
    scope: Scope,
    booking: BookingId,
) -> sqlx::Result<Option<GroupId>> {
    let row: Option<(Option<String>,)> = on!(tx, c => sqlx::query_as(
        "SELECT group_id
           FROM booking
          WHERE id = $1
            AND ($2 IS NULL OR operator_id = $2 OR company_id = $2)")
        .bind(booking.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    read_opt(
        GroupId::parse_text,
        row.and_then(|(group,)| group).as_deref(),
    )
}
