//! What is revoked at a site. Every change takes the next number of that site; the site's row is locked first
//! ([`super::sites::bump_facts`]). Written by flows that have already found pass or person within the actor's scope.

use sekisho_domain::ids::{PassId, SiteId, SubjectId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::uplink::{RevocationLine, Revoked};

use super::Tx;
use super::columns::{corrupt, read};
use crate::on;

/// A list with more lines is named to whoever runs the server. Gateways refuse one of more than 240 KiB, and then nobody is
/// revoked there; that is some 5,000 lines.
pub const LONG: usize = 4_000;

/// Revokes a pass or a subject at a site until the thing ends by itself; gives the new number of the list. Again for the same
/// thing: a new number, the later end.
pub async fn put(tx: &mut Tx, site: SiteId, line: RevocationLine) -> sqlx::Result<u64> {
    let (kind, id) = match line.what {
        Revoked::Pass(id) => ("pass", id.text()),
        Revoked::Subject(id) => ("subject", id.text()),
    };
    let (epoch,): (i64,) = on!(tx, c => sqlx::query_as(
        "INSERT INTO revocation (site_id, epoch, kind, ref_id, at, ends_at)
         SELECT $1, CAST(COALESCE(MAX(r.epoch), 0) + 1 AS BIGINT), $2, $3, $4, $5
           FROM revocation r
          WHERE r.site_id = $1
         ON CONFLICT (site_id, kind, ref_id) DO UPDATE
            SET epoch = excluded.epoch, at = excluded.at,
                ends_at = CASE WHEN excluded.ends_at > revocation.ends_at THEN excluded.ends_at ELSE revocation.ends_at END
         RETURNING epoch")
        .bind(site.text())
        .bind(kind)
        .bind(id)
        .bind(line.at.0)
        .bind(line.until.0)
        .fetch_one(c).await)?;
    u64::try_from(epoch).map_err(|_| corrupt("a revocation number out of range"))
}

/// Gives a site's list a number without revoking anything: a line that has ended already.
pub async fn raise(tx: &mut Tx, site: SiteId, epoch: u64, now: Timestamp) -> sqlx::Result<u64> {
    let epoch = i64::try_from(epoch).map_err(|_| corrupt("a revocation number out of range"))?;
    on!(tx, c => sqlx::query(
        "INSERT INTO revocation (site_id, epoch, kind, ref_id, at, ends_at) VALUES ($1, $2, 'subject', $3, $4, $4)
         ON CONFLICT (site_id, kind, ref_id) DO UPDATE SET epoch = excluded.epoch, at = excluded.at, ends_at = excluded.ends_at")
        .bind(site.text()).bind(epoch).bind(SubjectId::NIL.text()).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// The number of a site's newest list; 0 when nothing was ever revoked.
pub async fn epoch(tx: &mut Tx, site: SiteId) -> sqlx::Result<u64> {
    let (epoch,): (i64,) = on!(tx, c => sqlx::query_as(
        "SELECT CAST(COALESCE(MAX(epoch), 0) AS BIGINT)
           FROM revocation
          WHERE site_id = $1")
        .bind(site.text())
        .fetch_one(c).await)?;
    u64::try_from(epoch).map_err(|_| corrupt("a revocation number out of range"))
}

/// A site's newest list: its number, and what had not ended by itself when it got that number, sorted. `None` when nothing was
/// ever revoked. One statement, so that number and lines are of one moment on every engine.
pub async fn newest(tx: &mut Tx, site: SiteId) -> sqlx::Result<Option<(u64, Vec<RevocationLine>)>> {
    type Row = (
        i64,
        Option<String>,
        Option<String>,
        Option<i64>,
        Option<i64>,
    );
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT m.epoch, r.kind, r.ref_id, r.at, r.ends_at
           FROM (SELECT epoch, at FROM revocation WHERE site_id = $1 ORDER BY epoch DESC LIMIT 1) m
           LEFT JOIN revocation r ON r.site_id = $1 AND r.ends_at > m.at")
        .bind(site.text())
        .fetch_all(c).await)?;
    let Some((epoch, ..)) = rows.first() else {
        return Ok(None);
    };
    let epoch = u64::try_from(*epoch).map_err(|_| corrupt("a revocation number out of range"))?;
    let mut lines = Vec::new();
    for (_, kind, id, at, ends_at) in rows {
        if let (Some(kind), Some(id), Some(at), Some(ends_at)) = (kind, id, at, ends_at) {
            lines.push(line(&kind, &id, at, ends_at)?);
        }
    }
    lines.sort_unstable();
    Ok(Some((epoch, lines)))
}

/// What is revoked at a site and has not ended by itself, sorted as the list wants it.
pub async fn list(tx: &mut Tx, site: SiteId, now: Timestamp) -> sqlx::Result<Vec<RevocationLine>> {
    let rows: Vec<(String, String, i64, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT kind, ref_id, at, ends_at
           FROM revocation
          WHERE site_id = $1
            AND ends_at > $2
          ORDER BY kind, ref_id")
        .bind(site.text())
        .bind(now.0)
        .fetch_all(c).await)?;
    let mut lines = rows
        .into_iter()
        .map(|(kind, id, at, ends_at)| line(&kind, &id, at, ends_at))
        .collect::<sqlx::Result<Vec<_>>>()?;
    lines.sort_unstable();
    Ok(lines)
}

fn line(kind: &str, id: &str, at: i64, ends_at: i64) -> sqlx::Result<RevocationLine> {
    let what = match kind {
        "pass" => Revoked::Pass(read(PassId::parse_text, id)?),
        "subject" => Revoked::Subject(read(SubjectId::parse_text, id)?),
        _ => return Err(corrupt("an unknown kind of revocation")),
    };
    Ok(RevocationLine {
        what,
        at: Timestamp(at),
        until: Timestamp(ends_at),
    })
}
