//! Counts again whether the gateways' streams of evidence add up: every number up to the last has its row. It must be so,
//! because ingest takes nothing out of turn; this is the check that would notice if it were not.

use sekisho_domain::ids::{GatewayId, StreamId};

use super::FlowError;
use crate::app::{App, Live};
use crate::store::gaps::{self, Gap, Kind};
use crate::store::{self, Scope, Tx};

/// Streams in one round.
const STREAMS: i64 = 64;

/// Numbers of a stream that are counted at once.
const NUMBERS: u64 = 4096;

/// Gaps that are written down one by one; the sum tells of the rest.
const GAPS: usize = 64;

/// Counts what has come since the last count, in every stream that grew. True when there is more to count.
pub async fn check_streams(app: &App) -> Result<bool, FlowError> {
    let grown = gaps::grown(&mut app.db.read().await?, STREAMS).await?;
    let mut more = grown.len() == usize::try_from(STREAMS).unwrap_or(usize::MAX);
    let mut failed = None;
    for (gateway, stream, last) in grown {
        // One that cannot be counted keeps no other from being counted.
        match check_stream(app, gateway, stream, last).await {
            Ok(rest) => more |= rest,
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(more), Err)
}

async fn check_stream(
    app: &App,
    gateway: GatewayId,
    stream: StreamId,
    last: u64,
) -> Result<bool, FlowError> {
    let mut tx = app.db.write().await?;
    let now = app.now();
    let mut sum = gaps::lock(&mut tx, gateway, stream, Kind::Evidence, now).await?;
    let until = last.min(sum.last_seq + NUMBERS);
    let there = gaps::stored(&mut tx, gateway, stream, (sum.last_seq, until)).await?;
    let before = sum.last_seq;
    sum.received += there.len() as u64;
    sum.last_seq = until.max(before);
    sum.checked_at = now;
    let missing = holes(&there, before + 1, until);
    sum.missing_to = sum.missing_to.filter(|to| *to > sum.last_seq);
    sum.since = if sum.is_whole() {
        None
    } else {
        sum.since.or(Some(now))
    };
    for (first, last) in missing.iter().take(GAPS).copied() {
        let gap = Gap {
            gateway,
            stream,
            kind: Kind::Evidence,
            first,
            last,
            declared: false,
            noticed_at: now,
        };
        if gaps::note(&mut tx, &gap).await? == 1 {
            tracing::error!(gateway.id = %gateway, stream.id = %stream, first, last, "events of a stream that was taken in have no rows");
        }
    }
    gaps::set(&mut tx, &sum).await?;
    let site = site_of(&mut tx, gateway).await?;
    tx.commit().await?;
    if !missing.is_empty()
        && let Some(site) = site
    {
        let _ = app.live.send(Live { site });
    }
    Ok(until < last)
}

async fn site_of(
    tx: &mut Tx,
    gateway: GatewayId,
) -> Result<Option<sekisho_domain::ids::SiteId>, FlowError> {
    let found = store::gateways::get(tx, Scope::System, gateway).await?;
    Ok(found.map(|gateway| gateway.site))
}

/// The runs of `first..=last` that are not among `there`, which is sorted.
fn holes(there: &[u64], first: u64, last: u64) -> Vec<(u64, u64)> {
    let mut missing = Vec::new();
    let mut next = first;
    for seq in there.iter().copied().chain([last.saturating_add(1)]) {
        if seq > next {
            missing.push((next, seq - 1));
        }
        next = next.max(seq.saturating_add(1));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_as_runs() {
        assert!(holes(&[1, 2, 3], 1, 3).is_empty());
        assert_eq!(holes(&[], 4, 6), [(4, 6)]);
        assert_eq!(holes(&[2, 3, 7], 1, 9), [(1, 1), (4, 6), (8, 9)]);
        assert!(holes(&[], 4, 3).is_empty());
    }
}
