//! The corpora of the fuzz targets through the same functions, without libFuzzer; and no decoder without a target.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sekisho_domain::crypto::unhex;

#[path = "../domain/fuzz/src/targets/mod.rs"]
mod targets;

use targets::TARGETS;

/// Bytes of all committed corpora together.
const CORPORA_BYTES_MAX: u64 = 200 * 1024;

/// Functions that look like decoders and read nothing from outside, or are read through another; with the reason.
const EXEMPT: &[(&str, &str)] = &[
    ("Keystore::open", "a directory of our own"),
    ("Root::from_pem", "our own files"),
    ("cbor::decode", "what every target is made of"),
    ("SigningKey::from_seed", "32 bytes, all of them sound"),
    ("VerifyingKey::from_bytes", "32 bytes, all of them sound"),
    (
        "Root::sign_csr",
        "in the target certificate, as root.sign_csr",
    ),
    ("VerifyingKey::verify", "compares, reads nothing"),
    ("HolderKey::verify", "compares, reads nothing"),
    ("Keystore::import", "32 bytes, all of them sound"),
    ("files::write_private", "writes"),
    ("files::write_public", "writes"),
    ("files::create_private", "writes"),
    (
        "ids::parse_text",
        "of a macro; PersonId::parse_text stands for all",
    ),
    ("reason::from_name", "of a macro; Reason::from_name is it"),
    ("hours::open_times", "its one text is read by Zone::named"),
    ("hours::open_during", "its one text is read by Zone::named"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rust_files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            out.push(path);
        }
    }
    out.sort();
}

/// Text without tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_committed_input_goes_through_its_target() {
    let corpus = root().join("domain/fuzz/corpus");
    let mut bytes = 0;
    for (name, run) in TARGETS {
        let dir = corpus.join(name);
        let files = fs::read_dir(&dir).into_iter().flatten();
        for file in files.map(|file| file.unwrap().path()) {
            let input = fs::read(&file).unwrap();
            bytes += input.len() as u64;
            run(&input);
        }
    }
    assert!(bytes <= CORPORA_BYTES_MAX, "{bytes} bytes of corpora");
    for dir in fs::read_dir(&corpus).unwrap() {
        let name = dir.unwrap().file_name().into_string().unwrap();
        let known = TARGETS.iter().any(|(target, _)| *target == name);
        assert!(known, "a corpus without a target: {name}");
    }
}

#[test]
fn every_golden_message_whole_and_cut_goes_through_every_target() {
    for file in fs::read_dir(root().join("domain/tests/golden")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let bytes = unhex(&text.split_whitespace().collect::<String>()).unwrap();
        for (name, run) in TARGETS {
            run(&bytes);
            if *name != "log" {
                run(&bytes[..bytes.len() / 2]);
            }
        }
    }
}

/// `Type::function` or `module::function` of every public function that reads bytes or text and is named like a decoder,
/// `parse::<Type>` of every `FromStr`, and every message that no other message contains.
fn decoders() -> BTreeSet<String> {
    let mut files = Vec::new();
    rust_files(&root().join("domain/src"), &mut files);
    rust_files(&root().join("certs/src"), &mut files);
    files.retain(|path| !path.file_name().unwrap().to_string_lossy().contains("test"));
    let mut found = BTreeSet::new();
    for path in &files {
        let mut of = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if of == "mod" {
            let dir = path.parent().unwrap().file_name().unwrap();
            dir.to_str().unwrap().clone_into(&mut of);
        }
        let module = of.clone();
        let text = code(path);
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(rest) = line.strip_prefix("impl") {
                let of_type = rest.split(" for ").last().unwrap();
                let name = of_type.trim_start_matches(|c: char| c == '<' || c.is_lowercase());
                let name = name.split_once('>').map_or(name, |(before, after)| {
                    if before.contains('<') { name } else { after }
                });
                let name = name.trim().split(['<', ' ', '{']).next().unwrap();
                name.clone_into(&mut of);
                if rest.contains("FromStr for ") && !of.starts_with('$') {
                    found.insert(format!("parse::<{of}>"));
                }
            } else if line == "}" {
                of.clone_from(&module);
            }
            let Some(name) = line.trim_start().strip_prefix("pub fn ") else {
                continue;
            };
            let name = name.split(['(', '<']).next().unwrap();
            let mut head = line.to_owned();
            while !head.contains('{') && lines.peek().is_some() {
                head += lines.next().unwrap();
            }
            let (takes, gives) = head.split_once(" -> ").unwrap_or((&head, ""));
            let slice = takes.contains("&[u8]") || takes.contains(" [u8]");
            let named = ["decode", "parse", "open", "read", "peek", "unhex", "from"]
                .iter()
                .any(|stem| name == *stem || name.starts_with(&format!("{stem}_")));
            let may_refuse = gives.starts_with("Result<") || gives.starts_with("Option<");
            let reads = (slice && may_refuse) || ((slice || takes.contains("&str")) && named);
            if reads && !of.starts_with('$') {
                found.insert(format!("{of}::{name}"));
            }
        }
    }
    found
}

/// Types with a decoder that stand in no field of another: what crosses a wire by itself.
fn messages() -> BTreeSet<String> {
    let mut files = Vec::new();
    rust_files(&root().join("domain/src"), &mut files);
    files.retain(|path| !path.to_string_lossy().contains("golden"));
    let all: Vec<String> = files.iter().map(|path| code(path)).collect();
    let (mut types, mut inner) = (BTreeSet::new(), BTreeSet::new());
    for text in &all {
        for part in text.split("#[derive(").skip(1) {
            let (derived, rest) = part.split_once(")]").unwrap();
            let Some((kind, rest)) = rest
                .split_once("pub struct ")
                .or_else(|| rest.split_once("pub enum "))
                .filter(|(between, _)| between.len() < 120)
            else {
                continue;
            };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            let body = rest.split("\n}").next().unwrap();
            if derived.contains("Decode") && !kind.contains("pub") {
                types.insert(name.clone());
                let words = body.split(|c: char| !c.is_alphanumeric()).skip(1);
                inner.extend(words.filter(|word| **word != name).map(str::to_owned));
            }
        }
    }
    types.difference(&inner).cloned().collect()
}

#[test]
fn no_decoder_is_without_a_target() {
    let mut files = Vec::new();
    rust_files(&root().join("domain/fuzz/src"), &mut files);
    let targets: String = files.iter().map(|path| code(path)).collect();
    let targets: String = targets.split_whitespace().collect();
    let exempt = |name: &str| EXEMPT.iter().any(|(known, _)| *known == name);
    let reached = |name: &str| {
        let (of, function) = name.split_once("::").unwrap();
        let method = format!(".{function}(");
        let called = |call: &str| {
            let is_own = |at: usize| {
                !targets[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
            };
            targets.match_indices(call).any(|(at, _)| is_own(at))
        };
        targets.contains(name)
            || (of.starts_with(char::is_uppercase) && targets.contains(&method))
            || (of.starts_with(char::is_lowercase) && called(&format!("{function}(")))
            || (of == "parse" && {
                let of = function.trim_matches(['<', '>']);
                targets.contains(&format!("{of}::from_str"))
                    || targets.contains(&format!("same::<{of}>"))
            })
    };
    let decoders = decoders();
    assert!(decoders.len() > 30, "{decoders:?}");
    let missing: Vec<_> = decoders
        .iter()
        .filter(|name| !reached(name) && !exempt(name))
        .collect();
    let messages = messages();
    assert!(messages.len() > 30, "{messages:?}");
    let is_word = |name: &&String| {
        let words = targets.split(|c: char| !c.is_alphanumeric());
        words.into_iter().any(|word| word == name.as_str())
    };
    let unread: Vec<_> = messages.iter().filter(|name| !is_word(name)).collect();
    assert!(
        missing.is_empty() && unread.is_empty(),
        "without a target in domain/fuzz/src/targets: {missing:?} {unread:?}"
    );
}
