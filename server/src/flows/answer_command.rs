//! What a gateway says became of an order.

use sekisho_domain::ids::GatewayId;
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::signed::open_for;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::CommandResult;

use super::FlowError;
use crate::app::App;
use crate::store::{self, Scope};

/// Most bytes of a signed result.
const RESULT_MAX: usize = 1024;

/// Writes down a result. False when it is not signed by this gateway for this topic; the first answer to an order counts.
pub async fn answer_command(app: &App, id: GatewayId, payload: &[u8]) -> Result<bool, FlowError> {
    let mut tx = app.db.write().await?;
    let Some(key) = store::gateways::get(&mut tx, Scope::System, id)
        .await?
        .and_then(|gateway| gateway.seal_key)
    else {
        return Ok(false);
    };
    let Ok(result) = open_for::<CommandResult>(&[key], id, Channel::Result, payload, RESULT_MAX)
    else {
        return Ok(false);
    };
    if result.version != VERSION {
        return Ok(false);
    }
    store::commands::set_answer(&mut tx, id, &result, app.now()).await?;
    tx.commit().await?;
    Ok(true)
}
