//! The shape of the tree, as a test: arrows between crates and rooms, sizes, and where certain names may appear.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines in a file. Generated and golden tables are exempt by living in files of other kinds.
const FILE_LINES_MAX: usize = 500;

/// Variants in an enum of errors.
const ERROR_VARIANTS_MAX: usize = 12;

/// Which of our crates a crate may depend on (in its programs; tests may use all).
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("certs", &["sekisho-domain"]),
    ("bus", &["sekisho-domain", "sekisho-certs"]),
    ("verifier", &["sekisho-domain"]),
    (
        "server",
        &["sekisho-domain", "sekisho-certs", "sekisho-bus"],
    ),
    (
        "gateway",
        &["sekisho-domain", "sekisho-certs", "sekisho-bus"],
    ),
    (
        "firmware-sim",
        &["sekisho-domain", "sekisho-certs", "sekisho-bus"],
    ),
];

/// `(needle, folders and files where it may stand, what the rule is)`; only `src` folders are looked at.
const ROOMS: &[(&str, &[&str], &str)] = &[
    (
        "rumqttc::",
        &["bus/src"],
        "the MQTT client library stays behind bus",
    ),
    (
        "sqlx::",
        &["server/src/store", "gateway/src/store"],
        "SQL lives in store",
    ),
    (
        "AssertSqlSafe",
        // A test there asks SQLite to explain those very literals.
        &["gateway/src/store/prune.rs"],
        "SQL is literal text",
    ),
    (
        "sekisho/v1/",
        &["domain/src/wire/topic.rs", "bus/src/acl.rs"],
        "topic strings stand in one file",
    ),
    (
        "bus/v1/",
        &["domain/src/wire/topic.rs", "bus/src/acl.rs"],
        "topic strings stand in one file",
    ),
    ("#[allow(", &[], "an exception is #[expect(…, reason = …)]"),
];

/// `(folder, what its files may not mention, what the rule is)`.
const BANNED: &[(&str, &[&str], &str)] = &[
    (
        "domain/src",
        &[
            "std::fs",
            "tokio",
            "SystemTime",
            "Instant::now",
            "std::net",
            "sqlx",
            "axum",
        ],
        "domain has no I/O and no clock",
    ),
    (
        "server/src/store",
        &["crate::http", "crate::ingest", "crate::jobs"],
        "store knows nothing above it",
    ),
    (
        "server/src/flows",
        &["crate::http", "axum::"],
        "flows do not know HTTP",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(dir: &Path, ending: &str, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if name.starts_with('.') || ["target", "node_modules", "var"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            files(&path, ending, out);
        } else if name.ends_with(ending) {
            out.push(path);
        }
    }
}

/// All our sources: path below the root, text.
fn sources() -> BTreeMap<String, String> {
    let mut paths = Vec::new();
    files(&root(), ".rs", &mut paths);
    let below = |path: &Path| {
        path.strip_prefix(root())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    paths
        .iter()
        .map(|path| (below(path), fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn crates_point_only_where_they_may() {
    for (dir, allowed) in ARROWS {
        let manifest: toml::Table = fs::read_to_string(root().join(dir).join("Cargo.toml"))
            .unwrap()
            .parse()
            .unwrap();
        let depends = manifest["dependencies"]
            .as_table()
            .unwrap()
            .keys()
            .filter(|name| name.starts_with("sekisho"));
        for name in depends {
            assert!(
                allowed.contains(&name.as_str()),
                "{dir} may not depend on {name}"
            );
        }
    }
}

#[test]
fn names_stay_in_their_rooms() {
    let mut found = Vec::new();
    let code = |text: &str| {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        code.collect::<Vec<_>>().join("\n")
    };
    for (path, text) in sources().iter().filter(|(path, _)| {
        path.contains("/src/") && !path.starts_with("tests/") && !path.contains("/golden/")
    }) {
        let text = code(text);
        for (needle, rooms, rule) in ROOMS {
            if text.contains(needle) && !rooms.iter().any(|room| path.starts_with(room)) {
                found.push(format!("{path}: {needle} ({rule})"));
            }
        }
        for (dir, needles, rule) in BANNED {
            for needle in needles
                .iter()
                .filter(|needle| path.starts_with(dir) && text.contains(**needle))
            {
                found.push(format!("{path}: {needle} ({rule})"));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn files_and_error_enums_stay_small() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            found.push(format!("{path}: {lines} lines (at most {FILE_LINES_MAX})"));
        }
        for (name, variants) in error_enums(&text) {
            if variants > ERROR_VARIANTS_MAX {
                found.push(format!(
                    "{path}: {name} has {variants} variants (at most {ERROR_VARIANTS_MAX})"
                ));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Name and number of variants of each `enum …Error` in rustfmt's layout.
fn error_enums(text: &str) -> Vec<(String, usize)> {
    let mut out = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line
            .trim_start_matches("pub ")
            .strip_prefix("enum ")
            .and_then(|rest| rest.strip_suffix(" {"))
        else {
            continue;
        };
        let variants = lines.by_ref().take_while(|line| *line != "}");
        let is_variant = |line: &str| {
            line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_ascii_uppercase())
        };
        let count = variants.filter(|line| is_variant(line)).count();
        if name.ends_with("Error") {
            out.push((name.to_owned(), count));
        }
    }
    out
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let dependencies = text
        .split("[workspace.dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    for line in dependencies
        .lines()
        .filter(|line| line.contains('=') && !line.starts_with("sekisho"))
    {
        assert!(line.contains(" # "), "no purpose: {line}");
    }
    for (dir, _) in ARROWS {
        let manifest: toml::Table = fs::read_to_string(root().join(dir).join("Cargo.toml"))
            .unwrap()
            .parse()
            .unwrap();
        for section in ["dependencies", "dev-dependencies"] {
            let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (name, value) in table {
                assert_eq!(
                    value.get("workspace").and_then(toml::Value::as_bool),
                    Some(true),
                    "{dir}: {name} must come from the workspace"
                );
            }
        }
    }
}

#[test]
fn no_second_cryptography_in_the_lock_file() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for name in [
        "openssl",
        "openssl-sys",
        "native-tls",
        "aws-lc-rs",
        "aws-lc-sys",
    ] {
        assert!(
            !lock.contains(&format!("name = \"{name}\"")),
            "{name} is in Cargo.lock"
        );
    }
}

#[test]
fn both_engines_have_the_same_migrations() {
    let names = |engine: &str| {
        let mut paths = Vec::new();
        files(&root().join("migrations").join(engine), ".sql", &mut paths);
        paths
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn the_tree_is_the_same_on_every_machine() {
    let home = ["/ro", "ot/"].concat();
    let key = ["PRIVATE", " KEY-----"].concat();
    let mut found = Vec::new();
    for ending in [
        ".rs", ".md", ".toml", ".sql", ".html", ".js", ".mjs", ".css", ".cddl", "/run", "/demo",
    ] {
        let mut paths = Vec::new();
        files(&root(), ending.trim_start_matches('/'), &mut paths);
        for path in paths {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.contains(&home) || text.contains(&key) {
                found.push(path);
            }
        }
    }
    assert!(
        found.is_empty(),
        "a path of one machine or a private key: {found:?}"
    );
}
