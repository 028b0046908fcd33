//! What the database says: schema, keys against logs, logs, gateways, what waits.

use std::path::Path;

use sekisho_certs::{Keystore, Purpose};
use sekisho_domain::crypto::VerifyingKey;
use sekisho_domain::evidence::checkpoint::{KeyName, Vkey};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::keyring::{Keyring, Purpose as Named};

use super::{Finding, span};
use crate::config::Config;
use crate::flows::check_quotas::check_quotas;
use crate::flows::open_log::log_purpose;
use crate::store::gateways::{Gateway, GatewayState};
use crate::store::holds::Kind;
use crate::store::log::Log;
use crate::store::{self, Db, Scope, Tx};

/// A gateway that is away for longer is named, ms.
const GATEWAY_AWAY: i64 = 5 * 60_000;

/// A connected gateway seals at least every 5 minutes; two in a row may be late, ms.
const GATEWAY_SILENT: i64 = 11 * 60_000;

/// What waits longer for the sequencer is named, ms.
const BACKLOG: i64 = 10_000;

/// What waits longer in the outbox is named, ms.
const MAIL: i64 = 10 * 60_000;

/// A clock that differs more is named, ms.
const CLOCK: i64 = 60_000;

/// Everything that needs the database.
pub(super) async fn database(config: &Config, running: bool, now: Timestamp) -> Vec<Finding> {
    let name = "database";
    let url = match config.database_url() {
        Ok(url) => url,
        Err(error) => {
            return vec![Finding::fail(
                name,
                error.to_string(),
                "correct database.url_file",
            )];
        }
    };
    if let Some(path) = url.strip_prefix("sqlite:")
        && !Path::new(path).is_file()
    {
        return vec![Finding::warn(
            name,
            format!("{path} is not there yet"),
            "start the server: it makes the file. If there was one, this is the wrong --config, or a restore is due",
        )];
    }
    let db = match Db::open(&url).await {
        Ok(db) => db,
        Err(error) => {
            let cure = "start PostgreSQL and try the URL with psql; SQLite: give the server's user the file";
            return vec![Finding::fail(name, format!("{error:#}"), cure)];
        }
    };
    let mut found = match below(&db).await {
        Ok(found) => found,
        Err(error) => vec![Finding::fail(
            name,
            error.to_string(),
            "run `sekisho migrate`",
        )],
    };
    if found.iter().any(|it| it.level == super::Level::Fail) {
        return found;
    }
    match rows(config, &db, running, now).await {
        Ok(more) => found.extend(more),
        Err(error) => found.push(Finding::fail(
            name,
            format!("it cannot be read: {error:#}"),
            "if the file is damaged: move data_dir away and restore the newest backup",
        )),
    }
    found
}

/// What bookings keep from others has to be what the bookings say.
fn occupancy(disagreements: i64) -> Finding {
    match disagreements {
        0 => Finding::ok("occupancy", "agrees with the bookings".to_owned()),
        n => Finding::fail(
            "occupancy",
            format!(
                "disagrees with the bookings in {n} places: a seat may be kept for nobody, or not be kept"
            ),
            "somebody changed the tables by hand: restore the newest backup, or write to the makers with the output of this",
        ),
    }
}

async fn below(db: &Db) -> Result<Vec<Finding>, store::SqlError> {
    let (applied, known) = db.schema().await?;
    let mut found = vec![match applied {
        _ if applied < known => Finding::fail(
            "database",
            format!(
                "{}: schema {applied}, and this program needs {known}",
                db.engine()
            ),
            "run `sekisho migrate` (SQLite: starting the server does it). Take a backup first",
        ),
        _ if applied > known => Finding::fail(
            "database",
            format!(
                "{}: schema {applied}, and this program knows only {known}",
                db.engine()
            ),
            "install the newer version that migrated it, or restore a backup of before",
        ),
        _ => Finding::ok("database", format!("{}, schema {applied}", db.engine())),
    }];
    if let Some(defect) = db.defect().await? {
        let cure = if db.engine() == "postgres" {
            "as a superuser of that database: CREATE EXTENSION btree_gist (package postgresql-contrib)"
        } else {
            "move data_dir away and restore the newest backup; keep the damaged file"
        };
        found.push(Finding::fail("database_integrity", defect, cure));
    }
    Ok(found)
}

async fn rows(
    config: &Config,
    db: &Db,
    running: bool,
    now: Timestamp,
) -> anyhow::Result<Vec<Finding>> {
    let mut tx = db.read().await?;
    let logs = store::log::all(&mut tx).await?;
    let mut found = keys(config, &logs);
    found.push(occupancy(
        store::occupancy::disagreements(&mut tx, now).await?,
    ));
    found.extend(holds(&mut tx).await?);
    found.extend(clock(&mut tx, &logs, now).await?);
    for site in store::sites::list(&mut tx, Scope::System).await? {
        for gateway in store::gateways::list(&mut tx, Scope::System, site.id).await? {
            found.extend(link(&gateway, &site.name, now));
            if store::streams::forks(&mut tx, gateway.id).await? > 0 {
                found.push(Finding::fail(
                    "streams",
                    format!("{} ({}) has made two seals under one number", gateway.id, site.name),
                    "treat the box as tampered with or restored from an image: revoke it, keep both seals, enrol a fresh one",
                ));
            }
        }
        if let Some((_, lines)) = store::revocations::newest(&mut tx, site.id).await? {
            found.extend(revocations(&site.name, lines.len()));
        }
        for stream in store::streams::of_site(&mut tx, Scope::System, site.id).await? {
            if !stream.open {
                found.push(Finding::fail(
                    "streams",
                    format!(
                        "a stream of {} ({}) has seals of a version unknown here",
                        stream.gateway, site.name
                    ),
                    "upgrade this server; the gateway keeps its seals until then",
                ));
            }
        }
    }
    found.extend(backlog(&mut tx, running, now).await?);
    found.push(mails(&mut tx, now).await?);
    found.push(limits(&mut tx).await?);
    Ok(found)
}

/// Balances are the sums of their entries, and these are what follows from the bookings.
async fn limits(tx: &mut Tx) -> anyhow::Result<Finding> {
    let (seen, wrong) = check_quotas(tx).await?;
    Ok(match wrong.first() {
        None => Finding::ok("quotas", format!("{seen} limits, every balance adds up")),
        Some(first) => Finding::fail(
            "quotas",
            format!(
                "{} balances do not add up, the first: {first:?}",
                wrong.len()
            ),
            "no booking is lost; the limit counts wrongly. End it and set it again, and report this with a copy of the database",
        ),
    })
}

/// A long list is named before gateways refuse it.
fn revocations(site: &str, lines: usize) -> Option<Finding> {
    (lines > store::revocations::LONG).then(|| {
        Finding::warn(
            "revocations",
            format!("{site}: {lines} lines; gateways refuse a list of more than 240 KiB, and then revoke nobody"),
            "find out in the record who issues and ends so many passes, and suspend them; lines go when what they end would have ended",
        )
    })
}

/// Every key that the logs and the newest keyring name must be there, and private.
fn keys(config: &Config, logs: &[Log]) -> Vec<Finding> {
    let (name, dir) = ("keys", config.data_dir.join("keys"));
    if !dir.is_dir() {
        if logs.is_empty() {
            return Vec::new();
        }
        let cure = "put keys/ back from the newest backup; the server must not make new ones";
        return vec![Finding::fail(
            name,
            format!("{} is not there", dir.display()),
            cure,
        )];
    }
    let stored = match Keystore::open(&dir).and_then(|keys| keys.load_all()) {
        Ok(stored) => stored,
        Err(error) => {
            let cure = format!(
                "chmod 600 {0}/*; what is no key or damaged: put it back from a backup",
                dir.display()
            );
            return vec![Finding::fail(name, error.to_string(), cure)];
        }
    };
    let has = |purpose: &Purpose, key: &VerifyingKey| {
        stored
            .iter()
            .any(|it| it.purpose == *purpose && it.key.verifying() == *key)
    };
    let mut missing = Vec::new();
    for log in logs {
        let wanted = log_purpose(&log.origin).ok();
        let named = KeyName::new(log.origin.clone());
        let is_there = stored
            .iter()
            .filter(|it| Some(&it.purpose) == wanted.as_ref())
            .any(|it| {
                let vkey = named
                    .clone()
                    .map(|name| Vkey::ed25519(name, it.key.verifying()).to_string());
                vkey.as_ref() == Some(&log.vkey)
            });
        if !is_there {
            missing.push(format!("log key of {}", log.origin));
        }
    }
    let keyring_key = stored.iter().find(|it| it.purpose == Purpose::Keyring);
    if let (Some(log), Some(pinned)) = (logs.last(), keyring_key) {
        match Keyring::open(&pinned.key.verifying(), &log.keyring) {
            Err(_) => missing.push("keyring key (another one is there)".to_owned()),
            Ok(keyring) => {
                for (named, purpose) in [
                    (Named::Service, Purpose::Service),
                    (Named::Snapshot, Purpose::Snapshot),
                    (Named::Live, Purpose::Live),
                    (Named::Command, Purpose::Command),
                    (Named::Pass, Purpose::Pass),
                ] {
                    if !keyring.keys_for(named).iter().any(|key| has(&purpose, key)) {
                        missing.push(format!("{purpose} key"));
                    }
                }
            }
        }
    }
    if !missing.is_empty() {
        let cause = format!("not in {}: {}", dir.display(), missing.join(", "));
        let cure = "stop the server and put the files back from the newest backup (keys/); gateways and auditors believe these and no others";
        return vec![Finding::fail(name, cause, cure)];
    }
    if keyring_key.is_none() && !logs.is_empty() {
        let cure = "bring it back for the yearly hand-over and for each new site; until then this is how it should be";
        return vec![Finding::warn(name, "the keyring key is elsewhere", cure)];
    }
    vec![Finding::ok(name, format!("{} keys, private", stored.len()))]
}

async fn holds(tx: &mut Tx) -> anyhow::Result<Vec<Finding>> {
    let holds = store::holds::all(tx).await?;
    Ok(holds
        .into_iter()
        .map(|hold| {
            let cause = format!("{} is not signed since {}: {}", hold.origin, hold.since.rfc3339(), hold.why);
            match hold.kind {
                Kind::Restored => Finding::warn(
                    "logs",
                    cause,
                    "connect the site's gateway: its birth tells within seconds whether anything is missing",
                ),
                Kind::Ahead => Finding::fail(
                    "logs",
                    cause,
                    "this database is older than what the gateway has seen (a restored backup?). Nothing is signed or granted at this site. Restore a newer backup; only where none exists, two people run `sekisho restore --reconcile`. Doors go on with what the gateway holds, and it keeps its records",
                ),
            }
        })
        .collect())
}

/// This machine's clock against everything that was written before, and the gateways' against this one.
async fn clock(tx: &mut Tx, logs: &[Log], now: Timestamp) -> anyhow::Result<Vec<Finding>> {
    let name = "clock";
    let mut found = Vec::new();
    let newest = logs.iter().map(|log| log.sequenced_at).max();
    if let Some(newest) = newest.filter(|at| at.0 > now.0 + CLOCK) {
        found.push(Finding::fail(
            name,
            format!(
                "this machine says {}, and a log was signed at {}",
                now.rfc3339(),
                newest.rfc3339()
            ),
            "set the clock (timedatectl set-ntp true), then restart the server",
        ));
    }
    for site in store::sites::list(tx, Scope::System).await? {
        let rows = store::events::list(tx, Scope::System, site.id, None, true, 50).await?;
        let ahead = rows
            .iter()
            .filter(|row| row.gateway.is_some())
            .find(|row| row.at.0 - i64::from(row.err_ms) > row.received_at.0 + CLOCK);
        if let Some(row) = ahead {
            found.push(Finding::warn(
                name,
                format!(
                    "the gateway of {} is {} ahead of this machine",
                    site.name,
                    span(row.at.0 - row.received_at.0)
                ),
                "find out which of the two clocks is wrong: timedatectl on both",
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(name, now.rfc3339()));
    }
    Ok(found)
}

fn link(gateway: &Gateway, site: &str, now: Timestamp) -> Option<Finding> {
    let name = "gateways";
    let who = format!("{} ({site})", gateway.id);
    let silent = gateway.seen_at.map(|at| now.0 - at.0);
    match (gateway.state, silent) {
        (GatewayState::Revoked, _) => None,
        (GatewayState::Added, _) => Some(Finding::warn(
            name,
            format!("{who} has not enrolled"),
            "on the box: sekisho-gateway enrol CODE; a new code: sekisho gateway add --site SITE",
        )),
        (GatewayState::Enrolled, Some(ms)) if gateway.alive && ms <= GATEWAY_SILENT => Some(
            Finding::ok(name, format!("{who} was heard {} ago", span(ms))),
        ),
        (GatewayState::Enrolled, Some(ms)) if !gateway.alive && ms <= GATEWAY_AWAY => {
            Some(Finding::ok(name, format!("{who} is away for {}", span(ms))))
        }
        (GatewayState::Enrolled, silent) => Some(Finding::warn(
            name,
            match silent {
                Some(ms) => format!("{who} was not heard for {}", span(ms)),
                None => format!("{who} has enrolled and was never heard"),
            },
            "on the box: sekisho-gateway status. Doors go on; look at its power, its line, and that it reaches uplink.host",
        )),
    }
}

async fn backlog(tx: &mut Tx, running: bool, now: Timestamp) -> anyhow::Result<Vec<Finding>> {
    let name = "sequencer";
    let mut found = Vec::new();
    for (log, rows, oldest) in store::pending::ages(tx).await? {
        if store::holds::is_held(tx, log).await? {
            continue;
        }
        let cause = format!(
            "{rows} records wait, the oldest for {} s",
            (now.0 - oldest.0) / 1000
        );
        found.push(match (running, now.0 - oldest.0 > BACKLOG) {
            (true, true) => Finding::fail(
                name,
                cause,
                "look into the server's log for `sequencer`: usually a key that is missing or a full disk. Nothing is lost",
            ),
            (false, _) => Finding::ok(name, format!("{rows} records wait for the next start")),
            (true, false) => Finding::ok(name, cause),
        });
    }
    if found.is_empty() {
        found.push(Finding::ok(name, "nothing waits"));
    }
    Ok(found)
}

async fn mails(tx: &mut Tx, now: Timestamp) -> anyhow::Result<Finding> {
    let waiting = store::outbox::waiting(tx, 1000).await?;
    let stuck = waiting
        .iter()
        .filter(|it| it.attempts > 0 && now.0 - it.created_at.0 > MAIL)
        .count();
    Ok(if stuck == 0 {
        Finding::ok("mail", format!("{} wait", waiting.len()))
    } else {
        Finding::warn(
            "mail",
            format!("{stuck} mails were tried in vain"),
            "look into the server's log for `outbox`, and whether mail.dir can be written",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_named_before_gateways_refuse_it() {
        assert!(revocations("松江", store::revocations::LONG).is_none());
        let found = revocations("松江", store::revocations::LONG + 1);
        assert!(
            found.is_some_and(
                |it| it.level == super::super::Level::Warn && it.cause.contains("4001")
            )
        );
    }
}
