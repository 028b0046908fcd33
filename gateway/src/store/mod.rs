//! The one database file. SQL stands in this folder and nowhere else.
//!
//! One writer task owns every change that `run` makes ([`Journal`]); a second process (`device issue`) writes only rows of its
//! own, which `run` picks up.

mod alarms;
mod devices;
mod effects;
mod inside;
mod journal;
mod load;
mod outbox;
mod prune;
mod status;
mod tail;
mod telemetry;
#[cfg(test)]
mod tests;
mod wishes;
mod writer;

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use sekisho_certs::files;
use sekisho_domain::crypto::{Digest, VerifyingKey};
use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::time::Timestamp;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub use alarms::StoredAlarm;
pub use devices::{Device, DeviceChange, NewDevice};
pub use effects::Effect;
pub use journal::{
    Commit, Committed, Draft, Journal, JournalError, Limits, Pending, View, durable,
};
pub use load::{Answered, Held, Loaded};
pub use outbox::{RecentResult, StoredHead, StoredSeal};
pub use status::{AlarmLine, Cut, DoorLine, Durable};
pub use wishes::DoorWish;

/// Who this box is, as enrolment left it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Which gateway.
    pub gateway: GatewayId,
    /// At which site.
    pub site: SiteId,
    /// The life of the database file.
    pub stream: StreamId,
    /// Pinned at enrolment; signs every keyring.
    pub keyring_key: VerifyingKey,
    /// The newest signed keyring.
    pub keyring: Vec<u8>,
    /// Its serial.
    pub keyring_serial: u64,
    /// Origin of the log that takes this site's seals.
    pub origin: String,
}

/// The database file.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
    write: SqlitePool,
}

impl Store {
    /// Makes the file with its identity. An existing file is refused: its stream is evidence.
    pub async fn create(path: &Path, identity: &Identity, now: Timestamp) -> anyhow::Result<Self> {
        files::create_private(path, b"").with_context(|| format!("making {}", path.display()))?;
        let store = Self::connect(path).await?;
        sqlx::query(
            "INSERT INTO identity (id, gateway_id, site_id, stream, keyring_key, keyring, keyring_serial, origin, created_at)
             VALUES ('one', $1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(identity.gateway.text())
        .bind(identity.site.text())
        .bind(identity.stream.text())
        .bind(identity.keyring_key.as_bytes().as_slice())
        .bind(&identity.keyring)
        .bind(int(identity.keyring_serial))
        .bind(&identity.origin)
        .bind(now.0)
        .execute(&store.write)
        .await?;
        Ok(store)
    }

    /// Opens an existing file and brings its schema up to date.
    pub async fn open(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            return Err(anyhow!(
                "{} is not there: enrol this gateway first (sekisho-gateway enrol CODE --server URL --dir DIR)",
                path.display()
            ));
        }
        Self::connect(path).await
    }

    async fn connect(path: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let context = || format!("cannot open the database file {}", path.display());
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .with_context(context)?;
        sqlx::migrate!("../migrations/gateway")
            .run(&write)
            .await
            .with_context(context)?;
        let pool = SqlitePoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .with_context(context)?;
        Ok(Self { pool, write })
    }

    /// Who this box is.
    pub async fn identity(&self) -> anyhow::Result<Identity> {
        type Row = (String, String, String, Vec<u8>, Vec<u8>, i64, String);
        let (gateway, site, stream, key, keyring, serial, origin): Row =
            sqlx::query_as("SELECT gateway_id, site_id, stream, keyring_key, keyring, keyring_serial, origin FROM identity WHERE id = 'one'")
                .fetch_optional(&self.pool)
                .await?
                .ok_or_else(|| anyhow!("the database holds no identity: enrolment was interrupted; remove gateway.db and enrol again"))?;
        Ok(Identity {
            gateway: GatewayId::parse_text(&gateway)?,
            site: SiteId::parse_text(&site)?,
            stream: StreamId::parse_text(&stream)?,
            keyring_key: VerifyingKey::from_bytes(
                <[u8; 32]>::try_from(key)
                    .map_err(|_| anyhow!("the pinned keyring key is damaged"))?,
            ),
            keyring,
            keyring_serial: uint(serial),
            origin,
        })
    }

    /// Closes the file; the write-ahead log is folded into it.
    pub async fn close(self) {
        self.pool.close().await;
        self.write.close().await;
    }
}

/// For a column that holds a count or number.
fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// From a column that holds a count or number.
fn uint(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// From a column that holds 32 bytes; damage shows as the zero digest, which equals nothing real.
fn digest(bytes: Vec<u8>) -> Digest {
    bytes.try_into().map_or(Digest::ZERO, Digest)
}

/// From a column that holds an id.
fn id<T: FromIdText>(text: &str) -> anyhow::Result<T> {
    T::from_id_text(text)
        .ok_or_else(|| anyhow!("the database holds {text:?} where an id should be"))
}

/// Ids by their database form.
trait FromIdText: Sized {
    fn from_id_text(text: &str) -> Option<Self>;
}

macro_rules! from_id_text {
    ($($name:ident),*) => {$(
        impl FromIdText for sekisho_domain::ids::$name {
            fn from_id_text(text: &str) -> Option<Self> { Self::parse_text(text).ok() }
        }
    )*};
}
from_id_text!(
    DeviceId,
    DoorId,
    SeatId,
    ZoneId,
    PassId,
    SubjectId,
    CommandId,
    Correlation
);

/// Brings a text column of a closed set back; only our own writers fill it.
fn parsed<T: FromStr>(text: &str) -> anyhow::Result<T> {
    text.parse()
        .map_err(|_| anyhow!("the database holds {text:?}, which this version does not know"))
}
