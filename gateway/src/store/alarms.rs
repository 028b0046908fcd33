//! The last event of each alarm: what is copied to the server ahead of the backlog, and what a start knows of doors.

use sekisho_domain::wire::alert::{Alarm, Turn};
use sekisho_domain::wire::event::Event;
use sqlx::SqliteConnection;

use super::{Store, int, uint};

/// Copies sent at once.
const COPIES_MAX: i64 = 256;

/// The last event of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAlarm {
    /// Which.
    pub alarm: Alarm,
    /// Door, device, or zeros.
    pub place: [u8; 16],
    /// Number of the event.
    pub seq: u64,
    /// Its bytes.
    pub event: Vec<u8>,
    /// Whether the alarm is on.
    pub active: bool,
}

type Row = (String, Vec<u8>, i64, Vec<u8>, i64);

impl Store {
    /// Alarms whose last event has a number above `after`, in order: at most 256. All that are on, and all whose event is not yet
    /// receipted.
    pub async fn alarms(&self, after: u64) -> anyhow::Result<Vec<StoredAlarm>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT kind, place, seq, event, active FROM alarm WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(int(after))
        .bind(COPIES_MAX)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().filter_map(stored).collect())
    }
}

impl Store {
    /// Number of the oldest alarm event that no receipt has freed.
    pub async fn first_unfreed_alarm(&self) -> anyhow::Result<Option<u64>> {
        let (seq,): (Option<i64>,) = sqlx::query_as(
            "SELECT MIN(seq) FROM alarm WHERE seq >= COALESCE((SELECT next_seq FROM seal WHERE freed_at IS NOT NULL ORDER BY no DESC LIMIT 1), 1)",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(seq.map(uint))
    }
}

/// What cannot be read is of another version and no alarm of ours.
fn stored((kind, place, seq, event, active): Row) -> Option<StoredAlarm> {
    Some(StoredAlarm {
        alarm: Alarm::from_name(&kind)?,
        place: place.try_into().ok()?,
        seq: uint(seq),
        event,
        active: active == 1,
    })
}

/// Which alarm an event is about, and what it does to it.
pub(super) fn alarm_of(event: &Event) -> Option<(Alarm, Turn)> {
    event.code().and_then(Alarm::of)
}

/// Notes the event of an alarm. The end of an alarm that never began is none: devices come and clocks agree every day.
pub(super) async fn note(
    c: &mut SqliteConnection,
    event: &Event,
    bytes: &[u8],
    seq: u64,
) -> sqlx::Result<bool> {
    let Some((alarm, turn)) = alarm_of(event) else {
        return Ok(false);
    };
    let place = alarm.place(event);
    let sql = if turn == Turn::Ends {
        "UPDATE alarm SET seq = $3, event = $4, active = $5 WHERE kind = $1 AND place = $2"
    } else {
        "INSERT OR REPLACE INTO alarm (kind, place, seq, event, active) VALUES ($1, $2, $3, $4, $5)"
    };
    let done = sqlx::query(sql)
        .bind(alarm.name())
        .bind(place.as_slice())
        .bind(int(seq))
        .bind(bytes)
        .bind(i64::from(turn == Turn::Begins))
        .execute(c)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// What is over and receipted needs no copy any more.
pub(super) async fn freed(c: &mut SqliteConnection, seal_no: u64) -> sqlx::Result<()> {
    sqlx::query(
        "DELETE FROM alarm WHERE active = 0 AND seq < (SELECT next_seq FROM seal WHERE no = $1)",
    )
    .bind(int(seal_no))
    .execute(c)
    .await
    .map(drop)
}

/// A device that was shut out raises no alarm any more.
pub(super) async fn device_gone(c: &mut SqliteConnection, device: &[u8; 16]) -> sqlx::Result<()> {
    sqlx::query("UPDATE alarm SET active = 0 WHERE place = $1")
        .bind(device.as_slice())
        .execute(c)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use sekisho_domain::time::{ClockState, Reading, Timestamp};
    use sekisho_domain::wire::code::EventCode;

    use crate::store::tests::World;
    use crate::store::{Commit, JournalError, Limits};
    use crate::tests::T0;

    use super::*;

    fn one(code: EventCode) -> Commit {
        let at = Reading {
            wall: Timestamp(T0),
            err_ms: 500,
            mono_ms: 1,
            clock: ClockState::Synced,
        };
        Commit {
            events: vec![Event::new(code, at, [1; 8].into()).into()],
            effects: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_flood_that_fills_the_journal_leaves_room_for_alarms() {
        let world = World::new().await;
        let store = world.store().await;
        let limits = Limits {
            max_bytes: 200_000,
            ..Limits::default()
        };
        let journal = world.journal(&store, limits).await;
        let mut view = journal.watch();
        let flood = || Commit {
            events: (0..60)
                .flat_map(|_| one(EventCode::AccessDenied).events)
                .collect(),
            effects: Vec::new(),
        };
        let full = loop {
            match journal.commit(flood()).await {
                Ok(_) => {
                    view.changed().await.unwrap();
                }
                Err(error) => break error,
            }
        };
        // A tenth beyond, and the seal that was under way.
        assert!(
            matches!(full, JournalError::Full(n) if n < 235_000),
            "{full}"
        );
        journal.commit(one(EventCode::FireAlarm)).await.unwrap();
        let alarms = store.alarms(0).await.unwrap();
        assert_eq!(
            (alarms.len(), alarms[0].alarm, alarms[0].active),
            (1, Alarm::Fire, true)
        );
        assert_eq!(alarms[0].seq, journal.view().last_seq);
        // What comes is no alarm, and its end without a beginning is none either.
        assert!(journal.commit(one(EventCode::DeviceOnline)).await.is_ok());
        assert_eq!(store.alarms(0).await.unwrap().len(), 1);
        journal.commit(one(EventCode::FireCleared)).await.unwrap();
        assert!(!store.alarms(0).await.unwrap()[0].active);
    }
}
