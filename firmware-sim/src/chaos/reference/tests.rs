use super::*;

const DONE: Change = Change {
    asked_ms: Some(900),
    done_ms: Some(1_000),
};

fn pass() -> Pass {
    Pass {
        printed: false,
        quiet: false,
        start_ms: 10_000,
        end_ms: 50_000,
        made: DONE,
        revoked: Change::default(),
        cancelled: Change::default(),
        suspended: Change::default(),
        accepted_ms: None,
        doubtful: false,
    }
}

fn shown(code: Code, at_ms: i64) -> Shown {
    Shown {
        code,
        large: false,
        into_quiet: false,
        phones_only: false,
        made_ms: at_ms - 100,
        sent_ms: at_ms,
        answered_ms: at_ms + 20,
        known_upto_ms: 5_000,
        unknown_from_ms: at_ms + 20,
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
    }
}

#[track_caller]
fn must(pass: &Pass, shown: &Shown, reasons: &[&str]) {
    let agrees = |seen: &[&str]| difference(Some(pass), shown, seen, seen.is_empty());
    assert_eq!(agrees(reasons), None);
    for other in [
        &[][..],
        &["zone_not_granted"],
        &["no_grant", "pass_expired"],
    ] {
        assert!(other == reasons || agrees(other).is_some(), "{other:?}");
    }
}

#[track_caller]
fn may(pass: &Pass, shown: &Shown, answers: &[&[&str]]) {
    for seen in answers {
        assert_eq!(
            difference(Some(pass), shown, seen, seen.is_empty()),
            None,
            "{seen:?}"
        );
    }
}

#[test]
fn times_and_zones() {
    let pass = pass();
    must(&pass, &shown(Code::Reference, 30_000), &[]);
    must(&pass, &shown(Code::Reference, 9_000), &["outside_schedule"]);
    must(&pass, &shown(Code::Carried, 9_000), &["pass_not_yet_valid"]);
    may(
        &pass,
        &shown(Code::Carried, 10_500),
        &[&[], &["pass_not_yet_valid"]],
    );
    must(
        &pass,
        &shown(Code::Reference, 51_000),
        &["outside_schedule"],
    );
    let quiet = Shown {
        into_quiet: true,
        ..shown(Code::Reference, 30_000)
    };
    let agrees = difference(Some(&pass), &quiet, &["zone_not_granted"], false);
    assert_eq!(agrees, None);
    assert!(difference(Some(&pass), &quiet, &[], true).is_some());
}

#[test]
fn what_was_revoked_counts_once_it_was_heard_of() {
    let revoked = Pass {
        revoked: Change {
            asked_ms: Some(19_000),
            done_ms: Some(20_000),
        },
        ..pass()
    };
    let at = |known_upto_ms, cut_since_ms| Shown {
        known_upto_ms,
        cut_since_ms,
        ..shown(Code::Reference, 30_000)
    };
    may(&revoked, &at(15_000, None), &[&[], &["credential_revoked"]]);
    must(&revoked, &at(21_000, None), &["credential_revoked"]);
    // Cut before it was asked for: it cannot have come through. The list may say more than the reference claims to know.
    may(&revoked, &at(15_000, Some(5_000)), &[&[]]);
}

#[test]
fn the_record_decides_what_nobody_could_know_at_the_door() {
    let at = |at_ms, err_ms| Shown {
        decided: Some(Decided {
            at_ms,
            err_ms,
            untrusted: false,
            stale_s: 3,
        }),
        ..shown(Code::Carried, at_ms)
    };
    // Half a second of error: before that the booking has not begun for certain.
    must(&pass(), &at(10_499, 500), &["pass_not_yet_valid"]);
    must(&pass(), &at(10_500, 500), &[]);
    must(&pass(), &at(49_499, 500), &[]);
    must(&pass(), &at(49_500, 500), &["pass_expired"]);
    let met = |known_upto_ms, unknown_from_ms| Shown {
        known_upto_ms,
        unknown_from_ms,
        ..shown(Code::Reference, 30_000)
    };
    must(&pass(), &met(1_001, 1_001), &[]);
    must(&pass(), &met(800, 800), &["credential_unknown"]);
    assert!(undecided(Some(&pass()), &met(950, 950)).is_some());
    assert_eq!(undecided(Some(&pass()), &met(1_001, 30_000)), None);
}

#[test]
fn a_clock_that_was_moved_lets_nobody_in() {
    let hour_ms = 3_600_000;
    let moved = |code, by_ms: i64| Shown {
        stepped: true,
        decided: Some(Decided {
            at_ms: 30_000 + by_ms,
            err_ms: hour_ms + 500,
            untrusted: true,
            stale_s: 3,
        }),
        ..shown(code, 30_000)
    };
    must(
        &pass(),
        &moved(Code::Reference, hour_ms),
        &["pass_stale", "clock_untrusted", "outside_schedule"],
    );
    must(
        &pass(),
        &moved(Code::Reference, -hour_ms),
        &["pass_future", "clock_untrusted", "outside_schedule"],
    );
    let paper = Pass {
        printed: true,
        ..pass()
    };
    let reasons = ["pass_not_yet_valid", "clock_untrusted"];
    must(&paper, &moved(Code::Printed, -hour_ms), &reasons);
}

#[test]
fn a_line_of_the_list_lasts_as_long_as_its_pass() {
    let cancelled = Pass {
        cancelled: Change {
            asked_ms: Some(19_000),
            done_ms: Some(20_000),
        },
        ..pass()
    };
    let at = |at_ms| Shown {
        known_upto_ms: 21_000,
        ..shown(Code::Reference, at_ms)
    };
    let all = ["credential_revoked", "no_grant", "booking_cancelled"];
    let agrees = |at_ms, seen: &[&str]| difference(Some(&cancelled), &at(at_ms), seen, false);
    assert_eq!(agrees(30_000, &all), None);
    assert!(agrees(30_000, &all[1..]).is_some());
    assert_eq!(agrees(51_000, &all), None);
    assert_eq!(agrees(51_000, &all[1..]), None);
}

#[test]
fn what_was_booked_behind_a_cut_line_opens_by_the_pass_that_is_carried() {
    let cut = |code| Shown {
        cut_since_ms: Some(0),
        known_upto_ms: 0,
        ..shown(code, 30_000)
    };
    let late = Pass {
        made: Change {
            asked_ms: Some(5_000),
            done_ms: Some(6_000),
        },
        ..pass()
    };
    must(&late, &cut(Code::Reference), &["credential_unknown"]);
    must(&late, &cut(Code::Carried), &[]);
}

#[test]
fn a_code_counts_once_and_a_picture_never() {
    let used = Pass {
        accepted_ms: Some(25_000),
        ..pass()
    };
    must(&used, &shown(Code::Again, 30_000), &["pass_replayed"]);
    must(
        &used,
        &shown(Code::Screenshot, 30_000),
        &["pass_stale", "pass_replayed"],
    );
    must(&pass(), &shown(Code::Screenshot, 30_000), &["pass_stale"]);
    must(&used, &shown(Code::Forged, 30_000), &["signature_bad"]);
    let printed = Pass {
        printed: true,
        ..used.clone()
    };
    must(&printed, &shown(Code::Printed, 30_000), &["pass_replayed"]);
}

#[test]
fn trouble_excuses_only_what_it_causes() {
    let late = Shown {
        stale: Truth::Yes,
        ..shown(Code::Reference, 30_000)
    };
    must(&pass(), &late, &["stale_read"]);
    let calm = shown(Code::Reference, 30_000);
    for excuse in ["stale_read", "audit_unavailable", "other", "lockout"] {
        assert!(difference(Some(&pass()), &calm, &[excuse], false).is_some());
    }
    let aging = Shown {
        stale: Truth::Either("about to grow old"),
        ..calm
    };
    may(&pass(), &aging, &[&[], &["stale_read"]]);
    for other in ["audit_unavailable", "other"] {
        assert!(difference(Some(&pass()), &aging, &[other], false).is_some());
    }
    let troubled = Shown {
        lock_unheard: true,
        short_of_room: true,
        ..calm
    };
    may(
        &pass(),
        &troubled,
        &[&[], &["audit_unavailable"], &["other"]],
    );
    for other in ["stale_read", "no_grant"] {
        assert!(difference(Some(&pass()), &troubled, &[other], false).is_some());
    }
    assert!(difference(None, &calm, &[], true).is_some());
}

#[test]
fn what_is_owed_counts_whatever_the_gateway_says_it_holds() {
    let revoked = Pass {
        revoked: Change {
            asked_ms: Some(19_000),
            done_ms: Some(20_000),
        },
        ..pass()
    };
    let at = |owed_upto_ms| Shown {
        owed_upto_ms,
        // By its own word it holds a picture and a list of before.
        unknown_from_ms: 18_000,
        list: Some(List {
            has_ms: 1_000,
            lacks_ms: 18_000,
        }),
        ..shown(Code::Reference, 35_000)
    };
    must(&revoked, &at(19_999), &[]);
    must(&revoked, &at(20_000), &["credential_revoked"]);
}
