//! `sekisho-verify`: reads a bundle and a trust file, prints a report, answers with its exit code.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use sekisho_domain::evidence::bundle::parse_nonce;
use sekisho_domain::evidence::trust::{PolicyError, TRUST_BYTES_MAX, TrustPolicy};
use sekisho_verify::text::{Lang, render};
use sekisho_verify::{Observed, Options, Report, verify};

/// Exit code of CANNOT-VERIFY, and of every error of this program.
const CANNOT: u8 = 3;

const EXAMPLES: &str = "\
Exit codes:
  0  PASS           every check of this version held
  1  FINDINGS       the log is intact; something in it needs a person to look
  2  FAIL           the log or the bundle is broken, incomplete or forged
  3  CANNOT-VERIFY  something needed is missing or unknown; also wrong usage and unreadable files

Examples:
  sekisho-verify matsue-fy2026.evb --trust trust.policy
  sekisho-verify matsue-fy2026.evb --trust trust.policy --nonce 6f1d0c9a5b3e4f7788990a1b2c3d4e5f --strict --lang en
  sekisho-verify matsue-fy2026.evb --trust trust.policy --json | jq .verdict
  sekisho-verify matsue-fy2026.evb --trust trust.policy --list granted";

/// Verifies a bundle of evidence offline, believing the trust file and nothing else.
#[derive(Parser)]
#[command(name = "sekisho-verify", version, after_help = EXAMPLES)]
struct Args {
    /// The bundle (.evb)
    bundle: PathBuf,
    /// The trust file (C2SP tlog-policy): the only thing that is believed. Never take it from the bundle
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// The nonce you gave for this export, 32 hexadecimal digits: FAIL unless the server and every gateway answered it
    #[arg(long, value_name = "HEX32", value_parser = nonce)]
    nonce: Option<Nonce>,
    /// Check every signature singly, not only those that vouch for all others
    #[arg(long)]
    strict: bool,
    /// Chooses the random sample of signatures that is checked without --strict
    #[arg(long, value_name = "TEXT")]
    seed: Option<String>,
    /// Print the report as one line of JSON
    #[arg(long)]
    json: bool,
    /// Language of the report
    #[arg(long, value_enum, default_value = "ja")]
    lang: Language,
    /// Print events as JSON, one a line, while reading; the report then goes to stderr or, with --json, on the last line
    #[arg(long, value_enum, value_name = "WHAT")]
    list: Option<Listing>,
}

#[derive(Clone, Copy)]
struct Nonce([u8; 16]);

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Ja,
    En,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Listing {
    /// What lets a lock open: access.granted, access.exit_free, access.override
    Granted,
    /// Every event
    Events,
}

#[expect(
    clippy::print_stderr,
    reason = "a program says on stderr why it could not run"
)]
fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(why) => {
            // Help and version are asked for; anything else is wrong usage. A closed stdout changes neither.
            let code = if why.use_stderr() { CANNOT } else { 0 };
            let _ = why.print();
            return code.into();
        }
    };
    match run(&args) {
        Ok(report) => report.exit_code.into(),
        Err(why) => {
            eprintln!("sekisho-verify: {why}");
            CANNOT.into()
        }
    }
}

fn run(args: &Args) -> Result<Report, Failed> {
    let trust = read_trust(&args.trust)?;
    let bundle = File::open(&args.bundle).map_err(|why| Failed::Read {
        path: args.bundle.clone(),
        why,
    })?;
    let options = Options {
        nonce: args.nonce.map(|nonce| nonce.0),
        strict: args.strict,
        seed: args.seed.clone(),
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut broken = None;
    let report = verify(bundle, &trust, &options, &mut |event| {
        if args
            .list
            .is_some_and(|list| list == Listing::Events || event.is_opening())
            && broken.is_none()
        {
            broken = line(&mut out, event).err();
        }
    });
    if let Some(why) = broken {
        return Err(Failed::Write(why));
    }
    let lang = match args.lang {
        Language::Ja => Lang::Ja,
        Language::En => Lang::En,
    };
    let printed = if args.json {
        json(&mut out, &report)
    } else if args.list.is_some() {
        std::io::stderr().write_all(render(&report, lang).as_bytes())
    } else {
        out.write_all(render(&report, lang).as_bytes())
    };
    printed.and_then(|()| out.flush()).map_err(Failed::Write)?;
    Ok(report)
}

fn read_trust(path: &Path) -> Result<TrustPolicy, Failed> {
    let failed = |why| Failed::Read {
        path: path.to_owned(),
        why,
    };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(TRUST_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    TrustPolicy::parse(&bytes).map_err(|why| Failed::Trust {
        path: path.to_owned(),
        why,
    })
}

fn line(out: &mut impl Write, event: &Observed) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")
}

fn json(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, report)?;
    out.write_all(b"\n")
}

fn nonce(text: &str) -> Result<Nonce, String> {
    parse_nonce(text)
        .map(Nonce)
        .ok_or_else(|| "give 32 hexadecimal digits".to_owned())
}

/// Why the program could not do its work.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{}: {why}", .path.display())]
    Read { path: PathBuf, why: std::io::Error },
    #[error("{}: {why}", .path.display())]
    Trust { path: PathBuf, why: PolicyError },
    #[error("the report could not be written: {0}")]
    Write(std::io::Error),
}
