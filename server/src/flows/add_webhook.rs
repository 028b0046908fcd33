//! Adds an address outside that is told of events.

use sekisho_domain::authority::Action;
use sekisho_domain::ids::{OrganisationId, WebhookId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::webhook;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::outgoing;
use crate::store::webhooks::{self, Webhook, WebhookState};

/// Most addresses of one organisation.
const EACH_MAX: usize = 20;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct AddWebhook {
    /// Whose.
    pub organisation: OrganisationId,
    /// What it is for, in words.
    pub name: String,
    /// Where to.
    pub url: String,
    /// Patterns of event names.
    pub events: Vec<String>,
}

/// Adds it, active at once.
pub async fn add_webhook(app: &App, actor: &Actor, want: AddWebhook) -> Result<Webhook, FlowError> {
    let id = WebhookId::new(app.now().0, app.random());
    let secret: [u8; 32] = app.random();
    let (want, secret) = (&want, &secret);
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, id, secret, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &AddWebhook,
    id: WebhookId,
    secret: &[u8; 32],
    change: &mut Change<'_>,
) -> Result<Webhook, FlowError> {
    let relations = authority::to_organisation(&mut change.tx, actor, want.organisation).await?;
    authority::require(actor, Action::WriteWebhook, &relations)?;
    let it = Webhook {
        id,
        organisation: want.organisation,
        name: input::name("name", &want.name)?,
        url: url(app, &want.url)?,
        events: patterns(&want.events)?,
        secret: secret.to_vec(),
        old: None,
        state: WebhookState::Active,
        failures: 0,
        failing_since: None,
        next_at: app.now(),
        version: 1,
        created_by: actor.text(),
        created_at: app.now(),
    };
    let scope = crate::store::Scope::Organisation(want.organisation);
    let most = i64::try_from(EACH_MAX).unwrap_or(i64::MAX);
    if webhooks::list(&mut change.tx, scope, None, most)
        .await?
        .len()
        >= EACH_MAX
    {
        return Err(Refusal::new(Code::InvalidInput)
            .with(
                "why",
                format!("an organisation has at most {EACH_MAX} webhooks"),
            )
            .into());
    }
    webhooks::insert(&mut change.tx, scope, &it).await?;
    tell(app, actor, &it, EventCode::WebhookAdded, change).await?;
    Ok(it)
}

/// An address that may be spoken to, as far as can be said now: where its name leads is looked at whenever it is used.
pub(super) fn url(app: &App, text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    outgoing::read_url(text, &app.config.webhooks.networks())
        .map(|_| text.to_owned())
        .map_err(|error| input::invalid("url").with("why", error))
}

/// Patterns, each of which can match something.
pub(super) fn patterns(events: &[String]) -> Result<String, Refusal> {
    let mut events: Vec<&str> = events.iter().map(|it| it.trim()).collect();
    events.sort_unstable();
    events.dedup();
    let sound = (1..=webhook::PATTERNS_MAX).contains(&events.len());
    if !sound || !events.iter().all(|it| webhook::is_pattern(it)) {
        return Err(input::invalid("events")
            .with("why", "name events such as booking.made, booking.* or *"));
    }
    Ok(events.join(","))
}

/// Records what became of an address.
pub(super) async fn tell(
    app: &App,
    actor: &Actor,
    it: &Webhook,
    code: EventCode,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let body = RegistryBody {
        id: Some(it.id.0.into()),
        parent: Some(it.organisation.0.into()),
    };
    let draft = Draft::new(app, None, code).actor(app, actor).body(&body);
    record(&mut change.tx, app, draft).await?;
    Ok(())
}
