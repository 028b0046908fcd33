//! A supervised Mosquitto: configuration written by us, started by us, restarted when it dies, dead when we are.

mod config;
mod process;
mod supervisor;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use sekisho_certs::CertError;
use tokio::sync::oneshot;

use crate::Acl;
use config::File;
pub use process::find as find_program;
pub(crate) use process::signal as signal_process;
use supervisor::Order;

/// What a broker needs to run.
#[derive(Clone)]
pub struct BrokerConfig {
    /// Its own directory: configuration, ACL, certificates and pid file are written here at every start (mode 0700). Two
    /// brokers never share one.
    pub dir: PathBuf,
    /// Address to listen on.
    pub bind: IpAddr,
    /// Port to listen on; 0 takes a free one and keeps it across restarts ([`Broker::port`]).
    pub port: u16,
    /// Certificates.
    pub tls: BrokerTls,
    /// Who may write and read what.
    pub acl: Acl,
    /// Forces every client id to be the certificate's common name, so that two boxes with one certificate throw each other
    /// off and are noticed. On for a site bus; off on the uplink, where replicas of the server share an identity.
    pub username_as_client_id: bool,
    /// Most connections at a time.
    pub max_connections: u32,
}

impl BrokerConfig {
    /// Loopback, a free port, client id as the client says, 2,000 connections.
    pub fn new(dir: impl Into<PathBuf>, tls: BrokerTls, acl: Acl) -> Self {
        Self {
            dir: dir.into(),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            tls,
            acl,
            username_as_client_id: false,
            max_connections: 2_000,
        }
    }
}

/// A broker's certificates, all PEM.
#[derive(Clone)]
pub struct BrokerTls {
    /// The one root whose certificates are admitted. Mosquitto admits whatever chains to it, so there is never a second.
    pub root_pem: String,
    /// The root's revocation list. A missing or expired one makes Mosquitto refuse everybody.
    pub crl_pem: String,
    /// The broker's own certificate (profile `Broker`).
    pub cert_pem: String,
    /// Its private key.
    pub key_pem: String,
}

/// What happens to connections when a revocation list is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sessions {
    /// They stay, revoked ones included: for the renewal of a list that revokes nobody new.
    Keep,
    /// The broker is restarted (well below a second), since Mosquitto never cuts a session by itself.
    Cut,
}

/// Why a broker does not run.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// A program is not installed.
    #[error(
        "{program} was not found in PATH or /usr/sbin; install it with: apt-get install {package}"
    )]
    Missing {
        /// The program.
        program: &'static str,
        /// The Debian package.
        package: &'static str,
    },
    /// A file could not be written.
    #[error("writing the broker's files: {0}")]
    Files(#[from] CertError),
    /// A path or value that Mosquitto's configuration cannot carry.
    #[error("{0}")]
    Config(&'static str),
    /// The system refused to start a process or thread.
    #[error("starting the broker: {0}")]
    Start(#[from] io::Error),
    /// Mosquitto ended instead of listening.
    #[error("mosquitto did not start: {0}")]
    Refused(String),
    /// A live process of ours already runs a broker in this directory.
    #[error("process {0} already runs a broker in this directory")]
    Running(u32),
    /// The supervisor is gone (stopped).
    #[error("the broker has been stopped")]
    Stopped,
}

/// A running broker. Dropping it stops it; the kernel stops it when this process dies in any other way.
pub struct Broker {
    orders: Sender<Order>,
    status: Arc<Status>,
    dir: PathBuf,
    thread: Option<JoinHandle<()>>,
}

/// What the supervisor tells about its child.
#[derive(Default)]
pub(crate) struct Status {
    pid: AtomicU32,
    port: AtomicU32,
    starts: AtomicU64,
}

impl Broker {
    /// Writes the files, starts Mosquitto and returns when it listens (≤ 10 s).
    ///
    /// A broker left behind in this directory by a killed run is ended first. From then on a thread of its own keeps it
    /// running: restarted after 100 ms to 5 s when it dies.
    pub async fn start(config: BrokerConfig) -> Result<Self, BrokerError> {
        let dir = config.dir.clone();
        let status = Arc::new(Status::default());
        let (started, answer) = oneshot::channel();
        let (orders, thread) = supervisor::spawn(config, Arc::clone(&status), started)?;
        // Dropped (and with it the thread joined) on every early return.
        let broker = Self {
            orders,
            status,
            dir,
            thread: Some(thread),
        };
        answer.await.map_err(|_| BrokerError::Stopped)??;
        Ok(broker)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        u16::try_from(self.status.port.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// The process id at this moment, 0 between two lives.
    pub fn pid(&self) -> u32 {
        self.status.pid.load(Ordering::Relaxed)
    }

    /// How often it has been started, 1 after [`Broker::start`].
    pub fn starts(&self) -> u64 {
        self.status.starts.load(Ordering::Relaxed)
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Replaces the revocation list. With [`Sessions::Cut`] it returns when the broker listens again.
    pub async fn set_crl(&self, crl_pem: &str, sessions: Sessions) -> Result<(), BrokerError> {
        self.replace(vec![(File::Crl, crl_pem.to_owned())], sessions)
            .await
    }

    /// Replaces the ACL; live sessions keep their connection and get the new rights at once.
    pub async fn set_acl(&self, acl: &Acl) -> Result<(), BrokerError> {
        self.replace(vec![(File::Acl, acl.text().to_owned())], Sessions::Keep)
            .await
    }

    /// Replaces all certificates and restarts.
    pub async fn set_tls(&self, tls: &BrokerTls) -> Result<(), BrokerError> {
        self.replace(config::tls_files(tls), Sessions::Cut).await
    }

    /// Restarts and returns when it listens again.
    pub async fn restart(&self) -> Result<(), BrokerError> {
        self.replace(Vec::new(), Sessions::Cut).await
    }

    /// Stops it and removes the pid file.
    pub async fn stop(mut self) {
        if let Some(thread) = self.end() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    async fn replace(
        &self,
        files: Vec<(File, String)>,
        sessions: Sessions,
    ) -> Result<(), BrokerError> {
        let (done, answer) = oneshot::channel();
        self.orders
            .send(Order::Replace {
                files,
                sessions,
                done,
            })
            .map_err(|_| BrokerError::Stopped)?;
        answer.await.map_err(|_| BrokerError::Stopped)?
    }

    fn end(&mut self) -> Option<JoinHandle<()>> {
        let _ = self.orders.send(Order::Stop);
        self.thread.take()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // SIGKILL and wait: milliseconds.
        if let Some(thread) = self.end() {
            let _ = thread.join();
        }
    }
}
