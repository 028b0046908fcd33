//! What the simulated people share: doors, the weather, and the list of everything that was shown.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Guarded, PoisonError};
use std::time::Duration;

use sekisho_domain::access::Reason;
use sekisho_domain::ids::{Correlation, DeviceId, DoorId};
use sekisho_domain::wire::bus::Answer;
use serde::Serialize;
use tokio::sync::{Mutex, RwLock};

use super::bus::Measured;
use super::liar::Liar;
use super::probe::Probe;
use super::reference::{self, Change, Code, Pass, Shown, Truth};
use super::stock::{Case, Heard, Taken};
use super::weather::{Fault, Moment, Weather};
use crate::ambient;
use crate::api::Api;
use crate::lock::Lock;
use crate::reader::{Copy as Copied, Presented, Reader, Shown as Answered};
use crate::scenario::taps::eventually;

/// Times of a pass are whole seconds, and answers take a moment, ms.
const ROUNDING_MS: i64 = 1_000;
/// Error of a clock that nothing is doubted about, ms.
const CLOCK_ERR_MS: i64 = 500;
/// The gateway speaks of its clock this often.
const SAYS_EVERY: Duration = Duration::from_millis(1_300);
/// What it said so long ago may still hold, ms.
const HEARD_MS: i64 = 1_500;
/// A lock opens this soon after the answer, or stays shut.
const OPENS_WITHIN: Duration = Duration::from_secs(2);
/// A gateway that was started again has room at once; the answer to a read of before may still be under way, ms.
const ROOM_RETURNS_MS: i64 = 1_500;

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
    /// One person at a time, whichever way: whoever stands there when the lock opens is whom it opens for.
    pub(super) turn: Mutex<()>,
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
    pub(super) clock_err: Guarded<Vec<(i64, i64)>>,
    /// When the snapshot in force was made, by the gateway's own word: when that was written, and the instant, ms.
    pub(super) pictures: Guarded<Vec<(i64, i64)>>,
    /// Everything that was taken back, by whoever it was.
    changes: Guarded<Vec<Taken>>,
    /// Exit buttons pressed by people.
    pub(super) exits: AtomicU64,
    /// How the machine itself is.
    probe: Probe,
    /// Who lies between devices and gateway.
    pub(super) liar: Liar,
    visits: Guarded<Vec<Visit>>,
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
    /// Which reader, and the number of the read.
    pub(super) reader: DeviceId,
    pub(super) n: u64,
    /// When each copy of it was handed to the line, ms.
    pub(super) copies: Vec<i64>,
    /// At which door.
    pub(super) of: DoorId,
    /// Every reason that was given; absent without an answer.
    pub(super) seen: Option<Vec<&'static str>>,
    /// Of the answer.
    pub(super) correlation: Option<Correlation>,
    /// Whether the lock took the unlock; absent when none was to come.
    pub(super) opened: Option<bool>,
    /// What the reference says against the answer.
    pub(super) difference: Option<String>,
    /// The same read, sent again, was answered in another way.
    pub(super) repeated: bool,
    /// The answer came after the reader had given up.
    pub(super) gave_up: bool,
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
    pub(super) made_ms: i64,
    pub(super) pass: Option<&'a Pass>,
    /// The reader sends it once more afterwards, because it missed the answer.
    pub(super) repeat: bool,
}

impl Street {
    pub(super) fn new(api: Api, doors: [Door; 3], probe: Probe, liar: Liar) -> Self {
        Self {
            api,
            doors,
            weather: Arc::default(),
            hush: RwLock::new(()),
            known_upto_ms: AtomicI64::new(0),
            clock_err: Guarded::default(),
            pictures: Guarded::default(),
            changes: Guarded::default(),
            exits: AtomicU64::new(0),
            probe,
            liar,
            visits: Guarded::default(),
        }
    }

    fn visits(&self) -> Vec<Visit> {
        self.visits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Somebody asks for something to be taken back.
    pub(super) fn asks(&self, taken: Taken) {
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(taken);
    }

    /// What became of it.
    pub(super) fn asked(&self, asked: Change, now: Change) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = changes.iter_mut().find(|taken| taken.change == asked) {
            taken.change = now;
        }
    }

    /// Everything that is compared with the evidence.
    pub(super) fn case(&self) -> Case {
        let of = |reader: &Reader, out: bool| {
            let answers = reader.answers().into_iter();
            let reader = reader.device();
            answers
                .map(move |answer| Heard {
                    reader,
                    out,
                    answer,
                })
                .collect::<Vec<_>>()
        };
        let pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        Case {
            visits: self.visits(),
            answers: self
                .doors
                .iter()
                .flat_map(|door| [of(&door.inward, false), of(&door.outward, true)].concat())
                .collect(),
            pictures: pictures.clone(),
            changes: self
                .changes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            history: self.weather.history(),
            stalls: self.probe.stalls(),
        }
    }

    /// Shows a code and compares the answer with the reference.
    pub(super) async fn show(&self, showing: Showing<'_>) -> Visit {
        let _moving = self.hush.read().await;
        let door = &self.doors[showing.door];
        let _alone = door.turn.lock().await;
        let reader = if showing.out {
            &door.outward
        } else {
            &door.inward
        };
        let known_upto_ms = self.known_upto_ms.load(Ordering::Relaxed);
        let sent_ms = ambient::now_ms();
        let mut presented = reader.present(showing.text).await;
        self.liar.answers(&mut presented, door, showing.out).await;
        let mut shown = self.circumstances(&showing, sent_ms, known_upto_ms, &presented);
        let mut visit = Visit {
            who: showing.who,
            door: door.name,
            out: showing.out,
            shown,
            pass: showing.pass.cloned(),
            reader: reader.device(),
            n: presented.n,
            copies: presented.copies.iter().map(|copy| copy.sent_ms).collect(),
            of: door.lock.door(),
            seen: None,
            correlation: None,
            opened: None,
            difference: None,
            repeated: false,
            gave_up: false,
        };
        match &presented.result {
            Ok(Answered { n, answer, .. }) => {
                let seen = reasons(answer);
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
                    // The bus may have died on the way to the lock.
                    visit.shown.lock_deaf = self
                        .measured(&showing, &shown, &presented.copies)
                        .lock_deaf();
                }
                visit.seen = Some(seen);
                if showing.repeat && !shown.short_of_room && !self.liar.lies() {
                    let again = reader.repeat(*n, showing.text).await;
                    visit.repeated = again.is_ok_and(|again| again.answer != *answer);
                }
            }
            Err(_) if shown.silent => {}
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

    fn circumstances(
        &self,
        showing: &Showing<'_>,
        sent_ms: i64,
        known_upto_ms: i64,
        presented: &Presented,
    ) -> Shown {
        let (weather, answered_ms) = (&self.weather, ambient::now_ms());
        let door = &self.doors[showing.door];
        let shown = Shown {
            code: showing.code,
            large: showing.large,
            into_quiet: door.into_quiet,
            phones_only: door.phones_only,
            made_ms: showing.made_ms,
            sent_ms,
            answered_ms,
            known_upto_ms,
            unknown_from_ms: answered_ms,
            owed_upto_ms: weather.owed_upto(sent_ms, answered_ms),
            list: None,
            cut_since_ms: weather.cut_since(),
            edge_ms: self.edge_ms(sent_ms),
            stepped: false,
            decided: None,
            short_of_room: weather.was(Fault::DiskFull, sent_ms - ROOM_RETURNS_MS, answered_ms),
            stale: Truth::No,
            lock_unheard: false,
            lock_deaf: false,
            silent: false,
            answer_owed: weather.owes_an_answer(sent_ms, answered_ms),
        };
        let measured = self.measured(showing, &shown, &presented.copies);
        let moved = |it: &(i64, Moment)| matches!(it.1, Moment::ClockMoved(_));
        Shown {
            stepped: measured.history.iter().any(moved),
            stale: measured.stale(),
            lock_unheard: measured.lock_unheard(),
            lock_deaf: measured.lock_deaf(),
            silent: measured.silent(),
            ..shown
        }
    }

    fn measured(&self, showing: &Showing<'_>, shown: &Shown, copies: &[Copied]) -> Measured {
        let door = &self.doors[showing.door];
        let reader = if showing.out {
            &door.outward
        } else {
            &door.inward
        };
        Measured {
            copies: copies.to_vec(),
            sent_ms: shown.sent_ms,
            answered_ms: shown.answered_ms,
            beats: reader.beats(),
            lock_beats: door.lock.beats(),
            history: self.weather.history(),
        }
    }
}

/// Reasons of an answer, by name.
pub(super) fn reasons(answer: &Answer) -> Vec<&'static str> {
    let name = |code: &u8| Reason::from_u8(*code).name();
    answer.reasons.iter().map(name).collect()
}

fn judged(showing: &Showing<'_>, shown: &Shown, seen: &[&str], granted: bool) -> Option<String> {
    judge(showing.out, showing.pass, shown, seen, granted)
}

/// What the reference says against an answer.
fn judge(
    out: bool,
    pass: Option<&Pass>,
    shown: &Shown,
    seen: &[&str],
    granted: bool,
) -> Option<String> {
    if !out {
        return reference::difference(pass, shown, seen, granted);
    }
    // The way out is free, whatever is wrong with the code, unless the read was not of now or there is no lock to speak to.
    let excused = match seen {
        ["stale_read"] => shown.stale != Truth::No,
        _ => shown.lock_unheard,
    };
    (!granted && !excused).then(|| format!("the way out was refused with {seen:?}"))
}
