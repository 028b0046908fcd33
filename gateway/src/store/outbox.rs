//! Seals and outcomes of orders as the uplink needs them.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::CommandId;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::uplink::{EvidencePublish, Head, Outcome};

use super::{Store, digest, id, int, parsed, uint};

/// Outcomes sent again after a connection was lost: the newest of this age, ms.
const RESULTS_MS: i64 = 600_000;

/// Outcomes sent again at most.
const RESULTS_MAX: i64 = 32;

/// A seal as it is published.
#[derive(Clone, Debug)]
pub struct StoredSeal {
    /// Its number.
    pub no: u64,
    /// The bytes of `up/evidence`: equal at every resend until the openings are deleted.
    pub publish: Vec<u8>,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentResult {
    /// Which order.
    pub id: CommandId,
    /// What became of it.
    pub outcome: Outcome,
    /// For a cut: the seal that ends with it.
    pub seal_no: Option<u64>,
    /// When, by our clock.
    pub at: Timestamp,
}

/// A verified head with its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHead {
    /// Which log.
    pub origin: String,
    /// Its head.
    pub head: Head,
}

impl Store {
    /// Up to `limit` seals from number `from` on, in order.
    pub async fn seals_from(&self, from: u64, limit: u32) -> anyhow::Result<Vec<StoredSeal>> {
        let rows: Vec<(i64, Vec<u8>, Option<String>)> = sqlx::query_as(
            "SELECT no, bytes, openings FROM seal WHERE no >= $1 ORDER BY no LIMIT $2",
        )
        .bind(int(from))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|(no, seal, openings)| {
                let openings =
                    openings.map_or(Ok(Vec::new()), |text| serde_json::from_str(&text))?;
                let publish = sekisho_domain::cbor::encode(&EvidencePublish {
                    version: VERSION,
                    seal: seal.into(),
                    openings,
                });
                Ok(StoredSeal {
                    no: uint(no),
                    publish,
                })
            })
            .collect()
    }

    /// Leaf hash of a seal.
    pub async fn seal_hash(&self, no: u64) -> anyhow::Result<Option<Digest>> {
        let row: Option<(Vec<u8>,)> = sqlx::query_as("SELECT hash FROM seal WHERE no = $1")
            .bind(int(no))
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|(hash,)| digest(hash)))
    }

    /// The last verified head of a log.
    pub async fn head(&self, origin: &str) -> anyhow::Result<Option<Head>> {
        let row: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT size, root FROM head WHERE origin = $1")
                .bind(origin)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(size, root)| Head {
            size: uint(size),
            root: digest(root),
        }))
    }

    /// Stores the head that enrolment brought. Only before the first `run`.
    pub async fn pin_head(&self, head: &StoredHead, now: Timestamp) -> anyhow::Result<()> {
        sqlx::query("INSERT INTO head (origin, size, root, verified_at) VALUES ($1, $2, $3, $4)")
            .bind(&head.origin)
            .bind(int(head.head.size))
            .bind(head.head.root.0.as_slice())
            .bind(now.0)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// What became of an order before, and the seal that ends with its cut.
    pub async fn command(&self, id: CommandId) -> anyhow::Result<Option<(Outcome, Option<u64>)>> {
        let row: Option<(String, Option<i64>)> = sqlx::query_as(
            "SELECT outcome, (SELECT no FROM seal WHERE next_seq > command.cut_seq ORDER BY next_seq, no LIMIT 1) FROM command WHERE id = $1",
        )
        .bind(id.text())
        .fetch_optional(&self.pool)
        .await?;
        row.map(|(outcome, seal)| Ok((parsed::<StoredOutcome>(&outcome)?.0, seal.map(uint))))
            .transpose()
    }

    /// Outcomes of orders of the last ten minutes, oldest first: nobody answers for an outcome, so they are all said again after
    /// a connection was lost.
    pub async fn recent_results(&self, now: Timestamp) -> anyhow::Result<Vec<RecentResult>> {
        let mut rows: Vec<(String, String, Option<i64>, i64)> = sqlx::query_as(
            "SELECT id, outcome, (SELECT no FROM seal WHERE next_seq > command.cut_seq ORDER BY next_seq, no LIMIT 1), at
               FROM command WHERE at >= $1 ORDER BY at DESC LIMIT $2",
        )
        .bind(now.0 - RESULTS_MS)
        .bind(RESULTS_MAX)
        .fetch_all(&self.pool)
        .await?;
        rows.reverse();
        rows.into_iter()
            .map(|(of, outcome, seal, at)| {
                Ok(RecentResult {
                    id: id(&of)?,
                    outcome: parsed::<StoredOutcome>(&outcome)?.0,
                    seal_no: seal.map(uint),
                    at: Timestamp(at),
                })
            })
            .collect()
    }
}

struct StoredOutcome(Outcome);

impl std::str::FromStr for StoredOutcome {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "executed" => Ok(Self(Outcome::Executed)),
            "expired" => Ok(Self(Outcome::Expired)),
            "rejected" => Ok(Self(Outcome::Rejected)),
            _ => Err(()),
        }
    }
}
