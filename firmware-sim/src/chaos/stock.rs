//! What a run came to: the list of everything shown against the auditor's reading of the evidence and the locks' own log.
//!
//! Pure: the same lists give the same score, so tests can withhold, forge and alter.

use std::collections::{BTreeSet, HashMap};

use sekisho_domain::ids::{Correlation, DeviceId};
use sekisho_domain::wire::bus::Answer;

use super::probe::{Stall, stalled_ms};
use super::reference::{self, Change, Decided, Truth};
use super::score::Score;
use super::sharpen::{decided, sharpened};
use super::street::{Visit, reasons};
use super::weather::Moment;
use crate::oracle::{self, What};
use crate::summary::{self, Inputs, Record};

/// A read that was never answered may still arrive for so long after it was given up, ms.
pub(super) const COPIES_MS: i64 = 9_000;
/// A read that arrives at all has arrived by then, and a way out that it asks for is open, ms: a broker that holds one for longer
/// has died with it.
const AT_ONCE_MS: i64 = 1_000;
/// On the way out the lock opens before the record is durable; the power that went in between went within this, ms.
const POWER_WENT_MS: i64 = 2_000;
/// A code that is shown while nothing troubles gateway, bus and readers is answered within this, ms.
const ANSWERED_WITHIN_MS: i64 = 1_000;
/// Two clocks are read one after the other, ms.
pub(super) const READING_MS: i64 = 100;

/// A clock that is moved is moved by this or more, ms.
const HOUR_MS: i64 = 3_600_000;

/// Something that was taken back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// When.
    pub(super) change: Change,
    /// Most numbers of the list that it can have taken: one for each pass and for each person.
    pub(super) numbers_max: u64,
}

/// Everything that the simulated side knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    /// Everything that was shown.
    pub(super) visits: Vec<Visit>,
    /// Every answer that any reader heard, also late.
    pub(super) answers: Vec<Heard>,
    /// When the gateway wrote about the picture that it holds, and when the server had made that; ms.
    pub(super) pictures: Vec<(i64, i64)>,
    /// Everything that was taken back.
    pub(super) changes: Vec<Taken>,
    /// What happened to the gateway.
    pub(super) history: Vec<(i64, Moment)>,
    /// When this machine itself stood still.
    pub(super) stalls: Vec<Stall>,
}

/// An answer at a reader.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// Which reader.
    pub(super) reader: DeviceId,
    /// It is on the way out.
    pub(super) out: bool,
    /// What it was told.
    pub(super) answer: Answer,
}

/// Judges a world at one moment: everything from its beginning.
pub(super) fn stock(case: &Case, inputs: &Inputs) -> Score {
    let mut score = Score::default();
    let summary = summary::judge(inputs);
    score.lost = summary.events.lost;
    score.duplicated = summary.events.duplicated;
    score.recorded = summary.events.recorded;
    score.verdicts.insert(summary.evidence.verdict.clone(), 1);
    let wanted = ["events.", "evidence."];
    for failed in summary.expectations.iter().filter(|it| !it.ok) {
        if wanted.iter().any(|prefix| failed.id.starts_with(prefix)) {
            score.complain(format!(
                "{}: expected {}, seen {}",
                failed.id, failed.expected, failed.seen
            ));
        }
    }
    let records = Records::of(&inputs.verified.records);
    let visits = sharpened(case, &records, &mut score);
    score.machine_stalls = case.stalls.len() as u64;
    for visit in &visits {
        count(visit, &mut score);
        in_time(visit, &case.stalls, &mut score);
    }
    matches(case, &visits, &records, &mut score);
    releases(case, &visits, &records, inputs, &mut score);
    score
}

/// The decisions in the evidence.
pub(super) struct Records<'a> {
    by_correlation: HashMap<Correlation, &'a Record>,
    in_order: Vec<&'a Record>,
    /// The gateway put a list of what is revoked in force.
    pub(super) lists: Vec<&'a Record>,
}

impl<'a> Records<'a> {
    fn of(records: &'a [Record]) -> Self {
        let decisions = [
            "access.granted",
            "access.denied",
            "access.exit_free",
            "access.override",
            "credential.stale_read",
        ];
        let in_order: Vec<_> = records
            .iter()
            .filter(|record| decisions.contains(&record.name.as_str()))
            .collect();
        Self {
            by_correlation: in_order
                .iter()
                .filter_map(|record| Some((record.correlation?, *record)))
                .collect(),
            in_order,
            lists: records.iter().filter(|it| it.list.is_some()).collect(),
        }
    }

    pub(super) fn get(&self, correlation: Option<Correlation>) -> Option<&'a Record> {
        self.by_correlation.get(&correlation?).copied()
    }
}

fn count(visit: &Visit, score: &mut Score) {
    score.shown += 1;
    let repeated = visit
        .repeated
        .then_some("a repeat got another answer".to_owned());
    for difference in visit.difference.iter().chain(&repeated) {
        score.differs(format!("{} at {}: {difference}", visit.who, visit.door));
    }
    let Some(seen) = &visit.seen else {
        score.unanswered += 1;
        return;
    };
    if !visit.out {
        match seen.first() {
            None => score.granted += 1,
            Some(reason) => *score.denied.entry((*reason).to_owned()).or_default() += 1,
        }
        // What was refused before anything was looked at is no question of who may enter.
        if !["stale_read", "audit_unavailable"].contains(&seen.first().copied().unwrap_or_default())
        {
            score.judged += 1;
            let far = |decided: Decided| (decided.at_ms - visit.shown.sent_ms).abs() > HOUR_MS / 2;
            score.judged_with_moved_clock += u64::from(visit.shown.decided.is_some_and(far));
            if let Some(why) = reference::undecided(visit.pass.as_ref(), &visit.shown) {
                *score.either.entry(why.to_owned()).or_default() += 1;
            }
        }
    }
    if visit.opened == Some(false) && !visit.shown.lock_deaf {
        score.stayed_shut += 1;
        score.complain(format!(
            "{} at {}: granted, and the lock stayed shut",
            visit.who, visit.door
        ));
    }
}

/// Whoever shows a code while nothing had troubled the gateway is answered, and soon. A machine that stands still makes everybody
/// wait; it explains so much of a wait as it stood still itself, by a measure that knows nothing of the gateway, and no more.
fn in_time(visit: &Visit, stalls: &[Stall], score: &mut Score) {
    let shown = &visit.shown;
    if !shown.answer_owed {
        return;
    }
    let given_up = visit.seen.is_none() || visit.gave_up;
    // An answer that came after its reader had given up is judged as one of some time later.
    let until_ms = shown.answered_ms - if visit.gave_up { COPIES_MS } else { 0 };
    let waited_ms = until_ms - shown.sent_ms;
    if !given_up {
        score.answer_max_ms = score.answer_max_ms.max(waited_ms);
    }
    if !given_up && waited_ms <= ANSWERED_WITHIN_MS {
        return;
    }
    let stalled_ms = stalled_ms(stalls, shown.sent_ms, until_ms);
    if stalled_ms > 0 && waited_ms - stalled_ms <= ANSWERED_WITHIN_MS {
        score.held_up_by_machine += 1;
        return;
    }
    let what = if given_up {
        score.unanswered_while_well += 1;
        "no answer".to_owned()
    } else {
        score.late_while_well += 1;
        format!("an answer after {waited_ms} ms")
    };
    score.complain(format!(
        "{} at {}: {what}, nothing had troubled the gateway, and the machine stood still for {stalled_ms} ms of it",
        visit.who, visit.door
    ));
}

/// Each answer has its record, with the same reasons; and there are no decisions that nobody asked for.
fn matches(case: &Case, visits: &[Visit], records: &Records<'_>, score: &mut Score) {
    let mut asked: BTreeSet<Correlation> = case
        .answers
        .iter()
        .map(|heard| heard.answer.correlation)
        .collect();
    let mut open: HashMap<DeviceId, Vec<&Visit>> = HashMap::new();
    for visit in visits {
        let (Some(seen), Some(correlation)) = (&visit.seen, visit.correlation) else {
            open.entry(visit.reader).or_default().push(visit);
            continue;
        };
        asked.insert(correlation);
        // A decision on what could not be recorded may have been made once more.
        let unrecorded = visit.shown.short_of_room
            && (visit.out || seen[..] == ["audit_unavailable"] || seen[..] == ["stale_read"]);
        if unrecorded {
            open.entry(visit.reader).or_default().push(visit);
        }
        let kept = records.get(Some(correlation));
        if !kept.is_some_and(|record| is_of(record, visit, seen)) && !unrecorded {
            score.differs(format!(
                "{} at {}: answered {seen:?}, recorded {:?}",
                visit.who,
                visit.door,
                kept.map(|record| (&record.name, &record.reasons))
            ));
        }
    }
    let mut unasked: HashMap<Option<DeviceId>, Vec<&Record>> = HashMap::new();
    for record in &records.in_order {
        if record.correlation.is_some_and(|it| !asked.contains(&it)) {
            unasked.entry(record.device).or_default().push(record);
        }
    }
    for (device, decisions) in unasked {
        let questions = device.and_then(|it| open.get(&it));
        unanswered(&decisions, questions.map_or(&[], Vec::as_slice), score);
    }
}

/// Whether a record says what the answer said. Of a way out the verifier lists no reasons: they gate nothing.
fn is_of(record: &Record, visit: &Visit, seen: &[&str]) -> bool {
    if seen == ["stale_read"] {
        return record.name == "credential.stale_read";
    }
    let wanted: Vec<_> = seen.iter().copied().filter(|it| *it != "other").collect();
    let name = match (visit.out, wanted.is_empty()) {
        (true, _) => "access.exit_free",
        (false, true) => "access.granted",
        (false, false) => "access.denied",
    };
    record.name == name && (visit.out || record.reasons == wanted)
}

/// Decisions whose answers nobody heard, at one reader: no more of them than reads without an answer. Where there are as many,
/// each is of one of these, in order, and is judged like any other.
fn unanswered(decisions: &[&Record], questions: &[&Visit], score: &mut Score) {
    if decisions.len() > questions.len() {
        score.differs(format!(
            "{} decisions in the evidence that nobody was told of, and {} codes without an answer at that reader",
            decisions.len(),
            questions.len()
        ));
    }
    if decisions.len() != questions.len() {
        score.unmatched += decisions.len() as u64;
        return;
    }
    for (record, visit) in decisions.iter().zip(questions) {
        let mut shown = visit.shown;
        // It was decided on some copy, at some time.
        shown.stale = Truth::Either("nobody knows on which copy");
        shown.answered_ms += COPIES_MS;
        shown.unknown_from_ms = shown.answered_ms;
        shown.decided = Some(decided(record));
        let seen: Vec<&str> = match record.name.as_str() {
            "credential.stale_read" => vec!["stale_read"],
            _ => record.reasons.iter().map(String::as_str).collect(),
        };
        if visit.out || visit.seen.is_some() {
            continue;
        }
        if let Some(difference) =
            reference::difference(visit.pass.as_ref(), &shown, &seen, seen.is_empty())
        {
            score.differs(format!(
                "{} at {}, never answered: {difference}",
                visit.who, visit.door
            ));
        }
    }
}

/// Whom a lock opened for without a record.
enum For {
    /// Somebody on the way in, or nobody at all.
    Entry(&'static str),
    /// Somebody on the way out, with what explains that there is no record.
    Exit,
}

/// Releases without a record: none for an entry, and none that nobody asked for. Whom a release was for is told by the answer
/// with its correlation, and without one by who stood at the door.
fn releases(
    case: &Case,
    visits: &[Visit],
    records: &Records<'_>,
    inputs: &Inputs,
    score: &mut Score,
) {
    let explains = ["access.granted", "access.exit_free", "access.override"];
    let mut times: HashMap<Correlation, u64> = HashMap::new();
    for line in &inputs.oracle {
        if line.what != What::ReleasedByUnlock {
            continue;
        }
        if let Some(correlation) = line.correlation {
            *times.entry(correlation).or_default() += 1;
        }
        let record = records.get(line.correlation);
        if record.is_some_and(|record| explains.contains(&record.name.as_str())) {
            continue;
        }
        match whom(case, visits, line, record) {
            For::Exit => score.exit_releases_without_record += 1,
            For::Entry(why) => {
                score.entry_releases_without_record += 1;
                score.complain(format!("released without a record, {why}: {line:?}"));
            }
        }
    }
    score.opened_twice = times.values().filter(|times| **times > 1).count() as u64;
}

fn whom(case: &Case, visits: &[Visit], line: &oracle::Line, record: Option<&Record>) -> For {
    if record.is_some() {
        return For::Entry("the record is of a refusal");
    }
    let heard = case
        .answers
        .iter()
        .find(|heard| Some(heard.answer.correlation) == line.correlation);
    if let Some(heard) = heard {
        // The answer comes after the record; the way out says so when there is none.
        let says_so = |seen: &str| ["audit_unavailable", "lockout"].contains(&seen);
        return match (heard.out, reasons(&heard.answer).into_iter().any(says_so)) {
            (true, true) => For::Exit,
            (true, false) => For::Entry("the way out was answered as if there were one"),
            (false, _) => For::Entry("the answer was to a reader on the way in"),
        };
    }
    let stood_there = |visit: &&Visit| {
        let shown = &visit.shown;
        let upto_ms = match visit.seen {
            Some(_) => shown.answered_ms,
            None => shown.answered_ms + COPIES_MS,
        };
        visit.of == line.door && (shown.sent_ms..=upto_ms).contains(&line.at_ms)
    };
    let candidates: Vec<_> = visits.iter().filter(stood_there).collect();
    // A release follows a read at once. Of two who wait it was for whoever's reader has just asked, and for the way in where both
    // have; but for nobody whose every copy quotes a beat of long ago. A gateway that opened to those would do so with its power
    // on, too, and be found by its answers.
    let just_asked = |visit: &Visit| {
        let soon = line.at_ms - AT_ONCE_MS..=line.at_ms + READING_MS;
        visit.copies.iter().any(|sent_ms| soon.contains(sent_ms))
    };
    let asked = |out: bool| {
        let of_now = |it: &Visit| it.out || it.shown.stale != Truth::Yes;
        let asks = |it: &Visit| it.out == out && of_now(it) && just_asked(it);
        candidates.iter().any(|it| asks(it))
    };
    if candidates.is_empty() {
        return For::Entry("nobody stood there");
    }
    if candidates.iter().any(|visit| !visit.out) && (asked(false) || !asked(true)) {
        return For::Entry("somebody stood there on the way in");
    }
    let power_went = case.history.iter().any(|(at_ms, moment)| {
        *moment == Moment::GatewayDied
            && (line.at_ms - READING_MS..=line.at_ms + POWER_WENT_MS).contains(at_ms)
    });
    if power_went || candidates.iter().any(|visit| visit.shown.short_of_room) {
        For::Exit
    } else {
        For::Entry("on the way out, and nothing had happened to the gateway")
    }
}
