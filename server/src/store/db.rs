//! Two engines behind one enum: the only file that knows which one runs.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

/// The database.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file; one writer, so that writers queue in order instead of polling for a lock.
    Sqlite {
        /// Readers see a stable snapshot (WAL).
        read: SqlitePool,
        /// The one writer.
        write: SqlitePool,
    },
    /// A server of its own.
    Postgres(PgPool),
}

/// A transaction on either engine.
pub enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

/// Runs one sqlx expression on whichever connection the transaction has. Both arms must have one type: end `execute` with
/// `.map(|done| done.rows_affected())`.
#[macro_export]
macro_rules! on {
    ($tx:expr, $c:ident => $body:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(tx) => {
                let $c = &mut **tx;
                $body
            }
            $crate::store::Tx::Postgres(tx) => {
                let $c = &mut **tx;
                $body
            }
        }
    };
}

impl Db {
    /// Opens `sqlite:path/to/file` or `postgres://…`. Creates the SQLite file, never a PostgreSQL database.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Self::open_sqlite(Path::new(path)).await;
        }
        let options = PgConnectOptions::from_str(url)
            .context("database.url is neither sqlite:PATH nor postgres://…")?
            // Every statement here is short; compiling one takes longer than running it does.
            .options([("jit", "off")]);
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await
            .context("cannot reach PostgreSQL")?;
        Ok(Self::Postgres(pool))
    }

    async fn open_sqlite(path: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
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
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(false))
            .await
            .with_context(context)?;
        Ok(Self::Sqlite { read, write })
    }

    /// Opens the file of a witness and brings its schema up to date: a schema of its own, on SQLite alone.
    pub(super) async fn open_witness(path: &Path) -> anyhow::Result<Self> {
        let db = Self::open_sqlite(path).await?;
        if let Self::Sqlite { write, .. } = &db {
            sqlx::migrate!("../migrations/witness").run(write).await?;
        }
        Ok(db)
    }

    /// Brings the schema up to date. Safe to repeat.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite { write, .. } => sqlx::migrate!("../migrations/sqlite").run(write).await?,
            Self::Postgres(pool) => sqlx::migrate!("../migrations/postgres").run(pool).await?,
        }
        Ok(())
    }

    /// Begins a transaction that will write.
    pub async fn write(&self) -> sqlx::Result<Tx> {
        match self {
            // A deferred transaction that reads first fails with SQLITE_BUSY_SNAPSHOT; taking the write lock now cannot.
            Self::Sqlite { write, .. } => write.begin_with("BEGIN IMMEDIATE").await.map(Tx::Sqlite),
            Self::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
    }

    /// Begins a transaction that only reads.
    pub async fn read(&self) -> sqlx::Result<Tx> {
        match self {
            Self::Sqlite { read, .. } => read.begin().await.map(Tx::Sqlite),
            Self::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
    }

    /// Writes a consistent copy of a SQLite database into a new file, while others go on writing.
    pub async fn copy_into(&self, path: &Path) -> anyhow::Result<()> {
        let Self::Sqlite { read, .. } = self else {
            bail!("PostgreSQL is copied by pg_dump");
        };
        let path = path
            .to_str()
            .context("the path of the copy is not UTF-8 text")?;
        sqlx::query("VACUUM INTO $1")
            .bind(path)
            .execute(read)
            .await
            .context("copying the database")?;
        Ok(())
    }

    /// How many tables there are; 0 for a database that nobody has used.
    pub async fn tables(&self) -> sqlx::Result<i64> {
        let (tables,): (i64,) = match self {
            Self::Sqlite { read, .. } => {
                sqlx::query_as("SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table'")
                    .fetch_one(read)
                    .await?
            }
            Self::Postgres(pool) => {
                sqlx::query_as("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema()")
                    .fetch_one(pool)
                    .await?
            }
        };
        Ok(tables)
    }

    /// Number of the newest migration that was applied (0: none), and of the newest that this program knows.
    pub async fn schema(&self) -> sqlx::Result<(i64, i64)> {
        let sql = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success";
        let known = known_schema();
        if self.tables().await? == 0 {
            return Ok((0, known));
        }
        let (applied,): (i64,) = match self {
            Self::Sqlite { read, .. } => sqlx::query_as(sql).fetch_one(read).await?,
            Self::Postgres(pool) => sqlx::query_as(sql).fetch_one(pool).await?,
        };
        Ok((applied, known))
    }

    /// What is wrong below the rows: damage of a SQLite file, or an extension that PostgreSQL lacks. Reads a whole SQLite file.
    pub async fn defect(&self) -> sqlx::Result<Option<String>> {
        match self {
            Self::Sqlite { read, .. } => {
                let (found,): (String,) = sqlx::query_as("PRAGMA integrity_check(1)")
                    .fetch_one(read)
                    .await?;
                Ok((found != "ok").then_some(found))
            }
            Self::Postgres(pool) => {
                let (there,): (i64,) = sqlx::query_as(
                    "SELECT COUNT(*) FROM pg_extension WHERE extname = 'btree_gist'",
                )
                .fetch_one(pool)
                .await?;
                Ok((there == 0).then(|| "the extension btree_gist is not there".to_owned()))
            }
        }
    }

    /// `sqlite` or `postgres`.
    pub fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
}

/// Number of the newest migration that this program knows; the same on both engines.
pub fn known_schema() -> i64 {
    let migrator = sqlx::migrate!("../migrations/sqlite");
    migrator.iter().map(|it| it.version).max().unwrap_or(0)
}

impl Tx {
    /// Makes everything since the beginning durable.
    pub async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}

/// What a store function fails with.
pub use sqlx::Error as DbError;

/// Whether a failure is the database being out of reach, so that trying again later may help.
pub fn is_unavailable(failure: &anyhow::Error) -> bool {
    failure
        .chain()
        .filter_map(|cause| cause.downcast_ref::<DbError>())
        .any(|error| {
            matches!(
                error,
                DbError::Io(_) | DbError::PoolTimedOut | DbError::PoolClosed
            )
        })
}

/// Whether a failure lies in what was asked for and not in the state of the database: asking again fails again.
pub fn is_lasting(failure: &anyhow::Error) -> bool {
    let mut errors = failure
        .chain()
        .filter_map(|cause| cause.downcast_ref::<DbError>());
    errors.all(|error| match error {
        // Constraints; on PostgreSQL also values that no column takes (class 22).
        DbError::Database(db) => {
            !matches!(db.kind(), sqlx::error::ErrorKind::Other)
                || db.code().is_some_and(|code| code.starts_with("22"))
        }
        DbError::RowNotFound
        | DbError::Encode(_)
        | DbError::Decode(_)
        | DbError::ColumnDecode { .. } => true,
        _ => false,
    })
}

/// Whether an error is the refusal of the named constraint or trigger: PostgreSQL gives the name, SQLite our own text or the
/// columns (`table.column`).
pub fn is_constraint(error: &sqlx::Error, name: &str) -> bool {
    let Some(db) = error.as_database_error() else {
        return false;
    };
    db.constraint() == Some(name) || db.message().contains(name)
}

/// Whether the same transaction may simply be tried again (serialisation failure or deadlock on PostgreSQL).
pub fn is_retryable(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == "40001" || code == "40P01")
}
