//! What the server says about now: freshness, revocation, snapshots.

use sekisho_domain::cbor;
use sekisho_domain::crypto::Digest;
use sekisho_domain::wire::body::{RevokedApplied, SnapshotBody};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::keyring::Purpose;
use sekisho_domain::wire::signed;
use sekisho_domain::wire::topic::{Channel, Uplink as Topic};
use sekisho_domain::wire::uplink::{Freshness, SnapshotChunk};
use sekisho_domain::wire::{Bytes16, PUBLISH_MAX, VERSION};

use super::Uplink;
use super::advice::Measured;
use crate::site::{Opened, Pin, Revocations, Site, SnapshotError, open_snapshot};
use crate::store::{Commit, Effect, durable};

/// Most bytes of a revocation list: what one MQTT packet carries.
const REVOCATION_MAX: usize = 240 * 1024;

/// What a freshness statement amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshened {
    /// It named exactly what is held.
    Matched,
    /// Something newer exists: the birth has to be said again if it does not come by itself.
    Behind,
    /// The server is behind: it was restored. Nothing it says counts until it is reconciled.
    Ahead,
}

impl Uplink {
    /// `dn/freshness`. Time is learnt from every genuine one; it counts only when it names exactly what is held.
    pub(super) async fn freshness(&mut self, bytes: &[u8]) -> Result<Freshened, &'static str> {
        let (said, effects, freshened) = {
            let mut site = self.gateway.site();
            let gateway = site.identity().gateway;
            let keys = site.index().keyring.keys_for(Purpose::Live);
            let said: Freshness =
                signed::open_for(&keys, gateway, Channel::Freshness, bytes, PUBLISH_MAX)
                    .map_err(|_| "freshness that is not signed for us")?;
            if said.version != VERSION || said.site != site.identity().site {
                return Err("freshness of another version or site");
            }
            if said.nonce != self.session.nonce {
                return Err("freshness of an earlier connection");
            }
            if said.at < self.session.fresh_at {
                return Err("freshness older than the last");
            }
            let mut effects: Vec<Effect> = site.learn_time(said.at).into_iter().collect();
            let held = (site.index().epoch, site.revocations().epoch);
            let named = (said.snapshot_epoch, said.revocation_epoch);
            let exact = held == named
                && said.snapshot_digest == site.index().digest
                && said.revocation_digest == site.revocations().digest;
            let freshened = if exact {
                effects.push(site.matched(said.at));
                Freshened::Matched
            } else if named.0 < held.0 || named.1 < held.1 || held == named {
                Freshened::Ahead
            } else {
                Freshened::Behind
            };
            (said, effects, freshened)
        };
        self.session.fresh_at = said.at;
        if !effects.is_empty()
            && let Err(error) = self
                .gateway
                .record(Commit {
                    events: Vec::new(),
                    effects,
                })
                .await
        {
            tracing::error!(%error, "freshness could not be stored");
        }
        Ok(freshened)
    }

    /// `dn/revocation`: in force at once, then recorded.
    pub(super) async fn revocation(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let take = |site: &mut Site| match take_list(site, bytes) {
            Ok(Some((commit, before))) => (Ok(Some(before)), Some(commit)),
            Ok(None) => (Ok(None), None),
            Err(why) => (Err(why), None),
        };
        let (before, queued) = self.gateway.in_turn(take).await;
        if let (Some(before), Some(pending)) = (before?, queued)
            && let Err(error) = durable(pending).await
        {
            tracing::error!(%error, "a revocation list is in force but could not be recorded");
            self.gateway.site().retry_revocations(&before);
        }
        Ok(())
    }

    /// `dn/snapshot`: one chunk. True when the last one made a snapshot that is now in force.
    pub(super) async fn snapshot_chunk(&mut self, bytes: &[u8]) -> Result<bool, &'static str> {
        let chunk: SnapshotChunk =
            cbor::decode(bytes, PUBLISH_MAX).map_err(|_| "a malformed chunk")?;
        if chunk.digest == self.gateway.site().index().digest {
            return Ok(false);
        }
        let Some(whole) = self.staging.take(&chunk)? else {
            return Ok(false);
        };
        match self.apply_snapshot(whole).await {
            Ok(()) => Ok(true),
            Err((error, epoch)) => {
                tracing::warn!(%error, epoch, "a snapshot is rejected");
                self.reject_snapshot(chunk.digest, epoch, error).await;
                Err("a snapshot that is rejected")
            }
        }
    }

    async fn apply_snapshot(&mut self, signed: Vec<u8>) -> Result<(), (SnapshotError, u64)> {
        let identity = self.gateway.site().identity().clone();
        // Up to 8 MiB to decode and verify: no door waits for it, neither at the lock on the site nor at this thread.
        let opened = tokio::task::spawn_blocking(move || {
            let pin = Pin {
                gateway: identity.gateway,
                site: identity.site,
                keyring_key: &identity.keyring_key,
                keyring_serial: identity.keyring_serial,
            };
            open_snapshot(&signed, &pin).map(|opened| (opened, signed))
        });
        let (Opened { index, keyring }, signed) = match opened.await {
            Ok(opened) => opened.map_err(|error| (error, 0))?,
            Err(error) => {
                tracing::error!(%error, "decoding a snapshot broke");
                return Err((SnapshotError::Malformed, 0));
            }
        };
        let (commit, index, keyring) = {
            let site = self.gateway.site();
            if !site.is_newer(index.epoch) {
                return Err((SnapshotError::Rollback, index.epoch));
            }
            let body = SnapshotBody {
                epoch: index.epoch,
                digest: index.digest,
                why: None,
            };
            let mut events = Vec::new();
            // Announced before the first decision under it.
            if index.policy.digest() != site.index().policy.digest() {
                let policy = sekisho_domain::wire::body::PolicyActivated {
                    digest: index.policy.digest(),
                    policy: index.policy.clone(),
                };
                events.push(
                    site.event(EventCode::PolicyActivated)
                        .with_body(&policy)
                        .into(),
                );
            }
            events.push(
                site.event(EventCode::SnapshotApplied)
                    .with_body(&body)
                    .into(),
            );
            let effect = Effect::Snapshot {
                epoch: index.epoch,
                digest: index.digest,
                signed,
                keyring_serial: index.keyring.serial,
                keyring: keyring.clone(),
                origin: index.origin.clone(),
            };
            (
                Commit {
                    events,
                    effects: vec![effect],
                },
                index,
                keyring,
            )
        };
        match self.gateway.record(commit).await {
            Ok(_) => self.gateway.site().put_snapshot(index, keyring),
            Err(error) => {
                tracing::error!(%error, "a snapshot could not be stored; the one before stays in force");
            }
        }
        Ok(())
    }

    async fn reject_snapshot(&mut self, digest: Digest, epoch: u64, error: SnapshotError) {
        let event = {
            let mut site = self.gateway.site();
            if !site.first_rejection(digest, error.word()) {
                return;
            }
            site.event(EventCode::SnapshotRejected)
                .with_body(&SnapshotBody {
                    epoch,
                    digest,
                    why: Some(error.word().to_owned()),
                })
        };
        if let Err(error) = self.gateway.record_events([event]).await {
            tracing::error!(%error, "a rejection could not be recorded");
        }
    }
}

/// Puts a list in force: its record, and the list before; `None` when it is the one that is held.
fn take_list(site: &mut Site, bytes: &[u8]) -> Result<Option<(Commit, Revocations)>, &'static str> {
    let gateway = site.identity().gateway;
    let keys = site.index().keyring.keys_for(Purpose::Live);
    let aad = Topic {
        gateway,
        channel: Channel::Revocation,
    }
    .to_string();
    let payload = signed::open(&keys, aad.as_bytes(), bytes, REVOCATION_MAX)
        .map_err(|_| "a revocation list that is not signed for us")?;
    let (of, list) = Revocations::read(&payload).map_err(|_| "a malformed revocation list")?;
    if of != site.identity().site {
        return Err("a revocation list of another site");
    }
    if list.epoch <= site.revocations().epoch {
        return if list.digest == site.revocations().digest {
            Ok(None)
        } else {
            Err("a revocation list that is not newer")
        };
    }
    let (epoch, lines) = (list.epoch, list.lines);
    let before = site.put_revocations(list);
    let event = site
        .event(EventCode::CredentialRevokedApplied)
        .with_body(&RevokedApplied { epoch, lines });
    let commit = Commit {
        events: vec![event.into()],
        effects: vec![Effect::Revocation { epoch, payload }],
    };
    Ok(Some((commit, before)))
}

/// What belongs to one connection.
pub(super) struct Session {
    /// Number of the connection, from 1.
    pub connection: u64,
    /// Nonce of its birth.
    pub nonce: Bytes16,
    /// Newest freshness seen on it.
    pub fresh_at: sekisho_domain::time::Timestamp,
    /// Seals up to here are proved or need no resend.
    pub acked: u64,
    /// Seals up to here are published.
    pub sent: u64,
    /// How many may be under way.
    pub credit: u64,
    /// When a receipt came, or a first publish after a pause (monotonic, ms).
    pub progress_at: u64,
    /// When the birth was said (monotonic, ms).
    pub born_at: u64,
    /// The last seal that the server asked for again, and when.
    pub asked: Option<(u64, u64)>,
    /// The next seal could not be sent: not before the next tick.
    pub stuck: bool,
    /// Alarm events up to here are copied to the server.
    pub alerted: u64,
    /// When copies that no receipt has answered were last looked for (monotonic, ms).
    pub copied_at: u64,
    /// The server has spoken on this connection: what went up before may have found nobody.
    pub greeted: bool,
    /// How far measurements are.
    pub measured: Measured,
}
