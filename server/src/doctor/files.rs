//! What lies in `data_dir`, and the certificate of the pages.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use sekisho_certs::{Certificate, Root, RootKind};
use sekisho_domain::time::Timestamp;

use super::{Finding, span};
use crate::backup::LastBackup;
use crate::config::{Config, UplinkMode};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Renewed hourly; two in a row may fail.
const LIST_AGE_MAX: i64 = 3 * HOUR;

/// The broker refuses everybody after this.
const LIST_LIFE: i64 = 7 * DAY;

/// A certificate that ends sooner is named.
const SOON: i64 = 14 * DAY;

/// An older backup is named.
const BACKUP_AGE_MAX: i64 = 2 * DAY;

pub(super) fn data_dir(config: &Config) -> Finding {
    let (name, dir) = ("data_dir", &config.data_dir);
    let shown = dir.display();
    match fs::metadata(dir) {
        Err(error) => Finding::fail(
            name,
            format!("{shown}: {error}"),
            "start the server once (it makes the directory), or correct data_dir in the configuration",
        ),
        Ok(it) if !it.is_dir() => Finding::fail(
            name,
            format!("{shown} is not a directory"),
            "correct data_dir in the configuration",
        ),
        Ok(it) if it.permissions().mode() & 0o077 != 0 => Finding::warn(
            name,
            format!(
                "{shown} can be entered by others (mode {:03o})",
                it.permissions().mode() & 0o777
            ),
            format!("chmod 700 {shown}"),
        ),
        Ok(_) => Finding::ok(name, shown.to_string()),
    }
}

pub(super) fn uplink_root(config: &Config, now: Timestamp) -> Option<Finding> {
    let (name, dir) = ("uplink_root", config.data_dir.join("pki"));
    if !dir.exists() && !config.data_dir.join("keys").exists() {
        return None; // Never started: the first start makes it.
    }
    let cure = format!(
        "put uplink-root.crt and uplink-root.key back into {} from a backup, mode 600; a new root would shut out every gateway",
        dir.display()
    );
    Some(match Root::load(&dir, RootKind::Uplink) {
        Err(error) => Finding::fail(name, error.to_string(), cure),
        Ok(root) => match Certificate::from_pem(root.cert_pem()) {
            Err(error) => Finding::fail(name, error.to_string(), cure),
            Ok(it) if it.not_after_ms < now.0 + 26 * 7 * DAY => Finding::warn(
                name,
                format!("it ends on {}", Timestamp(it.not_after_ms).rfc3339()),
                "plan a new root: every gateway has to enrol again",
            ),
            Ok(it) => Finding::ok(name, format!("fingerprint {}", it.fingerprint.hex())),
        },
    })
}

pub(super) fn revocation_list(config: &Config, running: bool, now: Timestamp) -> Option<Finding> {
    if config.uplink.mode == UplinkMode::External || !running {
        return None; // Somebody else's, or made afresh at the next start.
    }
    let (name, path) = ("revocation_list", config.data_dir.join("uplink/root.crl"));
    let Some(age) = age(&path, now) else {
        return Some(Finding::fail(
            name,
            format!("{} is not there", path.display()),
            "restart the server: it writes the broker's files",
        ));
    };
    Some(if age > LIST_LIFE {
        Finding::fail(
            name,
            format!(
                "written {} ago: the broker refuses every gateway",
                span(age)
            ),
            "restart the server, and look into its log for why the list was not renewed",
        )
    } else if age > LIST_AGE_MAX {
        Finding::warn(
            name,
            format!("written {} ago, and it should be renewed hourly", span(age)),
            "look into the server's log for why; from 7 days on no gateway can connect",
        )
    } else {
        Finding::ok(name, format!("written {} ago", span(age)))
    })
}

pub(super) fn pages_certificate(config: &Config, now: Timestamp) -> Option<Finding> {
    let (name, path) = ("pages_certificate", config.http.tls_cert_file.as_ref()?);
    let cure = "renew the certificate, write it to http.tls_cert_file and restart the server";
    let read = sekisho_certs::files::read_text(path).and_then(|pem| Certificate::from_pem(&pem));
    if let Some(key) = &config.http.tls_key_file
        && let Err(error) = sekisho_certs::files::read_private(key)
    {
        let cure = format!(
            "give the server's user alone the file: chmod 600 {}",
            key.display()
        );
        return Some(Finding::fail(name, error.to_string(), cure));
    }
    Some(match read {
        Err(error) => Finding::fail(name, error.to_string(), cure),
        Ok(it) if it.not_after_ms < now.0 => Finding::fail(
            name,
            format!("it ended on {}", Timestamp(it.not_after_ms).rfc3339()),
            cure,
        ),
        Ok(it) if it.not_after_ms < now.0 + SOON => Finding::warn(
            name,
            format!("it ends on {}", Timestamp(it.not_after_ms).rfc3339()),
            cure,
        ),
        Ok(it) => Finding::ok(
            name,
            format!("valid until {}", Timestamp(it.not_after_ms).rfc3339()),
        ),
    })
}

pub(super) fn last_backup(config: &Config, now: Timestamp) -> Finding {
    let name = "backup";
    let cure = "sekisho backup --out FILE, daily, and keep the file on another machine";
    match LastBackup::read(config) {
        None => Finding::warn(name, "no backup is known", cure),
        Some(last) if now.0 - last.at > BACKUP_AGE_MAX => Finding::warn(
            name,
            format!(
                "the last one is {} old: {}",
                span(now.0 - last.at),
                last.file.display()
            ),
            cure,
        ),
        Some(last) => Finding::ok(
            name,
            format!("{} old: {}", span(now.0 - last.at), last.file.display()),
        ),
    }
}

fn age(path: &Path, now: Timestamp) -> Option<i64> {
    let written = fs::metadata(path).ok()?.modified().ok()?;
    let since = written.duration_since(UNIX_EPOCH).ok()?;
    Some((now.0 - i64::try_from(since.as_millis()).ok()?).max(0))
}
