//! Whether the streams of gateways add up: what was received and what was declared as shed, against the last number.

use sekisho_domain::ids::{GatewayId, SiteId, StreamId};
use sekisho_domain::time::Timestamp;

use super::values::{count, int, sound, time};
use super::{Scope, Tx};
use crate::on;

/// What a stream carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Events in seals. None may be missing.
    Evidence,
    /// Measurements. What is missing was declared.
    Telemetry,
}

impl Kind {
    /// Column and API text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Telemetry => "telemetry",
        }
    }
}

/// The sum of one stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamSum {
    /// Whose.
    pub gateway: GatewayId,
    /// Which.
    pub stream: StreamId,
    /// Of what.
    pub kind: Kind,
    /// The last number that was taken in.
    pub last_seq: u64,
    /// How many numbers have come.
    pub received: u64,
    /// How many the gateway declared as shed.
    pub declared: u64,
    /// Something came ahead of its turn: what is missing up to here was asked for again.
    pub missing_to: Option<u64>,
    /// Since when it does not add up.
    pub since: Option<Timestamp>,
    /// False while seals of an unknown version stop it; those of a revoked gateway come no more.
    pub open: bool,
    /// When this was last counted.
    pub checked_at: Timestamp,
}

impl StreamSum {
    /// Numbers that neither came nor were declared.
    pub fn undeclared(&self) -> u64 {
        let known = self.received.saturating_add(self.declared);
        let ahead = self
            .missing_to
            .map_or(0, |to| to.saturating_sub(self.last_seq));
        self.last_seq.abs_diff(known).saturating_add(ahead)
    }

    /// One word for it: `stopped` by seals of an unknown version, `undeclared` where numbers are missing, `asked` where they
    /// are only late and were asked for again, `declared` where the gateway shed some, else `whole`.
    pub fn state(&self) -> &'static str {
        if !self.open {
            "stopped"
        } else if self.received.saturating_add(self.declared) != self.last_seq {
            "undeclared"
        } else if !self.is_whole() {
            "asked"
        } else if self.declared > 0 {
            "declared"
        } else {
            "whole"
        }
    }

    /// Whether nothing is missing that was not declared.
    pub fn is_whole(&self) -> bool {
        self.undeclared() == 0
    }
}

/// Numbers of a stream that are not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Whose.
    pub gateway: GatewayId,
    /// Of which stream.
    pub stream: StreamId,
    /// Of what.
    pub kind: Kind,
    /// First of them.
    pub first: u64,
    /// Last of them.
    pub last: u64,
    /// The gateway says that it shed them; else nobody knows.
    pub declared: bool,
    /// When this was noticed.
    pub noticed_at: Timestamp,
}

type Row = (
    String,
    String,
    String,
    i64,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<String>,
    i64,
);

fn kind_of(column: &str) -> Kind {
    if column == "evidence" {
        Kind::Evidence
    } else {
        Kind::Telemetry
    }
}

fn sum(
    (gateway, stream, kind, last_seq, received, declared, missing_to, since, state, checked_at): Row,
) -> sqlx::Result<StreamSum> {
    Ok(StreamSum {
        gateway: sound(GatewayId::parse_text(&gateway))?,
        stream: sound(StreamId::parse_text(&stream))?,
        kind: kind_of(&kind),
        last_seq: count(last_seq),
        received: count(received),
        declared: count(declared),
        missing_to: missing_to.map(count),
        since: time(since),
        open: state.as_deref() != Some("stopped"),
        checked_at: Timestamp(checked_at),
    })
}

/// The sums of all streams of a site.
pub async fn of_site(tx: &mut Tx, scope: Scope, site: SiteId) -> sqlx::Result<Vec<StreamSum>> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT s.gateway_id, s.stream, s.kind, s.last_seq, s.received, s.declared, s.missing_to, s.wrong_since, h.state, s.checked_at
           FROM stream_sum s
           JOIN gateway g ON g.id = s.gateway_id
           JOIN site ON site.id = g.site_id
           LEFT JOIN stream_head h ON h.gateway_id = s.gateway_id AND h.stream = s.stream AND s.kind = 'evidence' AND g.state <> 'revoked'
          WHERE g.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2)
          ORDER BY s.gateway_id, s.stream, s.kind")
        .bind(site.text()).bind(scope.bind()).fetch_all(c).await)?;
    rows.into_iter().map(sum).collect()
}

/// What is missing in the streams of a site, newest first.
pub async fn listed(tx: &mut Tx, scope: Scope, site: SiteId, limit: i64) -> sqlx::Result<Vec<Gap>> {
    type Row = (String, String, String, i64, i64, i64, i64);
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.gateway_id, p.stream, p.kind, p.first_seq, p.last_seq, p.declared, p.noticed_at
           FROM stream_gap p
           JOIN gateway g ON g.id = p.gateway_id
           JOIN site ON site.id = g.site_id
          WHERE g.site_id = $1 AND ($2 IS NULL OR site.operator_id = $2)
          ORDER BY p.noticed_at DESC, p.gateway_id, p.stream, p.kind, p.first_seq LIMIT $3")
        .bind(site.text()).bind(scope.bind()).bind(limit).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(gateway, stream, kind, first, last, declared, at)| {
            Ok(Gap {
                gateway: sound(GatewayId::parse_text(&gateway))?,
                stream: sound(StreamId::parse_text(&stream))?,
                kind: kind_of(&kind),
                first: count(first),
                last: count(last),
                declared: declared == 1,
                noticed_at: Timestamp(at),
            })
        })
        .collect()
}

/// Makes sure that a stream has a sum, and locks it.
pub async fn lock(
    tx: &mut Tx,
    gateway: GatewayId,
    stream: StreamId,
    kind: Kind,
    now: Timestamp,
) -> sqlx::Result<StreamSum> {
    let row: Row = on!(tx, c => sqlx::query_as(
        "INSERT INTO stream_sum (gateway_id, stream, kind, last_seq, received, declared, checked_at) VALUES ($1, $2, $3, 0, 0, 0, $4)
         ON CONFLICT (gateway_id, stream, kind) DO UPDATE SET last_seq = stream_sum.last_seq
         RETURNING gateway_id, stream, kind, last_seq, received, declared, missing_to, wrong_since, CAST(NULL AS TEXT), checked_at")
        .bind(gateway.text()).bind(stream.text()).bind(kind.name()).bind(now.0)
        .fetch_one(c).await)?;
    sum(row)
}

/// Writes a sum back.
pub async fn set(tx: &mut Tx, sum: &StreamSum) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE stream_sum SET last_seq = $1, received = $2, declared = $3, missing_to = $4, wrong_since = $5, checked_at = $6
          WHERE gateway_id = $7 AND stream = $8 AND kind = $9")
        .bind(int(sum.last_seq)).bind(int(sum.received)).bind(int(sum.declared)).bind(sum.missing_to.map(int))
        .bind(sum.since.map(|at| at.0)).bind(sum.checked_at.0)
        .bind(sum.gateway.text()).bind(sum.stream.text()).bind(sum.kind.name())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Ends the waiting for what a gateway that is no more was asked for again; in how many of its streams.
pub async fn end_all(tx: &mut Tx, gateway: GatewayId) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "UPDATE stream_sum
            SET missing_to = NULL, wrong_since = CASE WHEN received + declared = last_seq THEN NULL ELSE wrong_since END
          WHERE gateway_id = $1 AND missing_to IS NOT NULL")
        .bind(gateway.text())
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Writes down numbers that are not there; 0 when that was known.
pub async fn note(tx: &mut Tx, gap: &Gap) -> sqlx::Result<u64> {
    on!(tx, c => sqlx::query(
        "INSERT INTO stream_gap (gateway_id, stream, kind, first_seq, last_seq, declared, noticed_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (gateway_id, stream, kind, first_seq) DO NOTHING")
        .bind(gap.gateway.text()).bind(gap.stream.text()).bind(gap.kind.name()).bind(int(gap.first)).bind(int(gap.last))
        .bind(i64::from(gap.declared)).bind(gap.noticed_at.0)
        .execute(c).await.map(|done| done.rows_affected()))
}

/// Evidence streams that have grown since their sum was last counted, the longest uncounted first: none keeps another waiting.
pub async fn grown(tx: &mut Tx, limit: i64) -> sqlx::Result<Vec<(GatewayId, StreamId, u64)>> {
    let rows: Vec<(String, String, i64)> = on!(tx, c => sqlx::query_as(
        "SELECT h.gateway_id, h.stream, h.last_seq
           FROM stream_head h LEFT JOIN stream_sum s ON s.gateway_id = h.gateway_id AND s.stream = h.stream AND s.kind = 'evidence'
          WHERE s.last_seq IS NULL OR s.last_seq < h.last_seq
          ORDER BY COALESCE(s.checked_at, h.updated_at), h.gateway_id, h.stream LIMIT $1")
        .bind(limit).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(gateway, stream, last)| {
            Ok((
                sound(GatewayId::parse_text(&gateway))?,
                sound(StreamId::parse_text(&stream))?,
                count(last),
            ))
        })
        .collect()
}

/// Numbers of a stream's events that are stored, above `after` and up to `until`, in order.
pub async fn stored(
    tx: &mut Tx,
    gateway: GatewayId,
    stream: StreamId,
    (after, until): (u64, u64),
) -> sqlx::Result<Vec<u64>> {
    let rows: Vec<(i64,)> = on!(tx, c => sqlx::query_as(
        "SELECT seq FROM event WHERE gateway_id = $1 AND stream = $2 AND seq > $3 AND seq <= $4 ORDER BY seq")
        .bind(gateway.text()).bind(stream.text()).bind(int(after)).bind(int(until))
        .fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(seq,)| count(seq)).collect())
}
