//! Takes in an alert: the advisory copy of an alarm event, ahead of the backlog. It is shown and never believed: the seal that
//! holds the event confirms it, and one that holds another refutes it.

use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::alert::{ALERT_MAX, Alert};
use sekisho_domain::wire::signed::open_for;
use sekisho_domain::wire::topic::Channel;

use super::FlowError;
use super::fold_alarm::{At, fold_alarm};
use crate::app::App;
use crate::store::gateways::GatewayState;
use crate::store::streams::Stream;
use crate::store::{self, Tx};

/// What became of an alert.
#[derive(Debug, PartialEq, Eq)]
pub enum Alerted {
    /// An alarm of this site began or ended.
    Changed(SiteId),
    /// Known already, or nothing to keep: no alarm, or an end without a beginning.
    Known,
    /// Not an alert of this gateway; nothing was changed.
    Refused(&'static str),
}

/// Takes in the bytes of one `up/alert` message of the gateway that the topic names.
pub async fn record_alert(app: &App, id: GatewayId, payload: &[u8]) -> Result<Alerted, FlowError> {
    let mut tx = app.db.write().await?;
    let Some(gateway) = store::gateways::lock(&mut tx, id).await? else {
        return Ok(Alerted::Refused("unknown gateway"));
    };
    let (GatewayState::Enrolled, Some(key)) = (gateway.state, gateway.seal_key) else {
        return Ok(Alerted::Refused("not enrolled, or no more"));
    };
    let Ok(alert) = open_for::<Alert>(&[key], id, Channel::Alert, payload, ALERT_MAX) else {
        return Ok(Alerted::Refused(
            "not signed by this gateway for this topic",
        ));
    };
    if alert.version != VERSION {
        return Ok(Alerted::Refused("unknown version"));
    }
    let Ok(event) = alert.event() else {
        return Ok(Alerted::Refused("the event cannot be read"));
    };
    // What is sealed speaks for itself: a copy of it says nothing new, and must not say anything else.
    let streams = store::streams::of_gateway(&mut tx, id).await?;
    if !is_own(&mut tx, id, &streams, alert.stream).await? {
        return Ok(Alerted::Refused("not a stream of this gateway"));
    }
    if let Some(device) = event.device
        && !store::devices::enrolled(&mut tx, id)
            .await?
            .contains(&device)
    {
        return Ok(Alerted::Refused("of a device that is not enrolled"));
    }
    let sealed = streams
        .iter()
        .any(|it| it.stream == alert.stream && it.end.seq >= alert.seq);
    if sealed {
        return Ok(Alerted::Known);
    }
    let at = At {
        stream: alert.stream,
        seq: alert.seq,
        sealed: false,
    };
    if !fold_alarm(&mut tx, app, &gateway, &event, at).await? {
        return Ok(Alerted::Known);
    }
    tx.commit().await?;
    Ok(Alerted::Changed(gateway.site))
}

/// Whether a stream is the one of the gateway's last birth, or one in which it has sealed. Rows are kept for no other: an id is
/// quickly made up.
pub(super) async fn is_own(
    tx: &mut Tx,
    id: GatewayId,
    streams: &[Stream],
    stream: StreamId,
) -> Result<bool, FlowError> {
    if streams
        .iter()
        .any(|it| it.stream == stream && it.end.seal_no > 0)
    {
        return Ok(true);
    }
    let birth = store::gateways::lock_last_birth(tx, id).await?;
    Ok(birth.is_some_and(|birth| birth.stream == stream))
}
