//! Who came in and was not seen to leave, and the entries that are still under way.

use std::collections::HashMap;

use sekisho_domain::ids::{Correlation, SubjectId};
use sekisho_domain::time::Timestamp;
use sqlx::SqliteConnection;

use super::{Store, id};
use crate::site::{Entry, Inside, People};

/// Rows that ended longer ago than this go, ms: a clock may be set back a little.
const KEPT_MS: i64 = 24 * 3_600_000;

/// Somebody came in.
pub(super) async fn put(
    c: &mut SqliteConnection,
    subject: SubjectId,
    inside: Inside,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM inside WHERE until_ms < $1")
        .bind(now.saturating_sub(KEPT_MS))
        .execute(&mut *c)
        .await?;
    sqlx::query(
        "INSERT OR REPLACE INTO inside (subject_id, correlation, until_ms) VALUES ($1, $2, $3)",
    )
    .bind(subject.text())
    .bind(inside.correlation.text())
    .bind(inside.until.0)
    .execute(c)
    .await
    .map(drop)
}

/// Somebody left. An entry of theirs that is still under way brings them in no more.
pub(super) async fn remove(c: &mut SqliteConnection, subject: SubjectId) -> sqlx::Result<()> {
    sqlx::query("UPDATE release SET subject_id = NULL, until_ms = NULL WHERE subject_id = $1")
        .bind(subject.text())
        .execute(&mut *c)
        .await?;
    sqlx::query("DELETE FROM inside WHERE subject_id = $1")
        .bind(subject.text())
        .execute(c)
        .await
        .map(drop)
}

/// An entry was granted.
pub(super) async fn begin(
    c: &mut SqliteConnection,
    correlation: Correlation,
    entry: Entry,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT OR REPLACE INTO release (correlation, door_id, subject_id, until_ms, at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(correlation.text())
    .bind(entry.door.text())
    .bind(entry.who.map(|(subject, _)| subject.text()))
    .bind(entry.who.map(|(_, until)| until.0))
    .bind(now)
    .execute(c)
    .await
    .map(drop)
}

/// Its door opened, or locked again.
pub(super) async fn over(c: &mut SqliteConnection, correlation: Correlation) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM release WHERE correlation = $1")
        .bind(correlation.text())
        .execute(c)
        .await
        .map(drop)
}

impl Store {
    /// Entries under way.
    pub(super) async fn releases(&self) -> anyhow::Result<HashMap<Correlation, Entry>> {
        type Row = (String, String, Option<String>, Option<i64>);
        let rows: Vec<Row> =
            sqlx::query_as("SELECT correlation, door_id, subject_id, until_ms FROM release")
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter()
            .map(|(correlation, door, subject, until)| {
                let who = match subject.zip(until) {
                    Some((subject, until)) => Some((id(&subject)?, Timestamp(until))),
                    None => None,
                };
                let door = id(&door)?;
                Ok((id(&correlation)?, Entry { door, who }))
            })
            .collect()
    }

    /// Everybody who came in and was not seen to leave.
    pub(super) async fn inside(&self) -> anyhow::Result<People> {
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT subject_id, correlation, until_ms FROM inside")
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter()
            .map(|(subject, correlation, until)| {
                let inside = Inside {
                    correlation: id(&correlation)?,
                    until: Timestamp(until),
                };
                Ok((id(&subject)?, inside))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use sekisho_domain::ids::Correlation;

    use super::*;
    use crate::store::tests::World;
    use crate::tests::T0;

    const HOST: SubjectId = SubjectId([1; 16]);
    const OTHER: SubjectId = SubjectId([2; 16]);

    fn until(ms: i64) -> Inside {
        Inside {
            correlation: Correlation([7; 16]),
            until: Timestamp(ms),
        }
    }

    #[tokio::test]
    async fn whoever_is_inside_still_is_after_a_restart_and_old_rows_go() {
        let world = World::new().await;
        let store = world.store().await;
        let mut c = store.write.acquire().await.unwrap();
        put(&mut c, OTHER, until(T0), T0).await.unwrap();
        put(&mut c, HOST, until(T0 + 1), T0).await.unwrap();
        put(&mut c, HOST, until(T0 + 60_000), T0).await.unwrap();
        drop(c);
        store.close().await;

        let store = world.store().await;
        let inside = store.load().await.unwrap().inside;
        assert_eq!((inside.len(), inside[&HOST]), (2, until(T0 + 60_000)));
        let mut c = store.write.acquire().await.unwrap();
        put(&mut c, HOST, until(T0 + 60_000), T0 + KEPT_MS + 1)
            .await
            .unwrap();
        assert_eq!(
            store.inside().await.unwrap().len(),
            1,
            "the other has ended"
        );
        remove(&mut c, HOST).await.unwrap();
        assert!(store.inside().await.unwrap().is_empty());
    }
}
