//! Orders a mode of a door.

use sekisho_domain::access::Mode;
use sekisho_domain::ids::{CommandId, DoorId};

use super::order_door::{DoorOrder, order_door};
use super::{Actor, FlowError};
use crate::app::App;

/// Orders a mode of a door, in force within ten seconds or not at all, and then until another order. No mode blocks the way
/// out. The reason (1 to 200 characters) stands beside the gateway's record. Refused with `not_found`, `not_allowed`,
/// `invalid_input`, `site_held` or `gateway_unreachable`.
pub async fn order_mode(
    app: &App,
    actor: &Actor,
    door: DoorId,
    mode: Mode,
    reason: &str,
) -> Result<CommandId, FlowError> {
    let want = DoorOrder {
        door,
        mode: Some(mode),
        reason,
    };
    order_door(app, actor, &want).await
}
