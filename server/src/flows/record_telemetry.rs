//! Takes in a batch of measurements. They may be lost, and are then declared; what is neither here nor declared is a gap that
//! is shown. Nothing is decided by them and none of them is evidence.

use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::wire::signed::open_for;
use sekisho_domain::wire::telemetry::Telemetry;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::{PUBLISH_MAX, VERSION};

use super::FlowError;
use super::record_alert::is_own;
use crate::app::App;
use crate::store::gaps::{self, Gap, Kind, StreamSum};
use crate::store::gateways::GatewayState;
use crate::store::{self, Tx};

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Measured {
    /// Answer with the last number that is kept. `site`: something is new there.
    Kept {
        /// Of which stream.
        stream: StreamId,
        /// Everything up to here came or was declared.
        last: u64,
        /// Where something is new to see.
        site: Option<SiteId>,
    },
    /// Not a batch of this gateway; nothing was changed.
    Refused(&'static str),
}

/// Takes in the bytes of one `up/telemetry` message of the gateway that the topic names.
pub async fn record_telemetry(
    app: &App,
    id: GatewayId,
    payload: &[u8],
) -> Result<Measured, FlowError> {
    let mut tx = app.db.write().await?;
    let Some(gateway) = store::gateways::lock(&mut tx, id).await? else {
        return Ok(Measured::Refused("unknown gateway"));
    };
    let (GatewayState::Enrolled, Some(key)) = (gateway.state, gateway.seal_key) else {
        return Ok(Measured::Refused("not enrolled, or no more"));
    };
    let opened = open_for::<Telemetry>(&[key], id, Channel::Telemetry, payload, PUBLISH_MAX);
    let Ok(batch) = opened else {
        return Ok(Measured::Refused(
            "not signed by this gateway for this topic",
        ));
    };
    if batch.version != VERSION {
        return Ok(Measured::Refused("unknown version"));
    }
    if !batch.is_whole() {
        return Ok(Measured::Refused("a batch that does not add up"));
    }
    let streams = store::streams::of_gateway(&mut tx, id).await?;
    if !is_own(&mut tx, id, &streams, batch.stream).await? {
        return Ok(Measured::Refused("not a stream of this gateway"));
    }
    let now = app.now();
    let mut sum = gaps::lock(&mut tx, id, batch.stream, Kind::Telemetry, now).await?;
    sum.checked_at = now;
    let mut site = None;
    if batch.first > sum.last_seq + 1 {
        // Nothing is kept across a hole: it is asked for again, and shown for as long as it does not come.
        sum.missing_to = Some(batch.first - 1).max(sum.missing_to);
        sum.since = sum.since.or(Some(now));
    } else if batch.last > sum.last_seq {
        keep(&mut tx, app, &mut sum, &batch).await?;
        site = Some(gateway.site);
    } else {
        return Ok(Measured::Kept {
            stream: batch.stream,
            last: sum.last_seq,
            site,
        });
    }
    gaps::set(&mut tx, &sum).await?;
    tx.commit().await?;
    Ok(Measured::Kept {
        stream: batch.stream,
        last: sum.last_seq,
        site,
    })
}

/// Keeps what is above the last number. A device that is not enrolled gets no row, but its numbers have come.
async fn keep(
    tx: &mut Tx,
    app: &App,
    sum: &mut StreamSum,
    batch: &Telemetry,
) -> Result<(), FlowError> {
    let (now, kept) = (app.now(), sum.last_seq);
    let enrolled = store::devices::enrolled(tx, sum.gateway).await?;
    for item in batch.items.iter().filter(|item| item.seq > kept) {
        if enrolled.contains(&item.device) {
            store::readings::put(tx, sum.gateway, item, now).await?;
        }
        sum.received += 1;
    }
    for gap in batch.gaps.iter().filter(|gap| gap.last > kept) {
        let first = gap.first.max(kept + 1);
        let gap = Gap {
            gateway: sum.gateway,
            stream: sum.stream,
            kind: Kind::Telemetry,
            first,
            last: gap.last,
            declared: true,
            noticed_at: now,
        };
        gaps::note(tx, &gap).await?;
        sum.declared = sum.declared.saturating_add(gap.last - first + 1);
    }
    sum.last_seq = batch.last;
    sum.missing_to = sum.missing_to.filter(|to| *to > sum.last_seq);
    if sum.is_whole() {
        sum.since = None;
    } else if sum.since.is_none() {
        sum.since = Some(now);
    }
    Ok(())
}
