//! One message of a gateway: the topic says who and what, the flow does the rest.
//!
//! `Ok` means that the message needs no second delivery; an error means that the database could not take it, and the message
//! must come again.

use sekisho_domain::ids::GatewayId;
use sekisho_domain::wire::topic::{Channel, Uplink};

use crate::app::{App, Live};
use crate::flows::FlowError;
use crate::flows::answer_command::answer_command;
use crate::flows::apply_birth::{Applied, apply_birth, apply_kept_birth};
use crate::flows::record_alert::{Alerted, record_alert};
use crate::flows::record_seal::{Recorded, record_seal};
use crate::flows::record_telemetry::{Measured, record_telemetry};
use crate::flows::send_receipt::send_receipt;
use crate::flows::tell_gateway::{send_freshness, send_measured, send_resend};

/// Takes in one message. `kept`: the broker had it from before this server connected.
pub async fn dispatch(app: &App, topic: &str, payload: &[u8], kept: bool) -> Result<(), FlowError> {
    let Ok(Uplink { gateway, channel }) = topic.parse() else {
        tracing::warn!(topic, "a topic that is not ours");
        return Ok(());
    };
    match channel {
        Channel::Evidence => evidence(app, gateway, payload).await,
        Channel::State if payload.is_empty() => Ok(()),
        Channel::State => state(app, gateway, payload, kept).await,
        Channel::Result => {
            if !answer_command(app, gateway, payload).await? {
                refused(
                    gateway,
                    channel,
                    "not signed by this gateway for this topic",
                );
            }
            Ok(())
        }
        Channel::Alert => alert(app, gateway, payload).await,
        Channel::Telemetry => telemetry(app, gateway, payload).await,
        Channel::Receipt
        | Channel::Freshness
        | Channel::Revocation
        | Channel::Snapshot
        | Channel::Command => {
            refused(gateway, channel, "a message downwards came up");
            Ok(())
        }
    }
}

async fn evidence(app: &App, gateway: GatewayId, payload: &[u8]) -> Result<(), FlowError> {
    match record_seal(app, gateway, payload).await? {
        Recorded::Stored { site, applied } => {
            let _ = app.live.send(Live { site });
            if applied {
                send_freshness(app, gateway).await?;
            }
        }
        Recorded::Duplicate => send_receipt(app, gateway, true).await?,
        Recorded::Ahead {
            stream,
            resend_from,
        } => send_resend(app, gateway, stream, resend_from),
        Recorded::Forked | Recorded::Stopped => {}
        Recorded::Refused(why) => refused(gateway, Channel::Evidence, why),
    }
    Ok(())
}

async fn alert(app: &App, gateway: GatewayId, payload: &[u8]) -> Result<(), FlowError> {
    match record_alert(app, gateway, payload).await? {
        Alerted::Changed(site) => {
            let _ = app.live.send(Live { site });
        }
        Alerted::Known => {}
        Alerted::Refused(why) => refused(gateway, Channel::Alert, why),
    }
    Ok(())
}

async fn telemetry(app: &App, gateway: GatewayId, payload: &[u8]) -> Result<(), FlowError> {
    match record_telemetry(app, gateway, payload).await? {
        Measured::Kept { stream, last, site } => {
            send_measured(app, gateway, stream, last);
            if let Some(site) = site {
                let _ = app.live.send(Live { site });
            }
        }
        Measured::Refused(why) => refused(gateway, Channel::Telemetry, why),
    }
    Ok(())
}

async fn state(app: &App, gateway: GatewayId, payload: &[u8], kept: bool) -> Result<(), FlowError> {
    let applied = if kept {
        apply_kept_birth(app, gateway, payload).await?
    } else {
        apply_birth(app, gateway, payload).await?
    };
    match applied {
        Applied::Born => tracing::info!(gateway.id = %gateway, "gateway connected"),
        Applied::Gone => tracing::info!(gateway.id = %gateway, "gateway gone"),
        Applied::Stale => {}
        Applied::Refused(why) => refused(gateway, Channel::State, why),
    }
    Ok(())
}

fn refused(gateway: GatewayId, channel: Channel, why: &str) {
    tracing::warn!(gateway.id = %gateway, channel = channel.as_str(), why, "message refused");
}
