//! What only the evidence tells about a visit: when the gateway decided by its own clock, and how much it knew by then.

use std::collections::BTreeMap;

use super::reference::{self, Change, Decided, List, Truth};
use super::score::Score;
use super::stock::{COPIES_MS, Case, READING_MS, Records, Taken};
use super::street::{Visit, reasons};
use super::weather::Moment;
use crate::summary::Record;

/// What was asked for so shortly after a picture was begun may be in it: its facts are read one after the other, ms.
const PICTURE_MS: i64 = 100;
/// What a statement of the server about the time spends on a line that is held up counts for the clock or against it, and nobody
/// there can tell: by so much the stated error of a clock that is behind may be too small, ms.
const HELD_UP_MS: i64 = 10_000;
/// No world lasts so long, s.
const OLD_S: u32 = 1_800;

/// The visits once more, with what only the evidence tells: when the gateway decided by its own clock, and under which picture.
/// What was open for want of that is judged now, and an answer that came after its reader had given up as well.
pub(super) fn sharpened(case: &Case, records: &Records<'_>, score: &mut Score) -> Vec<Visit> {
    let mut visits = case.visits.clone();
    for visit in &mut visits {
        if visit.seen.is_none()
            && let Some(late) = case
                .answers
                .iter()
                .find(|heard| (heard.reader, heard.answer.n) == (visit.reader, visit.n))
        {
            visit.correlation = Some(late.answer.correlation);
            visit.seen = Some(reasons(&late.answer));
            visit.shown.answered_ms += COPIES_MS;
            visit.shown.stale = Truth::Either("nobody knows on which copy");
            visit.gave_up = true;
        }
        let made = case
            .pictures
            .iter()
            .find(|(written_ms, _)| *written_ms >= visit.shown.answered_ms + READING_MS);
        if let Some((_, issued_ms)) = made {
            visit.shown.unknown_from_ms = issued_ms + PICTURE_MS;
        }
    }
    // Whoever met the same picture knows as much of it as anybody who met it.
    let mut bounds: BTreeMap<u64, (i64, i64)> = BTreeMap::new();
    for visit in &visits {
        if let Some(epoch) = records.get(visit.correlation).and_then(|it| it.snapshot) {
            let (least, most) = bounds.entry(epoch).or_insert((i64::MIN, i64::MAX));
            *least = (*least).max(visit.shown.known_upto_ms);
            *most = (*most).min(visit.shown.unknown_from_ms);
        }
    }
    for visit in &mut visits {
        let Some(record) = records.get(visit.correlation) else {
            continue;
        };
        if let Some((least, most)) = record.snapshot.and_then(|epoch| bounds.get(&epoch)) {
            (visit.shown.known_upto_ms, visit.shown.unknown_from_ms) = (*least, *most);
        }
        visit.shown.list = list(case, records, record);
        if let Some(wrong) = clock(case, visit, record) {
            score.differs(format!("{} at {}: {wrong}", visit.who, visit.door));
        }
        visit.shown.decided = Some(decided(record));
        // Exact now, so it replaces what was judged at the door.
        if let Some(seen) = visit.seen.as_ref().filter(|_| !visit.out && !visit.gave_up) {
            let (pass, granted) = (visit.pass.as_ref(), seen.is_empty());
            visit.difference = reference::difference(pass, &visit.shown, seen, granted);
        }
    }
    visits
}

pub(super) fn decided(record: &Record) -> Decided {
    Decided {
        at_ms: record.at_ms,
        err_ms: i64::from(record.err_ms),
        untrusted: record.clock == "untrusted",
        stale_s: record.stale_s.unwrap_or(u32::MAX),
    }
}

/// How far the list reached that the gateway held when it made this record. Each thing that is taken back gets the next number;
/// so many as were surely taken back before it are below its number, and only so many as can have been.
fn list(case: &Case, records: &Records<'_>, of: &Record) -> Option<List> {
    let before = |it: &&&Record| it.stream == of.stream && it.seq < of.seq;
    let number = records
        .lists
        .iter()
        .filter(before)
        .filter_map(|it| it.list)
        .max()
        .unwrap_or(0);
    // In force a moment before it is recorded.
    let soon = records
        .lists
        .iter()
        .any(|it| it.stream == of.stream && it.seq > of.seq && it.at_ms - of.at_ms <= READING_MS);
    if soon {
        return None;
    }
    let asked = |change: &Change| change.asked_ms.unwrap_or(i64::MAX);
    let most = |upto_ms: i64| -> u64 {
        let known = case.changes.iter();
        known
            .filter(|it| asked(&it.change) <= upto_ms)
            .map(|it| it.numbers_max)
            .sum()
    };
    let in_it = |it: &&Taken| it.change.done_ms.is_some_and(|at_ms| most(at_ms) <= number);
    let not_in_it = |it: &&Taken| {
        let earlier = |other: &&Taken| {
            other
                .change
                .done_ms
                .is_some_and(|at_ms| at_ms < asked(&it.change))
        };
        number <= case.changes.iter().filter(earlier).count() as u64
    };
    Some(List {
        has_ms: case
            .changes
            .iter()
            .filter(in_it)
            .filter_map(|it| it.change.done_ms)
            .max()
            .unwrap_or(i64::MIN),
        lacks_ms: case
            .changes
            .iter()
            .filter(not_in_it)
            .map(|it| asked(&it.change))
            .min()
            .map_or(i64::MAX, |at_ms| at_ms - 1),
    })
}

/// What is wrong with the time in a record: it has to be what the gateway's clock showed between question and answer, and the
/// error that it admits has to cover how far that clock had been moved.
fn clock(case: &Case, visit: &Visit, record: &Record) -> Option<String> {
    let shown = &visit.shown;
    let (mut offsets, mut moved) = (vec![0], false);
    for (at_ms, moment) in &case.history {
        if let Moment::ClockMoved(offset) = moment {
            if at_ms + READING_MS < shown.sent_ms {
                offsets.clear();
            }
            if *at_ms <= shown.answered_ms + READING_MS {
                offsets.push(*offset);
                moved = true;
            }
        }
    }
    let between = shown.sent_ms - READING_MS..=shown.answered_ms + READING_MS;
    let fits = |offset: &&i64| between.contains(&(record.at_ms - **offset));
    let Some(offset) = offsets.iter().find(fits) else {
        return Some(format!(
            "recorded at {}, which no clock showed between {} and {}",
            record.at_ms, shown.sent_ms, shown.answered_ms
        ));
    };
    let err_ms = i64::from(record.err_ms);
    // The largest number there is stands for all that are larger.
    let admits = err_ms + HELD_UP_MS >= offset.abs() || record.clock == "untrusted";
    if !admits && record.err_ms != u32::MAX {
        return Some(format!(
            "an error of {err_ms} ms is stated of a clock that is {offset} ms off"
        ));
    }
    if record.stale_s.is_none_or(|stale_s| stale_s > OLD_S) && !moved {
        return Some(format!(
            "knowledge is {:?} s old in a young world",
            record.stale_s
        ));
    }
    (record.clock == "untrusted" && !moved && err_ms <= 120_000)
        .then(|| "a clock that nobody touched is not trusted".to_owned())
}
