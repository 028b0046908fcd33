//! Who comes: people, phones, bookings, passes.

use anyhow::Context as _;
use sekisho_domain::ids::{BookingId, OrganisationId, PersonId, SeatId};
use sekisho_domain::time::Timestamp;

use crate::ambient;
use crate::api::{Api, Kind, Pass, Want};
use crate::boot::World;
use crate::phone::Phone;
pub use crate::world::names;

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
    /// Creates a person of the operator's own; one with a phone signs in and registers it.
    pub async fn join(
        world: &World,
        name: (&str, &'static str),
        with_phone: bool,
    ) -> anyhow::Result<Self> {
        Self::join_company(world, name, None, with_phone).await
    }

    /// The same for a person of `company`.
    pub async fn join_company(
        world: &World,
        name: (&str, &'static str),
        company: Option<OrganisationId>,
        with_phone: bool,
    ) -> anyhow::Result<Self> {
        let locale = if name.1.len().is_multiple_of(2) {
            "ja"
        } else {
            "en"
        };
        let id = world
            .api
            .create_person_of(
                company,
                name.0,
                &format!("{}@company.example", name.1),
                locale,
            )
            .await?;
        let person = Self {
            id,
            name: name.1,
            phone: None,
        };
        if with_phone {
            person.with_new_phone(world).await
        } else {
            Ok(person)
        }
    }

    /// The same person with a new phone, which is registered in place of any earlier one.
    pub async fn with_new_phone(&self, world: &World) -> anyhow::Result<Self> {
        let phone = Phone::new()?;
        let link = world.server.sign_in_link(self.id).await?;
        Api::sign_in(&world.server.url, &link)
            .await?
            .register_phone(self.id, &phone)
            .await?;
        Ok(Self {
            id: self.id,
            name: self.name,
            phone: Some(phone),
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
