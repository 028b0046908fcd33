//! The gateway's directory: what lies where, and the lock that keeps a second `run` out.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use sekisho_certs::{Keystore, Purpose, Root, RootKind, files, tls};
use sekisho_domain::crypto::SigningKey;

/// The directory given with `--dir`.
#[derive(Clone, Debug)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// The directory, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Makes it, private to its owner.
    pub fn create(&self) -> anyhow::Result<()> {
        Ok(files::create_private_dir(&self.dir)?)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.dir.join("gateway.db")
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.dir.join("gateway.toml")
    }

    /// What `run` says about itself once a second.
    pub fn run_file(&self) -> PathBuf {
        self.dir.join("run.json")
    }

    /// Files of the site bus broker.
    pub fn broker(&self) -> PathBuf {
        self.dir.join("broker")
    }

    /// Where `device issue` puts a device's files unless told otherwise.
    pub fn devices(&self) -> PathBuf {
        self.dir.join("devices")
    }

    /// Our key towards the server.
    pub fn uplink_key(&self) -> PathBuf {
        self.dir.join("uplink.key")
    }

    /// Our certificate towards the server.
    pub fn uplink_certificate(&self) -> PathBuf {
        self.dir.join("uplink.crt")
    }

    /// The root that the server's certificates chain to.
    pub fn uplink_root(&self) -> PathBuf {
        self.dir.join("uplink-root.crt")
    }

    /// The key of this box's seals, made at the first call: at enrolment.
    pub fn make_seal_key(&self) -> anyhow::Result<Arc<SigningKey>> {
        let stored = Keystore::open(&self.dir.join("keys"))?.load_or_generate(Purpose::Seal)?;
        Ok(Arc::new(stored.key))
    }

    /// The key of this box's seals. It is never remade: the server refuses the seals of a key that it was not told of.
    pub fn seal_key(&self) -> anyhow::Result<Arc<SigningKey>> {
        let dir = self.dir.join("keys");
        let keys = Keystore::open(&dir)?.load(&Purpose::Seal)?;
        let stored = keys.into_iter().next().with_context(|| {
            format!(
                "the seal key is missing in {}: put it back, or enrol anew in another directory",
                dir.display()
            )
        })?;
        Ok(Arc::new(stored.key))
    }

    /// The root of the site bus, made at the first call. It never leaves the box.
    pub fn site_bus_root(&self) -> anyhow::Result<Root> {
        Ok(Root::load_or_create(
            &self.dir.join("site-bus"),
            RootKind::SiteBus,
        )?)
    }

    /// TLS towards the server: its root, our certificate.
    pub fn uplink_tls(&self) -> anyhow::Result<Arc<rustls::ClientConfig>> {
        let key = String::from_utf8(files::read_private(&self.uplink_key())?)
            .context("uplink.key is not text")?;
        let chain = files::read_text(&self.uplink_certificate())?;
        let root = files::read_text(&self.uplink_root())?;
        Ok(tls::client(
            &root,
            Some(tls::Identity {
                chain_pem: &chain,
                key_pem: &key,
            }),
        )?)
    }

    /// Keeps a second `run` out for as long as the file lives.
    pub fn lock(&self) -> anyhow::Result<File> {
        let path = self.dir.join("run.lock");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => bail!(
                "another `sekisho-gateway run` works in {}",
                self.dir.display()
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_lost_seal_key_is_reported_and_not_remade() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let made = home.make_seal_key().unwrap().verifying();
        assert_eq!(home.seal_key().unwrap().verifying(), made);
        std::fs::remove_dir_all(dir.path().join("keys")).unwrap();
        let error = home.seal_key().map(drop).unwrap_err().to_string();
        assert!(error.contains("seal key is missing"), "{error}");
        assert!(home.seal_key().is_err(), "nor made by asking for it");
    }
}
