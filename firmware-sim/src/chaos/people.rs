//! People who come and go without end: on time and early, to the wrong door, with a code that was used, with a picture of one,
//! with somebody else's; who cancel, lose their pass, forget to sign out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sekisho_domain::ids::SeatId;
use tokio_util::sync::CancellationToken;

use super::reference::{Change, Code, Pass};
use super::stock::Taken;
use super::street::{Showing, Street, Visit};
use crate::ambient;
use crate::api::ApiError;
use crate::prng::Prng;
use crate::scenario::cast::{Booked, Person, second_after, wait_until};
use crate::scenario::taps::eventually;

/// Doors by their place in [`Street::doors`].
pub(super) const FRONT: usize = 0;
/// To the quiet zone.
pub(super) const INNER: usize = 1;
/// A second way in, for phones only.
pub(super) const BACK: usize = 2;
/// How long people wait for word of a change to get about.
const PATIENCE: Duration = Duration::from_millis(3_500);
/// Who is suspended takes a number in the list of what is revoked, and so does each of their passes that has not ended: that of
/// this booking, and that of one whose answer was lost.
const NUMBERS_OF_A_PERSON: u64 = 3;
/// So often somebody asks for a change that may or may not have been made.
const ASKS: usize = 5;
/// And after so long.
const ASKS_AGAIN: Duration = Duration::from_secs(1);
/// So often somebody shows a code whom the reader asks to try again.
const TRIES: usize = 3;

/// Somebody with a seat of choice.
pub(super) struct Resident {
    /// Who.
    pub(super) person: Arc<Person>,
    /// Whose phone signs when this person tries a code of another.
    pub(super) neighbour: Arc<Person>,
    /// The usual seat.
    pub(super) seat: SeatId,
    /// It is in the quiet zone.
    pub(super) quiet: bool,
    /// May be suspended, once.
    pub(super) may_leave: bool,
    /// Decides what happens.
    pub(super) prng: Prng,
}

/// A booking as its holder knows it.
struct Stay {
    booked: Booked,
    pass: Pass,
}

impl Resident {
    /// Comes and goes until `stop`; returns how many bookings it made.
    pub(super) async fn live(mut self, street: Arc<Street>, stop: CancellationToken) -> usize {
        let mut bookings = 0;
        let life = async {
            self.rest(0, 2_500).await;
            loop {
                if let Some(mut stay) = self.book(&street).await {
                    bookings += 1;
                    self.visit(&street, &mut stay).await;
                    if stay.pass.suspended.asked_ms.is_some() {
                        return;
                    }
                    wait_until(stay.booked.end, 300).await;
                }
                self.rest(300, 1_500).await;
            }
        };
        let _ = stop.run_until_cancelled(life).await;
        bookings
    }

    async fn rest(&mut self, from_ms: u64, to_ms: u64) {
        let ms = self.prng.range(from_ms, to_ms);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// A booking with its pass; none when the server could not be asked, or says no because an earlier answer was lost.
    async fn book(&mut self, street: &Street) -> Option<Stay> {
        let start = second_after(i64::try_from(self.prng.range(400, 2_600)).unwrap_or(0));
        let lasts_ms = i64::try_from(self.prng.range(9, 24) * 1_000).unwrap_or(0);
        let end = start.plus_ms(lasts_ms);
        let asked_ms = ambient::now_ms();
        let booked = match self.person.book(&street.api, self.seat, start, end).await {
            Ok(booked) => booked,
            Err(error) => {
                tracing::debug!(who = self.person.name, error = %format!("{error:#}"), "no booking");
                return None;
            }
        };
        let pass = Pass {
            printed: self.person.phone.is_none(),
            quiet: self.quiet,
            start_ms: start.0,
            end_ms: end.0,
            made: done(asked_ms),
            revoked: Change::default(),
            cancelled: Change::default(),
            suspended: Change::default(),
            accepted_ms: None,
            doubtful: false,
        };
        Some(Stay { booked, pass })
    }

    /// From before the beginning to after the end.
    async fn visit(&mut self, street: &Street, stay: &mut Stay) {
        if self.prng.chance(20) {
            self.come(street, stay, FRONT).await;
        }
        let late_ms = if self.prng.chance(25) { 0 } else { 1_700 };
        wait_until(stay.booked.start, late_ms).await;
        self.patience(street, stay.pass.made).await;
        let entrance = if self.prng.chance(30) { BACK } else { FRONT };
        self.come(street, stay, entrance).await;
        self.mischief(street, stay).await;
        if self.quiet || self.prng.chance(25) {
            self.come(street, stay, INNER).await;
        }
        self.change_of_mind(street, stay).await;
        // In and out as long as the booking lasts, and now and then beyond.
        while ambient::now_ms() < stay.booked.end.0 {
            self.rest(300, 2_000).await;
            self.leave(street, stay).await;
            self.rest(200, 1_200).await;
            let again = match self.prng.range(0, 10) {
                0..3 => BACK,
                3..5 => INNER,
                _ => FRONT,
            };
            self.come(street, stay, again).await;
        }
        self.leave(street, stay).await;
        // The line of what was taken back may leave the list at the end: nobody could tell.
        if self.prng.chance(25) && stay.pass.cancelled.asked_ms.is_none() {
            wait_until(stay.booked.end, 100).await;
            self.come(street, stay, FRONT).await;
        }
    }

    /// With the person's own code, small or large as it comes; now and then a second time, for somebody who slips in behind.
    async fn come(&mut self, street: &Street, stay: &mut Stay, door: usize) {
        let large = self.prng.chance(50);
        let code = match (stay.pass.printed, large) {
            (true, _) => Code::Printed,
            (false, true) => Code::Carried,
            (false, false) => Code::Reference,
        };
        for _ in 0..TRIES {
            let made_ms = ambient::now_ms();
            let Ok(text) = self.person.code(&stay.booked, large) else {
                return;
            };
            let visit = self
                .show(street, stay, (door, false), (code, large), (&text, made_ms))
                .await;
            if visit.granted() && self.prng.chance(25) {
                let again = if stay.pass.printed { code } else { Code::Again };
                let text = (text.as_str(), made_ms);
                self.show(street, stay, (door, false), (again, large), text)
                    .await;
            }
            if !visit.try_again() {
                return;
            }
            self.rest(900, 1_300).await;
        }
    }

    /// Most people come when word of their booking has got about; a few come at once, and nobody waits for ever.
    async fn patience(&mut self, street: &Street, change: Change) {
        if self.prng.chance(15) {
            return;
        }
        let heard = async || {
            let known_ms = street.known_upto_ms.load(Ordering::Relaxed);
            change
                .done_ms
                .is_none_or(|done_ms| done_ms < known_ms)
                .then_some(())
        };
        eventually(PATIENCE, heard).await;
    }

    /// By the reader, by the button, or without a word.
    async fn leave(&mut self, street: &Street, stay: &mut Stay) {
        let door = if self.prng.chance(30) { BACK } else { FRONT };
        match self.prng.range(0, 10) {
            0..6 => {
                let made_ms = ambient::now_ms();
                let Ok(text) = self.person.code(&stay.booked, false) else {
                    return;
                };
                let code = if stay.pass.printed {
                    Code::Printed
                } else {
                    Code::Reference
                };
                let text = (text.as_str(), made_ms);
                self.show(street, stay, (door, true), (code, false), text)
                    .await;
            }
            6..9 => {
                street.doors[door].lock.press_exit();
                street.exits.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// Nonsense, a picture of a minute ago, a code that another phone signed.
    async fn mischief(&mut self, street: &Street, stay: &mut Stay) {
        let pass = stay.booked.pass.id;
        match (self.prng.range(0, 100), &self.person.phone) {
            (0..6, _) => {
                let text = ("K3:THIS IS NO PASS", ambient::now_ms());
                self.show(street, stay, (FRONT, false), (Code::Nonsense, false), text)
                    .await;
            }
            (6..16, Some(phone)) => {
                let made_ms = ambient::now_ms() - 60_000;
                let Ok(text) = phone.reference(pass, made_ms) else {
                    return;
                };
                let (code, text) = ((Code::Screenshot, false), (text.as_str(), made_ms));
                self.show(street, stay, (FRONT, false), code, text).await;
                // The phone starts to count anew within the second.
                self.rest(1_100, 1_200).await;
            }
            (16..24, Some(_)) => {
                let made_ms = ambient::now_ms();
                let Some(Ok(text)) = self
                    .neighbour
                    .phone
                    .as_ref()
                    .map(|phone| phone.reference(pass, made_ms))
                else {
                    return;
                };
                let (code, text) = ((Code::Forged, false), (text.as_str(), made_ms));
                self.show(street, stay, (FRONT, false), code, text).await;
            }
            _ => {}
        }
    }

    /// The pass is lost, the booking cancelled, the person suspended; and then comes again, at once and later.
    async fn change_of_mind(&mut self, street: &Street, stay: &mut Stay) {
        let (api, asked_ms) = (&street.api, ambient::now_ms());
        let asked = Change {
            asked_ms: Some(asked_ms),
            done_ms: None,
        };
        let what = self.prng.range(0, 100);
        let change = match what {
            0..15 => &mut stay.pass.revoked,
            15..25 => &mut stay.pass.cancelled,
            25..28 if self.may_leave => &mut stay.pass.suspended,
            _ => return,
        };
        street.asks(Taken {
            change: asked,
            numbers_max: if what < 25 { 1 } else { NUMBERS_OF_A_PERSON },
        });
        *change = asked;
        let (pass, booking, person) = (stay.booked.pass.id, stay.booked.booking, self.person.id);
        let ask = async || match what {
            0..15 => api.revoke(pass).await,
            15..25 => api.cancel(booking).await,
            _ => api.suspend(person).await,
        };
        // Again, until it is known what became of it.
        for n in 0..ASKS {
            match ask().await {
                Ok(()) => *change = done(asked_ms),
                Err(ApiError::Refused { status, code, .. }) if status < 500 => {
                    let already = ["pass_not_active", "booking_cancelled"].contains(&code.as_str());
                    match (n, already) {
                        // Too late: the booking had ended. Nothing was changed.
                        (0, _) => *change = Change::default(),
                        (_, true) => *change = done(asked_ms),
                        (_, false) => {}
                    }
                }
                Err(error) => {
                    tracing::debug!(who = self.person.name, %error, "no answer");
                    tokio::time::sleep(ASKS_AGAIN).await;
                    continue;
                }
            }
            break;
        }
        street.asked(asked, *change);
        let changed = *change;
        for n in 0..2 {
            self.come(street, stay, FRONT).await;
            self.rest(800, 2_500).await;
            if n == 0 {
                self.patience(street, changed).await;
            }
        }
    }

    async fn show(
        &mut self,
        street: &Street,
        stay: &mut Stay,
        (door, out): (usize, bool),
        (code, large): (Code, bool),
        (text, made_ms): (&str, i64),
    ) -> Visit {
        let showing = Showing {
            who: self.person.name,
            door,
            out,
            code,
            large,
            text,
            made_ms,
            pass: (code != Code::Nonsense).then_some(&stay.pass),
            repeat: self.prng.chance(20),
        };
        let visit = street.show(showing).await;
        note(&mut stay.pass, &visit);
        visit
    }
}

/// What the holder learns about which codes were accepted.
fn note(pass: &mut Pass, visit: &Visit) {
    let own = matches!(
        visit.shown.code,
        Code::Printed | Code::Carried | Code::Reference
    );
    // The way out accepts a good code too, and lets everybody out.
    let not_accepted = [
        "stale_read",
        "credential_unknown",
        "credential_malformed",
        "signature_bad",
        "pass_stale",
        "pass_future",
        "pass_replayed",
        "wrong_site",
    ];
    match &visit.seen {
        _ if !own => {}
        // What could not be recorded may have been decided once more, on another copy.
        _ if visit.shown.short_of_room && !visit.granted() => pass.doubtful = true,
        None => pass.doubtful = true,
        Some(seen) if visit.out && seen.iter().any(|it| not_accepted.contains(it)) => {}
        // Paper lets in once, not never: where no lock could be told to open it is not used up.
        Some(seen) if visit.out && pass.printed && seen.contains(&"other") => {}
        Some(seen) if visit.out || seen.is_empty() => {
            pass.accepted_ms = Some(visit.shown.answered_ms);
        }
        Some(_) => {}
    }
}

fn done(asked_ms: i64) -> Change {
    Change {
        asked_ms: Some(asked_ms),
        done_ms: Some(ambient::now_ms()),
    }
}

#[cfg(test)]
mod tests {
    use super::note;
    use crate::chaos::stock_tests::{pass, visit};

    #[test]
    fn paper_is_used_up_on_the_way_out_unless_there_was_no_lock_to_open() {
        let used = |printed, seen: &[&'static str]| {
            let mut pass = pass();
            pass.printed = printed;
            note(&mut pass, &visit(1, true, seen));
            pass.accepted_ms.is_some()
        };
        assert!(used(true, &[]) && used(false, &[]));
        assert!(!used(true, &["other"]));
        assert!(used(false, &["other"]), "the code was seen");
        assert!(!used(false, &["pass_replayed"]));
    }
}
