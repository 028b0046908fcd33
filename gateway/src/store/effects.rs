//! What changes together with events: one variant per fact, applied in the events' own transaction.

use sekisho_domain::access::Mode;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{CommandId, Correlation, DeviceId, DoorId, PassId, SubjectId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::Bytes8;
use sekisho_domain::wire::telemetry::Item;
use sekisho_domain::wire::uplink::{Head, Outcome};
use sqlx::SqliteConnection;

use super::{alarms, inside, int, telemetry, wishes};
use crate::site::{Entry, Inside};

/// One durable change.
#[derive(Clone, Debug)]
pub enum Effect {
    /// A presentation was accepted: no code up to this one counts again.
    Ratchet {
        /// Whose.
        pass: PassId,
        /// Seconds of the code.
        at_s: u32,
        /// Its number within the second.
        n: u16,
    },
    /// A device's message is dealt with; a repeat gets this answer.
    Answered {
        /// Whose message.
        device: DeviceId,
        /// Its boot.
        boot: Bytes8,
        /// Its number.
        n: u64,
        /// The answer, where there is one.
        answer: Option<Vec<u8>>,
    },
    /// An entry was granted; its door has not opened yet.
    Released(Correlation, Entry),
    /// The door of a granted entry opened, or locked again.
    ReleaseOver(Correlation),
    /// A snapshot was applied.
    Snapshot {
        /// Its number.
        epoch: u64,
        /// SHA-256 of the signed bytes.
        digest: Digest,
        /// The signed bytes.
        signed: Vec<u8>,
        /// Serial of the keyring in it.
        keyring_serial: u64,
        /// The keyring in it.
        keyring: Vec<u8>,
        /// Origin of the log.
        origin: String,
    },
    /// A revocation list was applied.
    Revocation {
        /// Its number.
        epoch: u64,
        /// Its payload.
        payload: Vec<u8>,
    },
    /// A freshness statement named exactly what is held, at this wall time.
    Fresh(Timestamp),
    /// The outside confirmed the wall clock: the floor is reset to it, be it lower than before.
    Confirmed(Timestamp),
    /// An order has been dealt with.
    Command {
        /// Which.
        id: CommandId,
        /// What became of it.
        outcome: Outcome,
        /// Nonce of a cut, whose event is the last of this commit.
        cut: Option<[u8; 16]>,
    },
    /// What an order asked for failed at the lock after all.
    CommandFailed(CommandId),
    /// A door was put into a mode.
    Mode {
        /// Which door.
        door: DoorId,
        /// From now on.
        mode: Mode,
    },
    /// A receipt was verified: a new head, and every seal up to `seal_no` is freed.
    Receipt {
        /// Which log.
        origin: String,
        /// Its head.
        head: Head,
        /// Last freed seal.
        seal_no: u64,
    },
    /// Measurements to be numbered; with `shed` only their numbers are taken.
    Telemetry {
        /// Without their numbers.
        items: Vec<Item>,
        /// How many more were lost before: they follow, as shed ones.
        lost: u64,
        /// There is no room for them.
        shed: bool,
    },
    /// The server answered for measurements up to this number.
    TelemetryAcked(u64),
    /// A wish of somebody on site is dealt with.
    Wish {
        /// Which.
        id: CommandId,
        /// Whether it was granted.
        done: bool,
    },
    /// Somebody came in, or may stay longer.
    Inside(SubjectId, Inside),
    /// Somebody left: they are inside no more, and no entry under way brings them in.
    Outside(SubjectId),
    /// `device.enrolled` is recorded.
    DeviceRecorded(DeviceId),
    /// `device.revoked` is recorded.
    DeviceRevoked(DeviceId),
}

/// What every effect may refer to.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub now: Timestamp,
    /// Number of the last event of the same commit.
    pub last_seq: u64,
}

impl Effect {
    pub(super) async fn apply(
        &self,
        c: &mut SqliteConnection,
        context: Context,
    ) -> sqlx::Result<()> {
        let now = context.now.0;
        match self {
            Self::Ratchet { pass, at_s, n } => ratchet(c, *pass, *at_s, *n, now).await,
            Self::Answered { device, boot, n, answer } => answered(c, *device, boot, *n, answer.as_deref(), now).await,
            Self::Released(correlation, entry) => inside::begin(c, *correlation, *entry, now).await,
            Self::ReleaseOver(correlation) => inside::over(c, *correlation).await,
            Self::Snapshot { epoch, digest, signed, keyring_serial, keyring, origin } => {
                snapshot(c, *epoch, digest, signed, now).await?;
                sqlx::query("UPDATE identity SET keyring = $1, keyring_serial = $2, origin = $3 WHERE id = 'one'")
                    .bind(keyring)
                    .bind(int(*keyring_serial))
                    .bind(origin)
                    .execute(c)
                    .await
                    .map(drop)
            }
            Self::Revocation { epoch, payload } => {
                sqlx::query("INSERT OR REPLACE INTO revocation (id, epoch, payload, applied_at) VALUES ('one', $1, $2, $3)")
                    .bind(int(*epoch))
                    .bind(payload)
                    .bind(now)
                    .execute(c)
                    .await
                    .map(drop)
            }
            Self::Fresh(at) => mark(c, "fresh", at.0).await,
            Self::Confirmed(at) => mark(c, "floor", at.0).await,
            Self::Command { id, outcome, cut } => command(c, *id, *outcome, cut.as_ref(), context).await,
            Self::CommandFailed(id) => {
                sqlx::query("UPDATE command SET outcome = 'rejected' WHERE id = $1").bind(id.text()).execute(c).await.map(drop)
            }
            Self::Mode { door, mode } => door_mode(c, *door, *mode, now).await,
            Self::Receipt { origin, head, seal_no } => {
                receipt(c, origin, *head, *seal_no, now).await?;
                alarms::freed(c, *seal_no).await
            }
            Self::Telemetry { items, lost, shed } => telemetry::append(c, items, *lost, *shed).await,
            Self::TelemetryAcked(upto) => telemetry::acked(c, *upto).await,
            Self::Wish { id, done } => wishes::done(c, *id, *done, now).await,
            Self::Inside(subject, it) => inside::put(c, *subject, *it, now).await,
            Self::Outside(subject) => inside::remove(c, *subject).await,
            Self::DeviceRecorded(device) => {
                sqlx::query("UPDATE device SET recorded_at = $2 WHERE id = $1").bind(device.text()).bind(now).execute(c).await.map(drop)
            }
            Self::DeviceRevoked(device) => {
                alarms::device_gone(c, &device.0).await?;
                sqlx::query("UPDATE device SET revoked_at = $2 WHERE id = $1").bind(device.text()).bind(now).execute(c).await.map(drop)
            }
        }
    }
}

async fn ratchet(
    c: &mut SqliteConnection,
    pass: PassId,
    at_s: u32,
    n: u16,
    now: i64,
) -> sqlx::Result<()> {
    // Never backwards, whatever order two readers' presentations are committed in.
    sqlx::query(
        "INSERT INTO ratchet (pass_id, at_s, n, moved_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (pass_id) DO UPDATE SET at_s = excluded.at_s, n = excluded.n, moved_at = excluded.moved_at
         WHERE (excluded.at_s, excluded.n) > (ratchet.at_s, ratchet.n)",
    )
    .bind(pass.text())
    .bind(i64::from(at_s))
    .bind(i64::from(n))
    .bind(now)
    .execute(c)
    .await
    .map(drop)
}

async fn answered(
    c: &mut SqliteConnection,
    device: DeviceId,
    boot: &Bytes8,
    n: u64,
    answer: Option<&[u8]>,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO answered (device_id, boot, n, answer, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING")
        .bind(device.text())
        .bind(boot.as_slice())
        .bind(int(n))
        .bind(answer)
        .bind(now)
        .execute(c)
        .await
        .map(drop)
}

/// Keeps this generation and the one before.
async fn snapshot(
    c: &mut SqliteConnection,
    epoch: u64,
    digest: &Digest,
    signed: &[u8],
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM snapshot WHERE epoch < (SELECT MAX(epoch) FROM snapshot)")
        .execute(&mut *c)
        .await?;
    sqlx::query("INSERT OR REPLACE INTO snapshot (epoch, digest, signed, applied_at) VALUES ($1, $2, $3, $4)")
        .bind(int(epoch))
        .bind(digest.0.as_slice())
        .bind(signed)
        .bind(now)
        .execute(c)
        .await
        .map(drop)
}

async fn command(
    c: &mut SqliteConnection,
    id: CommandId,
    outcome: Outcome,
    cut: Option<&[u8; 16]>,
    context: Context,
) -> sqlx::Result<()> {
    let name = match outcome {
        Outcome::Executed => "executed",
        Outcome::Expired => "expired",
        Outcome::Rejected => "rejected",
    };
    sqlx::query("INSERT INTO command (id, outcome, cut_seq, at) VALUES ($1, $2, $3, $4)")
        .bind(id.text())
        .bind(name)
        .bind(cut.map(|_| int(context.last_seq)))
        .bind(context.now.0)
        .execute(&mut *c)
        .await?;
    let Some(nonce) = cut else { return Ok(()) };
    sqlx::query("INSERT INTO cut (seq, nonce, at) VALUES ($1, $2, $3)")
        .bind(int(context.last_seq))
        .bind(nonce.as_slice())
        .bind(context.now.0)
        .execute(c)
        .await
        .map(drop)
}

async fn door_mode(
    c: &mut SqliteConnection,
    door: DoorId,
    mode: Mode,
    now: i64,
) -> sqlx::Result<()> {
    if mode == Mode::Normal {
        return sqlx::query("DELETE FROM door_mode WHERE door_id = $1")
            .bind(door.text())
            .execute(c)
            .await
            .map(drop);
    }
    sqlx::query("INSERT OR REPLACE INTO door_mode (door_id, mode, changed_at) VALUES ($1, $2, $3)")
        .bind(door.text())
        .bind(mode.name())
        .bind(now)
        .execute(c)
        .await
        .map(drop)
}

async fn receipt(
    c: &mut SqliteConnection,
    origin: &str,
    head: Head,
    seal_no: u64,
    now: i64,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT OR REPLACE INTO head (origin, size, root, verified_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(origin)
    .bind(int(head.size))
    .bind(head.root.0.as_slice())
    .bind(now)
    .execute(&mut *c)
    .await?;
    sqlx::query("UPDATE seal SET freed_at = $2 WHERE no <= $1 AND freed_at IS NULL")
        .bind(int(seal_no))
        .bind(now)
        .execute(c)
        .await
        .map(drop)
}

async fn mark(c: &mut SqliteConnection, name: &str, at: i64) -> sqlx::Result<()> {
    sqlx::query("INSERT OR REPLACE INTO mark (name, at) VALUES ($1, $2)")
        .bind(name)
        .bind(at)
        .execute(c)
        .await
        .map(drop)
}
