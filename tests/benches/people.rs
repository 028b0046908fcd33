//! Who comes: each with an account, a phone, a seat booked from now on, and a pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use sekisho_domain::ids::{PersonId, SeatId, SiteId, ZoneId};
use sekisho_domain::time::Timestamp;
use sekisho_sim::ambient;
use sekisho_sim::api::{Api, Kind, Pass, Want};
use sekisho_sim::boot::Server;
use sekisho_sim::phone::Phone;
use tokio::task::JoinSet;

/// How many are brought at the same time.
const AT_ONCE: usize = 4;

/// How long a booking lasts, ms: longer than any run.
const STAY_MS: i64 = 6 * 3_600_000;

/// A person with a phone and a pass.
pub(crate) struct Resident {
    /// Which.
    pub(crate) id: PersonId,
    /// Holds the key.
    pub(crate) phone: Phone,
    /// Bound to the phone.
    pub(crate) pass: Pass,
}

/// Where they come to.
struct Place {
    token: String,
    url: String,
    site: SiteId,
    zone: ZoneId,
    next: AtomicUsize,
    count: usize,
}

/// Brings `count` people, each with a seat of their own.
pub(crate) async fn bring(
    server: &Server,
    token: &str,
    site: SiteId,
    zone: ZoneId,
    count: usize,
) -> anyhow::Result<(Vec<Resident>, Vec<SeatId>)> {
    let place = Arc::new(Place {
        token: token.to_owned(),
        url: server.url.clone(),
        site,
        zone,
        next: AtomicUsize::new(0),
        count,
    });
    let invited = invite(&place).await?;
    let (mut people, mut seats) = (Vec::new(), Vec::new());
    // A link is made by a program of its own; this takes longest.
    for chunk in invited.chunks(AT_ONCE) {
        let made = links(chunk, server).await?;
        for (guest, link) in chunk.iter().zip(made) {
            people.push(settle(&place, guest, &link).await?);
            seats.push(guest.seat);
        }
    }
    Ok((people, seats))
}

#[derive(Clone, Copy)]
struct Guest {
    person: PersonId,
    seat: SeatId,
}

/// Accounts and seats, some at a time.
async fn invite(place: &Arc<Place>) -> anyhow::Result<Vec<Guest>> {
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let place = Arc::clone(place);
        tasks.spawn(async move {
            let api = Api::new(&place.url, &place.token)?;
            let mut guests = Vec::new();
            loop {
                let n = place.next.fetch_add(1, Ordering::Relaxed);
                if n >= place.count {
                    return anyhow::Ok(guests);
                }
                let email = format!("p{n}@company.example");
                let person = api
                    .create_person(&format!("利用者 {n}"), &email, "ja")
                    .await?;
                let seat = api
                    .create_seat(place.site, &format!("A{n}"), place.zone, "desk")
                    .await?;
                guests.push(Guest { person, seat });
            }
        });
    }
    let mut all = Vec::new();
    while let Some(guests) = tasks.join_next().await {
        all.extend(guests??);
    }
    Ok(all)
}

/// A sign-in link for each of a few, made side by side.
async fn links(guests: &[Guest], server: &Server) -> anyhow::Result<Vec<String>> {
    let link = |n: usize| async move {
        match guests.get(n) {
            Some(guest) => server.sign_in_link(guest.person).await.map(Some),
            None => Ok(None),
        }
    };
    let (a, b, c, d) = tokio::try_join!(link(0), link(1), link(2), link(3))?;
    Ok([a, b, c, d].into_iter().flatten().collect())
}

/// Signs in, registers the phone, books from the next second on, takes a pass.
async fn settle(place: &Place, guest: &Guest, link: &str) -> anyhow::Result<Resident> {
    let own = Api::sign_in(&place.url, link).await?;
    let phone = Phone::new()?;
    own.register_phone(guest.person, &phone).await?;
    let start = Timestamp((ambient::now_ms() + 1_000).div_euclid(1_000) * 1_000);
    let want = Want {
        person: guest.person,
        seat: guest.seat,
        start,
        end: start.plus_ms(STAY_MS),
    };
    let booking = own.book(want).await.context("booking for a resident")?;
    let pass = own
        .issue_pass(booking, Kind::Holder)
        .await
        .context("a resident's pass")?;
    Ok(Resident {
        id: guest.person,
        phone,
        pass,
    })
}
