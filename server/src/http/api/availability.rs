//! What is free at a site, and when seats are taken. Never by whom.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json as Answer;
use sekisho_domain::authority::Action;
use sekisho_domain::booking::inventory::{Acoustic, Attributes, Visual};
use sekisho_domain::booking::open_during;
use sekisho_domain::ids::{FloorId, PoolId, SeatId, SiteId, ZoneId};
use sekisho_domain::refusal::Refusal;
use sekisho_domain::time::Interval;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::seats::Seat;
use super::types::{Page, Time, cursor};
use super::{Problem, Reader};
use crate::http::extract::{Path, Query};
use crate::http::problem::{Error, Result};
use crate::store::occupancy::{self, Wanted};
use crate::store::seats::{self, SeatKind};
use crate::store::{calendars, closures};

/// Longest page of seats with their times.
const SEATS_MAX: i64 = 2000;

/// Seats on a page where the caller says nothing.
const SEATS: i64 = 500;

/// Longest span that is looked at, ms.
const SPAN_MAX_MS: i64 = 35 * 86_400_000;

/// Between which instants, and from which seat on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// RFC 3339 with an offset.
    #[param(value_type = String)]
    pub from: Time,
    /// RFC 3339 with an offset; at most 35 days later.
    #[param(value_type = String)]
    pub to: Time,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// 1 to 2000; 500 when absent.
    #[param(minimum = 1, maximum = 2000)]
    pub limit: Option<i64>,
}

/// Between which instants, and which seats will do.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Need {
    /// RFC 3339 with an offset.
    #[param(value_type = String)]
    pub from: Time,
    /// RFC 3339 with an offset; at most 35 days later.
    #[param(value_type = String)]
    pub to: Time,
    /// `desk`, `booth`, `room` or `phone_box`.
    #[param(value_type = Option<String>)]
    pub kind: Option<SeatKind>,
    /// On which floor.
    #[param(value_type = Option<String>)]
    pub floor: Option<FloorId>,
    /// In which zone.
    #[param(value_type = Option<String>)]
    pub zone: Option<ZoneId>,
    /// At least as private: `open`, `screened` or `enclosed`.
    #[param(value_type = Option<String>)]
    pub visual: Option<Visual>,
    /// At least as private: `open`, `damped` or `soundproof`.
    #[param(value_type = Option<String>)]
    pub acoustic: Option<Acoustic>,
    /// With a monitor.
    pub monitor: Option<bool>,
    /// Usable in a wheelchair.
    pub accessible: Option<bool>,
    /// At least so many sockets.
    #[param(maximum = 99)]
    pub sockets: Option<u8>,
}

/// A seat and when it is taken. Never by whom.
#[derive(Debug, Serialize, ToSchema)]
pub struct Availability {
    /// Which seat.
    pub seat: Seat,
    /// When it is taken, by start: bookings of it, of its parts and of what it is part of, with the minutes around them.
    pub taken: Vec<Span>,
}

/// A half-open span.
#[derive(Debug, Serialize, ToSchema)]
pub struct Span {
    /// First instant inside.
    #[schema(inline)]
    pub start: Time,
    /// First instant no longer inside.
    #[schema(inline)]
    pub end: Time,
}

/// What is free from one instant to another, as short as it can be said. Nothing is while the site is closed, and `closed` says so.
#[derive(Debug, Serialize, ToSchema)]
pub struct Free {
    /// How many of the seats that will do are free.
    pub free: usize,
    /// How many seats would do.
    pub of: i64,
    /// Those that are free, by id within their pool.
    #[schema(value_type = Vec<String>)]
    pub seats: Vec<SeatId>,
    /// The pools among them.
    pub pools: Vec<FreePool>,
    /// Why the site is not open for all of the time; null: it is.
    pub closed: Option<ClosedAt>,
}

/// Why a site is not open.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClosedAt {
    /// `weekly_hours`, `special_day`, `holiday` or `closure`.
    pub rule: String,
    /// The name of the holiday, or what the site says, in Japanese. May be empty.
    pub reason_ja: String,
    /// The same in English.
    pub reason_en: String,
    /// When it opens next, if that is within two months.
    #[schema(inline)]
    pub opens_at: Option<Time>,
}

/// How much of a pool is free.
#[derive(Debug, Serialize, ToSchema)]
pub struct FreePool {
    /// Which pool.
    #[schema(value_type = String)]
    pub pool: PoolId,
    /// How many of its seats are free.
    pub free: usize,
    /// How many seats it has.
    pub of: i64,
}

impl From<Refusal> for ClosedAt {
    fn from(mut refusal: Refusal) -> Self {
        let mut datum = |name| refusal.data.remove(name).unwrap_or_default();
        Self {
            rule: datum("rule"),
            reason_ja: datum("reason_ja"),
            reason_en: datum("reason_en"),
            opens_at: refusal.lifts_at.map(Time::from),
        }
    }
}

fn interval(from: Time, to: Time) -> Result<Interval> {
    let span = Interval::new(from.0, to.0).filter(|it| it.duration_ms() <= SPAN_MAX_MS);
    span.ok_or_else(|| Error::invalid("from before to, at most 35 days apart"))
}

impl Need {
    fn wanted(&self) -> Wanted {
        Wanted {
            kind: self.kind,
            floor: self.floor,
            zone: self.zone,
            attributes: Attributes {
                visual: self.visual.unwrap_or_default(),
                acoustic: self.acoustic.unwrap_or_default(),
                monitor: self.monitor.unwrap_or_default(),
                accessible: self.accessible.unwrap_or_default(),
                sockets: self.sockets.unwrap_or_default(),
            },
        }
    }
}

/// What is free for all of a span: one query, however many seats there are.
#[utoipa::path(get, path = "/api/v1/sites/{site}/free", tag = "sites", params(("site" = String, Path), Need),
    responses((status = 200, body = Free), (status = "default", body = Problem)))]
pub async fn free_at(
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(need): Query<Need>,
) -> Result<Answer<Free>> {
    let (site, scope) = (reader.site(id, Action::ReadSeat).await?, reader.scope());
    let during = interval(need.from, need.to)?;
    let calendar = calendars::calendar(&mut reader.tx, scope, site.id, None, during.start).await?;
    let closed = open_during(&site.time_zone, &calendar, &during).err();
    let mut groups =
        occupancy::free(&mut reader.tx, scope, site.id, during, &need.wanted()).await?;
    if closed.is_some() {
        for group in &mut groups {
            group.free.clear();
        }
    }
    let zones = closures::zones(&mut reader.tx, scope, site.id, during).await?;
    if !zones.is_empty() {
        let seats = seats::list(&mut reader.tx, scope, site.id).await?;
        let shut = seats.iter().filter(|seat| zones.contains(&seat.zone));
        let shut: BTreeSet<SeatId> = shut.map(|seat| seat.id).collect();
        for group in &mut groups {
            group.free.retain(|seat| !shut.contains(seat));
        }
    }
    let pools = groups.iter().filter_map(|it| {
        Some(FreePool {
            pool: it.pool?,
            free: it.free.len(),
            of: it.of,
        })
    });
    Ok(Answer(Free {
        free: groups.iter().map(|it| it.free.len()).sum(),
        of: groups.iter().map(|it| it.of).sum(),
        pools: pools.collect(),
        seats: groups.into_iter().flat_map(|it| it.free).collect(),
        closed: closed.map(Into::into),
    }))
}

/// When the seats of a site are taken.
#[utoipa::path(get, path = "/api/v1/sites/{site}/availability", tag = "sites", params(("site" = String, Path), Window),
    responses((status = 200, body = Page<Availability>), (status = "default", body = Problem)))]
pub async fn taken_at(
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(window): Query<Window>,
) -> Result<Answer<Page<Availability>>> {
    let (site, scope) = (reader.site(id, Action::ReadSeat).await?, reader.scope());
    let during = interval(window.from, window.to)?;
    let limit = window.limit.unwrap_or(SEATS);
    if !(1..=SEATS_MAX).contains(&limit) {
        return Err(Error::invalid(format!("limit: 1 to {SEATS_MAX}")));
    }
    let after: Option<SeatId> = cursor(window.cursor.as_deref())?;
    let seats = seats::page(&mut reader.tx, scope, site.id, after, limit + 1).await?;
    let mut taken: BTreeMap<SeatId, Vec<Span>> = BTreeMap::new();
    if let Some(last) = seats.last() {
        let ids = (after, last.id);
        for (seat, it) in occupancy::of_page(&mut reader.tx, scope, site.id, during, ids).await? {
            taken.entry(seat).or_default().push(Span {
                start: it.start.into(),
                end: it.end.into(),
            });
        }
    }
    let with_times = |seat: seats::Seat| Availability {
        taken: taken.remove(&seat.id).unwrap_or_default(),
        seat: seat.into(),
    };
    let items = seats.into_iter().map(with_times).collect();
    Ok(Page::of(items, limit, |it: &Availability| {
        it.seat.id.to_string()
    }))
}
