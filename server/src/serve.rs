//! Runs the whole server: broker, listeners, jobs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use sekisho_bus::{Acl, Broker, BrokerConfig, BrokerTls};
use sekisho_certs::{Issued, Profile, files, tls};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, Clock, Mailer, Rng};
use crate::config::{Config, UplinkMode};
use crate::flows::start_fence::{self, start_fence, wait_for_gateways};
use crate::store::Db;
use crate::{backup, flows, http, ingest, jobs, store};

/// Longest time for tasks to end by themselves.
const GOODBYE: Duration = Duration::from_secs(5);

/// `run.json`: what runs, and where it listens. It is there exactly while everything is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Process id.
    pub pid: u32,
    /// Pages and API.
    pub http: SocketAddr,
    /// Enrolment of machines.
    pub machines: SocketAddr,
    /// Broker, `host:port`.
    pub uplink: String,
}

impl Running {
    /// Where the file is.
    pub fn path(config: &Config) -> PathBuf {
        config.data_dir.join("run.json")
    }

    /// Whether that process is there. One that was killed leaves its file behind.
    pub fn is_alive(&self) -> bool {
        Path::new("/proc").join(self.pid.to_string()).exists()
    }

    /// What runs now; `None` when nothing does.
    pub fn read(config: &Config) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(config)).ok()?).ok()
    }
}

/// What a server takes from its surroundings.
pub struct Surroundings {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub rng: Arc<dyn Rng>,
    /// Mail.
    pub mailer: Arc<dyn Mailer>,
}

/// Opens the database and makes the shared state. A SQLite file is migrated; PostgreSQL only by `sekisho migrate`.
pub async fn open(config: Config, around: Surroundings) -> anyhow::Result<Arc<App>> {
    files::create_private_dir(&config.data_dir)?;
    backup::refuse_unfinished(&config)?;
    let db = Db::open(&config.database_url()?).await?;
    if db.engine() == "sqlite" {
        db.migrate().await.context("migrating the database")?;
    } else {
        migrated(&db).await?;
    }
    App::new(config, db, around.clock, around.rng, around.mailer)
}

/// Says what to do before anything asks for a table that is not there.
async fn migrated(db: &Db) -> anyhow::Result<()> {
    let (applied, known) = db.schema().await.context("reading the database's schema")?;
    ensure!(
        applied >= known,
        "the database has schema {applied}, and this program needs {known}: run `sekisho migrate` first (take a backup before)"
    );
    ensure!(
        applied == known,
        "the database has schema {applied}, and this program knows only {known}: install the newer version that migrated it"
    );
    Ok(())
}

/// Runs until `stop`. Ready when `run.json` is there.
pub async fn serve(
    mut config: Config,
    around: Surroundings,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let _lock = lock(&config)?;
    let pages = listen("http.listen", config.http.listen).await?;
    config.http.listen = pages.local_addr()?;
    let machines = listen("machines.listen", config.machines.listen).await?;
    let app = open(config, around).await?;
    start_fence(&app).await?;
    wait_for_gateways(&app).await?;
    let mut tx = app.db.write().await?;
    let candidate = sekisho_domain::ids::OrganisationId::new(app.now().0, app.random()).0;
    let server = store::installation::server_id(&mut tx, candidate, app.now())
        .await
        .context("reading the database")?;
    // The keys and the log of what belongs to no site: made now, not in the middle of the first request.
    flows::open_log::current_log(&mut tx, &app, None)
        .await
        .context("opening the operator's log")?;
    tx.commit().await?;
    let own = app.uplink_root()?.issue(
        &Profile::Server {
            id: server,
            names: app.config.machines.names.clone(),
        },
        app.now().0,
    )?;
    let tasks = TaskTracker::new();
    let (host, port) = uplink(&app, server, &tasks, &stop).await?;
    connect(&app, (host.clone(), port), server, &own, &tasks, &stop)?;
    let running = Running {
        pid: std::process::id(),
        http: app.config.http.listen,
        machines: machines.local_addr()?,
        uplink: format!("{host}:{port}"),
    };
    serve_machines(&app, machines, port, &own, &tasks, &stop)?;
    serve_pages(&app, pages, &tasks, &stop)?;
    jobs::start(&app, &tasks, &stop);
    let path = Running::path(&app.config);
    files::write_public(&path, &serde_json::to_vec_pretty(&running)?)?;
    tracing::info!(http = %running.http, machines = %running.machines, uplink = running.uplink, database = app.db.engine(), url = app.config.public_url(), "serving");
    stop.cancelled().await;
    tracing::info!("stopping");
    app.stopping.cancel();
    goodbye(&path, &tasks).await;
    Ok(())
}

/// One server for one data directory. The lock ends with the process, however it ends; what an earlier one left is removed.
fn lock(config: &Config) -> anyhow::Result<std::fs::File> {
    let file = start_fence::lock(config)?
        .with_context(|| format!("another server runs on {}", config.data_dir.display()))?;
    let _ = std::fs::remove_file(Running::path(config));
    Ok(file)
}

async fn goodbye(path: &Path, tasks: &TaskTracker) {
    let _ = std::fs::remove_file(path);
    tasks.close();
    if tokio::time::timeout(GOODBYE, tasks.wait()).await.is_err() {
        tracing::warn!("not everything ended by itself");
    }
}

async fn listen(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; change {key} or end what listens there")
    })
}

/// Starts the broker, if it is ours to start; host and port by which this server reaches it.
async fn uplink(
    app: &Arc<App>,
    server: [u8; 16],
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<(String, u16)> {
    let config = &app.config.uplink;
    if config.mode == UplinkMode::External {
        return Ok((config.host.clone(), config.listen.port()));
    }
    let root = app.uplink_root()?;
    let mut names = vec![
        config.host.clone(),
        config.listen.ip().to_string(),
        "127.0.0.1".to_owned(),
    ];
    names.sort();
    names.dedup();
    let issued = root.issue(&Profile::Broker { id: server, names }, app.now().0)?;
    let revoked = jobs::crl::list(app).await?;
    let tls = BrokerTls {
        root_pem: root.cert_pem().to_owned(),
        crl_pem: revoked.pem.clone(),
        cert_pem: issued.certificate.pem,
        key_pem: issued.key_pem,
    };
    let mut broker = BrokerConfig::new(
        app.config.data_dir.join("uplink"),
        tls,
        Acl::uplink(&[server]),
    );
    (broker.bind, broker.port) = (config.listen.ip(), config.listen.port());
    let broker = Broker::start(broker).await.with_context(|| {
        format!(
            "the uplink broker does not start with uplink.listen = \"{}\"; change it or end what listens there",
            config.listen
        )
    })?;
    let port = broker.port();
    tasks.spawn(jobs::crl::run(
        Arc::clone(app),
        broker,
        revoked,
        stop.clone(),
    ));
    let own = if config.listen.ip().is_unspecified() {
        "127.0.0.1".to_owned()
    } else {
        config.listen.ip().to_string()
    };
    Ok((own, port))
}

fn connect(
    app: &Arc<App>,
    (host, port): (String, u16),
    server: [u8; 16],
    own: &Issued,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let identity = tls::Identity {
        chain_pem: &own.certificate.pem,
        key_pem: &own.key_pem,
    };
    let tls = tls::client(app.uplink_root()?.cert_pem(), Some(identity))?;
    ingest::mqtt::start(
        app,
        ingest::mqtt::Connection {
            host,
            port,
            tls,
            server,
        },
        tasks,
        stop,
    );
    Ok(())
}

fn serve_machines(
    app: &Arc<App>,
    listener: TcpListener,
    uplink_port: u16,
    own: &Issued,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    // The root goes along: a box that enrols knows nothing but its fingerprint.
    let chain = format!("{}{}", own.certificate.pem, app.uplink_root()?.cert_pem());
    let tls = tls::server(
        tls::Identity {
            chain_pem: &chain,
            key_pem: &own.key_pem,
        },
        None,
    )?;
    let router = http::machines::router(Arc::clone(app), uplink_port);
    tasks.spawn(http::tls::serve(listener, tls, router, stop.clone()));
    Ok(())
}

fn serve_pages(
    app: &Arc<App>,
    listener: TcpListener,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let router = http::router(Arc::clone(app));
    if let (Some(cert), Some(key)) = (
        &app.config.http.tls_cert_file,
        &app.config.http.tls_key_file,
    ) {
        let (chain, key) = (
            files::read_text(cert).context("http.tls_cert_file cannot be used")?,
            String::from_utf8(
                files::read_private(key).context("http.tls_key_file cannot be used")?,
            )
            .context("http.tls_key_file is not PEM")?,
        );
        let tls = tls::public_server(tls::Identity {
            chain_pem: &chain,
            key_pem: &key,
        })?;
        tasks.spawn(http::tls::serve(listener, tls, router, stop.clone()));
        return Ok(());
    }
    let stop = stop.clone();
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
        {
            tracing::error!(%error, "the pages' listener ended");
        }
    });
    Ok(())
}
