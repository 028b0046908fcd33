//! Queues what addresses outside are told of an event, in the transaction that records it: there is no event without its
//! messages, and no message of what did not happen.

use sekisho_domain::ids::{BookingId, MessageId, VisitId};
use sekisho_domain::webhook;
use sekisho_domain::wire::code::EventCode;
use serde_json::json;

use super::FlowError;
use crate::store::events::EventRow;
use crate::store::webhook_messages::{self, Message, MessageState};
use crate::store::{Tx, webhooks};

/// What an event is about, beside its row.
#[derive(Clone, Copy, Default, Debug)]
pub struct About {
    /// Which booking.
    pub booking: Option<BookingId>,
    /// Which visit.
    pub visit: Option<VisitId>,
}

/// Queues a message for every address that asked for such events and may hear of this one.
pub async fn queue_webhooks(tx: &mut Tx, row: &EventRow, about: About) -> Result<(), FlowError> {
    let Some(code) = EventCode::from_u16(row.code).filter(|code| webhook::is_told(*code)) else {
        return Ok(());
    };
    if row.finding.is_some() {
        return Ok(());
    }
    let name = code.name();
    for (id, patterns) in webhooks::listeners(tx, row.site, row.person).await? {
        if !patterns.split(',').any(|it| webhook::matches(it, name)) {
            continue;
        }
        let message = Message {
            webhook: id,
            id: MessageId(row.id.0),
            kind: name.to_owned(),
            payload: payload(row, name, about),
            created_at: row.received_at,
            state: MessageState::Waiting,
            tries: 0,
            tried_at: None,
            status: None,
            error: None,
        };
        webhook_messages::push(tx, &message).await?;
    }
    Ok(())
}

/// Ids and times, nothing else: whoever may know more asks the API.
fn payload(row: &EventRow, name: &str, about: About) -> String {
    json!({
        "version": webhook::PAYLOAD_VERSION,
        "type": name,
        "timestamp": row.at.rfc3339(),
        "data": {
            "event": row.id,
            "site": row.site,
            "booking": about.booking,
            "visit": about.visit,
            "pass": row.pass,
            "person": row.person,
            "door": row.door,
        },
    })
    .to_string()
}
