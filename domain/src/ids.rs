//! Identifiers: ULIDs, lower case, with a kind prefix in the API.
//!
//! Three spellings of one id: 26 lower-case characters in the databases (`01jd…`), 16 bytes on the wire, and
//! `bkg_01jd…` in the API. There are no raw string ids anywhere else.

use std::fmt;
use std::str::FromStr;

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of this kind (expected {expected}_ and 26 characters)")]
pub struct BadId {
    /// The prefix that was wanted, without the underscore.
    pub expected: &'static str,
}

/// 16 bytes that name one thing.
///
/// The text form is Crockford base 32 in lower case; upper case is refused so that one id has one spelling.
fn to_text(bytes: [u8; 16]) -> String {
    ulid::Ulid::from_bytes(bytes).to_string().to_lowercase()
}

fn from_text(text: &str) -> Option<[u8; 16]> {
    if text.len() != 26 || text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let id = ulid::Ulid::from_string(&text.to_ascii_uppercase()).ok()?;
    // The decoder folds look-alike letters; only the canonical spelling is an id.
    (to_text(id.to_bytes()) == text).then(|| id.to_bytes())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The kind prefix of the API form, without the underscore.
            pub const PREFIX: &'static str = $prefix;
            /// All zeros: "none of them", e.g. the server itself among the gateways.
            pub const NIL: Self = Self([0; 16]);

            /// A new id from wall time (ms since 1970) and ten random bytes.
            pub fn new(at_ms: i64, random: [u8; 10]) -> Self {
                let ms = u64::try_from(at_ms).unwrap_or(0) & 0xffff_ffff_ffff;
                let mut bytes = [0; 16];
                bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
                bytes[6..].copy_from_slice(&random);
                Self(bytes)
            }

            /// The database form: 26 lower-case characters.
            pub fn text(&self) -> String {
                to_text(self.0)
            }

            /// Reads the database form.
            pub fn parse_text(text: &str) -> Result<Self, BadId> {
                from_text(text).map(Self).ok_or(BadId { expected: $prefix })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.text())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(s: &str) -> Result<Self, BadId> {
                s.strip_prefix(concat!($prefix, "_")).and_then(from_text).map(Self).ok_or(BadId { expected: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                d.bytes()?.try_into().map(Self).map_err(|_| DecodeError::message("an id has 16 bytes"))
            }
        }
    )*};
}

ids! {
    /// Operator, company or both: the tenant.
    OrganisationId = "org";
    /// A human with an account.
    PersonId = "per";
    /// A person's place in an organisation.
    MembershipId = "mem";
    /// A place with doors and seats.
    SiteId = "sit";
    /// A part of a site; what a certification covers.
    ZoneId = "zon";
    /// A door between two zones, or between outside and a zone.
    DoorId = "dor";
    /// Desk, booth, room or phone box.
    SeatId = "sea";
    /// A floor of a site.
    FloorId = "flr";
    /// Equal seats of which any will do.
    PoolId = "pol";
    /// A wall or a room on the plan of a floor.
    AreaId = "are";
    /// The box at the site.
    GatewayId = "gwy";
    /// Reader, lock, sensor, counter.
    DeviceId = "dev";
    /// What was asked for.
    BookingId = "bkg";
    /// Bookings that repeat, or of several days.
    SeriesId = "srs";
    /// A time at which a site or a zone is closed.
    ClosureId = "clo";
    /// A place in the line for a seat.
    WaitingId = "wai";
    /// One seat for one half-open interval.
    AllocationId = "alc";
    /// That somebody has to approve a booking.
    ApprovalId = "apv";
    /// Bookings of one company that stand or fall together.
    GroupId = "grp";
    /// What a site or a company says about approvals.
    ApprovalRuleId = "apr";
    /// A visitor's stay, from the invitation on.
    VisitId = "vst";
    /// What the person carries.
    PassId = "pas";
    /// A phone's signing key, registered.
    HolderKeyId = "hky";
    /// A right that a gateway holds.
    GrantId = "grt";
    /// A person as one site knows them: a pseudonym.
    SubjectId = "sub";
    /// The life of one database file of a sealer.
    StreamId = "str";
    /// Joins read, decision, unlock and door.
    Correlation = "cor";
    /// One thing that happened.
    EventId = "evt";
    /// An order to a gateway.
    CommandId = "cmd";
    /// One log: a site in a fiscal year.
    LogId = "log";
    /// A token for the API.
    TokenId = "tok";
    /// Something that needs a human.
    AlarmId = "alr";
    /// A waiting side effect.
    OutboxId = "obx";
    /// A calendar feed that is read without signing in.
    FeedId = "fee";
    /// A screen at a door, a room or a counter.
    DisplayId = "dsp";
    /// An address that is told of events.
    WebhookId = "whk";
    /// One message to such an address.
    MessageId = "msg";
    /// How much may be booked.
    QuotaId = "quo";
    /// A named set of limits.
    PlanId = "pln";
    /// What somebody has used of a limit.
    AccountId = "qac";
    /// What a booking took from an account or gave back.
    EntryId = "qen";
}

/// What a certificate's common name and an MQTT identity say: class and id, e.g. `gw-01jd…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Identity {
    /// A server.
    Server([u8; 16]),
    /// A gateway.
    Gateway(GatewayId),
    /// A device on a site bus.
    Device(DeviceId),
    /// A read-only observer of a site bus.
    Observer([u8; 16]),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (class, id) = match self {
            Self::Server(id) => ("srv", *id),
            Self::Gateway(id) => ("gw", id.0),
            Self::Device(id) => ("dev", id.0),
            Self::Observer(id) => ("obs", *id),
        };
        write!(f, "{class}-{}", to_text(id))
    }
}

impl FromStr for Identity {
    type Err = BadId;
    fn from_str(s: &str) -> Result<Self, BadId> {
        let bad = BadId {
            expected: "srv-|gw-|dev-|obs",
        };
        let (class, id) = s.split_once('-').ok_or(bad)?;
        let id = from_text(id).ok_or(bad)?;
        match class {
            "srv" => Ok(Self::Server(id)),
            "gw" => Ok(Self::Gateway(GatewayId(id))),
            "dev" => Ok(Self::Device(DeviceId(id))),
            "obs" => Ok(Self::Observer(id)),
            _ => Err(bad),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn three_spellings_are_one_id(bytes: [u8; 16]) {
            let id = BookingId(bytes);
            prop_assert_eq!(BookingId::parse_text(&id.text()).unwrap(), id);
            prop_assert_eq!(id.to_string().parse::<BookingId>().unwrap(), id);
            prop_assert!(id.to_string().parse::<SeatId>().is_err());
            let wire = minicbor::to_vec(id).unwrap();
            prop_assert_eq!(minicbor::decode::<BookingId>(&wire).unwrap(), id);
        }

        #[test]
        fn any_text_is_refused_or_round_trips(text in "\\PC{0,40}") {
            if let Ok(id) = BookingId::parse_text(&text) { prop_assert_eq!(id.text(), text); }
        }

        #[test]
        fn identities_round_trip(bytes: [u8; 16]) {
            for id in [Identity::Server(bytes), Identity::Gateway(GatewayId(bytes)), Identity::Device(DeviceId(bytes)), Identity::Observer(bytes)] {
                prop_assert_eq!(id.to_string().parse::<Identity>().unwrap(), id);
            }
        }
    }

    #[test]
    fn ids_sort_by_time() {
        assert!(BookingId::new(1_000, [255; 10]) < BookingId::new(1_001, [0; 10]));
    }
}
