//! Seals as the uplink needs them, and what is thrown away when.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::CommandId;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::uplink::{EvidencePublish, Head, Outcome};

use super::{Store, digest, int, parsed, uint};

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

/// A seal as it is published.
#[derive(Clone, Debug)]
pub struct StoredSeal {
    /// Its number.
    pub no: u64,
    /// The bytes of `up/evidence`: equal at every resend until the openings are deleted.
    pub publish: Vec<u8>,
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

    /// Throws away what nobody needs any more. Nothing unacknowledged is ever touched.
    pub async fn prune(&self, now: Timestamp) -> anyhow::Result<()> {
        let mut tx = self.write.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("UPDATE seal SET openings = NULL WHERE openings IS NOT NULL AND freed_at < $1")
            .bind(now.0 - KEEP_OPENINGS_MS)
            .execute(&mut *tx)
            .await?;
        // The last seal stays whatever its age: the next one names its hash.
        sqlx::query("DELETE FROM seal WHERE freed_at < $1 AND no < (SELECT MAX(no) FROM seal)")
            .bind(now.0 - KEEP_SEALS_MS)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "DELETE FROM seal WHERE freed_at IS NOT NULL AND no < (SELECT MAX(no) FROM seal) AND no <= (
                SELECT MAX(no) FROM (SELECT no, SUM(size) OVER (ORDER BY no DESC) AS above FROM seal WHERE freed_at IS NOT NULL) WHERE above > $1)",
        )
        .bind(KEEP_SEALS_BYTES)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM cut WHERE seq < (SELECT MIN(first_seq) FROM seal)")
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM ratchet WHERE moved_at < $1")
            .bind(now.0 - KEEP_RATCHETS_MS)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM command WHERE at < $1")
            .bind(now.0 - KEEP_COMMANDS_MS)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM release WHERE at < $1")
            .bind(now.0 - KEEP_COMMANDS_MS)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM observer WHERE expires_at < $1")
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "DELETE FROM answered WHERE row_no IN (
                SELECT row_no FROM (SELECT row_no, ROW_NUMBER() OVER (PARTITION BY device_id ORDER BY row_no DESC) AS place FROM answered) WHERE place > $1)",
        )
        .bind(KEEP_ANSWERS)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
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
