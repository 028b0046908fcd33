//! What every part of the server shares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context as _;
use sekisho_certs::{Keystore, Purpose, Root, RootKind};
use sekisho_domain::crypto::{SigningKey, VerifyingKey};
use sekisho_domain::ids::EventId;
use sekisho_domain::time::{ClockState, Reading, Timestamp};
use sekisho_domain::wire::Bytes8;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::store::Db;
use crate::trees::Trees;
use crate::uplink::Uplink;
use crate::waits::Waits;

/// A clock. Two real ones exist: the system's, and a test's.
pub trait Clock: Send + Sync {
    /// Wall time.
    fn now(&self) -> Timestamp;
    /// Milliseconds since some fixed instant of this boot.
    fn mono_ms(&self) -> u64;
}

/// A source of random bytes. Two real ones exist: the operating system's, and a test's.
pub trait Rng: Send + Sync {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

/// Sends mail. Two real ones exist: one that writes files into a directory (the default), and a test's.
pub trait Mailer: Send + Sync {
    /// Sends one plain-text mail.
    fn send(&self, to: &str, subject: &str, text: &str) -> anyhow::Result<()>;
}

/// Something changed that a live page may want to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Live {
    /// At which site.
    pub site: sekisho_domain::ids::SiteId,
}

/// What every part of the server shares.
pub struct App {
    /// The configuration, read once.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub rng: Arc<dyn Rng>,
    /// Mail.
    pub mailer: Arc<dyn Mailer>,
    /// Made when the program started.
    pub boot: Bytes8,
    /// Wakes live pages.
    pub live: broadcast::Sender<Live>,
    /// The server stops: live pages end, since nothing else would end them.
    pub stopping: CancellationToken,
    /// Wakes the sequencer: something waits in `log_pending`.
    pub pending: Notify,
    /// Wakes the job that makes snapshots and revocation lists.
    pub facts_changed: Notify,
    /// Wakes the job that publishes tiles: a log has a new head.
    pub sequenced: Notify,
    /// Wakes the job of the uplink's revocation list: a gateway was revoked.
    pub gateway_ended: Notify,
    /// Sites that wait for their gateways after a start.
    pub waits: Waits,
    /// The logs' trees, for proofs.
    pub trees: Trees,
    /// What waits to be sent to gateways, and their sessions.
    pub uplink: Uplink,
    keystore: Keystore,
    keys: Mutex<HashMap<Purpose, Arc<SigningKey>>>,
    root: OnceLock<Root>,
    last_event: Mutex<EventId>,
}

impl App {
    /// Opens the key directory below `data_dir`. The database must have been migrated.
    pub fn new(
        config: Config,
        db: Db,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        mailer: Arc<dyn Mailer>,
    ) -> anyhow::Result<Arc<Self>> {
        let keystore = Keystore::open(&config.data_dir.join("keys"))?;
        let mut boot = [0; 8];
        rng.fill(&mut boot);
        Ok(Arc::new(Self {
            config,
            db,
            clock,
            rng,
            mailer,
            boot: boot.into(),
            live: broadcast::channel(256).0,
            stopping: CancellationToken::new(),
            pending: Notify::new(),
            facts_changed: Notify::new(),
            sequenced: Notify::new(),
            gateway_ended: Notify::new(),
            waits: Waits::default(),
            trees: Trees::default(),
            uplink: Uplink::default(),
            keystore,
            keys: Mutex::default(),
            root: OnceLock::new(),
            last_event: Mutex::new(EventId::NIL),
        }))
    }

    /// Wall time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A reading for an event: the server's clock is taken as synced with an error below a second.
    pub fn reading(&self) -> Reading {
        Reading {
            wall: self.clock.now(),
            err_ms: 500,
            mono_ms: self.clock.mono_ms(),
            clock: ClockState::Synced,
        }
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.rng.fill(&mut out);
        out
    }

    /// An id above every one given before, so that what happened within one millisecond keeps its order.
    pub fn event_id(&self) -> EventId {
        let mut last = self
            .last_event
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let fresh = EventId::new(self.now().0, self.random());
        let next = EventId(u128::from_be_bytes(last.0).saturating_add(1).to_be_bytes());
        *last = fresh.max(next);
        *last
    }

    /// The one key of a purpose; made and stored when there is none. Read from disk once.
    pub fn key(&self, purpose: Purpose) -> anyhow::Result<Arc<SigningKey>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(&purpose) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(self.keystore.load_or_generate(purpose.clone())?.key);
        keys.insert(purpose, Arc::clone(&key));
        Ok(key)
    }

    /// The key of a purpose that others know as `public`. Never makes one: a key that is missing has to be put back.
    pub fn known_key(
        &self,
        purpose: Purpose,
        public: &VerifyingKey,
    ) -> anyhow::Result<Arc<SigningKey>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(&purpose)
            && key.verifying() == *public
        {
            return Ok(Arc::clone(key));
        }
        let stored = self.keystore.load(&purpose)?;
        let found = stored.into_iter().find(|it| it.key.verifying() == *public);
        let missing = || {
            format!(
                "the {purpose} key that was used before is not in the key directory; put keys/ back from a backup"
            )
        };
        let key = Arc::new(found.with_context(missing)?.key);
        keys.insert(purpose, Arc::clone(&key));
        Ok(key)
    }

    /// The stored key of a purpose that `is_it` recognises. Never makes one.
    pub fn stored_key(
        &self,
        purpose: Purpose,
        is_it: impl Fn(&VerifyingKey) -> bool,
    ) -> anyhow::Result<Option<Arc<SigningKey>>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        // Read again each time: a key that was taken offline must not go on working out of memory.
        let stored = self.keystore.load(&purpose)?;
        let found = stored.into_iter().find(|it| is_it(&it.key.verifying()));
        let key = found.map(|it| Arc::new(it.key));
        match &key {
            Some(key) => keys.insert(purpose, Arc::clone(key)),
            None => keys.remove(&purpose),
        };
        Ok(key)
    }

    /// The root of the uplink's certificates, made at first use.
    pub fn uplink_root(&self) -> anyhow::Result<&Root> {
        if let Some(root) = self.root.get() {
            return Ok(root);
        }
        let dir = self.config.data_dir.join("pki");
        sekisho_certs::files::create_private_dir(&dir)?;
        let root = Root::load_or_create(&dir, RootKind::Uplink)?;
        Ok(self.root.get_or_init(|| root))
    }
}
