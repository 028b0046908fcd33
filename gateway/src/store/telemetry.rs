//! The ring of measurements. They wait here for the server; when there is no room the oldest go first, and the numbers they had
//! are declared as shed.

use sekisho_domain::cbor;
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::telemetry::{GAPS_MAX, Gap, ITEMS_MAX, Item, Telemetry};
use sqlx::SqliteConnection;

use super::{Store, int, uint};
use sekisho_domain::ids::StreamId;

/// Measurements kept at most.
pub(super) const RING_MAX: i64 = 8_192;

/// Most bytes of one stored measurement.
const ITEM_MAX: usize = 1_024;

impl Store {
    /// The next batch: what follows number `after`, as far as one message takes it. `None` when there is nothing.
    pub async fn telemetry(
        &self,
        stream: StreamId,
        after: u64,
    ) -> anyhow::Result<Option<Telemetry>> {
        // In one statement, so that ring and row are of one moment.
        let rows: Vec<(i64, Option<i64>, Option<Vec<u8>>)> = sqlx::query_as(
            "SELECT r.next_seq, t.seq, t.item FROM telemetry_row r
               LEFT JOIN (SELECT seq, item FROM telemetry WHERE seq > $1 ORDER BY seq LIMIT $2) t ON 1
              WHERE r.id = 'one' ORDER BY t.seq",
        )
        .bind(int(after))
        .bind(int(ITEMS_MAX as u64))
        .fetch_all(&self.pool)
        .await?;
        let next = rows.first().map_or(1, |row| uint(row.0));
        let kept = rows
            .into_iter()
            .filter_map(|(_, seq, item)| Some((uint(seq?), item?)));
        Ok(batch(stream, after, next, kept.collect()))
    }

    /// Up to which number the server has answered.
    pub async fn telemetry_acked(&self) -> anyhow::Result<u64> {
        let (acked,): (i64,) = sqlx::query_as("SELECT acked FROM telemetry_row WHERE id = 'one'")
            .fetch_one(&self.pool)
            .await?;
        Ok(uint(acked))
    }
}

/// What one message says of the numbers after `after` and below `next`, of which `kept` are there (the first [`ITEMS_MAX`] of
/// them). What cannot be read any more counts as shed.
fn batch(stream: StreamId, after: u64, next: u64, kept: Vec<(u64, Vec<u8>)>) -> Option<Telemetry> {
    let full = kept.len() == ITEMS_MAX;
    let (mut items, mut gaps, mut expected) = (Vec::new(), Vec::new(), after + 1);
    let mut readable = kept.into_iter().filter_map(|(seq, bytes)| {
        let item: Item = cbor::decode(&bytes, ITEM_MAX).ok()?;
        (item.seq == seq).then_some(item)
    });
    // One place is left for a gap at the end.
    while gaps.len() < GAPS_MAX - 1
        && let Some(item) = readable.next()
    {
        if item.seq > expected {
            gaps.push(Gap {
                first: expected,
                last: item.seq - 1,
            });
        }
        expected = item.seq + 1;
        items.push(item);
    }
    let all = !full && readable.next().is_none();
    if all && expected < next {
        gaps.push(Gap {
            first: expected,
            last: next - 1,
        });
        expected = next;
    }
    (expected > after + 1).then(|| Telemetry {
        version: VERSION,
        stream,
        first: after + 1,
        last: expected - 1,
        items,
        gaps,
    })
}

/// Numbers measurements and keeps them, and numbers those that were lost; with `shed` only the numbers are taken, and what is
/// there goes too.
pub(super) async fn append(
    c: &mut SqliteConnection,
    items: &[Item],
    lost: u64,
    shed: bool,
) -> sqlx::Result<()> {
    let numbers = lost.saturating_add(items.len() as u64);
    let (next,): (i64,) = sqlx::query_as(
        "UPDATE telemetry_row SET next_seq = next_seq + $1 WHERE id = 'one' RETURNING next_seq",
    )
    .bind(int(numbers))
    .fetch_one(&mut *c)
    .await?;
    if shed {
        return sqlx::query("DELETE FROM telemetry")
            .execute(c)
            .await
            .map(drop);
    }
    for (item, seq) in items.iter().zip(uint(next) - numbers..) {
        let item = Item {
            seq,
            ..item.clone()
        };
        sqlx::query("INSERT INTO telemetry (seq, item) VALUES ($1, $2)")
            .bind(int(seq))
            .bind(cbor::encode(&item))
            .execute(&mut *c)
            .await?;
    }
    sqlx::query("DELETE FROM telemetry WHERE seq < $1")
        .bind(next.saturating_sub(RING_MAX))
        .execute(c)
        .await
        .map(drop)
}

/// The server has stored, or noted as shed, everything up to `upto`. A number that was never given is no answer.
pub(super) async fn acked(c: &mut SqliteConnection, upto: u64) -> sqlx::Result<()> {
    let done = sqlx::query(
        "UPDATE telemetry_row SET acked = $1 WHERE id = 'one' AND acked < $1 AND $1 < next_seq",
    )
    .bind(int(upto))
    .execute(&mut *c)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query("DELETE FROM telemetry WHERE seq <= $1")
        .bind(int(upto))
        .execute(c)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use sekisho_domain::ids::DeviceId;
    use sekisho_domain::time::{ClockState, Reading, Timestamp};
    use sekisho_domain::wire::telemetry::Measured;

    use super::*;

    fn item(seq: u64) -> (u64, Vec<u8>) {
        let item = Item {
            seq,
            at: Reading {
                wall: Timestamp(1),
                err_ms: 1,
                mono_ms: 1,
                clock: ClockState::Synced,
            },
            device: DeviceId([1; 16]),
            boot: [1; 8].into(),
            door: None,
            zone: None,
            seat: None,
            what: Measured::Passages(1, 0),
        };
        (seq, cbor::encode(&item))
    }

    #[test]
    fn batches_account_for_every_number_whatever_was_shed() {
        let stream = StreamId([1; 16]);
        assert_eq!(batch(stream, 0, 1, Vec::new()), None);
        for (every, shed_from) in [(1, 500), (2, 500), (3, 100), (7, 0)] {
            let next = 501;
            let there = |seq: u64| seq.is_multiple_of(every) && seq <= shed_from;
            let (mut after, mut items, mut declared) = (0, 0, 0);
            loop {
                let kept = (after + 1..next).filter(|seq| there(*seq));
                let kept = kept.take(ITEMS_MAX).map(item).collect();
                let Some(batch) = batch(stream, after, next, kept) else {
                    break;
                };
                assert!(batch.is_whole(), "{batch:?}");
                items += batch.items.len() as u64;
                declared += batch.declared();
                after = batch.last;
            }
            assert_eq!((after, items + declared), (500, 500), "every {every}");
        }
    }

    #[test]
    fn what_cannot_be_read_counts_as_shed() {
        let stream = StreamId([1; 16]);
        let kept = vec![item(1), (2, vec![0xff]), item(3)];
        let batch = batch(stream, 0, 4, kept);
        let gap = Gap { first: 2, last: 2 };
        assert!(batch.is_some_and(|batch| batch.is_whole() && batch.gaps == [gap]));
    }
}
