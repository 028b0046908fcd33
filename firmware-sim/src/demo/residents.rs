//! The people of a demonstration without end: each books, comes, works for a while, leaves, and comes again. Some of them are too
//! early, try the wrong door, share a code, slip in behind somebody, forget to sign out; now and then one has a visitor.

use std::sync::Arc;
use std::time::Duration;

use sekisho_domain::ids::{PersonId, SeatId};
use tokio::task::JoinSet;

use super::rooms::{BACK, FRONT, INNER, Rooms};
use crate::ambient;
use crate::api::Invitation;
use crate::boot::World;
use crate::prng::Prng;
use crate::scenario::cast::{Booked, Person, second_after, wait_until};
use crate::world::names;

/// How many people live here; every third sits in the quiet rooms, every second is of a company.
const PEOPLE: usize = 14;
/// Their companies, in the order of the scenario's file.
const COMPANIES: [&str; 2] = ["株式会社かすみ", "みなみ商事株式会社"];
/// The seat that stays free for whoever tries the walk of docs/PROTOCOL.md.
const FREE_SEAT: usize = 9;
/// What visitors come for.
const PURPOSES: [&str; 4] = ["打合せ", "内覧", "設備点検", "面談"];

/// A person with a seat of choice.
pub(super) struct Resident {
    person: Arc<Person>,
    seat: SeatId,
    /// The seat is behind the inner door.
    quiet: bool,
}

impl Resident {
    pub(super) fn id(&self) -> PersonId {
        self.person.id
    }
}

/// Makes the people.
pub(super) async fn settle(world: &World, seed: u64) -> anyhow::Result<Vec<Resident>> {
    let mut companies = Vec::new();
    for name in COMPANIES {
        companies.push(world.api.create_company(name, world.site).await?);
    }
    let mut open = world.open_seats.clone();
    if open.len() > FREE_SEAT {
        open.remove(FREE_SEAT);
    }
    let (mut open, mut quiet) = (open.into_iter(), world.quiet_seats.iter().copied());
    let mut people = Vec::new();
    let names = names(&mut Prng::new(seed));
    for (n, name) in names.into_iter().take(PEOPLE).enumerate() {
        let is_quiet = n % 3 == 2;
        let seat = if is_quiet { quiet.next() } else { open.next() };
        let Some(seat) = seat else { break };
        let company = (n % 2 == 1).then(|| companies[n / 2 % companies.len()]);
        let person = Person::join_company(world, name, company, true).await?;
        people.push(Resident {
            person: Arc::new(person),
            seat,
            quiet: is_quiet,
        });
    }
    Ok(people)
}

/// Lets them come and go. Returns only when something broke.
pub(super) async fn live(
    rooms: Arc<Rooms>,
    people: Vec<Resident>,
    seed: u64,
) -> anyhow::Result<()> {
    let mut days = JoinSet::new();
    let hosts: Vec<_> = people.iter().map(|it| Arc::clone(&it.person)).collect();
    for (n, resident) in (0..).zip(people) {
        let day = Day {
            rooms: Arc::clone(&rooms),
            resident,
            prng: Prng::new(seed.wrapping_add(n)),
        };
        days.spawn(day.go_on(n));
    }
    days.spawn(visitors(
        rooms,
        hosts,
        Prng::new(seed ^ 0x7669_7369_746f_7273),
    ));
    while let Some(day) = days.join_next().await {
        day??;
    }
    Ok(())
}

struct Day {
    rooms: Arc<Rooms>,
    resident: Resident,
    prng: Prng,
}

impl Day {
    async fn go_on(mut self, n: u64) -> anyhow::Result<()> {
        self.rest(1 + 3 * n, 2 + 3 * n).await;
        loop {
            let start = second_after(i64::try_from(self.prng.range(500, 6_000)).unwrap_or(500));
            let stay_s = self.prng.range(60, 180);
            let end = start.plus_ms(i64::try_from(stay_s * 1000).unwrap_or(60_000));
            let (person, seat) = (Arc::clone(&self.resident.person), self.resident.seat);
            match person.book(&self.rooms.api, seat, start, end).await {
                Ok(booked) => self.stay(&booked, stay_s).await,
                // Somebody who looks at the demonstration may have taken the seat.
                Err(error) => {
                    tracing::info!(who = person.name, error = %format!("{error:#}"), "finds no seat this time");
                }
            }
            wait_until(end, 0).await;
            self.rest(5, 30).await;
        }
    }

    /// From before the beginning to the leaving.
    async fn stay(&mut self, booked: &Booked, stay_s: u64) {
        if self.prng.chance(20) {
            self.show(booked, FRONT, false).await;
        }
        if self.prng.chance(5) {
            self.changes_plans(booked).await;
            return;
        }
        wait_until(booked.start, 1_700).await;
        let entrance = if self.prng.chance(35) { BACK } else { FRONT };
        let slips_in = self.prng.chance(8);
        let walkers = 1 + u32::from(slips_in);
        let text = self.enter(booked, entrance, walkers).await;
        if let Some(text) = text.filter(|_| self.prng.chance(10)) {
            let who = self.resident.person.name;
            self.rooms.show((who, 1), &text, (FRONT, false)).await;
        }
        self.rooms.sit(self.resident.seat, true);
        // Those without a quiet room try that door now and then.
        if self.resident.quiet || self.prng.chance(15) {
            self.rest(2, 4).await;
            self.show(booked, INNER, false).await;
        }
        let half = stay_s.saturating_sub(20) / 2;
        self.rest(half / 2, half).await;
        if self.prng.chance(30) {
            self.out(booked).await;
            self.rest(5, 15).await;
            self.enter(booked, FRONT, 1).await;
            if self.resident.quiet {
                self.show(booked, INNER, false).await;
            }
            self.rooms.sit(self.resident.seat, true);
        }
        self.rest(half / 2, half).await;
        self.out(booked).await;
    }

    /// Shows the code of the phone at a door from outside; what was shown, when it opened.
    async fn enter(&mut self, booked: &Booked, at: usize, walkers: u32) -> Option<String> {
        let person = Arc::clone(&self.resident.person);
        let text = person.code(booked, self.prng.chance(50)).ok()?;
        let who = (person.name, walkers);
        let opened = self.rooms.show(who, &text, (at, false)).await;
        opened.then_some(text)
    }

    async fn show(&mut self, booked: &Booked, at: usize, out: bool) {
        let person = Arc::clone(&self.resident.person);
        if let Ok(text) = person.code(booked, self.prng.chance(50)) {
            self.rooms.show((person.name, 1), &text, (at, out)).await;
        }
    }

    async fn out(&mut self, booked: &Booked) {
        self.rooms.sit(self.resident.seat, false);
        if self.resident.quiet {
            self.show(booked, INNER, true).await;
            self.rest(1, 3).await;
        }
        if self.prng.chance(7) {
            self.rooms.leave_by_button(self.resident.person.name).await;
        } else {
            self.show(booked, FRONT, true).await;
        }
    }

    /// Cancels, and comes all the same.
    async fn changes_plans(&mut self, booked: &Booked) {
        let who = self.resident.person.name;
        match self.rooms.api.cancel(booked.booking).await {
            Ok(()) => tracing::info!(who, "cancels"),
            Err(error) => tracing::info!(who, %error, "cannot cancel"),
        }
        self.rest(3, 6).await;
        self.show(booked, FRONT, false).await;
    }

    async fn rest(&mut self, from_s: u64, to_s: u64) {
        let ms = self.prng.range(from_s * 1_000, to_s * 1_000);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// Now and then somebody has a visitor, who waits at the door until the host is there.
async fn visitors(
    rooms: Arc<Rooms>,
    hosts: Vec<Arc<Person>>,
    mut prng: Prng,
) -> anyhow::Result<()> {
    let mut rest_s = (15, 25);
    loop {
        let ms = prng.range(rest_s.0 * 1_000, rest_s.1 * 1_000);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        let host = usize::try_from(prng.range(0, hosts.len() as u64))?;
        let name = crate::world::NAMES[usize::try_from(prng.range(0, 24))?];
        let start = second_after(-2_000);
        let invitation = Invitation {
            zone: rooms.open,
            host: hosts[host].id,
            name: name.0,
            purpose: PURPOSES[usize::try_from(prng.range(0, 4))?],
            start,
            end: start.plus_ms(45_000),
        };
        // Most people are not there long enough for a visit at just this moment; then somebody else is asked soon.
        let Ok(visit) = rooms.api.invite(rooms.site, invitation).await else {
            rest_s = (2, 4);
            continue;
        };
        rest_s = (50, 100);
        let Some(code) = visit.code else { continue };
        let visitor = format!("visitor-{}", name.1);
        tracing::info!(who = visitor, host = hosts[host].name, "is invited");
        let until = start.plus_ms(30_000).0;
        let mut inside = false;
        while !inside && ambient::now_ms() < until {
            tokio::time::sleep(Duration::from_secs(5)).await;
            inside = rooms.show((&visitor, 1), &code, (FRONT, false)).await;
        }
        if inside {
            tokio::time::sleep(Duration::from_secs(12)).await;
            rooms.show((&visitor, 1), &code, (FRONT, true)).await;
        }
    }
}
