//! The files that Mosquitto reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho_certs::files::{create_private_dir, write_private};

use super::{BrokerConfig, BrokerError, BrokerTls};
use crate::client::MAX_PACKET_BYTES;

/// A generated file in the broker's directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum File {
    Config,
    Acl,
    Root,
    Crl,
    Cert,
    Key,
}

impl File {
    pub(super) fn path(self, dir: &Path) -> PathBuf {
        dir.join(match self {
            Self::Config => "mosquitto.conf",
            Self::Acl => "acl",
            Self::Root => "root.crt",
            Self::Crl => "root.crl",
            Self::Cert => "broker.crt",
            Self::Key => "broker.key",
        })
    }
}

/// Writes everything for a start on `port`.
pub(super) fn write_all(config: &BrokerConfig, port: u16) -> Result<(), BrokerError> {
    create_private_dir(&config.dir)?;
    let mut files = tls_files(&config.tls);
    files.push((File::Acl, config.acl.text().to_owned()));
    files.push((File::Config, text(config, port, &user_name())?));
    write(&config.dir, &files)
}

/// Writes some files, each atomically and for our eyes only (the broker runs as the same user).
pub(super) fn write(dir: &Path, files: &[(File, String)]) -> Result<(), BrokerError> {
    for (file, content) in files {
        write_private(&file.path(dir), content.as_bytes())?;
    }
    Ok(())
}

/// The certificate files of `tls`.
pub(super) fn tls_files(tls: &BrokerTls) -> Vec<(File, String)> {
    vec![
        (File::Root, tls.root_pem.clone()),
        (File::Crl, tls.crl_pem.clone()),
        (File::Cert, tls.cert_pem.clone()),
        (File::Key, tls.key_pem.clone()),
    ]
}

/// `mosquitto.conf` (mosquitto.conf(5), version 2.0).
fn text(config: &BrokerConfig, port: u16, user: &str) -> Result<String, BrokerError> {
    let dir = config.dir.to_str().ok_or(BrokerError::Config(
        "the broker's directory must have a name in UTF-8",
    ))?;
    if dir.contains(['\n', '\r']) {
        return Err(BrokerError::Config(
            "the broker's directory must have no line break in its name",
        ));
    }
    let path = |file: File| file.path(&config.dir).display().to_string();
    let lines = [
        "# Generated; a change here is lost at the next start.".to_owned(),
        // Started as root, Mosquitto would drop to a user that cannot read our keys, and lose the parent-death signal.
        if user.is_empty() {
            String::new()
        } else {
            format!("user {user}")
        },
        "persistence false".to_owned(),
        "allow_anonymous false".to_owned(),
        format!("acl_file {}", path(File::Acl)),
        "log_dest stderr".to_owned(),
        "log_timestamp false".to_owned(),
        "log_type error".to_owned(),
        "log_type warning".to_owned(),
        "log_type notice".to_owned(),
        "log_type information".to_owned(),
        "sys_interval 0".to_owned(),
        "set_tcp_nodelay true".to_owned(),
        "max_keepalive 120".to_owned(),
        format!("max_packet_size {MAX_PACKET_BYTES}"),
        "max_inflight_messages 200".to_owned(),
        "max_queued_messages 20000".to_owned(),
        "max_queued_bytes 67108864".to_owned(),
        "memory_limit 536870912".to_owned(),
        format!("listener {port} {}", config.bind),
        format!("max_connections {}", config.max_connections),
        format!("cafile {}", path(File::Root)),
        format!("crlfile {}", path(File::Crl)),
        format!("certfile {}", path(File::Cert)),
        format!("keyfile {}", path(File::Key)),
        "tls_version tlsv1.3".to_owned(),
        "require_certificate true".to_owned(),
        "use_identity_as_username true".to_owned(),
        format!("use_username_as_clientid {}", config.username_as_client_id),
    ];
    Ok(lines.join("\n") + "\n")
}

/// The name of the user we run as; empty when it has none, in which case it is not root and the setting has no effect.
fn user_name() -> String {
    let output = Command::new("id").arg("-un").output();
    output
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_default()
        .trim()
        .to_owned()
}
