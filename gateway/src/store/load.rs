//! What a start reads: the end of the stream, and everything that decisions need in memory.

use std::collections::{HashMap, VecDeque};

use sekisho_domain::access::Mode;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{Correlation, DeviceId, DoorId, PassId};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::Bytes8;

use super::tail::{Tail, Unsealed};
use super::{Device, Store, StoredAlarm, digest, id, uint};
use crate::site::{Entry, People};

/// The snapshot in force, as it was signed.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its number.
    pub epoch: u64,
    /// SHA-256 of the signed bytes.
    pub digest: Digest,
    /// The signed bytes.
    pub signed: Vec<u8>,
}

/// A device's message that was answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Whose.
    pub device: DeviceId,
    /// Its boot.
    pub boot: Bytes8,
    /// Its number.
    pub n: u64,
    /// The answer.
    pub answer: Option<Vec<u8>>,
}

/// Everything that decisions need.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Snapshot in force.
    pub snapshot: Option<Held>,
    /// Epoch and payload of the revocation list.
    pub revocation: Option<(u64, Vec<u8>)>,
    /// Last accepted code by pass.
    pub ratchets: HashMap<PassId, (u32, u16)>,
    /// Newest answered messages, oldest first.
    pub answered: Vec<Answered>,
    /// Entries under way.
    pub releases: HashMap<Correlation, Entry>,
    /// Doors that do not decide by credential.
    pub modes: HashMap<DoorId, Mode>,
    /// Devices that are recorded and not revoked.
    pub devices: Vec<Device>,
    /// Alarms that are on.
    pub alarms: Vec<StoredAlarm>,
    /// Who came in and was not seen to leave.
    pub inside: People,
    /// Wall time of the last freshness that matched.
    pub fresh: Option<Timestamp>,
    /// Wall time that has certainly passed.
    pub floor: Option<Timestamp>,
}

impl Store {
    /// Reads everything that decisions need.
    pub async fn load(&self) -> anyhow::Result<Loaded> {
        Ok(Loaded {
            snapshot: self.snapshot().await?,
            revocation: sqlx::query_as::<_, (i64, Vec<u8>)>(
                "SELECT epoch, payload FROM revocation WHERE id = 'one'",
            )
            .fetch_optional(&self.pool)
            .await?
            .map(|(epoch, payload)| (uint(epoch), payload)),
            ratchets: self.ratchets().await?,
            answered: self.answered().await?,
            releases: self.releases().await?,
            modes: self.modes().await?,
            devices: self
                .devices()
                .await?
                .into_iter()
                .filter(|device| device.recorded && !device.revoked)
                .collect(),
            alarms: self
                .alarms(0)
                .await?
                .into_iter()
                .filter(|alarm| alarm.active)
                .collect(),
            inside: self.inside().await?,
            fresh: self.mark("fresh").await?,
            floor: self.mark("floor").await?,
        })
    }

    /// The end of the stream as the file holds it.
    pub(super) async fn tail(&self) -> anyhow::Result<Tail> {
        // On the writer's connection, so that it sees exactly what the writer wrote.
        let last: Option<(i64, i64, Vec<u8>)> =
            sqlx::query_as("SELECT no, next_seq, hash FROM seal ORDER BY no DESC LIMIT 1")
                .fetch_optional(&self.write)
                .await?;
        let (last_seal, first_unsealed, last_hash) = last
            .map_or((0, 1, Digest::ZERO), |(no, next, hash)| {
                (uint(no), uint(next), digest(hash))
            });
        let rows: Vec<(i64, Vec<u8>, String, i64)> =
            sqlx::query_as("SELECT seq, bytes, openings, closes FROM event ORDER BY seq")
                .fetch_all(&self.write)
                .await?;
        let mut unsealed = VecDeque::new();
        for (bytes, openings, closes) in rows
            .into_iter()
            .filter(|row| uint(row.0) >= first_unsealed)
            .map(|row| (row.1, row.2, row.3))
        {
            unsealed.push_back(Unsealed {
                bytes,
                openings: serde_json::from_str(&openings)?,
                closes: closes == 1,
            });
        }
        // Seals are freed in order, so the first unfreed one says it all.
        let (unfreed_from,): (Option<i64>,) =
            sqlx::query_as("SELECT MIN(no) FROM seal WHERE freed_at IS NULL")
                .fetch_one(&self.write)
                .await?;
        let freed = unfreed_from.map_or(last_seal, |no| uint(no) - 1);
        let (origin,): (String,) = sqlx::query_as("SELECT origin FROM identity WHERE id = 'one'")
            .fetch_one(&self.write)
            .await?;
        let (unfreed,): (i64,) = sqlx::query_as(
            "SELECT CAST(COALESCE(SUM(size), 0) AS INTEGER) FROM seal WHERE freed_at IS NULL",
        )
        .fetch_one(&self.write)
        .await?;
        let head = self.head(&origin).await?;
        let (last_alarm,): (i64,) = sqlx::query_as("SELECT COALESCE(MAX(seq), 0) FROM alarm")
            .fetch_one(&self.write)
            .await?;
        Ok(Tail {
            next_seq: first_unsealed + unsealed.len() as u64,
            last_seal,
            last_hash,
            unsealed,
            head,
            origin,
            freed,
            unfreed_bytes: uint(unfreed),
            last_alarm: uint(last_alarm),
        })
    }

    async fn snapshot(&self) -> anyhow::Result<Option<Held>> {
        let row: Option<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT epoch, digest, signed FROM snapshot ORDER BY epoch DESC LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(epoch, of, signed)| Held {
            epoch: uint(epoch),
            digest: digest(of),
            signed,
        }))
    }

    async fn ratchets(&self) -> anyhow::Result<HashMap<PassId, (u32, u16)>> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as("SELECT pass_id, at_s, n FROM ratchet")
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter()
            .map(|(pass, at_s, n)| Ok((id(&pass)?, (u32::try_from(at_s)?, u16::try_from(n)?))))
            .collect()
    }

    async fn answered(&self) -> anyhow::Result<Vec<Answered>> {
        type Row = (String, Vec<u8>, i64, Option<Vec<u8>>);
        let rows: Vec<Row> =
            sqlx::query_as("SELECT device_id, boot, n, answer FROM answered ORDER BY row_no")
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter()
            .map(|(device, boot, n, answer)| {
                let boot = <[u8; 8]>::try_from(boot.as_slice())?.into();
                Ok(Answered {
                    device: id(&device)?,
                    boot,
                    n: uint(n),
                    answer,
                })
            })
            .collect()
    }

    async fn modes(&self) -> anyhow::Result<HashMap<DoorId, Mode>> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT door_id, mode FROM door_mode")
            .fetch_all(&self.pool)
            .await?;
        // What cannot be read keeps the door shut: uncertainty narrows.
        rows.into_iter()
            .map(|(door, mode)| Ok((id(&door)?, Mode::from_name(&mode).unwrap_or(Mode::Lockdown))))
            .collect()
    }

    async fn mark(&self, name: &str) -> anyhow::Result<Option<Timestamp>> {
        let row: Option<(i64,)> = sqlx::query_as("SELECT at FROM mark WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|(at,)| Timestamp(at)))
    }
}
