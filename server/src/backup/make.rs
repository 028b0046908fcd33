//! Makes a backup while the server runs.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use sekisho_certs::files;
use sekisho_domain::evidence::tree::Frontier;
use sekisho_domain::time::Timestamp;

use super::archive::{Archive, LogHead, Manifest, Writer};
use super::postgres::{self, split_password};
use super::{CONFIG, LastBackup, POSTGRES, SQLITE};
use crate::config::Config;
use crate::store::{self, Db};

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// What it holds.
    pub manifest: Manifest,
}

/// Writes everything that cannot be made again into one new file of mode 0600, reads it again, and only then gives it its
/// name. `config_text` is the configuration file. Refuses to overwrite.
///
/// The order makes it consistent: published heads first, then the database, then the keys. So the database holds at least
/// what was published, and the keys at least what the database names.
pub async fn backup(
    config: &Config,
    config_text: &str,
    out: &Path,
    now: Timestamp,
    say: &dyn Fn(&str),
) -> anyhow::Result<Made> {
    ensure!(
        !out.exists(),
        "{} is there already; a backup never overwrites. Give another name with --out",
        out.display()
    );
    let url = config.database_url()?;
    let db = open(config, &url).await?;
    let beside = Beside::new(out)?;
    let (schema, known) = db.schema().await.context("reading the database")?;
    ensure!(
        schema > 0 && schema <= known,
        "the database has schema {schema} and this program knows {known}: run the version that serves it"
    );
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside.archive())
        .with_context(|| beside.archive().display().to_string())?;
    let mut writer = Writer::new(file, say);
    let logs = store::log::all(&mut db.read().await?).await?;
    for log in &logs {
        let path = config
            .data_dir
            .join("logs")
            .join(&log.origin)
            .join("checkpoint");
        if path.is_file() {
            writer.add_file(&format!("logs/{}/checkpoint", log.origin), &path)?;
        }
    }
    // Read after the published heads, so that it is not behind them.
    let heads = heads(&db).await?;
    let manifest = Manifest::new(now.rfc3339(), db.engine(), schema, heads);

    say(&format!("copying the {} database…", db.engine()));
    let copy = beside.dir.join("database");
    if db.engine() == "sqlite" {
        db.copy_into(&copy).await?;
        writer.add_file(SQLITE, &copy)?;
    } else {
        postgres::dump(&url, &copy)?;
        writer.add_file(POSTGRES, &copy)?;
    }
    fs::remove_file(&copy).context("removing the database's first copy")?;
    let keys = add_dir(&mut writer, config, "keys")?;
    let pki = add_dir(&mut writer, config, "pki")?;
    say(&format!(
        "added {keys} keys and {pki} files of the uplink's root"
    ));
    writer.add(CONFIG, &mut redacted(config_text, &url).as_bytes())?;
    let manifest = writer.finish(manifest)?;

    say("reading it again…");
    let mut written = Archive::open(&beside.archive())?;
    ensure!(
        written.manifest == manifest,
        "the backup reads back otherwise than it was written"
    );
    written.verify(&|_| {})?;
    publish(&beside.archive(), out)?;
    let last = LastBackup {
        at: now.0,
        file: fs::canonicalize(out).unwrap_or_else(|_| out.to_owned()),
    };
    files::write_private(&LastBackup::path(config), &serde_json::to_vec(&last)?)?;
    Ok(Made {
        path: out.to_owned(),
        size: fs::metadata(out)?.len(),
        manifest,
    })
}

/// Opens the database as it is: nothing is created and nothing migrated by looking.
async fn open(config: &Config, url: &str) -> anyhow::Result<Db> {
    super::refuse_unfinished(config)?;
    if let Some(path) = url.strip_prefix("sqlite:")
        && !Path::new(path).is_file()
    {
        bail!("there is no database {path}: nothing to back up. Is this the right --config?");
    }
    Db::open(url).await
}

async fn heads(db: &Db) -> anyhow::Result<Vec<LogHead>> {
    let logs = store::log::all(&mut db.read().await?).await?;
    logs.iter()
        .map(|log| {
            let edge = Frontier::decode(&log.frontier)
                .with_context(|| format!("the right edge of {}", log.origin))?;
            Ok(LogHead {
                origin: log.origin.clone(),
                size: edge.size(),
                root: edge.root().hex(),
            })
        })
        .collect()
}

/// Adds the files of one directory below `data_dir`; temporary ones have names that begin with a dot.
fn add_dir(writer: &mut Writer<'_>, config: &Config, dir: &str) -> anyhow::Result<usize> {
    let path = config.data_dir.join(dir);
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).with_context(|| {
        format!(
            "{} cannot be read; without it nothing can be signed again",
            path.display()
        )
    })? {
        let name = entry?.file_name();
        let name = name
            .to_str()
            .context("a file name that is not text")?
            .to_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    for name in &names {
        writer.add_file(&format!("{dir}/{name}"), &path.join(name))?;
    }
    Ok(names.len())
}

fn redacted(text: &str, url: &str) -> String {
    match split_password(url).1 {
        Some(password) if !password.is_empty() => text
            .replace(&format!(":{password}@"), ":REDACTED@")
            .replace(&format!("password={password}"), "password=REDACTED"),
        _ => text.to_owned(),
    }
}

/// Gives the finished file its name; a hard link fails where a rename would silently replace.
fn publish(archive: &Path, out: &Path) -> anyhow::Result<()> {
    fs::hard_link(archive, out).with_context(|| format!("cannot write {}", out.display()))?;
    let parent = out.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))
        .and_then(|dir| dir.sync_all())
        .context("syncing the directory of the backup")
}

/// A private directory beside the backup, on the same disk; gone when this is dropped.
struct Beside {
    dir: PathBuf,
}

impl Beside {
    fn new(out: &Path) -> anyhow::Result<Self> {
        let name = out.file_name().context("--out names no file")?;
        let name = format!(".{}.{}", name.to_string_lossy(), std::process::id());
        let dir = out.with_file_name(name);
        let _ = fs::remove_dir_all(&dir);
        files::create_private_dir(&dir)
            .with_context(|| format!("cannot write beside {}", out.display()))?;
        Ok(Self { dir })
    }

    fn archive(&self) -> PathBuf {
        self.dir.join("backup")
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_copied_with_the_configuration() {
        let text = "[database]\nurl = \"postgres://u:geheim@h/d\"\n";
        let copy = redacted(text, "postgres://u:geheim@h/d");
        assert!(copy.contains("u:REDACTED@h") && !copy.contains("geheim"));
        assert_eq!(redacted("x = 1", "sqlite:x"), "x = 1");
    }
}
