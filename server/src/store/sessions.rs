//! Sessions of signed-in people. The id in the cookie is a secret: only its SHA-256 is stored.

use sekisho_domain::authority::Role;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{OrganisationId, PersonId};
use sekisho_domain::time::Timestamp;

use super::Tx;
use super::columns::{one, read};
use super::tokens::role;
use crate::on;

/// A session that counts, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// `ja` or `en`.
    pub locale: String,
    /// Their first membership's organisation.
    pub organisation: OrganisationId,
    /// Whether that one operates sites.
    pub operates: bool,
    /// Their role there.
    pub role: Role,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// Starts a session.
pub async fn insert_session(
    tx: &mut Tx,
    id: Digest,
    person: PersonId,
    now: Timestamp,
    expires_at: Timestamp,
) -> sqlx::Result<()> {
    one(
        on!(tx, c => sqlx::query("INSERT INTO session (id_hash, person_id, created_at, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(id.0.to_vec()).bind(person.text()).bind(now.0).bind(expires_at.0)
        .execute(c).await.map(|done| done.rows_affected()))?,
    )
}

/// The session of a cookie, if it counts now and its person may still use it. A secret is looked up, so there is no scope.
pub async fn find_session(
    tx: &mut Tx,
    id: Digest,
    now: Timestamp,
) -> sqlx::Result<Option<Session>> {
    let row: Option<(String, String, String, String, String, String, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.name, p.locale, m.organisation_id, o.kind, m.role, s.expires_at
           FROM session s
           JOIN person p ON p.id = s.person_id
           JOIN membership m ON m.person_id = p.id
           JOIN organisation o ON o.id = m.organisation_id
          WHERE s.id_hash = $1 AND s.expires_at > $2 AND s.ended_at IS NULL AND p.state = 'active'
          ORDER BY m.created_at, m.id
          LIMIT 1")
        .bind(id.0.to_vec()).bind(now.0)
        .fetch_optional(c).await)?;
    row.map(
        |(person, name, locale, organisation, kind, held, expires_at)| {
            Ok(Session {
                person: read(PersonId::parse_text, &person)?,
                name,
                locale,
                organisation: read(OrganisationId::parse_text, &organisation)?,
                operates: kind != "company",
                role: role(&held)?,
                expires_at: Timestamp(expires_at),
            })
        },
    )
    .transpose()
}

/// Ends one session; 0 when it had ended.
pub async fn end_session(tx: &mut Tx, id: Digest, now: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("UPDATE session SET ended_at = $2 WHERE id_hash = $1 AND ended_at IS NULL")
        .bind(id.0.to_vec()).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Forgets sessions that ended by themselves before `before`.
pub async fn delete_sessions(tx: &mut Tx, before: Timestamp) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query("DELETE FROM session WHERE expires_at < $1")
        .bind(before.0)
        .execute(c).await.map(|done| done.rows_affected()))
}
