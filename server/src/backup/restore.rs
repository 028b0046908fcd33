//! Restores a backup into an empty installation.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use sekisho_certs::files;
use sekisho_domain::evidence::checkpoint::{self, Vkey};
use sekisho_domain::evidence::tree::Tree;
use sekisho_domain::time::Timestamp;

use super::archive::{Archive, Manifest};
use super::{CONFIG, POSTGRES, SQLITE, postgres, unfinished};
use crate::config::Config;
use crate::store::db::known_schema;
use crate::store::gateways::GatewayState;
use crate::store::holds::{self, Kind};
use crate::store::log::Log;
use crate::store::{self, Db, Scope, Tx};

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the backup held.
    pub manifest: Manifest,
    /// Logs that wait for their gateway's next birth.
    pub waiting: Vec<String>,
}

/// Restores `file` into the empty `data_dir` (and the empty PostgreSQL database) of the configuration. Everything that can be
/// refused is refused before anything is written. `only_check` ends there.
///
/// Afterwards no log of a site with a gateway is signed until that gateway's next birth has shown that nothing is missing.
pub async fn restore(
    config: &Config,
    file: &Path,
    only_check: bool,
    now: Timestamp,
    say: &dyn Fn(&str),
) -> anyhow::Result<Restored> {
    say("reading the whole backup…");
    let mut archive = Archive::open(file)?;
    archive.verify(say)?;
    say(&format!(
        "sound: {} files of {}, {} database",
        archive.manifest.files.len(),
        archive.manifest.created_at,
        archive.manifest.engine
    ));
    let url = config.database_url()?;
    if only_check {
        return Ok(Restored {
            manifest: archive.manifest,
            waiting: Vec::new(),
        });
    }
    refuse_what_is_there(config, &url, &archive.manifest).await?;

    files::create_private_dir(&config.data_dir)?;
    let marker = unfinished(config);
    files::create_private(&marker, b"a restore runs, or was cut off\n")?;
    say("writing keys and the uplink's root…");
    write_files(config, &mut archive)?;
    say("filling the database…");
    fill(config, &url, &mut archive, say)?;
    let db = Db::open(&url).await?;
    db.migrate().await.context("migrating the database")?;
    say("comparing the logs with their heads…");
    if let Some(defect) = db.defect().await? {
        bail!("the restored database is damaged: {defect}");
    }
    let logs = compare(&db, &mut archive).await?;
    let waiting = hold(&db, &logs, now).await?;
    fs::remove_file(&marker).with_context(|| marker.display().to_string())?;
    File::open(&config.data_dir)?.sync_all()?;
    Ok(Restored {
        manifest: archive.manifest,
        waiting,
    })
}

async fn refuse_what_is_there(
    config: &Config,
    url: &str,
    manifest: &Manifest,
) -> anyhow::Result<()> {
    match fs::read_dir(&config.data_dir) {
        Ok(entries) => {
            // A file system of its own begins with this.
            let names = entries.flatten().map(|entry| entry.file_name());
            let others = names.filter(|name| name != "lost+found").count();
            ensure!(
                others == 0,
                "{} is not empty, and a restore never overwrites. Stop the server, move that directory away, then restore again",
                config.data_dir.display()
            );
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).context(config.data_dir.display().to_string()),
    }
    let known = known_schema();
    ensure!(
        manifest.schema <= known,
        "the backup has schema {} and this program knows {known}: install Sekisho {} or newer",
        manifest.schema,
        manifest.sekisho
    );
    let sqlite = url.strip_prefix("sqlite:");
    let engine = if sqlite.is_some() {
        "sqlite"
    } else {
        "postgres"
    };
    ensure!(
        engine == manifest.engine,
        "the backup holds a {} database and database.url names {engine}: set database.url to an empty {} database",
        manifest.engine,
        manifest.engine
    );
    if let Some(path) = sqlite {
        ensure!(
            !Path::new(path).exists(),
            "{path} is there already, and a restore never overwrites. Move it away, then restore again"
        );
        return Ok(());
    }
    postgres::find("pg_restore")?;
    let db = Db::open(url).await?;
    ensure!(
        db.tables().await? == 0,
        "the PostgreSQL database is not empty, and a restore never overwrites. Create an empty one (createdb) and name it in database.url"
    );
    Ok(())
}

/// Keys, root and the configuration's copy. Heads are not put in place: the files that belong to them are made again.
fn write_files(config: &Config, archive: &mut Archive) -> anyhow::Result<()> {
    let names: Vec<String> = archive
        .manifest
        .files
        .iter()
        .map(|it| it.name.clone())
        .collect();
    for name in names {
        let path = config.data_dir.join(&name);
        let dir = match name.split_once('/') {
            Some((dir @ ("keys" | "pki"), rest)) if !rest.contains('/') => dir,
            Some(("logs", _)) => continue,
            None if [SQLITE, POSTGRES].contains(&name.as_str()) => continue,
            None if name == CONFIG => {
                let bytes = archive.bytes(&name)?;
                files::create_private(&config.data_dir.join("sekisho.toml.restored"), &bytes)?;
                continue;
            }
            _ => bail!("the backup holds {name:?}, which this program does not know"),
        };
        files::create_private_dir(&config.data_dir.join(dir))?;
        files::create_private(&path, &archive.bytes(&name)?)?;
    }
    Ok(())
}

fn fill(
    config: &Config,
    url: &str,
    archive: &mut Archive,
    say: &dyn Fn(&str),
) -> anyhow::Result<()> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        // Under its name only when it is whole.
        let (path, partial) = (
            PathBuf::from(path),
            PathBuf::from(format!("{path}.partial")),
        );
        extract(archive, SQLITE, &partial, say)?;
        return fs::rename(&partial, &path).with_context(|| path.display().to_string());
    }
    let dump = config.data_dir.join(POSTGRES);
    extract(archive, POSTGRES, &dump, say)?;
    postgres::load(url, &dump)?;
    fs::remove_file(&dump).with_context(|| dump.display().to_string())
}

fn extract(archive: &mut Archive, name: &str, to: &Path, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .with_context(|| to.display().to_string())?;
    archive.copy(name, &mut file, say)?;
    file.sync_all().with_context(|| to.display().to_string())
}

/// Every head that the backup names, and every head that was published, must be one that the database has had.
async fn compare(db: &Db, archive: &mut Archive) -> anyhow::Result<Vec<Log>> {
    let mut tx = db.read().await?;
    let logs = store::log::all(&mut tx).await?;
    for log in &logs {
        let mut tree = Tree::new();
        tree.extend(store::log::hashes(&mut tx, log.id, 0).await?);
        let different = || {
            format!(
                "the database does not hold the head of {} that the backup names",
                log.origin
            )
        };
        ensure!(tree.len() == log.size, different());
        let heads = archive
            .manifest
            .logs
            .iter()
            .filter(|it| it.origin == log.origin);
        for head in heads {
            let root = tree.root_at(head.size).with_context(different)?;
            ensure!(root.hex() == head.root, different());
        }
        let name = format!("logs/{}/checkpoint", log.origin);
        if archive.manifest.files.iter().any(|it| it.name == name) {
            let vkey: Vkey = log.vkey.parse().context("a log's key cannot be read")?;
            let head = checkpoint::open(&archive.bytes(&name)?, &vkey)
                .with_context(|| format!("{name} in the backup"))?;
            ensure!(tree.root_at(head.size) == Some(head.root), different());
        }
    }
    for head in &archive.manifest.logs {
        ensure!(
            logs.iter().any(|log| log.origin == head.origin),
            "the database lacks the log {} that the backup names",
            head.origin
        );
    }
    Ok(logs)
}

/// Holds the logs of every site whose gateway may know more.
async fn hold(db: &Db, logs: &[Log], now: Timestamp) -> anyhow::Result<Vec<String>> {
    let mut tx = db.write().await?;
    let mut waiting = Vec::new();
    for log in logs {
        if has_gateway(&mut tx, log).await? {
            let why = "restored from a backup; the gateway has not been heard since";
            holds::put(&mut tx, log.id, Kind::Restored, why, now).await?;
            waiting.push(log.origin.clone());
        }
    }
    tx.commit().await?;
    Ok(waiting)
}

async fn has_gateway(tx: &mut Tx, log: &Log) -> anyhow::Result<bool> {
    let Some(site) = log.site else {
        return Ok(false);
    };
    let gateways = store::gateways::list(tx, Scope::System, site).await?;
    Ok(gateways.iter().any(|it| it.state == GatewayState::Enrolled))
}
