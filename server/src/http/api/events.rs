//! Events: what happened at a site.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use sekisho_domain::access::Reason;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{
    Correlation, DeviceId, DoorId, EventId, GatewayId, PassId, PersonId, SiteId, StreamId, ZoneId,
};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::types::{Page, Time, cursor, limit};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::read_openings::read_openings;
use crate::http::extract::{Path, Query};
use crate::http::lang::Lang;
use crate::http::problem::Result;
use crate::store::events::{self, EventRow};

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct Event {
    /// Which.
    #[schema(value_type = String, example = "evt_01jd6xwq5t0000000000000000")]
    pub id: EventId,
    /// Number of the kind of event; 0 for one that could not be read.
    pub code: u16,
    /// Its stable name, e.g. `access.granted`; null for a number that this version does not know.
    pub name: Option<&'static str>,
    /// When, by the recorder's clock.
    #[schema(inline)]
    pub at: Time,
    /// Bound on that clock's error, ms.
    pub err_ms: u32,
    /// When this server heard of it.
    #[schema(inline)]
    pub received_at: Time,
    /// Which gateway recorded it; null: this server.
    #[schema(value_type = Option<String>)]
    pub gateway: Option<GatewayId>,
    /// In which stream of seals; null until the server's own event is sealed.
    #[schema(value_type = Option<String>)]
    pub stream: Option<StreamId>,
    /// Its number in the stream.
    pub seq: Option<u64>,
    /// Door.
    #[schema(value_type = Option<String>)]
    pub door: Option<DoorId>,
    /// Device.
    #[schema(value_type = Option<String>)]
    pub device: Option<DeviceId>,
    /// Zone.
    #[schema(value_type = Option<String>)]
    pub zone: Option<ZoneId>,
    /// Joins read, decision, unlock and door.
    #[schema(value_type = Option<String>)]
    pub correlation: Option<Correlation>,
    /// Whom it was about, for who may know.
    #[schema(value_type = Option<String>)]
    pub person: Option<PersonId>,
    /// Which pass, for who may know.
    #[schema(value_type = Option<String>)]
    pub pass: Option<PassId>,
    /// Every reason of a refusal, in order.
    pub reasons: Vec<EventReason>,
    /// What is wrong with the event itself, e.g. `undecodable`.
    pub finding: Option<String>,
}

/// Why not.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventReason {
    /// Stable code.
    pub code: String,
    /// One plain sentence in the language of `Accept-Language`.
    pub sentence: Option<&'static str>,
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// 1 to 200; 50 when absent.
    pub limit: Option<i64>,
    /// Newest first when absent.
    #[serde(default)]
    pub order: Order,
}

/// Which first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Newest first.
    #[default]
    Desc,
    /// Oldest first.
    Asc,
}

/// Events at a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/events", tag = "events", params(("site" = String, Path), EventQuery), responses((status = 200, body = Page<Event>), (status = "default", body = Problem)))]
pub async fn list(
    State(app): State<Arc<App>>,
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(query): Query<EventQuery>,
    lang: Lang,
) -> Result<Answer<Page<Event>>> {
    let (limit, cursor) = (
        limit(query.limit)?,
        cursor::<EventId>(query.cursor.as_deref())?,
    );
    let (site, scope) = (reader.site(id, Action::ReadEvent).await?, reader.scope());
    let who = reader.site(id, Action::ReadOpening).await.is_ok();
    let newest_first = query.order == Order::Desc;
    let rows = events::list(
        &mut reader.tx,
        scope,
        site.id,
        cursor,
        newest_first,
        limit + 1,
    )
    .await?;
    let shown = who && rows.iter().any(|row| row.person.is_some());
    let actor = reader.caller.actor.clone();
    drop(reader);
    if shown {
        read_openings(&app, &actor, site.id, "events").await?;
    }
    let items = rows.into_iter().map(|row| event(row, lang, who)).collect();
    Ok(Page::of(items, limit, |it| it.id.to_string()))
}

fn event(it: EventRow, lang: Lang, who: bool) -> Event {
    Event {
        id: it.id,
        code: it.code,
        name: EventCode::from_u16(it.code).map(EventCode::name),
        at: it.at.into(),
        err_ms: it.err_ms,
        received_at: it.received_at.into(),
        gateway: it.gateway,
        stream: it.stream,
        seq: it.seq,
        door: it.door,
        device: it.device,
        zone: it.zone,
        correlation: it.correlation,
        person: it.person.filter(|_| who),
        pass: it.pass.filter(|_| who),
        reasons: it
            .reasons
            .into_iter()
            .map(|code| EventReason {
                sentence: sentence(&code, lang),
                code,
            })
            .collect(),
        finding: it.finding,
    }
}

/// The sentence of a door's reason, or of a refusal at the desk.
pub(in crate::http) fn sentence(code: &str, lang: Lang) -> Option<&'static str> {
    let refusal = || {
        Code::ALL
            .iter()
            .find(|it| it.name() == code)
            .map(|it| lang.refusal(*it))
    };
    Reason::from_name(code)
        .map(|reason| lang.reason(reason))
        .or_else(refusal)
}
