//! Shapes that every resource of the API shares.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sekisho_domain::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::http::problem::{Error, Result};

/// An instant: RFC 3339 with an offset. A bare local time is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Timestamp::parse_rfc3339(&text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339 with an offset; answers are in UTC"))
            .examples(["2026-11-20T00:00:00.000Z"])
            .into()
    }
}

impl ToSchema for Time {}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

/// Longest page of a list.
pub const LIMIT_MAX: i64 = 200;

/// How a list is paged.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// `next_cursor` of the page before; absent for the first page.
    pub cursor: Option<String>,
    /// 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<i64>,
}

impl Paging {
    /// How many items.
    pub fn limit(&self) -> Result<i64> {
        limit(self.limit)
    }

    /// The id after which the page begins.
    pub fn after<T: std::str::FromStr>(&self) -> Result<Option<T>> {
        cursor(self.cursor.as_deref())
    }
}

/// 1 to 200, 50 when absent.
pub fn limit(limit: Option<i64>) -> Result<i64> {
    match limit.unwrap_or(50) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(Error::invalid(format!("limit: 1 to {LIMIT_MAX}"))),
    }
}

/// The id in a cursor.
pub fn cursor<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>> {
    text.map(|text| {
        text.parse()
            .map_err(|_| Error::invalid("cursor: take next_cursor of the page before"))
    })
    .transpose()
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// For the next page; null on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A whole list.
    pub fn all(items: Vec<T>) -> Json<Self> {
        Json(Self {
            items,
            next_cursor: None,
        })
    }

    /// At most `limit` of the items; one more was asked for, to know whether another page follows.
    pub fn of(mut items: Vec<T>, limit: i64, id: impl Fn(&T) -> String) -> Json<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(id);
        Json(Self { items, next_cursor })
    }
}

/// 201 with `Location` and the new thing.
pub fn created<T: Serialize>(location: &str, thing: &T) -> Response {
    let mut response = (StatusCode::CREATED, Json(thing)).into_response();
    // Locations are made of our own paths and ids.
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// `ETag` of a version.
pub fn etag(version: i64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&format!("\"{version}\"")) {
        headers.insert(header::ETAG, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn bare_local_times_are_refused() {
        assert!(serde_json::from_str::<Time>("\"2026-11-20T09:00:00\"").is_err());
        let time: Time = serde_json::from_str("\"2026-11-20T09:00:00+09:00\"").unwrap();
        assert_eq!(
            serde_json::to_string(&time).unwrap(),
            "\"2026-11-20T00:00:00.000Z\""
        );
    }

    #[test]
    fn a_page_says_whether_another_follows() {
        let Json(page) = Page::of(vec![1, 2, 3], 2, ToString::to_string);
        assert_eq!(
            (page.items, page.next_cursor),
            (vec![1, 2], Some("2".to_owned()))
        );
        let Json(page) = Page::of(vec![1, 2], 2, ToString::to_string);
        assert_eq!(page.next_cursor, None);
    }
}
