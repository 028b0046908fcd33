//! How a site's machines are: alarms, and whether the streams of records add up.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use sekisho_domain::authority::Action;
use sekisho_domain::ids::{AlarmId, DeviceId, DoorId, GatewayId, SiteId, StreamId, ZoneId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::types::{LIMIT_MAX, Page, Time};
use super::{Problem, Reader};
use crate::app::App;
use crate::flows::acknowledge_alarm::acknowledge_alarm;
use crate::http::extract::{Json, Path, Query};
use crate::http::problem::Result;
use crate::http::session::Caller;
use crate::store::{alarms, gaps};

/// Something that needs a human.
#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an answer of its own"
)]
pub struct Alarm {
    /// Which.
    #[schema(value_type = String, example = "alr_01jd6xwq5t0000000000000000")]
    pub id: AlarmId,
    /// Where.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Whose.
    #[schema(value_type = String)]
    pub gateway: GatewayId,
    /// What it is about: `forced_open`, `held_open`, `fire`, `tamper`, `journal`, `lockout`, `fork`, `clock_untrusted`,
    /// `device_offline` or `tailgate`.
    pub kind: String,
    /// Name of the event that began it.
    #[schema(example = "door.forced_open")]
    pub event: &'static str,
    /// At which door.
    #[schema(value_type = Option<String>)]
    pub door: Option<DoorId>,
    /// Which device.
    #[schema(value_type = Option<String>)]
    pub device: Option<DeviceId>,
    /// In which zone.
    #[schema(value_type = Option<String>)]
    pub zone: Option<ZoneId>,
    /// When it began, by the gateway's clock.
    #[schema(inline)]
    pub since: Time,
    /// Whether it is on.
    pub active: bool,
    /// Whether somebody should look at it: it is on, or it was and nobody has seen to it.
    pub open: bool,
    /// Whether its sealed record has come. Before that this is an advisory copy.
    pub confirmed: bool,
    /// The sealed records have come and say otherwise.
    pub refuted: bool,
    /// When it ended, by the gateway's clock.
    #[schema(inline)]
    pub cleared_at: Option<Time>,
    /// Who has seen to it.
    pub acknowledged: Option<Acknowledged>,
}

/// Who has seen to an alarm.
#[derive(Debug, Serialize, ToSchema)]
pub struct Acknowledged {
    /// `per_…`, `tok_…` or `system`.
    pub by: String,
    /// The person's name.
    pub name: Option<String>,
    /// When.
    #[schema(inline)]
    pub at: Time,
    /// What they say.
    pub reason: String,
}

/// What somebody says of an alarm.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// What it was, 1 to 200 characters: it stands beside the record, never in the log.
    pub reason: String,
}

/// Which alarms.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlarmQuery {
    /// Those that are over and seen to as well; at most 200, newest first.
    #[serde(default)]
    pub all: bool,
}

/// Whether one stream of a gateway adds up.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stream {
    /// Whose.
    #[schema(value_type = String)]
    pub gateway: GatewayId,
    /// Which.
    #[schema(value_type = String)]
    pub stream: StreamId,
    /// `evidence` (nothing may be missing) or `telemetry` (what is missing was declared).
    pub kind: &'static str,
    /// The last number that was taken in.
    pub last_seq: u64,
    /// How many numbers have come.
    pub received: u64,
    /// How many the gateway declared as shed.
    pub declared: u64,
    /// How many neither came nor were declared.
    pub undeclared: u64,
    /// `whole`, `declared`, `asked` (some are late and were asked for again), `undeclared`, or `stopped` (by seals of an
    /// unknown version: upgrade the server).
    pub state: &'static str,
    /// Since when it does not add up.
    #[schema(inline)]
    pub since: Option<Time>,
    /// When it was last counted.
    #[schema(inline)]
    pub checked_at: Time,
    /// Which numbers are not there, newest first, at most 200 for the whole site.
    pub gaps: Vec<Gap>,
}

/// Numbers that are not there.
#[derive(Debug, Serialize, ToSchema)]
pub struct Gap {
    /// First of them.
    pub first: u64,
    /// Last of them.
    pub last: u64,
    /// The gateway says that it shed them.
    pub declared: bool,
    /// When this was noticed.
    #[schema(inline)]
    pub noticed_at: Time,
}

impl From<alarms::Alarm> for Alarm {
    fn from(it: alarms::Alarm) -> Self {
        Self {
            active: it.is_active(),
            open: it.is_open(),
            id: it.id,
            site: it.site,
            gateway: it.gateway,
            kind: it.kind,
            event: it.code.name(),
            door: it.door,
            device: it.device,
            zone: it.zone,
            since: it.since.into(),
            confirmed: it.confirmed,
            refuted: it.refuted,
            cleared_at: it.cleared_at.map(Into::into),
            acknowledged: it.acknowledged.map(|by| Acknowledged {
                by: by.by,
                name: by.name,
                at: by.at.into(),
                reason: by.reason,
            }),
        }
    }
}

impl Stream {
    fn of(sum: &gaps::StreamSum, gaps: &[gaps::Gap]) -> Self {
        let key = (sum.gateway, sum.stream, sum.kind);
        let own = gaps
            .iter()
            .filter(|gap| (gap.gateway, gap.stream, gap.kind) == key);
        Self {
            gateway: sum.gateway,
            stream: sum.stream,
            kind: sum.kind.name(),
            last_seq: sum.last_seq,
            received: sum.received,
            declared: sum.declared,
            undeclared: sum.undeclared(),
            state: sum.state(),
            since: sum.since.map(Into::into),
            checked_at: sum.checked_at.into(),
            gaps: own
                .map(|gap| Gap {
                    first: gap.first,
                    last: gap.last,
                    declared: gap.declared,
                    noticed_at: gap.noticed_at.into(),
                })
                .collect(),
        }
    }
}

/// Alarms of a site: what is on, and what nobody has seen to yet.
#[utoipa::path(get, path = "/api/v1/sites/{site}/alarms", tag = "gateways", params(("site" = String, Path), AlarmQuery), responses((status = 200, body = Page<Alarm>), (status = "default", body = Problem)))]
pub async fn alarms_at(
    mut reader: Reader,
    Path(id): Path<SiteId>,
    Query(query): Query<AlarmQuery>,
) -> Result<Answer<Page<Alarm>>> {
    let (site, scope) = (reader.site(id, Action::ReadEvent).await?, reader.scope());
    let found = alarms::list(&mut reader.tx, scope, site.id, !query.all, LIMIT_MAX).await?;
    Ok(Page::all(found.into_iter().map(Into::into).collect()))
}

/// Says that somebody has seen to an alarm.
#[utoipa::path(post, path = "/api/v1/alarms/{alarm}/acknowledge", tag = "gateways", params(("alarm" = String, Path)), request_body = Acknowledge,
    responses((status = 200, body = Alarm), (status = "default", body = Problem)))]
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<AlarmId>,
    Json(want): Json<Acknowledge>,
) -> Result<Answer<Alarm>> {
    let alarm = acknowledge_alarm(&app, &caller.actor, id, &want.reason).await?;
    Ok(Answer(alarm.into()))
}

/// Whether the streams of a site's gateways add up: received + declared = last number, counted all the time.
#[utoipa::path(get, path = "/api/v1/sites/{site}/gaps", tag = "gateways", params(("site" = String, Path)), responses((status = 200, body = Page<Stream>), (status = "default", body = Problem)))]
pub async fn gaps_at(mut reader: Reader, Path(id): Path<SiteId>) -> Result<Answer<Page<Stream>>> {
    let (site, scope) = (reader.site(id, Action::ReadEvent).await?, reader.scope());
    let sums = gaps::of_site(&mut reader.tx, scope, site.id).await?;
    let listed = gaps::listed(&mut reader.tx, scope, site.id, LIMIT_MAX).await?;
    let streams = sums.iter().map(|sum| Stream::of(sum, &listed));
    Ok(Page::all(streams.collect()))
}
