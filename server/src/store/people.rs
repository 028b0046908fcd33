//! People and their places in organisations. A person belongs to the home organisation and to nobody else: an operator meets
//! people only through bookings.

use sekisho_domain::authority::Role;
use sekisho_domain::ids::{MembershipId, OrganisationId, PersonId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read};
use super::{Scope, Tx};
use crate::on;

/// A human with an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// The home organisation.
    pub organisation: OrganisationId,
    /// Full name.
    pub name: String,
    /// Address for sign-in, lower case, unique in the installation.
    pub email: String,
    /// Language of mails and pages.
    pub locale: Locale,
    /// Whether this person may use anything.
    pub active: bool,
    /// Since when.
    pub created_at: Timestamp,
}

/// A language that every text exists in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// Japanese.
    Ja,
    /// English.
    En,
}

impl Locale {
    /// The stable name (ISO 639-1).
    pub fn name(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// The language of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Ja, Self::En]
            .into_iter()
            .find(|locale| locale.name() == name)
    }
}

/// A person's place in an organisation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    /// Which.
    pub id: MembershipId,
    /// Where.
    pub organisation: OrganisationId,
    /// Who.
    pub person: PersonId,
    /// As what.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    id: String,
    organisation_id: String,
    name: String,
    email: String,
    locale: String,
    state: String,
    created_at: i64,
}

impl TryFrom<PersonRow> for Person {
    type Error = sqlx::Error;
    fn try_from(row: PersonRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: read(PersonId::parse_text, &row.id)?,
            organisation: read(OrganisationId::parse_text, &row.organisation_id)?,
            name: row.name,
            email: row.email,
            locale: Locale::from_name(&row.locale).ok_or_else(|| corrupt("an unknown language"))?,
            active: row.state == "active",
            created_at: Timestamp(row.created_at),
        })
    }
}

/// Adds a person. Refused by the unique index `person_email_key` when the address is taken.
pub async fn insert(tx: &mut Tx, scope: Scope, person: &Person) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO person (id, organisation_id, name, email, locale, state, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7
          WHERE $8 IS NULL OR $2 = $8")
        .bind(person.id.text())
        .bind(person.organisation.text())
        .bind(&person.name)
        .bind(&person.email)
        .bind(person.locale.name())
        .bind(if person.active { "active" } else { "suspended" })
        .bind(person.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Adds a person's place in an organisation.
pub async fn insert_membership(
    tx: &mut Tx,
    scope: Scope,
    membership: &Membership,
) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO membership (id, organisation_id, person_id, role, created_at)
         SELECT $1, $2, $3, $4, $5
          WHERE $6 IS NULL OR $2 = $6")
        .bind(membership.id.text())
        .bind(membership.organisation.text())
        .bind(membership.person.text())
        .bind(membership.role.name())
        .bind(membership.created_at.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// One person of the scope's organisation.
pub async fn get(tx: &mut Tx, scope: Scope, id: PersonId) -> sqlx::Result<Option<Person>> {
    let row: Option<PersonRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, name, email, locale, state, created_at
           FROM person
          WHERE id = $1
            AND ($2 IS NULL OR organisation_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Person::try_from).transpose()
}

/// The person with an address (lower case), e.g. at sign-in, where the scope is the system's.
pub async fn by_email(tx: &mut Tx, scope: Scope, email: &str) -> sqlx::Result<Option<Person>> {
    let row: Option<PersonRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, name, email, locale, state, created_at
           FROM person
          WHERE email = $1
            AND ($2 IS NULL OR organisation_id = $2)")
        .bind(email)
        .bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(Person::try_from).transpose()
}

/// People of an organisation by id, from the one after `after`, at most `limit`.
pub async fn list(
    tx: &mut Tx,
    scope: Scope,
    organisation: OrganisationId,
    after: Option<PersonId>,
    limit: i64,
) -> sqlx::Result<Vec<Person>> {
    let rows: Vec<PersonRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, name, email, locale, state, created_at
           FROM person
          WHERE organisation_id = $1
            AND ($2 IS NULL OR organisation_id = $2)
            AND ($3 IS NULL OR id > $3)
          ORDER BY id
          LIMIT $4")
        .bind(organisation.text())
        .bind(scope.bind())
        .bind(after.map(|id| id.text()))
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(Person::try_from).collect()
}

/// Suspends an active person; [`sqlx::Error::RowNotFound`] when there is none.
pub async fn suspend(tx: &mut Tx, scope: Scope, id: PersonId) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "UPDATE person
            SET state = 'suspended'
          WHERE id = $1
            AND state = 'active'
            AND ($2 IS NULL OR organisation_id = $2)")
        .bind(id.text())
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// Ends every session of a person; says how many there were.
pub async fn end_sessions(
    tx: &mut Tx,
    scope: Scope,
    id: PersonId,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE session
            SET ended_at = $2
          WHERE person_id = $1
            AND ended_at IS NULL
            AND EXISTS (SELECT 1 FROM person p WHERE p.id = $1 AND ($3 IS NULL OR p.organisation_id = $3))")
        .bind(id.text())
        .bind(now.0)
        .bind(scope.bind())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// A person's places, by organisation; within a scope only the one there.
pub async fn memberships(
    tx: &mut Tx,
    scope: Scope,
    person: PersonId,
) -> sqlx::Result<Vec<Membership>> {
    let rows: Vec<(String, String, String, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, role, created_at
           FROM membership
          WHERE person_id = $1
            AND ($2 IS NULL OR organisation_id = $2)
          ORDER BY organisation_id")
        .bind(person.text())
        .bind(scope.bind())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(id, organisation, role, created_at)| {
            Ok(Membership {
                id: read(MembershipId::parse_text, &id)?,
                organisation: read(OrganisationId::parse_text, &organisation)?,
                person,
                role: Role::from_name(&role).ok_or_else(|| corrupt("an unknown role"))?,
                created_at: Timestamp(created_at),
            })
        })
        .collect()
}

/// Whether anybody ever owned an organisation, suspended or not.
pub async fn has_owner(tx: &mut Tx, organisation: OrganisationId) -> sqlx::Result<bool> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT id
           FROM membership
          WHERE organisation_id = $1
            AND role = 'owner'
          LIMIT 1")
        .bind(organisation.text())
        .fetch_optional(c).await)?;
    Ok(row.is_some())
}
