//! When something is to be, as a request says it: an instant, or a local time with its zone.

use std::fmt;
use std::sync::Arc;

use sekisho_domain::booking::{Fold, Local, Zone};
use sekisho_domain::ids::SeatId;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::types::Time;
use crate::app::App;
use crate::flows::series::SITES_OWN;
use crate::http::problem::{Error, Result};
use crate::http::session::Caller;
use crate::store::{seats, sites};

/// RFC 3339 with an offset, or a local time with its zone. A bare local time is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// An instant.
    At(Time),
    /// What the clock on a wall shows then.
    Local(LocalTime),
}

impl PartialSchema for When {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(Time::schema())
            .item(LocalTime::schema())
            .into()
    }
}

impl ToSchema for When {}

/// What the clock on a wall shows then. A time that the clocks skip on that day is refused with the nearest that exists.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalTime {
    /// A date and a time of day, without an offset.
    #[schema(example = "2026-11-20T09:00")]
    pub local: String,
    /// `site` for the site's own zone, or an IANA name.
    #[schema(example = "site")]
    pub time_zone: String,
    /// Which of two instants is meant where the clocks pass the time twice: `earlier` (when absent) or `later`.
    #[schema(value_type = Option<String>, example = "earlier")]
    pub fold: Option<Fold>,
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = When;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RFC 3339 with an offset, or {local, time_zone}")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<When, E> {
        let at = Timestamp::parse_rfc3339(text).map_err(E::custom)?;
        Ok(When::At(Time(at)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<When, A::Error> {
        let it = LocalTime::deserialize(MapAccessDeserializer::new(map))?;
        it.local.parse::<Local>().map_err(A::Error::custom)?;
        Ok(When::Local(it))
    }
}

impl When {
    /// The instant; `site` is the name of the site's zone.
    fn instant(&self, site: &str) -> Result<Timestamp> {
        let it = match self {
            Self::At(Time(at)) => return Ok(*at),
            Self::Local(it) => it,
        };
        let name = if it.time_zone == SITES_OWN {
            site
        } else {
            &it.time_zone
        };
        let local: Local = it.local.parse().map_err(Error::invalid)?;
        let at = Zone::named(name)?.once(local.0, it.fold.unwrap_or_default())?;
        Ok(at)
    }
}

/// The instants of a request about a seat.
pub(super) async fn instants(
    app: &Arc<App>,
    caller: &Caller,
    seat: SeatId,
    (start, end): (&When, &When),
) -> Result<(Timestamp, Timestamp)> {
    if let (When::At(Time(start)), When::At(Time(end))) = (start, end) {
        return Ok((*start, *end));
    }
    let (mut tx, scope) = (app.db.read().await?, caller.actor.scope());
    let not_found = || Error::from(Code::NotFound);
    let seat = seats::get(&mut tx, scope, seat)
        .await?
        .ok_or_else(not_found)?;
    let site = sites::get(&mut tx, scope, seat.site)
        .await?
        .ok_or_else(not_found)?;
    Ok((
        start.instant(&site.time_zone)?,
        end.instant(&site.time_zone)?,
    ))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_instant_or_a_local_time_with_its_zone_and_nothing_bare() {
        let read = |text: &str| serde_json::from_str::<When>(text);
        let at = read("\"2026-03-29T09:00:00+09:00\"").unwrap();
        assert_eq!(
            at.instant("UTC").unwrap().rfc3339(),
            "2026-03-29T00:00:00.000Z"
        );
        let local = r#"{"local": "2026-10-25T02:30", "time_zone": "site", "fold": "later"}"#;
        let local = read(local).unwrap();
        assert_eq!(
            local.instant("Europe/Berlin").unwrap().rfc3339(),
            "2026-10-25T01:30:00.000Z"
        );
        let gap = r#"{"local": "2026-03-29T02:30", "time_zone": "Europe/Berlin"}"#;
        let Err(Error::Refused(refusal)) = read(gap).unwrap().instant("UTC") else {
            panic!("there is no such time");
        };
        assert_eq!(refusal.code, Code::LocalTimeSkipped);
        for bad in [
            "\"2026-03-29T09:00:00\"",
            r#"{"local": "2026-03-29T09:00"}"#,
            r#"{"local": "2026-03-29T09:00Z", "time_zone": "site"}"#,
            r#"{"local": "2026-03-29T09:00", "time_zone": "site", "x": 1}"#,
            "1",
            "null",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let nowhere = r#"{"local": "2026-03-29T09:00", "time_zone": "Nowhere"}"#;
        assert!(read(nowhere).unwrap().instant("UTC").is_err());
    }
}
