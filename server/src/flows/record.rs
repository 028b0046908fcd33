//! Records one event of the server's own, in the transaction of the change that it is about.

use minicbor::bytes::ByteArray;
use sekisho_domain::evidence::disclosure;
use sekisho_domain::ids::{BookingId, EventId, PassId, PersonId, SiteId, SubjectId};
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;

use super::open_log::open_log;
use super::queue_webhooks::{About, queue_webhooks};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::events::EventRow;
use crate::store::pending::{Pending, Waiting};
use crate::store::visits::Visit;
use crate::store::{self, Tx};

/// High byte of the codes of what becomes of bookings.
const BOOKINGS: u16 = 0x0B;

/// An event in the making: its bytes for the log, its openings for the vault, and what the projection shows.
pub struct Draft {
    /// At which site; `None` goes to the operator's log.
    pub site: Option<SiteId>,
    /// What goes into the log.
    pub event: Event,
    /// What goes into the vault.
    pub openings: Vec<String>,
    /// For the projection.
    pub person: Option<PersonId>,
    /// For the projection.
    pub pass: Option<PassId>,
    /// For addresses outside.
    pub about: About,
    /// For the projection: codes of reasons or of a refusal.
    pub reasons: Vec<String>,
}

impl Draft {
    /// An event of `code` at `site`, now.
    pub fn new(app: &App, site: Option<SiteId>, code: EventCode) -> Self {
        Self {
            site,
            event: Event::new(code, app.reading(), app.boot),
            openings: Vec::new(),
            person: None,
            pass: None,
            about: About::default(),
            reasons: Vec::new(),
        }
    }

    /// Whom it is about: the pseudonym at the site goes into the opening, the person into the projection.
    #[must_use]
    pub fn subject(mut self, app: &App, subject: SubjectId, person: PersonId) -> Self {
        self.event.subject = Some(self.commit(app, "subject", &subject.to_string()));
        self.person = Some(person);
        self
    }

    /// Whom it is about, where no site is involved.
    #[must_use]
    pub fn person(mut self, app: &App, person: PersonId) -> Self {
        self.event.subject = Some(self.commit(app, "person", &person.to_string()));
        self.person = Some(person);
        self
    }

    /// Which visit, and the visitor's pseudonym: nobody of the directory.
    #[must_use]
    pub fn visit(mut self, app: &App, visit: &Visit) -> Self {
        self.event.subject = Some(self.commit(app, "subject", &visit.subject.to_string()));
        self.event.booking = Some(self.commit(app, "visit", &visit.id.to_string()));
        self.about.visit = Some(visit.id);
        self
    }

    /// Which pass.
    #[must_use]
    pub fn pass(mut self, app: &App, pass: PassId) -> Self {
        self.event.credential = Some(self.commit(app, "credential", &pass.to_string()));
        self.pass = Some(pass);
        self
    }

    /// Which booking.
    #[must_use]
    pub fn booking(mut self, app: &App, booking: BookingId) -> Self {
        self.event.booking = Some(self.commit(app, "booking", &booking.to_string()));
        self.about.booking = Some(booking);
        self
    }

    /// Who did it.
    #[must_use]
    pub fn actor(mut self, app: &App, actor: &Actor) -> Self {
        self.event.actor = Some(self.commit(app, "actor", &actor.text()));
        self
    }

    /// What else is known.
    #[must_use]
    pub fn body<T: sekisho_domain::cbor::Message>(mut self, body: &T) -> Self {
        self.event = self.event.with_body(body);
        self
    }

    /// A salted digest for the event or its body; the opening goes into the vault.
    pub fn commit(&mut self, app: &App, name: &str, value: &str) -> sekisho_domain::crypto::Digest {
        let opening = disclosure::disclose(app.random(), name, value);
        let digest = disclosure::commitment(&opening);
        self.openings.push(opening);
        digest
    }
}

/// Writes the event where the sequencer finds it, its openings into the vault, and a row for pages. Wakes the sequencer;
/// a wake before the commit is harmless, it looks again within 50 ms.
pub async fn record(tx: &mut Tx, app: &App, draft: Draft) -> Result<EventId, FlowError> {
    let (id, now) = (app.event_id(), app.now());
    let log = open_log(tx, app, draft.site).await?;
    let pending = Pending {
        id,
        what: Waiting::Event,
        bytes: draft.event.to_bytes(),
    };
    store::pending::insert(tx, log, &pending, now).await?;
    for opening in &draft.openings {
        store::events::keep_opening(
            tx,
            draft.site,
            disclosure::commitment(opening),
            opening,
            now,
        )
        .await?;
    }
    if let Some(booking) = draft
        .about
        .booking
        .filter(|_| draft.event.code >> 8 == BOOKINGS)
    {
        store::feeds::touch(tx, booking, now).await?;
    }
    let row = EventRow {
        site: draft.site,
        person: draft.person,
        pass: draft.pass,
        reasons: draft.reasons,
        ..EventRow::of(id, &draft.event, now)
    };
    store::events::insert(tx, &row).await?;
    queue_webhooks(tx, &row, draft.about).await?;
    app.pending.notify_one();
    Ok(id)
}

/// Records that something of a site was added or changed: what it is and to what it belongs, both as ids.
pub(super) async fn record_registry(
    tx: &mut Tx,
    app: &App,
    actor: &Actor,
    site: SiteId,
    code: EventCode,
    (id, parent): ([u8; 16], [u8; 16]),
) -> Result<EventId, FlowError> {
    let body = RegistryBody {
        id: Some(ByteArray::from(id)),
        parent: Some(ByteArray::from(parent)),
    };
    let draft = Draft::new(app, Some(site), code).actor(app, actor);
    record(tx, app, draft.body(&body)).await
}
