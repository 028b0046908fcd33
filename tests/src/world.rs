//! A small world to book in: an operator with one site of two zones, a company that it is open to, and strangers.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use sekisho_domain::authority::Role;
use sekisho_domain::booking::OpeningHours;
use sekisho_domain::time::{Interval, Timestamp};
use sekisho_server::app::App;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::create_door::{CreateDoor, create_door};
use sekisho_server::flows::create_organisation::{
    CreateOrganisation, CreatedOrganisation, NewPerson, create_organisation,
};
use sekisho_server::flows::create_person::{CreatePerson, create_person};
use sekisho_server::flows::create_seat::{CreateSeat, create_seat};
use sekisho_server::flows::create_site::{CreateSite, create_site};
use sekisho_server::flows::create_zone::{CreateZone, create_zone};
use sekisho_server::flows::grant_site_access::{GrantSiteAccess, grant_site_access};
use sekisho_server::flows::register_holder_key::{
    RegisterHolderKey, issue_nonce, message, register_holder_key,
};
use sekisho_server::flows::{Actor, FlowError, Who};
use sekisho_server::store::bookings::Booking;
use sekisho_server::store::doors::Door;
use sekisho_server::store::holder_keys::RegisteredKey;
use sekisho_server::store::organisations::{Organisation, OrganisationKind};
use sekisho_server::store::people::{Locale, Person};
use sekisho_server::store::seats::{Seat, SeatKind};
use sekisho_server::store::sites::Site;
use sekisho_server::store::zones::Zone;

use crate::app::{HOUR, START};

/// Three tenants, one site.
#[derive(Clone, Debug)]
pub struct World {
    /// Runs the site.
    pub operator: Organisation,
    /// Owner of the operator.
    pub owner: Person,
    /// The site is open to it.
    pub company: Organisation,
    /// Owner of the company.
    pub boss: Person,
    /// Works for the company.
    pub member: Person,
    /// Has nothing to do with either.
    pub stranger: Organisation,
    /// Owner of the stranger.
    pub outsider: Person,
    /// Open from 8:00 to 20:00 every day, Tokyo time.
    pub site: Site,
    /// Behind the front door.
    pub lobby: Zone,
    /// Behind the inner door.
    pub quiet: Zone,
    /// From outside into the lobby; a static pass is enough.
    pub front: Door,
    /// From the lobby into the quiet zone; a phone is needed.
    pub inner: Door,
    /// Desks in the quiet zone, by id.
    pub seats: Vec<Seat>,
}

impl World {
    /// Made through the flows, as the installation and as the operator's owner.
    pub async fn on(app: &App) -> Self {
        let (operator, owner) = organisation(
            app,
            "まつえ観光",
            OrganisationKind::Operator,
            "owner@operator.example",
        )
        .await;
        let (company, boss) = organisation(
            app,
            "山陰ソフト",
            OrganisationKind::Company,
            "boss@company.example",
        )
        .await;
        let (stranger, outsider) = organisation(
            app,
            "よその会社",
            OrganisationKind::Both,
            "owner@stranger.example",
        )
        .await;
        let actor = acting(&owner, Role::Owner);
        let site = site(app, &actor, &operator).await;
        let lobby = zone(app, &actor, &site, "ロビー", false).await;
        let quiet = zone(app, &actor, &site, "静かな部屋", true).await;
        let door = |name: &str, zone, from_zone, min_assurance| CreateDoor {
            site: site.id,
            name: name.to_owned(),
            zone,
            from_zone,
            min_assurance,
            unlock_ms: 3000,
        };
        let front = create_door(app, &actor, door("玄関", lobby.id, None, 0))
            .await
            .unwrap();
        let inner = create_door(app, &actor, door("内扉", quiet.id, Some(lobby.id), 1))
            .await
            .unwrap();
        let seats = desks(app, &actor, &quiet).await;
        let access = GrantSiteAccess {
            site: site.id,
            company: company.id,
            from: START.plus_ms(-HOUR),
            until: None,
        };
        grant_site_access(app, &actor, access).await.unwrap();
        let member = person(app, &company, "member@company.example").await;
        Self {
            operator,
            owner,
            company,
            boss,
            member,
            stranger,
            outsider,
            site,
            lobby,
            quiet,
            front,
            inner,
            seats,
        }
    }

    /// Books the `seat`-th seat for the member, as the member: `hours` hours from `from` hours after [`START`].
    pub async fn book(
        &self,
        app: &App,
        seat: usize,
        from: i64,
        hours: i64,
    ) -> Result<Booking, FlowError> {
        let during = span(from, hours);
        let want = BookSeat {
            person: self.member.id,
            seat: self.seats[seat].id,
            starts_at: during.start,
            ends_at: during.end,
        };
        book_seat(app, &acting(&self.member, Role::Member), want).await
    }
}

/// `hours` hours from `from` hours after [`START`].
pub fn span(from: i64, hours: i64) -> Interval {
    Interval::new(
        START.plus_ms(from * HOUR),
        START.plus_ms((from + hours) * HOUR),
    )
    .unwrap()
}

/// A person acting for the home organisation.
pub fn acting(person: &Person, role: Role) -> Actor {
    Actor {
        who: Who::Person(person.id),
        organisation: Some(person.organisation),
        role,
    }
}

/// A member of an organisation with the given address.
pub async fn person(app: &App, organisation: &Organisation, email: &str) -> Person {
    let want = CreatePerson {
        organisation: organisation.id,
        name: "山田花子".to_owned(),
        email: email.to_owned(),
        locale: Locale::Ja,
        role: Role::Member,
    };
    create_person(app, &Actor::system(), want).await.unwrap()
}

/// An organisation with its owner.
pub async fn organisation(
    app: &App,
    name: &str,
    kind: OrganisationKind,
    email: &str,
) -> (Organisation, Person) {
    let owner = NewPerson {
        name: format!("{name} 代表"),
        email: email.to_owned(),
        locale: Locale::Ja,
    };
    let want = CreateOrganisation {
        name: name.to_owned(),
        kind,
        owner: Some(owner),
    };
    let CreatedOrganisation {
        organisation,
        owner,
    } = create_organisation(app, &Actor::system(), want)
        .await
        .unwrap();
    (organisation, owner.unwrap())
}

async fn site(app: &App, actor: &Actor, operator: &Organisation) -> Site {
    let want = CreateSite {
        operator: operator.id,
        name: "松江テレワークオフィス".to_owned(),
        time_zone: "Asia/Tokyo".to_owned(),
        hours: (0..7)
            .map(|weekday| OpeningHours {
                weekday,
                opens_min: 8 * 60,
                closes_min: 20 * 60,
            })
            .collect(),
        grid_s: None,
        grant_before_s: None,
        grant_after_s: None,
    };
    create_site(app, actor, want).await.unwrap()
}

async fn zone(app: &App, actor: &Actor, site: &Site, name: &str, certified: bool) -> Zone {
    let want = CreateZone {
        site: site.id,
        name: name.to_owned(),
        certified,
    };
    create_zone(app, actor, want).await.unwrap()
}

/// Four of them. The clock stands still, so their order by id is not that of their names.
async fn desks(app: &App, actor: &Actor, zone: &Zone) -> Vec<Seat> {
    let mut seats = Vec::new();
    for n in 1..=4 {
        let want = CreateSeat {
            zone: zone.id,
            name: format!("A-{n}"),
            kind: SeatKind::Desk,
            place: None,
        };
        seats.push(create_seat(app, actor, want).await.unwrap());
    }
    seats.sort_by_key(|seat| seat.id);
    seats
}

/// A phone with a key of its own.
pub struct Phone(EcdsaKeyPair);

impl Phone {
    /// With a fresh key.
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
                .unwrap(),
        )
    }

    /// The public half, uncompressed.
    pub fn public_key(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// ES256, fixed form.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0
            .sign(&SystemRandom::new(), message)
            .unwrap()
            .as_ref()
            .to_vec()
    }

    /// Registers the key for a person, as that person.
    pub async fn register(&self, app: &App, person: &Person) -> Result<RegisteredKey, FlowError> {
        let actor = acting(person, Role::Member);
        let nonce = issue_nonce(app, &actor, person.id).await?.nonce;
        let signature = self.sign(&message(&nonce, person.id));
        register_holder_key(
            app,
            &actor,
            RegisterHolderKey {
                person: person.id,
                nonce,
                public_key: self.public_key(),
                signature,
            },
        )
        .await
    }
}

impl Default for Phone {
    fn default() -> Self {
        Self::new()
    }
}

/// The code of a refusal; panics on anything else.
pub fn refused<T: std::fmt::Debug>(result: Result<T, FlowError>) -> sekisho_domain::refusal::Code {
    match result {
        Err(FlowError::Refused(refusal)) => refusal.code,
        other => panic!("not a refusal: {other:?}"),
    }
}

/// `hours` hours after [`START`].
pub fn at(hours: i64) -> Timestamp {
    START.plus_ms(hours * HOUR)
}
