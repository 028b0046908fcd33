//! A walker over CBOR that accepts one spelling of each value (RFC 8949 §4.2.1), and helpers for payloads.
//!
//! minicbor accepts duplicate keys, unsorted keys and long integers; the same message could then have many bytes and many
//! hashes. The walker runs first and refuses all but the canonical form, in bounded depth and without allocating.

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};

/// Deepest nesting of arrays and maps.
pub const DEPTH_MAX: usize = 12;

/// Why bytes are not canonical CBOR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// More bytes than this kind of message may have.
    #[error("longer than allowed")]
    TooLong,
    /// The bytes end inside a value.
    #[error("ends inside a value")]
    Truncated,
    /// Bytes follow the value.
    #[error("bytes follow the value")]
    Trailing,
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nested too deeply")]
    TooDeep,
    /// A number or length is not in its shortest form.
    #[error("a number is not in its shortest form")]
    NotMinimal,
    /// Map keys out of order or twice.
    #[error("map keys out of order or twice")]
    KeyOrder,
    /// Indefinite length, tag, float or simple value.
    #[error("a kind of value that is not used here")]
    Unsupported,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
    /// Canonical, but not the message that was expected.
    #[error("not the expected message")]
    Schema,
}

/// Whether `bytes` are exactly one canonical value of at most `max` bytes.
pub fn check(bytes: &[u8], max: usize) -> Result<(), CborError> {
    if bytes.len() > max {
        return Err(CborError::TooLong);
    }
    let mut walker = Walker { bytes, at: 0 };
    walker.value(0)?;
    if walker.at == bytes.len() {
        Ok(())
    } else {
        Err(CborError::Trailing)
    }
}

/// Checks and decodes one message of at most `max` bytes. Unknown map keys are skipped.
pub fn decode<'b, T: minicbor::Decode<'b, ()>>(
    bytes: &'b [u8],
    max: usize,
) -> Result<T, CborError> {
    check(bytes, max)?;
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode().map_err(|_| CborError::Schema)?;
    if decoder.position() == bytes.len() {
        Ok(value)
    } else {
        Err(CborError::Trailing)
    }
}

/// The canonical bytes of a value.
pub fn encode<T: minicbor::Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing into a Vec cannot fail, and our types have no failing encoders; the debug check guards the claim.
    let result = minicbor::encode(value, &mut out);
    debug_assert!(result.is_ok());
    debug_assert_eq!(check(&out, usize::MAX), Ok(()));
    out
}

/// A value that can be written as canonical CBOR: every `#[derive(Encode)]` of ours.
pub trait Message: minicbor::Encode<()> {}
impl<T: minicbor::Encode<()>> Message for T {}

/// One value kept as its bytes, so that what this version does not know survives and hashes stay true.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Raw(Vec<u8>);

impl Raw {
    /// The bytes of `value`.
    pub fn of<T: minicbor::Encode<()>>(value: &T) -> Self {
        Self(encode(value))
    }

    /// Decodes the value as `T`.
    pub fn read<'b, T: minicbor::Decode<'b, ()>>(&'b self) -> Result<T, CborError> {
        decode(&self.0, self.0.len())
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<C> minicbor::Encode<C> for Raw {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.writer_mut()
            .write_all(&self.0)
            .map_err(EncodeError::write)
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Raw {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let start = d.position();
        d.skip()?;
        let bytes = d
            .input()
            .get(start..d.position())
            .ok_or_else(DecodeError::end_of_input)?;
        Ok(Self(bytes.to_vec()))
    }
}

struct Walker<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Walker<'b> {
    fn value(&mut self, depth: usize) -> Result<(), CborError> {
        if depth > DEPTH_MAX {
            return Err(CborError::TooDeep);
        }
        let (major, argument) = self.head()?;
        match major {
            0 | 1 => Ok(()),
            2 => self.take(argument).map(|_| ()),
            3 => std::str::from_utf8(self.take(argument)?)
                .map(|_| ())
                .map_err(|_| CborError::Utf8),
            4 => (0..argument).try_for_each(|_| self.value(depth + 1)),
            5 => self.map(argument, depth),
            7 if (20..=22).contains(&argument) => Ok(()),
            _ => Err(CborError::Unsupported),
        }
    }

    fn map(&mut self, pairs: u64, depth: usize) -> Result<(), CborError> {
        let mut previous: &'b [u8] = &[];
        for _ in 0..pairs {
            let start = self.at;
            self.value(depth + 1)?;
            let key = &self.bytes[start..self.at];
            if key <= previous {
                return Err(CborError::KeyOrder);
            }
            previous = key;
            self.value(depth + 1)?;
        }
        Ok(())
    }

    /// Major type and argument; the argument must be in its shortest form.
    fn head(&mut self) -> Result<(u8, u64), CborError> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => return Ok((major, u64::from(info))),
            24..=27 => self
                .take(1 << (info - 24))?
                .iter()
                .fold(0, |n, byte| n << 8 | u64::from(*byte)),
            _ => return Err(CborError::Unsupported),
        };
        if major == 7 {
            return Err(CborError::Unsupported);
        }
        let least = [24, 0x100, 0x1_0000, 0x1_0000_0000][usize::from(info - 24)];
        if argument < least {
            Err(CborError::NotMinimal)
        } else {
            Ok((major, argument))
        }
    }

    fn take(&mut self, count: u64) -> Result<&'b [u8], CborError> {
        let count = usize::try_from(count).map_err(|_| CborError::Truncated)?;
        let end = self.at.checked_add(count).ok_or(CborError::Truncated)?;
        let out = self.bytes.get(self.at..end).ok_or(CborError::Truncated)?;
        self.at = end;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::crypto::unhex;
    use proptest::prelude::*;

    fn verdict(text: &str) -> Result<(), CborError> {
        check(&unhex(text).unwrap(), 1024)
    }

    #[test]
    fn one_spelling_of_each_value() {
        for good in [
            "00",
            "17",
            "1818",
            "20",
            "40",
            "4101",
            "6161",
            "80",
            "a0",
            "a200010102",
            "f4",
            "f6",
            "a10081a0",
        ] {
            assert_eq!(verdict(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", CborError::Truncated),
            ("1817", CborError::NotMinimal),
            ("190017", CborError::NotMinimal),
            ("1a0000ffff", CborError::NotMinimal),
            ("1b00000000ffffffff", CborError::NotMinimal),
            ("580101", CborError::NotMinimal),
            ("a201010001", CborError::KeyOrder),
            ("a200010001", CborError::KeyOrder),
            ("9f00ff", CborError::Unsupported),
            ("c100", CborError::Unsupported),
            ("fb3ff8000000000000", CborError::Unsupported),
            ("f818", CborError::Unsupported),
            ("61ff", CborError::Utf8),
            ("0000", CborError::Trailing),
            ("5bffffffffffffffff00", CborError::Truncated),
            ("9bffffffffffffffff00", CborError::Truncated),
            ("81818181818181818181818181818100", CborError::TooDeep),
        ] {
            assert_eq!(verdict(bad), Err(why), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let _ = check(&bytes, 4096);
            let _ = decode::<Raw>(&bytes, 4096);
        }

        #[test]
        fn raw_keeps_the_bytes(a: u32, b: Vec<u8>) {
            let bytes = minicbor::to_vec((a, minicbor::bytes::ByteVec::from(b))).unwrap();
            let raw: Raw = decode(&bytes, 1 << 16).unwrap();
            prop_assert_eq!(raw.bytes(), &bytes[..]);
            prop_assert_eq!(encode(&raw), bytes);
        }
    }
}
