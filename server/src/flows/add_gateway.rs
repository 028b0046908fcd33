//! Adds a gateway to a site and hands out the code with which the box enrols.

use sekisho_domain::authority::Action;
use sekisho_domain::crypto::{Digest, hex};
use sekisho_domain::ids::{GatewayId, SiteId};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::RegistryBody;
use sekisho_domain::wire::code::EventCode;

use super::authority::{require, to_site};
use super::change::{Change, change};
use super::record::{Draft, record};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::gateways::GatewayState;
use crate::store::{self, SqlError, db};

/// How long a code can be used, ms.
const CODE_LIFE_MS: i64 = 24 * 3_600_000;

/// A gateway that may enrol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Added {
    /// Which.
    pub gateway: GatewayId,
    /// `<32 hex>.<64 hex>`: a secret for one use, and the fingerprint of the root that the box must meet. Shown once.
    pub code: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// Adds a gateway. One that was added before and has not enrolled gets a new code, and the old one dies.
pub async fn add_gateway(app: &App, actor: &Actor, site: SiteId) -> Result<Added, FlowError> {
    let root = app.uplink_root()?.fingerprint();
    change(app, actor, EventCode::RequestRefused, |change| {
        Box::pin(attempt(app, actor, site, root, change))
    })
    .await
}

async fn attempt(
    app: &App,
    actor: &Actor,
    site: SiteId,
    root: Digest,
    change: &mut Change<'_>,
) -> Result<Added, FlowError> {
    let tx = &mut change.tx;
    let Some(found) = store::sites::get(tx, actor.scope(), site).await? else {
        return Err(Refusal::new(Code::NotFound).into());
    };
    require(
        actor,
        Action::WriteGateway,
        &to_site(tx, actor, &found).await?,
    )?;
    change.about = Some(site);
    let tx = &mut change.tx;
    let now = app.now();
    let expires_at = now.plus_ms(CODE_LIFE_MS);
    let secret = hex(&app.random::<16>());
    let code = Digest::of(&[secret.as_bytes()]);
    let live = store::gateways::list(tx, actor.scope(), site)
        .await?
        .into_iter()
        .find(|gateway| gateway.state != GatewayState::Revoked);
    let id = match live {
        Some(gateway) if gateway.state == GatewayState::Added => {
            store::gateways::set_code(tx, gateway.id, code, expires_at).await?;
            gateway.id
        }
        Some(_) => return Err(Refusal::new(Code::GatewayExists).into()),
        None => {
            let id = GatewayId::new(now.0, app.random());
            store::gateways::insert(tx, id, site, code, expires_at, now)
                .await
                .map_err(taken)?;
            id
        }
    };
    let body = RegistryBody {
        id: Some(id.0.into()),
        parent: Some(site.0.into()),
    };
    record(
        tx,
        app,
        Draft::new(app, Some(site), EventCode::GatewayAdded)
            .actor(app, actor)
            .body(&body),
    )
    .await?;
    Ok(Added {
        gateway: id,
        code: format!("{secret}.{}", root.hex()),
        expires_at,
    })
}

/// Somebody else added one at the same moment.
fn taken(error: SqlError) -> FlowError {
    if db::is_constraint(&error, "gateway_site_key") || db::is_constraint(&error, "gateway.site_id")
    {
        Refusal::new(Code::GatewayExists).into()
    } else {
        error.into()
    }
}
