//! From columns to types.

use sekisho_domain::ids::BadId;
use sekisho_domain::time::{Interval, Timestamp};

/// Reads an id column, e.g. `read(SiteId::parse_text, &row.site_id)?`.
pub fn read<T>(parse: fn(&str) -> Result<T, BadId>, text: &str) -> sqlx::Result<T> {
    parse(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Reads an id column that may be NULL.
pub fn read_opt<T>(
    parse: fn(&str) -> Result<T, BadId>,
    text: Option<&str>,
) -> sqlx::Result<Option<T>> {
    text.map(|text| read(parse, text)).transpose()
}

/// Reads two time columns.
pub fn interval(start: i64, end: i64) -> sqlx::Result<Interval> {
    Interval::new(Timestamp(start), Timestamp(end))
        .ok_or_else(|| corrupt("an interval that is empty"))
}

/// Reads a count of seconds.
pub fn seconds(value: i64) -> sqlx::Result<u32> {
    u32::try_from(value).map_err(|_| corrupt("seconds out of range"))
}

/// A row that this program cannot have written.
pub fn corrupt(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("the database holds {what}").into())
}

/// Every write says how many rows it meant: this is for exactly one. [`sqlx::Error::RowNotFound`] also where the row is there
/// but belongs to somebody else.
pub fn one(rows_affected: u64) -> sqlx::Result<()> {
    match rows_affected {
        1 => Ok(()),
        0 => Err(sqlx::Error::RowNotFound),
        _ => Err(corrupt("more than one row under one key")),
    }
}
