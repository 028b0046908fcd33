//! Modes of doors asked for on site: `door mode` is a process of its own and writes wishes, `run` records and applies them.

use sekisho_domain::access::Mode;
use sekisho_domain::ids::{CommandId, DoorId};
use sekisho_domain::time::Timestamp;
use sqlx::SqliteConnection;

use super::{Store, id};

/// A mode of a door that somebody on site asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorWish {
    /// Which wish.
    pub id: CommandId,
    /// Which door.
    pub door: DoorId,
    /// The mode.
    pub mode: Mode,
    /// Why, in the words of who asked.
    pub reason: String,
}

impl Store {
    /// Writes a wish down; `run` takes it up within a second, or at its next start.
    pub async fn wish(&self, wish: &DoorWish, now: Timestamp) -> anyhow::Result<()> {
        sqlx::query("INSERT INTO door_wish (id, door_id, mode, reason, asked_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(wish.id.text())
            .bind(wish.door.text())
            .bind(wish.mode.name())
            .bind(&wish.reason)
            .bind(now.0)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Wishes that nobody has dealt with, oldest first.
    pub async fn door_wishes(&self) -> anyhow::Result<Vec<DoorWish>> {
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT id, door_id, mode, reason FROM door_wish WHERE done_at IS NULL ORDER BY asked_at, id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|(of, door, mode, reason)| {
                Ok(DoorWish {
                    id: id(&of)?,
                    door: id(&door)?,
                    // What cannot be read keeps the door shut: uncertainty narrows.
                    mode: Mode::from_name(&mode).unwrap_or(Mode::Lockdown),
                    reason,
                })
            })
            .collect()
    }

    /// What became of a wish: `None` while nobody has dealt with it.
    pub async fn wish_done(&self, wish: CommandId) -> anyhow::Result<Option<bool>> {
        let row: Option<(Option<i64>,)> =
            sqlx::query_as("SELECT done FROM door_wish WHERE id = $1")
                .bind(wish.text())
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.and_then(|(done,)| done).map(|done| done == 1))
    }
}

/// A wish is dealt with.
pub(super) async fn done(
    c: &mut SqliteConnection,
    wish: CommandId,
    done: bool,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE door_wish SET done = $2, done_at = $3 WHERE id = $1")
        .bind(wish.text())
        .bind(i64::from(done))
        .bind(now)
        .execute(c)
        .await
        .map(drop)
}
