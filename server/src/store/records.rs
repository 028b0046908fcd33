//! From an event that a page shows to the bytes in the log that it stands for.

use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::ids::{GatewayId, StreamId};
use sekisho_domain::wire::event::Event;

use super::Tx;
use super::values::count;
use crate::on;

/// Where an event is recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Name of the log.
    pub origin: String,
    /// Number of the leaf.
    pub leaf: u64,
    /// Number of the seal in its stream.
    pub seal_no: u64,
    /// SHA-256 of the leaf (RFC 6962), hexadecimal.
    pub hash: String,
    /// The event itself.
    pub event: Event,
}

type Row = (Vec<u8>, i64, Vec<u8>, String);

/// The event number `seq` of a stream; `None` while its seal is not a leaf yet, and for what cannot be read. Seals of a stream
/// are in order, so about log2 of them are read.
pub async fn find(
    tx: &mut Tx,
    gateway: GatewayId,
    stream: StreamId,
    seq: u64,
) -> sqlx::Result<Option<Record>> {
    let Some((_, last)) = super::log::last_logged(tx, gateway, stream).await? else {
        return Ok(None);
    };
    let (mut from, mut until) = (1, last + 1);
    while from < until {
        let seal_no = from + (until - from) / 2;
        let Some((bytes, leaf, hash, origin)) = leaf(tx, gateway, stream, seal_no).await? else {
            return Ok(None);
        };
        let Ok((_, seal)) = Seal::peek(&bytes) else {
            return Ok(None);
        };
        if seq < seal.first_seq {
            until = seal_no;
        } else if seq >= seal.next_seq() {
            from = seal_no + 1;
        } else {
            let at = usize::try_from(seq - seal.first_seq).unwrap_or(usize::MAX);
            let event = seal
                .events
                .get(at)
                .and_then(|it| Event::from_bytes(it).ok());
            return Ok(event.map(|event| Record {
                origin,
                leaf: count(leaf),
                seal_no,
                hash: sekisho_domain::crypto::hex(&hash),
                event,
            }));
        }
    }
    Ok(None)
}

async fn leaf(
    tx: &mut Tx,
    gateway: GatewayId,
    stream: StreamId,
    seal_no: u64,
) -> sqlx::Result<Option<Row>> {
    on!(tx, c => sqlx::query_as(
        "SELECT l.bytes, l.idx, l.hash, log.origin FROM log_leaf l JOIN log ON log.id = l.log_id
          WHERE l.gateway_id = $1 AND l.stream = $2 AND l.seal_no = $3 ORDER BY log.created_at LIMIT 1")
        .bind(gateway.text()).bind(stream.text()).bind(super::values::int(seal_no))
        .fetch_optional(c).await)
}
