//! The report for people: verdict first and last, no colour, what was not shown never looks good.

use std::fmt::Write as _;

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::GatewayId;
use sekisho_domain::time::Timestamp;

use crate::check::NOT_IN_THIS_VERSION;
use crate::problem::Status;
use crate::report::{CheckReport, Failure, Report, Verdict};

/// Language of the report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lang {
    /// 日本語.
    #[default]
    Ja,
    /// English.
    En,
}

impl Lang {
    fn pick<'t>(self, ja: &'t str, en: &'t str) -> &'t str {
        match self {
            Self::Ja => ja,
            Self::En => en,
        }
    }
}

/// Most codes and streams that are listed one by one.
const LINES_MAX: usize = 64;

/// The whole report, ending in a newline.
pub fn render(report: &Report, lang: Lang) -> String {
    let mut out = String::new();
    let verdict = verdict_line(report, lang);
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{verdict}\n");
    log(&mut out, report, lang);
    let _ = writeln!(
        out,
        "\n{}",
        lang.pick("検査(成り立つべきこと)", "Checks (what must hold)")
    );
    for check in &report.checks {
        check_lines(&mut out, check, lang);
    }
    let _ = writeln!(
        out,
        "\n{}",
        lang.pick(
            "この版にない検査(合格ではありません)",
            "Not in this version (not passed)"
        )
    );
    for (id, en, ja) in NOT_IN_THIS_VERSION {
        let _ = writeln!(out, "  {id}  {}", lang.pick(ja, en));
    }
    let _ = writeln!(
        out,
        "\n{}\n\n{verdict}",
        lang.pick(report.cannot_prove_ja, report.cannot_prove_en)
    );
    out
}

fn verdict_line(report: &Report, lang: Lang) -> String {
    let verdict = report.verdict;
    let meaning = match verdict {
        Verdict::Pass => lang.pick(
            "この版のすべての検査が成立しました。",
            "Every check of this version held.",
        ),
        Verdict::Findings => lang.pick(
            "台帳は無傷です。確かめるべき点があります。",
            "The log is intact; something needs a person to look.",
        ),
        Verdict::Fail => lang.pick(
            "壊れている、欠けている、または偽造されています。",
            "Broken, incomplete or forged.",
        ),
        Verdict::CannotVerify => lang.pick(
            "合格ではありません。必要なものが足りないか、未知です。",
            "Not a pass: something needed is missing or unknown.",
        ),
    };
    let word = lang.pick(verdict.ja(), verdict.en());
    let trusted = matches!(verdict, Verdict::Pass | Verdict::Findings);
    let up_to = report.up_to.filter(|_| trusted).map(|at| match lang {
        Lang::Ja => format!("{} までの分。", at.rfc3339()),
        Lang::En => format!(" Up to {}.", at.rfc3339()),
    });
    format!(
        "{}{word}  {meaning}{}",
        lang.pick("判定: ", "Verdict: "),
        up_to.unwrap_or_default()
    )
}

fn log(out: &mut String, report: &Report, lang: Lang) {
    if let Some(origin) = &report.origin {
        row(out, lang.pick("台帳", "Log"), origin);
    }
    if let Some(root) = report.root {
        row(out, lang.pick("根", "Root"), &root.hex());
    }
    for witness in report.witnessed.iter().take(LINES_MAX) {
        let at = i64::try_from(witness.time_s).unwrap_or(i64::MAX);
        let at = Timestamp(at.saturating_mul(1000)).rfc3339();
        let line = format!("{at}  {}", witness.name.escape_debug());
        row(out, lang.pick("立会人", "Witness"), &line);
    }
    let counts = &report.counts;
    for (ja, en, count) in [
        ("封印", "Seals", counts.seals),
        ("記録", "Events", counts.events),
        ("解錠", "Entries granted", counts.granted),
        (
            "入室不可",
            "Entries refused",
            counts.denied_by_first_reason.values().sum(),
        ),
        (
            "署名の個別検査",
            "Signatures checked",
            report.signatures_checked,
        ),
    ] {
        row(out, lang.pick(ja, en), &format!("{count:>9}"));
    }
    for stream in report.streams.iter().take(LINES_MAX) {
        let sealer = sealer(stream.gateway, lang);
        let cut = match (stream.cut_at, lang) {
            (Some(at), Lang::Ja) => format!("区切り {}", at.rfc3339()),
            (Some(at), Lang::En) => format!("cut {}", at.rfc3339()),
            (None, Lang::Ja) => "区切りなし".to_owned(),
            (None, Lang::En) => "no cut".to_owned(),
        };
        row(
            out,
            lang.pick("系列", "Stream"),
            &format!("{:>9}  {sealer}  {cut}", stream.events),
        );
        let (no, seq) = (stream.last_seal_no, stream.last_seq);
        row(out, "", &end(no, seq, stream.last_hash, lang));
    }
    for before in report.ends_before.iter().take(LINES_MAX) {
        let end = end(before.last_seal_no, before.last_seq, before.last_hash, lang);
        let line = format!("{}  {end}", before.gateway);
        row(out, lang.pick("前の台帳で", "In the log before"), &line);
    }
    if report.streams.len() > LINES_MAX {
        row(
            out,
            lang.pick("系列", "Stream"),
            &format!("… +{}", report.streams.len() - LINES_MAX),
        );
    }
}

/// Where a stream ended: what the auditor compares over the turn of the year.
fn end(seal_no: u64, seq: u64, hash: Digest, lang: Lang) -> String {
    let seal = lang.pick("封印", "seal");
    let event = lang.pick("記録", "event");
    format!("{seal} {seal_no}, {event} {seq}, {}", hash.hex())
}

fn row(out: &mut String, label: &str, value: &str) {
    let _ = writeln!(out, "  {}{value}", padded(label, 20));
}

fn check_lines(out: &mut String, check: &CheckReport, lang: Lang) {
    let word = match check.status {
        Status::Pass => lang.pick("合格", "pass"),
        Status::Skipped => lang.pick("未検査", "skipped"),
        Status::Finding => lang.pick("指摘", "finding"),
        Status::Cannot => lang.pick("検証不能", "cannot verify"),
        Status::Fail => lang.pick("不合格", "FAIL"),
    };
    let sentence = lang.pick(check.sentence_ja, check.sentence_en);
    let _ = writeln!(
        out,
        "  {}  {}{:>9}  {sentence}",
        check.id,
        padded(word, 13),
        check.count
    );
    if let Some(failure) = &check.first_failure {
        let more = if check.problems > 1 {
            format!(" (×{})", check.problems)
        } else {
            String::new()
        };
        let _ = writeln!(out, "        → {}{more}", lang.pick(failure.ja, failure.en));
        let place = place(failure, lang);
        if !place.is_empty() {
            let _ = writeln!(out, "          {place}");
        }
    }
}

fn place(failure: &Failure, lang: Lang) -> String {
    let at = &failure.place;
    let parts = [
        at.leaf
            .map(|leaf| format!("{} {leaf}", lang.pick("葉", "leaf"))),
        at.gateway.map(|gateway| sealer(gateway, lang)),
        at.stream
            .map(|stream| format!("{} {stream}", lang.pick("系列", "stream"))),
        at.seal_no
            .map(|seal| format!("{} {seal}", lang.pick("封印", "seal"))),
        at.path.clone(),
        at.at.map(Timestamp::rfc3339),
        at.detail.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Who seals, in words.
fn sealer(gateway: GatewayId, lang: Lang) -> String {
    if gateway == GatewayId::NIL {
        lang.pick("サーバー", "server").to_owned()
    } else {
        gateway.to_string()
    }
}

/// Pads to `width` columns of a terminal, where a Japanese character takes two.
fn padded(text: &str, width: usize) -> String {
    let columns: usize = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    format!("{text}{}", " ".repeat(width.saturating_sub(columns)))
}
