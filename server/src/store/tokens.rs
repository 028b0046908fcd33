//! Tokens of programs that use the API. Only the SHA-256 of the secret is stored.

use sekisho_domain::authority::Role;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{OrganisationId, PersonId, TokenId};
use sekisho_domain::time::Timestamp;

use super::columns::{corrupt, one, read, read_opt};
use super::{Scope, Tx};
use crate::on;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Which.
    pub id: TokenId,
    /// Whose.
    pub organisation: OrganisationId,
    /// What it is for, in words.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who had it made; it does not work while that person is suspended.
    pub created_by: Option<PersonId>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

type Row = (
    String,
    String,
    String,
    String,
    i64,
    i64,
    Option<i64>,
    Option<String>,
);

/// Stores a token.
pub async fn insert_token(tx: &mut Tx, token: &Token, secret: Digest) -> sqlx::Result<()> {
    one(on!(tx, c => sqlx::query(
        "INSERT INTO api_token (id, organisation_id, name, secret_hash, role, created_at, expires_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(token.id.text()).bind(token.organisation.text()).bind(&token.name).bind(secret.0.to_vec())
        .bind(token.role.name()).bind(token.created_at.0).bind(token.expires_at.0).bind(token.created_by.map(|id| id.text()))
        .execute(c).await.map(|done| done.rows_affected()))?)
}

/// A token that counts now, with the hash of its secret: not expired, not revoked, its maker not suspended. The id comes from the token itself, so there is no scope.
pub async fn find_token(
    tx: &mut Tx,
    id: TokenId,
    now: Timestamp,
) -> sqlx::Result<Option<(Token, Digest)>> {
    let row: Option<(Vec<u8>,)> = on!(tx, c => sqlx::query_as(
        "SELECT t.secret_hash FROM api_token t LEFT JOIN person p ON p.id = t.created_by
          WHERE t.id = $1 AND t.expires_at > $2 AND t.revoked_at IS NULL AND (p.state IS NULL OR p.state = 'active')")
        .bind(id.text()).bind(now.0)
        .fetch_optional(c).await)?;
    let Some((hash,)) = row else { return Ok(None) };
    let hash: [u8; 32] = hash
        .try_into()
        .map_err(|_| corrupt("a hash of another length"))?;
    Ok(token_by_id(tx, Scope::System, id)
        .await?
        .map(|token| (token, Digest(hash))))
}

/// One token.
pub async fn token_by_id(tx: &mut Tx, scope: Scope, id: TokenId) -> sqlx::Result<Option<Token>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, name, role, created_at, expires_at, revoked_at, created_by
           FROM api_token WHERE id = $1 AND ($2 IS NULL OR organisation_id = $2)")
        .bind(id.text()).bind(scope.bind())
        .fetch_optional(c).await)?;
    row.map(token).transpose()
}

/// Tokens of an organisation, newest first.
pub async fn list_tokens(
    tx: &mut Tx,
    scope: Scope,
    before: Option<TokenId>,
    limit: i64,
) -> sqlx::Result<Vec<Token>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, organisation_id, name, role, created_at, expires_at, revoked_at, created_by
           FROM api_token WHERE ($1 IS NULL OR organisation_id = $1) AND ($2 IS NULL OR id < $2)
          ORDER BY id DESC LIMIT $3")
        .bind(scope.bind()).bind(before.map(|id| id.text())).bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(token).collect()
}

/// Revokes a token; 0 when there is none to revoke.
pub async fn revoke_token(
    tx: &mut Tx,
    scope: Scope,
    id: TokenId,
    now: Timestamp,
) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE api_token SET revoked_at = $3 WHERE id = $1 AND ($2 IS NULL OR organisation_id = $2) AND revoked_at IS NULL")
        .bind(id.text()).bind(scope.bind()).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

fn token(
    (id, organisation, name, held, created_at, expires_at, revoked_at, created_by): Row,
) -> sqlx::Result<Token> {
    Ok(Token {
        id: read(TokenId::parse_text, &id)?,
        organisation: read(OrganisationId::parse_text, &organisation)?,
        name,
        role: role(&held)?,
        created_at: Timestamp(created_at),
        expires_at: Timestamp(expires_at),
        revoked_at: revoked_at.map(Timestamp),
        created_by: read_opt(PersonId::parse_text, created_by.as_deref())?,
    })
}

/// Reads a role from a row.
pub(super) fn role(text: &str) -> sqlx::Result<Role> {
    Role::from_name(text).ok_or_else(|| corrupt("an unknown role"))
}
