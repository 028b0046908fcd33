//! Who comes: people, phones, bookings, passes.

use anyhow::Context as _;
use sekisho_domain::ids::{BookingId, PersonId, SeatId};
use sekisho_domain::time::Timestamp;

use crate::ambient;
use crate::api::{Api, Kind, Pass, Want};
use crate::boot::World;
use crate::phone::Phone;
use crate::prng::Prng;

/// Names of simulated people: family and given name, and how an address spells them.
const NAMES: [(&str, &str); 12] = [
    ("松江 花子", "hanako"),
    ("北見 太郎", "taro"),
    ("長岡 美咲", "misaki"),
    ("塩尻 健", "ken"),
    ("萩 さくら", "sakura"),
    ("豊北 誠", "makoto"),
    ("蓼科 葵", "aoi"),
    ("小諸 翔", "sho"),
    ("真鶴 凛", "rin"),
    ("上田 陸", "riku"),
    ("白浜 結衣", "yui"),
    ("鎌倉 湊", "minato"),
];

/// A person, and the phone of those who have one.
pub struct Person {
    /// Which.
    pub id: PersonId,
    /// Short name for steps.
    pub name: &'static str,
    /// Holds the key.
    pub phone: Option<Phone>,
}

/// A booking with its pass.
pub struct Booked {
    /// Which.
    pub booking: BookingId,
    /// From when the pass counts.
    pub start: Timestamp,
    /// From when it no longer does.
    pub end: Timestamp,
    /// What is shown.
    pub pass: Pass,
}

impl Person {
    /// Creates a person; one with a phone signs in and registers it.
    pub async fn join(
        world: &World,
        name: (&str, &'static str),
        with_phone: bool,
    ) -> anyhow::Result<Self> {
        let locale = if name.1.len().is_multiple_of(2) {
            "ja"
        } else {
            "en"
        };
        let id = world
            .api
            .create_person(name.0, &format!("{}@company.example", name.1), locale)
            .await?;
        let phone = if with_phone {
            Some(Phone::new()?)
        } else {
            None
        };
        if let Some(phone) = &phone {
            let link = world.server.sign_in_link(id).await?;
            Api::sign_in(&world.server.url, &link)
                .await?
                .register_phone(id, phone)
                .await?;
        }
        Ok(Self {
            id,
            name: name.1,
            phone,
        })
    }

    /// Books `seat` and takes a pass: bound to the phone, or printed.
    pub async fn book(
        &self,
        api: &Api,
        seat: SeatId,
        start: Timestamp,
        end: Timestamp,
    ) -> anyhow::Result<Booked> {
        let booking = api
            .book(Want {
                person: self.id,
                seat,
                start,
                end,
            })
            .await
            .with_context(|| format!("booking for {}", self.name))?;
        let kind = if self.phone.is_some() {
            Kind::Holder
        } else {
            Kind::Static
        };
        let pass = api
            .issue_pass(booking, kind)
            .await
            .with_context(|| format!("a pass for {}", self.name))?;
        Ok(Booked {
            booking,
            start,
            end,
            pass,
        })
    }

    /// The code that this person shows now: the phone's small one, its large one, or the printed one.
    pub fn code(&self, booked: &Booked, large: bool) -> anyhow::Result<String> {
        let now = ambient::now_ms();
        match &self.phone {
            Some(phone) if large => phone.carried(booked.pass.id, &booked.pass.signed, now),
            Some(phone) => phone.reference(booked.pass.id, now),
            None => booked
                .pass
                .text
                .clone()
                .context("a printed pass has a text"),
        }
    }
}

/// Names in an order that the seed gives.
pub fn names(prng: &mut Prng) -> Vec<(&'static str, &'static str)> {
    let mut names = NAMES.to_vec();
    prng.shuffle(&mut names);
    names
}

/// The next whole second that is at least `ms` from now.
pub fn second_after(ms: i64) -> Timestamp {
    Timestamp((ambient::now_ms() + ms).div_euclid(1000) * 1000 + 1000)
}

/// Waits until `at` has passed by `ms`.
pub async fn wait_until(at: Timestamp, ms: i64) {
    let left = at.plus_ms(ms).0 - ambient::now_ms();
    if let Ok(left) = u64::try_from(left) {
        tokio::time::sleep(std::time::Duration::from_millis(left)).await;
    }
}
