//! What `status` reads from the file, with or without `run`.

use std::collections::BTreeMap;

use sekisho_domain::crypto::hex;
use sekisho_domain::ids::DoorId;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::alert::Alarm;
use sekisho_domain::wire::code::EventCode;
use serde::Serialize;

use super::{Store, id, uint};

/// One `log.cut` and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The nonce, hexadecimal.
    pub nonce: String,
    /// The seal that ends with it; absent for the moment before it is sealed.
    pub seal_no: Option<u64>,
    /// Number of the event.
    pub seq: u64,
}

/// A door that does not decide by credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DoorLine {
    /// Which.
    pub door: DoorId,
    /// `lockdown` or `blocked`.
    pub mode: String,
    /// Since when.
    pub since: Timestamp,
}

/// An alarm that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlarmLine {
    /// Which.
    pub alarm: Alarm,
    /// Door or device, 32 hexadecimal digits; zeros: the box itself.
    pub place: String,
    /// Number of the event that says so.
    pub seq: u64,
}

/// The durable part of the status.
#[derive(Clone, Debug, Serialize)]
pub struct Durable {
    /// Last seal.
    pub last_seal: u64,
    /// Last event.
    pub last_seq: u64,
    /// Last seal freed by a receipt.
    pub freed: u64,
    /// Seals that wait for a receipt.
    pub unacknowledged: u64,
    /// Cuts, oldest first.
    pub cuts: Vec<Cut>,
    /// Events recorded, by name.
    pub events: BTreeMap<String, u64>,
    /// Snapshot in force (0: none).
    pub snapshot_epoch: u64,
    /// Revocation list in force (0: none).
    pub revocation_epoch: u64,
    /// Doors that an order or somebody on site put into a mode; a door that is not here decides by credential.
    pub doors: Vec<DoorLine>,
    /// Last measurement numbered.
    pub telemetry_seq: u64,
    /// Measurements that the server has answered for.
    pub telemetry_acked: u64,
    /// Alarms that are on.
    pub alarms: Vec<AlarmLine>,
    /// Last head that was verified.
    pub head: Option<sekisho_domain::wire::uplink::Head>,
}

impl Store {
    /// The durable part of the status.
    pub async fn durable(&self) -> anyhow::Result<Durable> {
        let tail = self.tail().await?;
        let (unacknowledged,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM seal WHERE freed_at IS NULL")
                .fetch_one(&self.pool)
                .await?;
        let cuts: Vec<(Vec<u8>, Option<i64>, i64)> =
            sqlx::query_as("SELECT nonce, (SELECT no FROM seal WHERE next_seq > cut.seq ORDER BY next_seq, no LIMIT 1), seq FROM cut ORDER BY seq")
                .fetch_all(&self.pool)
                .await?;
        let counters: Vec<(i64, i64)> = sqlx::query_as("SELECT code, n FROM counter ORDER BY code")
            .fetch_all(&self.pool)
            .await?;
        let (snapshot,): (i64,) = sqlx::query_as("SELECT COALESCE(MAX(epoch), 0) FROM snapshot")
            .fetch_one(&self.pool)
            .await?;
        let (revocation,): (i64,) =
            sqlx::query_as("SELECT COALESCE(MAX(epoch), 0) FROM revocation")
                .fetch_one(&self.pool)
                .await?;
        let alarms = self
            .alarms(0)
            .await?
            .into_iter()
            .filter(|alarm| alarm.active);
        let (telemetry,): (i64,) =
            sqlx::query_as("SELECT next_seq - 1 FROM telemetry_row WHERE id = 'one'")
                .fetch_one(&self.pool)
                .await?;
        Ok(Durable {
            last_seal: tail.last_seal,
            last_seq: tail.last_seq(),
            freed: tail.freed,
            unacknowledged: uint(unacknowledged),
            cuts: cuts
                .into_iter()
                .map(|(nonce, seal, seq)| Cut {
                    nonce: hex(&nonce),
                    seal_no: seal.map(uint),
                    seq: uint(seq),
                })
                .collect(),
            events: counters
                .into_iter()
                .map(|(code, n)| (name(code), uint(n)))
                .collect(),
            snapshot_epoch: uint(snapshot),
            revocation_epoch: uint(revocation),
            doors: self.door_lines().await?,
            telemetry_seq: uint(telemetry),
            telemetry_acked: self.telemetry_acked().await?,
            alarms: alarms
                .map(|alarm| AlarmLine {
                    alarm: alarm.alarm,
                    place: hex(&alarm.place),
                    seq: alarm.seq,
                })
                .collect(),
            head: tail.head,
        })
    }

    async fn door_lines(&self) -> anyhow::Result<Vec<DoorLine>> {
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as("SELECT door_id, mode, changed_at FROM door_mode ORDER BY door_id")
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter()
            .map(|(door, mode, at)| {
                Ok(DoorLine {
                    door: id(&door)?,
                    mode,
                    since: Timestamp(at),
                })
            })
            .collect()
    }
}

fn name(code: i64) -> String {
    let known = u16::try_from(code).ok().and_then(EventCode::from_u16);
    known.map_or_else(|| format!("0x{code:04x}"), |code| code.name().to_owned())
}
