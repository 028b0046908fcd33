//! A small world without faults, and what the score says when something in it is not as it has to be.
#![expect(clippy::unwrap_used, reason = "tests")]

use sekisho_domain::access::Reason;
use sekisho_domain::ids::{Correlation, DeviceId, DoorId, GatewayId, StreamId};
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::bus::Answer;

use super::liar::{Liar, Lie};
use super::reference::{Change, Code, Pass, Shown, Truth};
use super::score::Score;
use super::stock::{Case, Heard, Taken, stock};
use super::street::{Visit, reasons};
use super::weather::Moment;
use crate::oracle::{Line, What};
use crate::summary::{GatewayFile, Inputs, Record, Verified};

const GATEWAY: GatewayId = GatewayId([1; 16]);
const STREAM: StreamId = StreamId([2; 16]);
const DOOR: DoorId = DoorId([4; 16]);
const IN: DeviceId = DeviceId([5; 16]);
const OUT: DeviceId = DeviceId([6; 16]);
/// Everything happens after this, ms.
const T: i64 = 1_795_000_000_000;

fn cor(n: u8) -> Correlation {
    Correlation([n; 16])
}

pub(super) fn pass() -> Pass {
    Pass {
        printed: false,
        quiet: false,
        start_ms: T,
        end_ms: T + 100_000,
        made: Change {
            asked_ms: Some(T - 9_000),
            done_ms: Some(T - 8_900),
        },
        revoked: Change::default(),
        cancelled: Change::default(),
        suspended: Change::default(),
        accepted_ms: None,
        doubtful: false,
    }
}

pub(super) fn visit(n: u8, out: bool, reasons: &[&'static str]) -> Visit {
    let sent_ms = T + i64::from(n) * 10_000;
    Visit {
        who: "hanako",
        door: "front",
        out,
        shown: Shown {
            code: Code::Reference,
            large: false,
            into_quiet: false,
            phones_only: false,
            made_ms: sent_ms - 50,
            sent_ms,
            answered_ms: sent_ms + 30,
            known_upto_ms: sent_ms - 1_000,
            unknown_from_ms: sent_ms + 30,
            owed_upto_ms: i64::MIN,
            list: None,
            cut_since_ms: None,
            edge_ms: 1_500,
            stepped: false,
            decided: None,
            short_of_room: false,
            stale: Truth::No,
            lock_unheard: false,
            lock_deaf: false,
            silent: false,
            answer_owed: false,
        },
        pass: Some(pass()),
        reader: if out { OUT } else { IN },
        n: n.into(),
        copies: vec![sent_ms],
        of: DOOR,
        seen: Some(reasons.to_vec()),
        correlation: Some(cor(n)),
        opened: (out || reasons.is_empty()).then_some(true),
        difference: None,
        repeated: false,
        gave_up: false,
    }
}

fn record(seq: u64, name: &str, of: Option<&Visit>) -> Record {
    Record {
        gateway: GATEWAY,
        stream: STREAM,
        seq,
        name: name.to_owned(),
        correlation: of.and_then(|it| it.correlation),
        reasons: of
            .filter(|it| !it.out)
            .and_then(|it| it.seen.as_ref())
            .map(|seen| seen.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        form: None,
        known: None,
        device: of.map(|it| it.reader),
        seal_no: seq,
        at_ms: of.map_or(T, |it| it.shown.sent_ms + 10),
        err_ms: 500,
        clock: "synced".to_owned(),
        snapshot: Some(7),
        list: None,
        stale_s: Some(3),
    }
}

/// In, out, in with a code that another phone signed, and in with a pass that is revoked.
fn honest() -> (Case, Inputs) {
    let revoked = Change {
        asked_ms: Some(T + 32_000),
        done_ms: Some(T + 32_100),
    };
    let mut visits = vec![
        visit(1, false, &[]),
        visit(2, true, &[]),
        visit(3, false, &["signature_bad"]),
        visit(4, false, &["credential_revoked"]),
    ];
    visits[2].shown.code = Code::Forged;
    visits[3].pass.as_mut().unwrap().revoked = revoked;
    let names = [
        "access.granted",
        "access.exit_free",
        "access.denied",
        "access.denied",
    ];
    let mut records: Vec<_> = (1..)
        .zip(names.iter().zip(&visits))
        .map(|(seq, (name, visit))| record(seq, name, Some(visit)))
        .collect();
    records[3].snapshot = Some(8);
    records.push(record(5, "log.cut", None));
    let oracle = visits
        .iter()
        .filter(|visit| visit.opened.is_some())
        .map(|visit| release(visit.shown.answered_ms, visit.correlation.unwrap()))
        .collect();
    let answers = visits
        .iter()
        .map(|visit| Heard {
            reader: visit.reader,
            out: visit.out,
            answer: answer(visit),
        })
        .collect();
    let inputs = Inputs {
        gateways: vec![GatewayFile {
            gateway: GATEWAY,
            stream: STREAM,
            cut_seq: Some(5),
            last_seq: 5,
        }],
        oracle,
        pages: (1..=5).map(|seq| (GATEWAY, STREAM, seq)).collect(),
        verified: Verified {
            exit_code: 0,
            verdict: "PASS".to_owned(),
            leaves: 5,
            records,
        },
        ..Inputs::default()
    };
    let case = Case {
        visits,
        answers,
        pictures: Vec::new(),
        changes: vec![Taken {
            change: revoked,
            numbers_max: 1,
        }],
        history: vec![(T, Moment::GatewayStarted)],
        stalls: Vec::new(),
    };
    (case, inputs)
}

fn answer(visit: &Visit) -> Answer {
    let code = |name: &&str| {
        Reason::ALL
            .iter()
            .find(|reason| reason.name() == *name)
            .map(|reason| *reason as u8)
    };
    let seen = visit.seen.clone().unwrap_or_default();
    Answer {
        version: VERSION,
        boot: [0; 8].into(),
        n: visit.n,
        granted: visit.opened.is_some(),
        reasons: seen.iter().filter_map(code).collect(),
        correlation: visit.correlation.unwrap_or(cor(99)),
    }
}

fn release(at_ms: i64, correlation: Correlation) -> Line {
    Line {
        at_ms,
        lock: DeviceId([3; 16]),
        door: DOOR,
        what: What::ReleasedByUnlock,
        correlation: Some(correlation),
    }
}

/// The score after `change`, without what concerns the bundle as a whole.
fn after(change: impl FnOnce(&mut Case, &mut Inputs)) -> Score {
    let (mut case, mut inputs) = honest();
    change(&mut case, &mut inputs);
    let mut score = stock(&case, &inputs);
    score.wrong.retain(|line| !line.starts_with("evidence."));
    score
}

#[test]
fn an_honest_world_is_clean() {
    let score = after(|_, _| {});
    assert!(score.is_clean(), "{score:#?}");
    assert_eq!((score.shown, score.granted, score.judged), (4, 1, 3));
    assert!(score.either.is_empty(), "{:?}", score.either);
}

#[test]
fn evidence_that_lacks_doubles_or_alters_is_named() {
    let lying = |lie| after(|_, inputs| Liar(Some(lie)).reports(inputs));
    let dropped = lying(Lie::DropsSeal);
    assert_eq!(
        (dropped.lost, dropped.entry_releases_without_record),
        (1, 1)
    );
    assert_eq!(lying(Lie::DoublesEvent).duplicated, 1);
    assert_eq!(lying(Lie::RecordsAnotherReason).decisions_that_differ, 1);
    let later = after(|_, inputs| inputs.verified.records[0].at_ms += 4_000);
    assert_eq!(later.decisions_that_differ, 1, "{:?}", later.wrong);
}

#[test]
fn who_was_revoked_and_is_let_in_differs_and_so_does_everything_else_nobody_may_say() {
    let admitted = after(|case, inputs| {
        case.visits[3].seen = Some(Vec::new());
        case.visits[3].opened = Some(true);
        inputs.verified.records[3].name = "access.granted".to_owned();
        inputs.verified.records[3].reasons.clear();
        let line = release(case.visits[3].shown.answered_ms, cor(4));
        inputs.oracle.push(line);
    });
    assert_eq!(admitted.decisions_that_differ, 1, "{:?}", admitted.wrong);
    for excuse in ["stale_read", "other", "audit_unavailable"] {
        let refused = after(|case, inputs| {
            case.visits[0].seen = Some(vec![excuse]);
            case.visits[0].opened = None;
            case.answers[0].answer = answer(&case.visits[0]);
            inputs.oracle.remove(0);
        });
        assert!(refused.decisions_that_differ > 0, "{excuse}");
    }
    let shut = after(|case, inputs| {
        case.visits[0].opened = Some(false);
        inputs.oracle.remove(0);
    });
    assert_eq!(shut.stayed_shut, 1);
}

#[test]
fn a_release_without_a_record_is_an_entry_unless_it_is_shown_to_be_a_way_out() {
    let unrecorded = |at_ms, correlation: u8, change: &dyn Fn(&mut Case)| {
        let score = after(|case, inputs| {
            change(case);
            inputs.oracle.push(release(at_ms, cor(correlation)));
        });
        (
            score.entry_releases_without_record,
            score.exit_releases_without_record,
        )
    };
    assert_eq!(unrecorded(T + 55_000, 77, &|_| {}), (1, 0), "nobody there");
    assert_eq!(
        unrecorded(T + 40_020, 4, &|_| {}),
        (1, 0),
        "after a refusal"
    );
    assert_eq!(unrecorded(T + 40_020, 77, &|_| {}), (1, 0), "on the way in");
    // Somebody on the way out, and the gateway was well.
    assert_eq!(unrecorded(T + 20_020, 77, &|_| {}), (1, 0));
    let died = |case: &mut Case| case.history.push((T + 20_025, Moment::GatewayDied));
    assert_eq!(unrecorded(T + 20_020, 77, &died), (0, 1));
    // The power went as well, and somebody stands there on the way in whose read may be meant.
    let both = |case: &mut Case, sent_ms: i64| {
        case.history.push((T + 20_025, Moment::GatewayDied));
        let mut other = visit(1, false, &[]);
        other.shown.sent_ms = T + 19_000;
        other.shown.answered_ms = T + 19_900;
        (other.seen, other.correlation, other.opened) = (None, None, None);
        (other.n, other.copies) = (9, vec![sent_ms]);
        case.visits.push(other);
    };
    let just_now = |case: &mut Case| both(case, T + 19_100);
    assert_eq!(unrecorded(T + 20_020, 77, &just_now), (1, 0));
    // Nobody's reader has asked just now but that of the way out.
    let earlier = |case: &mut Case| both(case, T + 19_000);
    assert_eq!(unrecorded(T + 20_020, 77, &earlier), (0, 1));
    let of_long_ago = |case: &mut Case| {
        both(case, T + 19_100);
        if let Some(other) = case.visits.last_mut() {
            other.shown.stale = Truth::Yes;
        }
    };
    assert_eq!(unrecorded(T + 20_020, 77, &of_long_ago), (0, 1));
    let neither = |case: &mut Case| {
        both(case, T + 19_000);
        case.visits[1].copies.clear();
    };
    assert_eq!(unrecorded(T + 20_020, 77, &neither), (1, 0));
}

#[test]
fn decisions_that_nobody_asked_for_differ() {
    let invented = after(|case, inputs| {
        let mut record = record(4, "access.denied", Some(&case.visits[3]));
        record.correlation = Some(cor(88));
        inputs.verified.records.push(record);
    });
    assert!(invented.decisions_that_differ > 0);
}

#[test]
fn a_clock_that_is_off_has_to_say_so() {
    let hour_ms = 3_600_000;
    let moved = |err_ms| {
        after(|case, inputs| {
            case.history.push((T + 9_000, Moment::ClockMoved(hour_ms)));
            case.history.push((T + 11_000, Moment::ClockMoved(0)));
            let record = &mut inputs.verified.records[0];
            (record.at_ms, record.err_ms) = (record.at_ms + hour_ms, err_ms);
            record.name = "access.denied".to_owned();
            let seen = ["pass_stale", "outside_schedule", "clock_untrusted"];
            record.reasons = seen.map(str::to_owned).to_vec();
            case.visits[0].seen = Some(seen.to_vec());
            case.visits[0].opened = None;
            case.answers[0].answer = answer(&case.visits[0]);
            inputs.oracle.remove(0);
        })
    };
    let honest = moved(3_600_500);
    assert_eq!(honest.decisions_that_differ, 0, "{:?}", honest.wrong);
    assert_eq!(honest.judged_with_moved_clock, 1);
    assert!(moved(500).decisions_that_differ > 0);
    let nobody_touched = after(|_, inputs| {
        inputs.verified.records[0].clock = "untrusted".to_owned();
    });
    assert!(nobody_touched.decisions_that_differ > 0);
    assert!(!reasons(&answer(&honest_visit())).contains(&"other"));
}

#[test]
fn who_forgets_what_was_taken_back_is_found_although_everything_it_says_agrees() {
    // Fifteen seconds after the pass was revoked; nobody knows which picture or list the gateway holds.
    let forgetful = |owed_upto_ms, forgets: bool| {
        after(|case, inputs| {
            let visit = &mut case.visits[3];
            (visit.shown.sent_ms, visit.shown.answered_ms) = (T + 47_000, T + 47_030);
            visit.shown.made_ms = T + 46_950;
            visit.shown.known_upto_ms = T - 1_000;
            visit.shown.owed_upto_ms = owed_upto_ms;
            inputs.verified.records[3].at_ms = T + 47_010;
            if forgets {
                visit.seen = Some(Vec::new());
                visit.opened = Some(true);
                inputs.oracle.push(release(T + 47_030, cor(4)));
            }
            case.answers[3].answer = answer(visit);
            if forgets {
                Liar(Some(Lie::ForgetsRevocations)).reports(inputs);
            }
        })
    };
    let excused = forgetful(i64::MIN, true);
    assert!(excused.is_clean(), "what this test is about: {excused:#?}");
    let found = forgetful(T + 37_000, true);
    assert_eq!(found.decisions_that_differ, 1, "{:?}", found.wrong);
    assert!(!found.is_clean());
    let honest = forgetful(T + 37_000, false);
    assert!(honest.is_clean(), "{:?}", honest.wrong);
}

#[test]
fn a_read_without_an_answer_is_held_against_a_gateway_that_nothing_troubled() {
    let silent = |answer_owed| {
        after(|case, inputs| {
            let visit = &mut case.visits[2];
            (visit.seen, visit.correlation) = (None, None);
            (visit.shown.silent, visit.shown.answer_owed) = (true, answer_owed);
            case.answers.remove(2);
            // Another decision there that nobody was told of, so that neither is of a certain read.
            let (mut other, mut more) = (visit.clone(), visit.clone());
            (other.n, more.n) = (9, 10);
            other.shown.answer_owed = false;
            more.shown.answer_owed = false;
            case.visits.extend([other, more]);
            assert_eq!(inputs.verified.records[2].name, "access.denied");
        })
    };
    let excused = silent(false);
    assert!(excused.is_clean(), "{:?}", excused.wrong);
    assert_eq!((excused.unanswered, excused.unmatched), (3, 1));
    let held_against = silent(true);
    assert_eq!(held_against.unanswered_while_well, 1);
    assert!(!held_against.is_clean());
}

#[test]
fn a_late_answer_is_the_gateways_but_for_the_time_in_which_the_machine_stood_still() {
    // The first comes 3 s late; the machine stood still from then on for so long.
    let late = |answer_owed, stalled_ms| {
        after(|case, inputs| {
            let shown = &mut case.visits[0].shown;
            (shown.answered_ms, shown.answer_owed) = (shown.sent_ms + 3_000, answer_owed);
            case.stalls = vec![(shown.sent_ms + 10, shown.sent_ms + 10 + stalled_ms)];
            inputs.verified.records[0].at_ms = shown.sent_ms + 10;
        })
    };
    assert!(late(false, 0).is_clean(), "{:?}", late(false, 0).wrong);
    for stalled_ms in [0, 1_900] {
        let score = late(true, stalled_ms);
        assert_eq!((score.late_while_well, score.answer_max_ms), (1, 3_000));
        assert!(!score.is_clean());
    }
    let score = late(true, 2_500);
    assert_eq!((score.late_while_well, score.held_up_by_machine), (0, 1));
    assert!(!score.is_clean(), "one of four codes says nothing");
    let among_many = Score {
        shown: 200,
        ..score
    };
    assert!(among_many.is_clean());
}

#[test]
fn who_can_tell_little_does_not_call_it_clean() {
    let with = |either: u64| Score {
        judged: 200,
        either: [("nobody knows".to_owned(), either)].into(),
        ..Score::default()
    };
    assert!(with(30).is_clean());
    assert!(!with(31).is_clean());
    let mut total = with(31);
    total.add(&with(20));
    assert!(total.is_clean(), "a share of the whole");
}

fn honest_visit() -> Visit {
    visit(1, false, &[])
}
