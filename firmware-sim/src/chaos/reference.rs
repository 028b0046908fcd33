//! Who may enter: the rules once more, in other words than the product's and from other sources.
//!
//! It knows the bookings, passes and revocations that the simulated people made, the floor plan, and how much of that the
//! gateway can have heard of. It shares no code with `domain::access`. Where the gateway may or may not have heard, or a
//! boundary falls within the time that the answer took, it says so: *either*, with the reason.

use std::collections::BTreeMap;

use serde::Serialize;

/// Whether a reason must be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
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

/// One showing at a reader.
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
    /// When the phone made the code, ms.
    pub made_ms: i64,
    /// When it was shown, ms.
    pub sent_ms: i64,
    /// When the answer came, ms.
    pub answered_ms: i64,
    /// The gateway held everything that was done before this instant, ms.
    pub known_upto_ms: i64,
    /// The gateway held nothing that was asked for after this instant, ms.
    pub unknown_from_ms: i64,
    /// The gateway must hold everything that was done before this instant, whatever it says itself; ms.
    pub owed_upto_ms: i64,
    /// What of the list of revoked passes it held; from the evidence.
    pub list: Option<List>,
    /// Since when nothing of the server's can have reached the gateway, and still cannot; ms.
    pub cut_since_ms: Option<i64>,
    /// How far from a boundary the gateway is surely right, ms: the error that it states for its clock, and rounding. A
    /// statement of the server that came late makes it doubt its clock.
    pub edge_ms: i64,
    /// The gateway's clock has been moved in this world.
    pub stepped: bool,
    /// When the gateway decided; from its record, so absent until the evidence is read.
    pub decided: Option<Decided>,
    /// The gateway has room for some KiB of records only.
    pub short_of_room: bool,
    /// Whether the beat that the read quotes is too old, or of an earlier life of the gateway.
    pub stale: Truth,
    /// The gateway has not heard a beat of the lock in this life.
    pub lock_unheard: bool,
    /// The lock's last beat that the bus took is too old for an unlock, or the bus died around the answer.
    pub lock_deaf: bool,
    /// The bus was never up for long enough that an answer had to come.
    pub silent: bool,
    /// Nothing has troubled gateway, bus and readers for so long that an answer has to come, whatever was heard of the bus.
    pub answer_owed: bool,
}

/// How far the gateway's list of what is revoked reaches: everything that was asked for and done before `has_ms` is in it, and
/// nothing that was asked for after `lacks_ms`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct List {
    /// In it, ms.
    pub has_ms: i64,
    /// Not in it, ms.
    pub lacks_ms: i64,
}

/// A moment by the gateway's own clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Decided {
    /// What the clock said, ms.
    pub at_ms: i64,
    /// How far it may be wrong by its own account, ms.
    pub err_ms: i64,
    /// The gateway does not believe it.
    pub untrusted: bool,
    /// How old its knowledge is by its own account, s.
    pub stale_s: u32,
}

/// Every reason that may be given, with whether it must; a reason that is not listed must not.
pub type Verdict = BTreeMap<&'static str, Truth>;

/// After the line was cut, what is in buffers may still arrive for so long, ms.
const IN_FLIGHT_MS: i64 = 1_000;
/// A code counts for so long, either way, ms.
const CODE_LIFE_MS: i64 = 45_000;
/// A phone writes whole seconds into a code, ms.
const SECOND_MS: i64 = 1_000;
/// A pass that the gateway has not heard of counts for so long after it was made, ms.
const CARRIED_LIFE_MS: i64 = 3 * 86_400_000;
/// A day, s.
const DAY_S: u32 = 86_400;
/// With a larger error nobody enters by the clock, ms.
const ERR_MAX_MS: i64 = 120_000;

/// What the gateway must answer.
pub fn verdict(pass: Option<&Pass>, shown: &Shown) -> Verdict {
    let mut verdict = match pass {
        _ if shown.code == Code::Nonsense => Verdict::from([("credential_malformed", Truth::Yes)]),
        Some(pass) => of_pass(pass, shown),
        None => Verdict::from([("credential_unknown", Truth::Yes)]),
    };
    let room = Truth::sure(shown.short_of_room).perhaps("the journal may be full");
    verdict.insert("audit_unavailable", room);
    let unheard = Truth::sure(shown.lock_unheard).perhaps("the lock has not been heard yet");
    verdict.insert("other", unheard);
    verdict.retain(|_, truth| *truth != Truth::No);
    verdict
}

/// Why some reason may or may not be given, if any may: what nobody can tell who stands outside the gateway.
pub fn undecided(pass: Option<&Pass>, shown: &Shown) -> Option<&'static str> {
    let decisive = |name: &str| !["other", "audit_unavailable"].contains(&name);
    verdict(pass, shown)
        .into_iter()
        .find_map(|(name, truth)| match truth {
            Truth::Either(why) if decisive(name) => Some(why),
            _ => None,
        })
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
    // A read that quotes an old beat is refused before anything else is looked at.
    match (seen, shown.stale) {
        (["stale_read"], Truth::No) => {
            return Some("stale_read was given and the beat that the read quotes was fresh".into());
        }
        (["stale_read"], _) => return None,
        (_, Truth::Yes) => return Some(format!("a read of long ago was answered with {seen:?}")),
        // What could not be recorded is refused for that alone.
        (["audit_unavailable"], _) if shown.short_of_room => return None,
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
    // What has ended stays in the picture for an hour, which no world lasts.
    let known = heard(pass.made);
    let large = shown.large || matches!(shown.code, Code::Carried | Code::Printed);
    if shown.code == Code::Forged {
        return Verdict::from([
            ("credential_unknown", known.not()),
            ("signature_bad", known),
        ]);
    }
    let (cancelled, suspended) = (heard(pass.cancelled), heard(pass.suspended));
    let gone = heard(pass.revoked).or(suspended).and(known);
    let listed = [pass.revoked, pass.cancelled, pass.suspended]
        .into_iter()
        .map(|change| listed(change, pass, shown))
        .fold(Truth::No, Truth::or);
    let no_right = known.and(cancelled.or(suspended));
    let early = before_start(pass, shown);
    let right = no_right.not();
    let elsewhere = Truth::sure(shown.into_quiet && !pass.quiet).and(right);
    let (stale, future) = age(pass, shown);
    let mut out = Verdict::from([
        ("credential_revoked", gone.or(listed)),
        ("booking_cancelled", cancelled.and(known)),
        ("no_grant", no_right),
        ("zone_not_granted", elsewhere),
        ("pass_replayed", replayed(pass, shown)),
        ("pass_stale", stale),
        ("pass_future", future),
        ("clock_untrusted", untrusted(shown).and(right)),
        ("stale_policy", stale_policy(pass, known, shown).and(right)),
        (
            "assurance_too_low",
            Truth::sure(pass.printed && shown.phones_only),
        ),
    ]);
    if large {
        out.insert("pass_not_yet_valid", early);
        out.insert("pass_expired", late);
    } else {
        // The narrowed time of a right has both ends or is nothing.
        out.insert("outside_schedule", early.or(late).and(right));
        // Of a pass that it has not heard of it can say nothing else.
        for truth in out.values_mut() {
            *truth = truth.and(known);
        }
        out.insert("credential_unknown", known.not());
    }
    out
}

/// Whether everything has worked for so long since the change that the gateway must have heard of it. Its own word about what it
/// holds excuses nothing here: it may be what is wrong.
fn owed(change: Change, shown: &Shown) -> bool {
    change
        .done_ms
        .is_some_and(|done_ms| done_ms <= shown.owed_upto_ms)
}

fn heard(change: Change, shown: &Shown) -> Truth {
    let Some(asked_ms) = change.asked_ms else {
        return Truth::No;
    };
    if owed(change, shown) {
        return Truth::Yes;
    }
    let unreachable = shown
        .cut_since_ms
        .is_some_and(|since| since + IN_FLIGHT_MS < asked_ms);
    match change.done_ms {
        _ if unreachable || asked_ms > shown.answered_ms || asked_ms > shown.unknown_from_ms => {
            Truth::No
        }
        Some(done_ms) if done_ms < shown.known_upto_ms => Truth::Yes,
        Some(_) => Truth::Either("it may not have reached the gateway yet"),
        None => Truth::Either("nobody knows whether the server did it"),
    }
}

/// Whether the list of what is revoked has it. The list travels by itself and before the picture of everything: where the
/// picture has it the list does, and it may have come earlier. A line leaves the list when the pass has ended.
fn listed(change: Change, pass: &Pass, shown: &Shown) -> Truth {
    let Some(asked_ms) = change.asked_ms else {
        return Truth::No;
    };
    let unreachable = shown
        .cut_since_ms
        .is_some_and(|since| since + IN_FLIGHT_MS < asked_ms);
    if unreachable || asked_ms > shown.answered_ms {
        return Truth::No;
    }
    let by_list = match (shown.list, change.done_ms) {
        _ if owed(change, shown) => Truth::Yes,
        (Some(list), _) if asked_ms > list.lacks_ms => return Truth::No,
        (Some(list), Some(done_ms)) if done_ms <= list.has_ms => Truth::Yes,
        _ => heard(change, shown),
    };
    // By the server's clock, which is right.
    let over = shown.answered_ms >= pass.end_ms;
    match (by_list, over) {
        (Truth::Yes, false) => Truth::Yes,
        (Truth::Yes, true) => Truth::Either("the line may have left the list at the end"),
        _ => Truth::Either("the list may have come before the picture"),
    }
}

fn before_start(pass: &Pass, shown: &Shown) -> Truth {
    if let Some(decided) = &shown.decided {
        return Truth::sure(decided.at_ms - decided.err_ms < pass.start_ms);
    }
    if shown.stepped {
        Truth::Either("the gateway's clock was moved")
    } else if shown.answered_ms < pass.start_ms {
        Truth::Yes
    } else if shown.sent_ms > pass.start_ms + shown.edge_ms {
        Truth::No
    } else {
        Truth::Either("at the very beginning of the booking")
    }
}

fn after_end(pass: &Pass, shown: &Shown) -> Truth {
    if let Some(decided) = &shown.decided {
        return Truth::sure(decided.at_ms + decided.err_ms >= pass.end_ms);
    }
    if shown.stepped {
        Truth::Either("the gateway's clock was moved")
    } else if shown.sent_ms >= pass.end_ms {
        Truth::Yes
    } else if shown.answered_ms < pass.end_ms - shown.edge_ms {
        Truth::No
    } else {
        Truth::Either("at the very end of the booking")
    }
}

/// Whether the code is too old, and whether it is of a time to come. The clock's error comes off the life of a code.
fn age(pass: &Pass, shown: &Shown) -> (Truth, Truth) {
    if pass.printed {
        return (Truth::No, Truth::No);
    }
    let Some(decided) = &shown.decided else {
        let moved = Truth::sure(shown.stepped).perhaps("the gateway's clock was moved");
        let old = Truth::sure(shown.code == Code::Screenshot);
        return (if shown.stepped { moved } else { old }, moved);
    };
    let written_ms = shown.made_ms.div_euclid(SECOND_MS) * SECOND_MS;
    let (life_ms, age_ms) = (CODE_LIFE_MS - decided.err_ms, decided.at_ms - written_ms);
    (
        Truth::sure(age_ms > life_ms),
        Truth::sure(age_ms < -life_ms),
    )
}

/// Whether nobody may enter by the clock.
fn untrusted(shown: &Shown) -> Truth {
    match &shown.decided {
        Some(decided) => Truth::sure(decided.err_ms > ERR_MAX_MS || decided.untrusted),
        None => Truth::sure(shown.stepped).perhaps("the gateway's clock was moved"),
    }
}

/// Whether the gateway's knowledge is too old for this pass: a week for what it knows, three days for a pass that brings its own
/// times, which also has to be that young, less the clock's error. A clock that was in 1970 makes its knowledge very old, from
/// the next start until the server speaks again.
fn stale_policy(pass: &Pass, known: Truth, shown: &Shown) -> Truth {
    match &shown.decided {
        Some(decided) => {
            let life_ms = CARRIED_LIFE_MS - decided.err_ms;
            let made_ms = pass.made.asked_ms.unwrap_or(pass.start_ms);
            let no_longer_young = decided.at_ms - made_ms > life_ms;
            let old = decided.stale_s > 3 * DAY_S || no_longer_young;
            Truth::sure(decided.stale_s > 7 * DAY_S).or(Truth::sure(old).and(known.not()))
        }
        None => Truth::sure(shown.stepped).perhaps("the gateway's clock was moved"),
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
