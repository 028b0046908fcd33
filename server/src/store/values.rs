//! Between columns and values, for the tables of evidence.

use sekisho_domain::crypto::Digest;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::uplink::Head;

/// A value that was stored by us and cannot be read back: the row is damaged.
pub(super) fn sound<T, E: std::error::Error + Send + Sync + 'static>(
    result: Result<T, E>,
) -> sqlx::Result<T> {
    result.map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// An optional id or other text.
pub(super) fn sound_option<T, E: std::error::Error + Send + Sync + 'static>(
    text: Option<&str>,
    read: fn(&str) -> Result<T, E>,
) -> sqlx::Result<Option<T>> {
    text.map(|text| sound(read(text))).transpose()
}

/// A column of exactly `N` bytes.
pub(super) fn bytes<const N: usize>(column: Vec<u8>) -> sqlx::Result<[u8; N]> {
    column.try_into().map_err(|column: Vec<u8>| {
        sqlx::Error::Decode(format!("{} bytes where {N} belong", column.len()).into())
    })
}

/// A digest column.
pub(super) fn digest(column: Vec<u8>) -> sqlx::Result<Digest> {
    bytes(column).map(Digest)
}

/// A count into a column; what does not fit could not be counted to in a lifetime.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count out of a column.
pub(super) fn count(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

/// A head out of two columns.
pub(super) fn head(size: i64, root: Option<Vec<u8>>) -> sqlx::Result<Option<Head>> {
    root.map(|root| {
        Ok(Head {
            size: count(size),
            root: digest(root)?,
        })
    })
    .transpose()
}

/// An optional time.
pub(super) fn time(column: Option<i64>) -> Option<Timestamp> {
    column.map(Timestamp)
}
