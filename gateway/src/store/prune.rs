//! What is thrown away when. Nothing unacknowledged is ever touched.

use sekisho_domain::time::{ClockState, Reading};

use super::Store;

/// Acknowledged seals stay this long, ms.
const KEEP_SEALS_MS: i64 = 90 * 86_400_000;

/// Acknowledged seals take at most this much, bytes.
const KEEP_SEALS_BYTES: i64 = 256 << 20;

/// Openings stay this long after their receipt, ms.
const KEEP_OPENINGS_MS: i64 = 7 * 86_400_000;

/// A ratchet is needed while its pass could still be shown: passes live a day, codes seconds.
const KEEP_RATCHETS_MS: i64 = 40 * 86_400_000;

/// Answers kept per device; the newest repeat-able ones.
pub(super) const KEEP_ANSWERS: i64 = 256;

/// Orders are remembered this long, ms; they live ten seconds.
const KEEP_COMMANDS_MS: i64 = 7 * 86_400_000;

const OPENINGS: &str = "UPDATE seal INDEXED BY seal_openings_idx SET openings = NULL WHERE openings IS NOT NULL AND freed_at < $1";

// The last seal stays whatever its age: the next one names its hash.
const SEALS: &str = "DELETE FROM seal WHERE freed_at < $1 AND no < (SELECT MAX(no) FROM seal)";

const SEALS_BY_SIZE: &str = "DELETE FROM seal WHERE freed_at IS NOT NULL AND no < (SELECT MAX(no) FROM seal) AND no <= (
    SELECT MAX(no) FROM (SELECT no, SUM(size) OVER (ORDER BY no DESC) AS above FROM seal WHERE freed_at IS NOT NULL) WHERE above > $1)";

// By the code's own time too: a clock that was set back while it was accepted makes no ratchet old.
const RATCHETS: &str = "DELETE FROM ratchet WHERE moved_at < $1 AND at_s * 1000 < $1";

const CUTS: &str = "DELETE FROM cut WHERE seq < (SELECT MIN(first_seq) FROM seal)";

const ANSWERS: &str = "DELETE FROM answered WHERE row_no IN (
    SELECT row_no FROM (SELECT row_no, ROW_NUMBER() OVER (PARTITION BY device_id ORDER BY row_no DESC) AS place FROM answered) WHERE place > $1)";

/// What goes by size and by number.
const BY_SIZE: [(&str, i64); 2] = [(SEALS_BY_SIZE, KEEP_SEALS_BYTES), (ANSWERS, KEEP_ANSWERS)];

/// What goes by age.
const BY_AGE: [(&str, i64); 7] = [
    (OPENINGS, KEEP_OPENINGS_MS),
    (SEALS, KEEP_SEALS_MS),
    (RATCHETS, KEEP_RATCHETS_MS),
    ("DELETE FROM command WHERE at < $1", KEEP_COMMANDS_MS),
    ("DELETE FROM door_wish WHERE done_at < $1", KEEP_COMMANDS_MS),
    ("DELETE FROM release WHERE at < $1", KEEP_COMMANDS_MS),
    ("DELETE FROM observer WHERE expires_at < $1", 0),
];

impl Store {
    /// Throws away what nobody needs any more. What goes by age goes only while the clock is confirmed, and by the earliest
    /// time that it can be: a clock that was set forward must not forget a pass that was used, or a seal that was just freed.
    pub async fn prune(&self, now: Reading) -> anyhow::Result<()> {
        let mut tx = self.write.begin_with("BEGIN IMMEDIATE").await?;
        if now.clock == ClockState::Synced {
            let earliest = now.wall.plus_ms(-i64::from(now.err_ms));
            for (sql, keep_ms) in BY_AGE {
                sqlx::query(sql)
                    .bind(earliest.0 - keep_ms)
                    .execute(&mut *tx)
                    .await?;
            }
        }
        for (sql, most) in BY_SIZE {
            sqlx::query(sql).bind(most).execute(&mut *tx).await?;
        }
        sqlx::query(CUTS).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use sekisho_domain::time::Timestamp;

    use crate::store::tests::World;
    use crate::tests::T0;

    /// What SQLite says it does for a statement.
    async fn plan(store: &Store, sql: &str) -> String {
        let rows: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .bind(1_i64)
                .fetch_all(&store.pool)
                .await
                .unwrap();
        rows.into_iter().map(|row| row.3 + "\n").collect()
    }

    #[tokio::test]
    async fn pruning_reads_no_seal_that_stays() {
        let world = World::new().await;
        let store = world.store().await;
        assert!(plan(&store, OPENINGS).await.contains("seal_openings_idx"));
        assert!(plan(&store, SEALS).await.contains("seal_freed_idx"));
        assert!(
            plan(&store, SEALS_BY_SIZE)
                .await
                .contains("COVERING INDEX seal_kept_idx")
        );
        assert!(plan(&store, RATCHETS).await.contains("ratchet_moved_idx"));
    }

    #[tokio::test]
    async fn a_clock_that_was_set_forward_forgets_no_ratchet() {
        let world = World::new().await;
        let store = world.store().await;
        let used = Timestamp(T0);
        let at_s = used.0 / 1000;
        sqlx::query("INSERT INTO ratchet (pass_id, at_s, n, moved_at) VALUES ('a', $1, 1, $2), ('b', $1, 1, 0)")
            .bind(at_s)
            .bind(used.0)
            .execute(&store.write)
            .await
            .unwrap();
        let left = async || {
            let (left,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM ratchet")
                .fetch_one(&store.write)
                .await
                .unwrap();
            left
        };
        let reading = |days: i64, err_ms, clock| Reading {
            wall: used.plus_ms(days * 86_400_000),
            err_ms,
            mono_ms: 0,
            clock,
        };
        for clock in [ClockState::Holdover, ClockState::Untrusted] {
            store.prune(reading(400, 500, clock)).await.unwrap();
            assert_eq!(left().await, 2, "{clock:?}");
        }
        let err_ms = 86_400_000 * 3 / 2;
        store
            .prune(reading(41, err_ms, ClockState::Synced))
            .await
            .unwrap();
        assert_eq!(
            left().await,
            2,
            "the narrowest clock is not there yet; nor is one that was set back"
        );
        store
            .prune(reading(41, 500, ClockState::Synced))
            .await
            .unwrap();
        assert_eq!(left().await, 0);
    }
}
