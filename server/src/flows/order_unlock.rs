//! Orders one release of a door.

use sekisho_domain::ids::{CommandId, DoorId};

use super::order_door::{DoorOrder, order_door};
use super::{Actor, FlowError};
use crate::app::App;

/// Orders one release of a door, within ten seconds or not at all. The reason (1 to 200 characters) stands beside the
/// gateway's record. Refused with `not_found`, `not_allowed`, `invalid_input`, `site_held` or `gateway_unreachable`.
pub async fn order_unlock(
    app: &App,
    actor: &Actor,
    door: DoorId,
    reason: &str,
) -> Result<CommandId, FlowError> {
    let want = DoorOrder {
        door,
        mode: None,
        reason,
    };
    order_door(app, actor, &want).await
}
