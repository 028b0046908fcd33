//! Who may enter: the rules once more, in other words than the product's and from other sources.
//!
//! It knows the bookings, passes and revocations that the simulated people made, the floor plan, and how much of that the
//! gateway can have heard of. It shares no code with `domain::access`. Where the gateway may or may not have heard, or a
//! boundary falls within the time that the answer took, it says so: *either*, with the reason.

use std::collections::BTreeMap;

use serde::Serialize;

/// Whether a reason must be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Truth {
    /// It must.
    Yes,
    /// It must not.
    No,
    /// It may; why nobody can tell.
    Either(&'static str),
}

impl Truth {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, it) | (it, _) => it,
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            either @ Self::Either(_) => either,
        }
    }

    fn sure(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    /// What was a yes becomes a perhaps.
    fn perhaps(self, why: &'static str) -> Self {
        self.and(Self::Either(why))
    }
}

/// Something that somebody asked the server to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Change {
    /// When it was asked for; absent: never.
    pub asked_ms: Option<i64>,
    /// When the server said that it is done; absent: unknown whether it is.
    pub done_ms: Option<i64>,
}

/// A pass as its holder knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Pass {
    /// Printed, without a phone.
    pub printed: bool,
    /// Its seat is in the quiet zone, which is reached through the open one.
    pub quiet: bool,
    /// First instant, ms.
    pub start_ms: i64,
    /// First instant no longer inside, ms.
    pub end_ms: i64,
    /// The booking and the pass.
    pub made: Change,
    /// The pass was revoked.
    pub revoked: Change,
    /// The booking was cancelled.
    pub cancelled: Change,
    /// The person was suspended.
    pub suspended: Change,
    /// When the newest code that surely was accepted was made.
    pub accepted_ms: Option<i64>,
    /// A code was shown of which nobody knows what became.
    pub doubtful: bool,
}

/// What somebody shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The paper.
    Printed,
    /// The large code of the phone, with the whole pass in it.
    Carried,
    /// The small code of the phone.
    Reference,
    /// A code that was shown and accepted a moment ago.
    Again,
    /// A picture of a small code of a minute ago.
    Screenshot,
    /// A small code that another phone signed.
    Forged,
    /// No code at all.
    Nonsense,
}

/// One showing at a reader on the way in.
#[expect(
    clippy::struct_excessive_bools,
    reason = "circumstances that hold or not, each by itself"
)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Shown {
    /// What.
    pub code: Code,
    /// Of a code of a moment ago or a picture: the large one.
    pub large: bool,
    /// The door leads into the quiet zone.
    pub into_quiet: bool,
    /// The door takes no paper.
    pub phones_only: bool,
    /// When it was shown, ms.
    pub sent_ms: i64,
    /// When the answer came, ms.
    pub answered_ms: i64,
    /// The gateway holds everything that was done before this instant, ms.
    pub known_upto_ms: i64,
    /// Since when nothing of the server's can have reached the gateway, and still cannot; ms.
    pub cut_since_ms: Option<i64>,
    /// How far from a boundary the gateway is surely right, ms: the error that it states for its clock, and rounding. A
    /// statement of the server that came late makes it doubt its clock.
    pub edge_ms: i64,
    /// The gateway may be short of room for records.
    pub short_of_room: bool,
    /// Gateway or bus were in trouble a moment ago.
    pub bus_troubled: bool,
    /// The read quotes a beat of long ago.
    pub late: bool,
}

/// Every reason that may be given, with whether it must; a reason that is not listed must not.
pub type Verdict = BTreeMap<&'static str, Truth>;

/// After the line was cut, what is in buffers may still arrive for so long, ms.
const IN_FLIGHT_MS: i64 = 1_000;

/// What the gateway must answer.
pub fn verdict(pass: Option<&Pass>, shown: &Shown) -> Verdict {
    let mut verdict = match pass {
        _ if shown.code == Code::Nonsense => Verdict::from([("credential_malformed", Truth::Yes)]),
        Some(pass) => of_pass(pass, shown),
        None => Verdict::from([("credential_unknown", Truth::Yes)]),
    };
    let room = Truth::sure(shown.short_of_room).perhaps("the journal may be full");
    verdict.insert("audit_unavailable", room);
    let unheard = Truth::sure(shown.bus_troubled).perhaps("the lock may not have been heard yet");
    verdict.insert("other", unheard);
    verdict.retain(|_, truth| *truth != Truth::No);
    verdict
}

/// Compares an answer with what it must be; the first difference, in words.
pub fn difference(
    pass: Option<&Pass>,
    shown: &Shown,
    seen: &[&str],
    granted: bool,
) -> Option<String> {
    if granted != seen.is_empty() {
        return Some(format!("granted is {granted} with reasons {seen:?}"));
    }
    match seen {
        // A read that quotes an old beat is refused before anything else is looked at.
        ["stale_read"] if shown.late || shown.bus_troubled => return None,
        _ if shown.late => return Some(format!("a read of long ago was answered with {seen:?}")),
        // What could not be recorded is refused for that alone.
        ["audit_unavailable"] if shown.short_of_room => return None,
        _ => {}
    }
    let verdict = verdict(pass, shown);
    if let Some(extra) = seen.iter().find(|name| !verdict.contains_key(**name)) {
        return Some(format!("{extra} was given and does not hold"));
    }
    let missing = verdict
        .iter()
        .find(|(name, truth)| **truth == Truth::Yes && !seen.contains(*name));
    missing.map(|(name, _)| format!("{name} holds and was not given"))
}

fn of_pass(pass: &Pass, shown: &Shown) -> Verdict {
    let heard = |change| heard(change, shown);
    let late = after_end(pass, shown);
    // Once the booking is over the gateway may have been told to forget the pass, and may not.
    let known = heard(pass.made).and(match late {
        Truth::No => Truth::Yes,
        _ => Truth::Either("the pass may have been forgotten after its end"),
    });
    let large = shown.large || matches!(shown.code, Code::Carried | Code::Printed);
    if shown.code == Code::Forged {
        return Verdict::from([
            ("credential_unknown", known.not()),
            ("signature_bad", known),
        ]);
    }
    let (cancelled, suspended) = (heard(pass.cancelled), heard(pass.suspended));
    // The list of what is revoked and the whole picture travel apart: one may be there without the other.
    let by_list = |change| heard(change).perhaps("the list may have been there before or after");
    let gone = heard(pass.revoked).or(suspended).and(known);
    let listed = by_list(pass.revoked)
        .or(by_list(pass.suspended))
        .or(by_list(pass.cancelled));
    let no_right = known.and(cancelled.or(suspended)).or(known
        .and(late)
        .perhaps("the right may have been forgotten before the pass"));
    let early = before_start(pass, shown);
    let right = no_right.not();
    let elsewhere = match (shown.into_quiet, pass.quiet, pass.printed) {
        (false, _, _) | (true, true, false) => Truth::No,
        // Paper need not name what it cannot open.
        (true, true, true) => Truth::Either("paper may name the quiet zone or not").and(right),
        (true, false, _) => right,
    };
    let mut out = Verdict::from([
        ("credential_revoked", gone.or(listed)),
        ("booking_cancelled", cancelled.and(known)),
        ("no_grant", no_right),
        ("zone_not_granted", elsewhere),
        ("pass_replayed", replayed(pass, shown)),
        ("pass_stale", Truth::sure(shown.code == Code::Screenshot)),
        (
            "assurance_too_low",
            Truth::sure(pass.printed && shown.phones_only),
        ),
    ]);
    if large {
        out.insert("pass_not_yet_valid", early);
        out.insert("pass_expired", late);
    } else {
        out.insert("outside_schedule", early.or(late).and(right));
        // Of a pass that it has not heard of it can say nothing else.
        for truth in out.values_mut() {
            *truth = truth.and(known);
        }
        out.insert("credential_unknown", known.not());
    }
    out
}

fn heard(change: Change, shown: &Shown) -> Truth {
    let Some(asked_ms) = change.asked_ms else {
        return Truth::No;
    };
    let unreachable = shown
        .cut_since_ms
        .is_some_and(|since| since + IN_FLIGHT_MS < asked_ms);
    match change.done_ms {
        _ if unreachable || asked_ms > shown.answered_ms => Truth::No,
        Some(done_ms) if done_ms < shown.known_upto_ms => Truth::Yes,
        Some(_) => Truth::Either("it may not have reached the gateway yet"),
        None => Truth::Either("nobody knows whether the server did it"),
    }
}

fn before_start(pass: &Pass, shown: &Shown) -> Truth {
    if shown.answered_ms < pass.start_ms {
        Truth::Yes
    } else if shown.sent_ms > pass.start_ms + shown.edge_ms {
        Truth::No
    } else {
        Truth::Either("at the very beginning of the booking")
    }
}

fn after_end(pass: &Pass, shown: &Shown) -> Truth {
    if shown.sent_ms >= pass.end_ms {
        Truth::Yes
    } else if shown.answered_ms < pass.end_ms - shown.edge_ms {
        Truth::No
    } else {
        Truth::Either("at the very end of the booking")
    }
}

/// Paper lets in once; of a phone each code does, and none that is older than one that did.
fn replayed(pass: &Pass, shown: &Shown) -> Truth {
    let accepted = match shown.code {
        Code::Printed | Code::Again | Code::Screenshot => pass.accepted_ms,
        _ => return Truth::No,
    };
    if accepted.is_some() {
        Truth::Yes
    } else if pass.doubtful {
        Truth::Either("nobody knows what became of an earlier code")
    } else {
        Truth::No
    }
}

#[cfg(test)]
mod tests;
