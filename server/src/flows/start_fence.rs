//! Before anything is signed: is this database the one that signed what is published?

use std::fs::{File, TryLockError};

use anyhow::{Context, bail};
use sekisho_domain::cbor;
use sekisho_domain::crypto::Unverified;
use sekisho_domain::wire::keyring::{KEYRING_MAX, Keyring};

use super::open_log::STORED_KEYS;
use super::publish_tiles::{dir, published};
use super::send_receipt::root_at;
use super::sequence::{catch_up, log_key};
use crate::app::App;
use crate::config::Config;
use crate::store;
use crate::store::log::Log;

/// The lock that a running server holds on its data directory, for as long as the file lives; `None` while another holds it.
pub fn lock(config: &Config) -> anyhow::Result<Option<File>> {
    sekisho_certs::files::create_private_dir(&config.data_dir)?;
    let path = config.data_dir.join("serve.lock");
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).context(path.display().to_string()),
    }
}

/// The right to sign where no server runs: its lock, after the fence. `None` while a server runs; what it halted stays halted.
pub async fn sign_alone(app: &App) -> anyhow::Result<Option<File>> {
    let held = lock(&app.config)?;
    if held.is_some() {
        start_fence(app).await?;
    }
    Ok(held)
}

/// Compares every log's head with its published files and its key. An error means that a backup was restored, or that keys are
/// missing; the server must not start.
pub async fn start_fence(app: &App) -> anyhow::Result<()> {
    let mut tx = app.db.read().await?;
    let logs = store::log::all(&mut tx).await?;
    if let Some(newest) = logs.iter().max_by_key(|log| log.fiscal_year) {
        service_keys(app, newest)?;
    }
    for log in logs {
        log_key(app, &log)?;
        let Some(head) = published(&dir(app, &log), &log)? else {
            continue;
        };
        if head.size > log.size {
            bail!(
                "the published log {} has {} leaves, this database {}: restored backup? Nothing was signed. Restore the newer database, or reconcile",
                log.origin,
                head.size,
                log.size
            );
        }
        catch_up(&mut tx, app, log.id)
            .await
            .context("reading the leaves")?;
        if root_at(app, log.id, head.size) != Some(head.root) {
            bail!(
                "the published log {} and this database have different histories of {} leaves. Nothing was signed",
                log.origin,
                head.size
            );
        }
    }
    Ok(())
}

/// Begins the wait for the births of all enrolled gateways ([`crate::waits`]), `gateways.start_wait_s` long: the files may
/// have been rolled back together with the database, and then only a gateway knows.
pub async fn wait_for_gateways(app: &App) -> anyhow::Result<()> {
    let until = app.clock.mono_ms() + u64::from(app.config.gateways.start_wait_s) * 1000;
    for gateway in store::gateways::enrolled(&mut app.db.read().await?).await? {
        app.waits.begin(gateway.site, gateway.id, until);
    }
    Ok(())
}

/// Every key that a log's keyring names beside those of logs must be there: what another key signs, nobody believes.
fn service_keys(app: &App, log: &Log) -> anyhow::Result<()> {
    let signed = Unverified::parse(&log.keyring, KEYRING_MAX).context("the keyring")?;
    let keyring: Keyring =
        cbor::decode(signed.unverified_payload(), KEYRING_MAX).context("the keyring")?;
    for (named, stored) in STORED_KEYS {
        for public in keyring.keys_for(named) {
            app.known_key(stored.clone(), &public)?;
        }
    }
    Ok(())
}
