//! Orders cuts: `log.cut{nonce}` as the last event of a seal, from each gateway of a site and from the server itself.

use sekisho_domain::cbor;
use sekisho_domain::ids::{CommandId, EventId, GatewayId, SiteId};
use sekisho_domain::wire::Bytes16;
use sekisho_domain::wire::body::LogCut;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::uplink::{COMMAND_LIFE_MS, Order};

use super::FlowError;
use super::record::{Draft, record};
use crate::app::App;
use crate::store::commands::StoredCommand;
use crate::store::gateways::GatewayState;
use crate::store::{self, Scope};

/// Orders that were given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cuts {
    /// One for each enrolled gateway.
    pub gateways: Vec<(GatewayId, CommandId)>,
    /// The server's own cut.
    pub service: EventId,
}

/// Stores an order for each enrolled gateway of the site, for the running server to send, and records the server's own cut.
pub async fn order_cut(app: &App, site: SiteId, nonce: [u8; 16]) -> Result<Cuts, FlowError> {
    let nonce: Bytes16 = nonce.into();
    let mut tx = app.db.write().await?;
    let now = app.now();
    let mut gateways = Vec::new();
    for gateway in store::gateways::list(&mut tx, Scope::System, site).await? {
        if gateway.state != GatewayState::Enrolled {
            continue;
        }
        let command = StoredCommand {
            id: CommandId::new(now.0, app.random()),
            gateway: gateway.id,
            kind: "cut",
            order: cbor::encode(&Order::Cut(nonce)),
            issued_at: now,
            not_after: now.plus_ms(COMMAND_LIFE_MS),
        };
        store::commands::insert(&mut tx, &command).await?;
        gateways.push((gateway.id, command.id));
    }
    let service = record(
        &mut tx,
        app,
        Draft::new(app, Some(site), EventCode::LogCut).body(&LogCut { nonce }),
    )
    .await?;
    tx.commit().await?;
    Ok(Cuts { gateways, service })
}
