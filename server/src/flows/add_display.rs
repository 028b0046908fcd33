//! Hands out the address of a screen at a door, a room or a counter.

use sekisho_domain::authority::Action;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{DisplayId, SeatId, SiteId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::change::{Change, change};
use super::record::{Draft, record};
use super::secret::Secret;
use super::{Actor, FlowError, authority, input};
use crate::app::App;
use crate::store::displays::{self, Display};
use crate::store::{seats, sites};

/// Most screens of one site.
const EACH_MAX: usize = 200;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct AddDisplay {
    /// Where.
    pub site: SiteId,
    /// Which seat it is about; all of the site's when absent.
    pub seat: Option<SeatId>,
    /// Where it hangs, in words.
    pub name: String,
}

/// A screen that was just made.
pub struct NewDisplay {
    /// As it is stored.
    pub display: Display,
    /// The secret part of its address: shown once, to whoever asked.
    pub secret: String,
}

/// Makes it.
pub async fn add_display(
    app: &App,
    actor: &Actor,
    want: AddDisplay,
) -> Result<NewDisplay, FlowError> {
    let secret = Secret::new(app);
    let id = DisplayId::new(app.now().0, app.random());
    let (want, hash) = (&want, secret.hash());
    let display = change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, want, id, hash, change))
    })
    .await?;
    Ok(NewDisplay {
        display,
        secret: secret.text(),
    })
}

async fn attempt(
    app: &App,
    actor: &Actor,
    want: &AddDisplay,
    id: DisplayId,
    hash: Digest,
    change: &mut Change<'_>,
) -> Result<Display, FlowError> {
    let tx = &mut change.tx;
    let site = sites::get(tx, actor.scope(), want.site)
        .await?
        .ok_or(Code::NotFound)?;
    let relations = authority::to_site(tx, actor, &site).await?;
    authority::require(actor, Action::WriteDisplay, &relations)?;
    if let Some(seat) = want.seat {
        let seat = seats::get(tx, actor.scope(), seat).await?;
        if seat.is_none_or(|seat| seat.site != site.id) {
            return Err(Code::NotFound.into());
        }
    }
    if displays::list(tx, actor.scope(), site.id).await?.len() >= EACH_MAX {
        return Err(Refusal::new(Code::InvalidInput)
            .with("why", format!("a site has at most {EACH_MAX} screens"))
            .into());
    }
    let display = Display {
        id,
        site: site.id,
        seat: want.seat,
        name: input::name("name", &want.name)?,
        created_by: actor.text(),
        created_at: app.now(),
        revoked_at: None,
    };
    displays::insert(tx, actor.scope(), &display, hash).await?;
    tell(app, actor, &display, EventCode::DisplayAdded, change).await?;
    Ok(display)
}

/// Records what became of a screen.
pub(super) async fn tell(
    app: &App,
    actor: &Actor,
    display: &Display,
    code: EventCode,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    let body = RegistryBody {
        id: Some(display.id.0.into()),
        parent: Some(display.site.0.into()),
    };
    let draft = Draft::new(app, Some(display.site), code)
        .actor(app, actor)
        .body(&body);
    record(&mut change.tx, app, draft).await?;
    Ok(())
}
