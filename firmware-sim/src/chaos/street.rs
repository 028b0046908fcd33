//! What the simulated people share: doors, the weather, and the list of everything that was shown.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sekisho_domain::access::Reason;
use sekisho_domain::ids::{Correlation, DoorId};
use serde::Serialize;
use tokio::sync::RwLock;

use super::reference::{self, Code, Pass, Shown};
use super::weather::{Fault, Weather};
use crate::ambient;
use crate::api::Api;
use crate::lock::Lock;
use crate::reader::{Reader, Shown as Answered};
use crate::scenario::taps::eventually;

/// How long after the line is back room for records may still be missing, ms.
const ROOM_RETURNS_MS: i64 = 20_000;
/// Times of a pass are whole seconds, and answers take a moment, ms.
const ROUNDING_MS: i64 = 1_000;
/// Error of a clock that nothing is doubted about, ms.
const CLOCK_ERR_MS: i64 = 500;
/// The gateway speaks of its clock this often.
const SAYS_EVERY: Duration = Duration::from_millis(1_300);
/// What it said so long ago may still hold, ms.
const HEARD_MS: i64 = 1_500;
/// A beat that was heard longer ago may no longer be among those that count.
const BEAT_AGES: Duration = Duration::from_millis(2_500);
/// A read that takes longer was held up, ms.
const SLOW_MS: i64 = 2_500;
/// A lock opens this soon after the answer, or stays shut.
const OPENS_WITHIN: Duration = Duration::from_secs(2);
/// After a lock kept its beats to itself the gateway may quote an old one for so long, ms.
const LOCK_SETTLES_MS: i64 = 5_000;

/// A door as people find it.
pub(super) struct Door {
    /// Name in records of visits.
    pub(super) name: &'static str,
    /// On the way in.
    pub(super) inward: Reader,
    /// On the way out.
    pub(super) outward: Reader,
    /// Its lock.
    pub(super) lock: Lock,
    /// It leads into the quiet zone.
    pub(super) into_quiet: bool,
    /// It takes no paper.
    pub(super) phones_only: bool,
}

/// Everything that people share.
pub(super) struct Street {
    /// The API as an owner.
    pub(super) api: Api,
    /// Front, inner, back.
    pub(super) doors: [Door; 3],
    /// The faults.
    pub(super) weather: Arc<Weather>,
    /// Held while somebody shows something; taken alone, it makes everybody wait.
    pub(super) hush: RwLock<()>,
    /// The gateway's own word: it holds everything that the server knew before this instant, ms.
    pub(super) known_upto_ms: AtomicI64,
    /// The error that the gateway states for its clock, as often as it was heard: when, and ms.
    pub(super) clock_err: Mutex<Vec<(i64, i64)>>,
    /// Exit buttons pressed by people.
    pub(super) exits: AtomicU64,
    visits: Mutex<Vec<Visit>>,
}

/// A code that was shown.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Visit {
    /// Who.
    pub(super) who: &'static str,
    /// At which door.
    pub(super) door: &'static str,
    /// On the way out.
    pub(super) out: bool,
    /// What and when.
    pub(super) shown: Shown,
    /// Of which pass, as its holder knew it then.
    pub(super) pass: Option<Pass>,
    /// Every reason that was given; absent without an answer.
    pub(super) seen: Option<Vec<&'static str>>,
    /// Of the answer.
    pub(super) correlation: Option<Correlation>,
    /// Whether the lock took the unlock; absent when none was to come.
    pub(super) opened: Option<bool>,
    /// What the reference says against the answer.
    pub(super) difference: Option<String>,
}

impl Visit {
    /// Whether the reader says nothing about the code, only that it should be shown again.
    pub(super) fn try_again(&self) -> bool {
        let seen = self.seen.as_deref();
        seen.is_none_or(|seen| seen == ["stale_read"] || seen == ["other"])
    }

    /// Whether the door was to open.
    pub(super) fn granted(&self) -> bool {
        self.seen.as_ref().is_some_and(Vec::is_empty)
    }
}

/// What somebody is about to show.
pub(super) struct Showing<'a> {
    pub(super) who: &'static str,
    pub(super) door: usize,
    pub(super) out: bool,
    pub(super) code: Code,
    pub(super) large: bool,
    pub(super) text: &'a str,
    pub(super) pass: Option<&'a Pass>,
    /// The reader sends it once more afterwards, because it missed the answer.
    pub(super) repeat: bool,
}

impl Street {
    pub(super) fn new(api: Api, doors: [Door; 3], weather: Arc<Weather>) -> Self {
        Self {
            api,
            doors,
            weather,
            hush: RwLock::new(()),
            known_upto_ms: AtomicI64::new(0),
            clock_err: Mutex::default(),
            exits: AtomicU64::new(0),
            visits: Mutex::default(),
        }
    }

    /// Every visit so far.
    pub(super) fn visits(&self) -> Vec<Visit> {
        self.visits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The door of a name.
    pub(super) fn door(&self, name: &str) -> Option<DoorId> {
        let of_name = self.doors.iter().find(|door| door.name == name);
        of_name.map(|door| door.lock.door())
    }

    /// Shows a code and compares the answer with the reference.
    pub(super) async fn show(&self, showing: Showing<'_>) -> Visit {
        let _moving = self.hush.read().await;
        let door = &self.doors[showing.door];
        let reader = if showing.out {
            &door.outward
        } else {
            &door.inward
        };
        let known_upto_ms = self.known_upto_ms.load(Ordering::Relaxed);
        let sent_ms = ambient::now_ms();
        let deaf = reader.heard_ago().is_none_or(|ago| ago > BEAT_AGES);
        let result = reader.show(showing.text).await;
        let mut shown = self.circumstances(&showing, sent_ms, known_upto_ms);
        // On a machine that is busy with other things a read may take longer than the beat lives that it quotes.
        shown.bus_troubled |= deaf || shown.answered_ms - sent_ms > SLOW_MS;
        let mut visit = Visit {
            who: showing.who,
            door: door.name,
            out: showing.out,
            shown,
            pass: showing.pass.cloned(),
            seen: None,
            correlation: None,
            opened: None,
            difference: None,
        };
        match result {
            Ok(Answered { n, answer, .. }) => {
                let seen: Vec<_> = answer
                    .reasons
                    .iter()
                    .map(|code| Reason::from_u8(*code).name())
                    .collect();
                visit.correlation = Some(answer.correlation);
                let mut judged = judged(&showing, &shown, &seen, answer.granted);
                if judged.is_some() {
                    // What the gateway thinks of its clock is heard once a second.
                    tokio::time::sleep(SAYS_EVERY).await;
                    shown.edge_ms = self.edge_ms(sent_ms);
                    visit.shown = shown;
                    judged = self::judged(&showing, &shown, &seen, answer.granted);
                }
                visit.difference = judged;
                if answer.granted {
                    visit.opened = Some(self.opened(door, answer.correlation).await);
                }
                visit.seen = Some(seen);
                if showing.repeat && !shown.short_of_room {
                    let again = reader.repeat(n, showing.text).await;
                    if again.is_ok_and(|again| again.answer != answer) {
                        visit.difference = Some("a repeat got another answer".to_owned());
                    }
                }
            }
            Err(_) if shown.bus_troubled => {}
            Err(error) => visit.difference = Some(error.to_string()),
        }
        if let Some(difference) = &visit.difference {
            tracing::error!(who = visit.who, door = visit.door, code = ?shown.code, %difference, "the reference disagrees");
        }
        self.visits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(visit.clone());
        visit
    }

    /// Whether a grant may have been refused by its lock.
    pub(super) fn lock_troubled(&self, shown: &Shown) -> bool {
        let from = shown.sent_ms - LOCK_SETTLES_MS;
        shown.bus_troubled || self.weather.was(Fault::LockSilent, from, shown.answered_ms)
    }

    fn edge_ms(&self, sent_ms: i64) -> i64 {
        let heard = self
            .clock_err
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let of_then = heard
            .iter()
            .filter(|(at_ms, _)| at_ms + HEARD_MS >= sent_ms);
        ROUNDING_MS
            + of_then
                .map(|(_, err_ms)| *err_ms)
                .max()
                .unwrap_or(0)
                .max(CLOCK_ERR_MS)
    }

    async fn opened(&self, door: &Door, correlation: Correlation) -> bool {
        eventually(OPENS_WITHIN, async || door.lock.unlocked_at(correlation))
            .await
            .is_some()
    }

    fn circumstances(&self, showing: &Showing<'_>, sent_ms: i64, known_upto_ms: i64) -> Shown {
        let (weather, answered_ms) = (&self.weather, ambient::now_ms());
        let door = &self.doors[showing.door];
        let some_late = weather.was(Fault::ReadsLate, sent_ms, answered_ms);
        Shown {
            code: showing.code,
            large: showing.large,
            into_quiet: door.into_quiet,
            phones_only: door.phones_only,
            sent_ms,
            answered_ms,
            known_upto_ms,
            cut_since_ms: weather.cut_since(),
            edge_ms: self.edge_ms(sent_ms),
            short_of_room: weather.was(Fault::DiskFull, sent_ms - ROOM_RETURNS_MS, answered_ms),
            bus_troubled: some_late || weather.bus_troubled(sent_ms, answered_ms),
            late: weather.throughout(Fault::ReadsLate, sent_ms, answered_ms),
        }
    }
}

fn judged(showing: &Showing<'_>, shown: &Shown, seen: &[&str], granted: bool) -> Option<String> {
    if showing.out {
        way_out(shown, seen, granted)
    } else {
        reference::difference(showing.pass, shown, seen, granted)
    }
}

/// The way out is free: whatever is wrong with the code, unless nobody could be sure that the read is of now.
fn way_out(shown: &Shown, seen: &[&str], granted: bool) -> Option<String> {
    let excused = shown.bus_troubled || shown.late;
    (!granted && !excused).then(|| format!("the way out was refused with {seen:?}"))
}
