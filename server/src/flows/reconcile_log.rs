//! Goes on after a restore from a backup that is older than what a gateway has seen: never in the same log, but in a
//! successor whose leaf 0 names the restored and the highest seen head. Two people have to approve.

use anyhow::Context;
use sekisho_domain::evidence::tree::Frontier;
use sekisho_domain::ids::SiteId;
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::uplink::Head;

use super::FlowError;
use super::open_log::replace_log;
use crate::app::App;
use crate::store::holds::Kind;
use crate::store::log::Log;
use crate::store::{self, Scope, Tx};

/// Approvals that are needed.
const APPROVALS: usize = 2;

/// Longest name of who approves, characters.
const NAME_MAX: usize = 100;

/// What became of an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// Somebody else has to approve, too; these have.
    Waits(Vec<String>),
    /// The successor is open.
    Opened(Box<Log>),
}

/// Approves, in somebody's name, that the held log of a site is replaced; the second name opens the successor. What waited for
/// the held log goes into it. Its gateway sends again what it has kept above the restored stream.
pub async fn reconcile_log(app: &App, site: SiteId, name: &str) -> Result<Reconciled, FlowError> {
    let name = name.trim().to_lowercase();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::new(Code::InvalidInput)
            .with("approve", name)
            .into());
    }
    let mut tx = app.db.write().await?;
    store::sites::bump_facts(&mut tx, Scope::System, site)
        .await
        .map_err(|_| Code::NotFound)?;
    let hold = store::holds::of_site(&mut tx, Scope::System, site).await?;
    let log = store::log::current(&mut tx, Scope::System, Some(site)).await?;
    let (Some(hold), Some(log)) = (hold, log) else {
        let why = "no log of this site is held: there is nothing to reconcile";
        return Err(Refusal::new(Code::InvalidInput).with("site", why).into());
    };
    if hold.kind != Kind::Ahead || hold.log != log.id {
        let why =
            "the gateway has not been heard since the restore: it may have seen nothing newer";
        return Err(Refusal::new(Code::InvalidInput).with("site", why).into());
    }
    let names = store::holds::approve(&mut tx, log.id, &name, app.now()).await?;
    if names.len() < APPROVALS {
        tx.commit().await?;
        return Ok(Reconciled::Waits(names));
    }
    let witness = witness(&mut tx, &log).await?;
    let edge = Frontier::decode(&log.frontier).context("the right edge cannot be read")?;
    // A gateway may have shown only a newer snapshot, and no head beyond ours.
    let seen = witness.head.unwrap_or(Head {
        size: edge.size(),
        root: edge.root(),
    });
    let next = replace_log(&mut tx, app, log.clone(), seen).await?;
    store::pending::move_all(&mut tx, log.id, next.id).await?;
    store::holds::replace(&mut tx, log.id, witness.snapshot_epoch).await?;
    // Lists and snapshots of the lost time had numbers, too: the next ones must be above them.
    let epoch = store::revocations::epoch(&mut tx, site).await?;
    let epoch = epoch.max(witness.revocation_epoch);
    if epoch > 0 {
        store::revocations::raise(&mut tx, site, epoch + 1, app.now()).await?;
    }
    tx.commit().await?;
    tracing::warn!(site.id = %site, from = log.origin, to = next.origin, by = names.join(", "), "a restored log is replaced");
    app.pending.notify_one();
    app.facts_changed.notify_one();
    Ok(Reconciled::Opened(Box::new(next)))
}

/// What the gateways of the lost time had seen at most.
#[derive(Default)]
struct Witness {
    head: Option<Head>,
    snapshot_epoch: u64,
    revocation_epoch: u64,
}

/// One that was revoked since the log was last signed counts, too: what it had seen does not become unseen.
async fn witness(tx: &mut Tx, log: &Log) -> Result<Witness, FlowError> {
    let mut seen = Witness::default();
    let Some(site) = log.site else {
        return Ok(seen);
    };
    for gateway in store::gateways::list(tx, Scope::System, site).await? {
        if gateway.revoked_at.is_some_and(|at| at < log.sequenced_at) {
            continue;
        }
        seen.snapshot_epoch = seen.snapshot_epoch.max(gateway.snapshot_epoch);
        seen.revocation_epoch = seen.revocation_epoch.max(gateway.revocation_epoch);
        let birth = store::gateways::lock_last_birth(tx, gateway.id).await?;
        let head = birth.and_then(|birth| birth.head);
        seen.head = seen
            .head
            .into_iter()
            .chain(head)
            .max_by_key(|head| head.size);
    }
    Ok(seen)
}
