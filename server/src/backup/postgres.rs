//! PostgreSQL's own programs copy a PostgreSQL database.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Copies the database into a new file.
pub(super) fn dump(url: &str, to: &Path) -> anyhow::Result<()> {
    let mut command = command("pg_dump", url)?;
    command.arg("--format=custom").arg("--file").arg(to);
    run(command)
}

/// Fills an empty database from a copy: all of it or nothing.
pub(super) fn load(url: &str, from: &Path) -> anyhow::Result<()> {
    let mut command = command("pg_restore", url)?;
    command
        .args(["--exit-on-error", "--single-transaction"])
        .arg(from);
    run(command)
}

/// Where a program of the newest installed PostgreSQL client lies. Debian's wrapper in PATH picks the version of a local
/// cluster, which may not be the server's.
pub fn find(program: &str) -> anyhow::Result<PathBuf> {
    let version = |dir: &PathBuf| {
        let name = dir.file_name()?.to_str()?;
        name.parse::<u32>().ok()
    };
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    versions.sort_by_key(|dir| std::cmp::Reverse(version(dir)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions
        .into_iter()
        .map(|dir| dir.join("bin"))
        .chain(std::env::split_paths(&path))
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
        .with_context(|| {
            format!("{program} was not found; install it with: apt-get install postgresql-client")
        })
}

fn command(program: &str, url: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(find(program)?);
    let (url, password) = split_password(url);
    // Arguments can be read by everybody on the machine, the environment only by us.
    if let Some(password) = password {
        command.env("PGPASSWORD", decoded(&password)?);
    }
    command
        .args([
            "--no-owner",
            "--no-privileges",
            "--no-comments",
            "--no-password",
        ])
        .arg("--dbname")
        .arg(url)
        .stdin(Stdio::null());
    Ok(command)
}

fn run(mut command: Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command
        .output()
        .with_context(|| format!("starting {program}"))?;
    if !done.status.success() {
        bail!(
            "{program} failed: {}",
            String::from_utf8_lossy(&done.stderr).trim()
        );
    }
    Ok(())
}

/// A URL without its password, and the password as it stood there.
pub(super) fn split_password(url: &str) -> (String, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url.to_owned(), None);
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if let Some((user, host)) = authority.rsplit_once('@')
        && let Some((name, password)) = user.split_once(':')
    {
        return (
            format!("{scheme}://{name}@{host}{tail}"),
            Some(password.to_owned()),
        );
    }
    let Some((path, query)) = tail.split_once('?') else {
        return (url.to_owned(), None);
    };
    let password = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("password="));
    let others: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("password="))
        .collect();
    (
        format!("{scheme}://{authority}{path}?{}", others.join("&")),
        password.map(str::to_owned),
    )
}

/// Percent-decoded (RFC 3986 §2.1).
fn decoded(text: &str) -> anyhow::Result<String> {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits: Vec<u8> = bytes.by_ref().take(2).collect();
        let digits = std::str::from_utf8(&digits).ok();
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(value.context("the password in database.url has a '%' that encodes nothing")?);
    }
    String::from_utf8(out).context("the password in database.url is not UTF-8 text")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_password_leaves_the_url_wherever_it_stands() {
        for (url, without, password) in [
            (
                "postgres://u:p%40ss@h:5/d?x=1",
                "postgres://u@h:5/d?x=1",
                Some("p@ss"),
            ),
            (
                "postgres://u@h/d?host=/run&password=s",
                "postgres://u@h/d?host=/run",
                Some("s"),
            ),
            (
                "postgres://u@h/d?host=/run",
                "postgres://u@h/d?host=/run",
                None,
            ),
            ("postgres://h/d", "postgres://h/d", None),
        ] {
            let (rest, found) = split_password(url);
            assert_eq!(rest, without);
            assert_eq!(found.map(|it| decoded(&it).unwrap()).as_deref(), password);
        }
        assert!(decoded("50%").is_err());
    }
}
