//! Topics of both buses, in both directions. Topic strings exist in this file and nowhere else.

use std::fmt;
use std::str::FromStr;

use crate::crypto::Digest;
use crate::ids::{GatewayId, Identity};

/// One topic between a gateway and the server: `sekisho/v1/{partition}/gw-…/{channel}`.
///
/// ```
/// use sekisho_domain::wire::topic::{Uplink, Channel};
/// let topic = Uplink { gateway: sekisho_domain::ids::GatewayId([7; 16]), channel: Channel::Evidence };
/// assert_eq!(topic.to_string().parse(), Ok(topic));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Uplink {
    /// The gateway at the edge end.
    pub gateway: GatewayId,
    /// What the topic carries.
    pub channel: Channel,
}

/// What an uplink topic carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Channel {
    /// Seals with their openings, up.
    Evidence,
    /// Measurements that may be dropped, up.
    Telemetry,
    /// Advisory copy of an alarm, up.
    Alert,
    /// Outcome of a command, up.
    Result,
    /// Retained birth or will of the gateway.
    State,
    /// Receipt or resend request, down.
    Receipt,
    /// What is newest and what time it is, down.
    Freshness,
    /// Everything revoked, down.
    Revocation,
    /// A chunk of a snapshot, down.
    Snapshot,
    /// An order, down.
    Command,
}

impl Channel {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Evidence, "up/evidence"),
        (Self::Telemetry, "up/telemetry"),
        (Self::Alert, "up/alert"),
        (Self::Result, "up/result"),
        (Self::State, "state"),
        (Self::Receipt, "dn/receipt"),
        (Self::Freshness, "dn/freshness"),
        (Self::Revocation, "dn/revocation"),
        (Self::Snapshot, "dn/snapshot"),
        (Self::Command, "dn/command"),
    ];

    /// The last part of the topic.
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(channel, _)| *channel == self)
            .map_or("", |(_, text)| text)
    }
}

/// The partition of a gateway, 0..=63: SHA-256 of its sixteen bytes, first byte, low six bits. One consumer per partition
/// keeps the order of a gateway on any broker.
pub fn partition(gateway: GatewayId) -> u8 {
    Digest::of(&[&gateway.0]).0[0] & 63
}

/// Filters by which a server hears all gateways.
pub fn server_filters() -> [String; 2] {
    [
        "sekisho/v1/+/+/up/#".to_owned(),
        "sekisho/v1/+/+/state".to_owned(),
    ]
}

/// The filter by which a gateway hears the server.
pub fn gateway_filter(gateway: GatewayId) -> String {
    format!(
        "sekisho/v1/p{:02}/{}/dn/#",
        partition(gateway),
        Identity::Gateway(gateway)
    )
}

impl fmt::Display for Uplink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sekisho/v1/p{:02}/{}/{}",
            partition(self.gateway),
            Identity::Gateway(self.gateway),
            self.channel.as_str()
        )
    }
}

/// A topic that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a topic of this protocol")]
pub struct BadTopic;

impl FromStr for Uplink {
    type Err = BadTopic;
    fn from_str(s: &str) -> Result<Self, BadTopic> {
        let (_, rest) = s
            .strip_prefix("sekisho/v1/")
            .and_then(|rest| rest.split_once('/'))
            .ok_or(BadTopic)?;
        let (identity, last) = rest.split_once('/').ok_or(BadTopic)?;
        let Ok(Identity::Gateway(gateway)) = identity.parse() else {
            return Err(BadTopic);
        };
        let channel = Channel::ALL
            .iter()
            .find(|(_, text)| *text == last)
            .map(|(channel, _)| *channel)
            .ok_or(BadTopic)?;
        let topic = Self { gateway, channel };
        // Only the gateway's own partition is its topic.
        if topic.to_string() == s {
            Ok(topic)
        } else {
            Err(BadTopic)
        }
    }
}

/// One topic between a gateway and a device: `bus/v1/dev-…/{leg}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bus {
    /// The device at the far end.
    pub device: crate::ids::DeviceId,
    /// What the topic carries.
    pub leg: Leg,
}

/// What a site-bus topic carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Leg {
    /// A credential was read, up.
    Read,
    /// A contact, button or input changed, up.
    Input,
    /// The device lives, up.
    UpBeat,
    /// A measurement, up.
    Sample,
    /// Release the lock, down.
    Unlock,
    /// What became of a read, down.
    Answer,
    /// Mode of the door, down.
    Mode,
    /// The gateway lives, down.
    DownBeat,
}

impl Leg {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Read, "up/read"),
        (Self::Input, "up/input"),
        (Self::UpBeat, "up/beat"),
        (Self::Sample, "up/sample"),
        (Self::Unlock, "dn/unlock"),
        (Self::Answer, "dn/answer"),
        (Self::Mode, "dn/mode"),
        (Self::DownBeat, "dn/beat"),
    ];
}

/// The filter by which a gateway hears all devices of its bus.
pub fn bus_gateway_filter() -> String {
    "bus/v1/+/up/#".to_owned()
}

/// The filter by which a device hears its gateway.
pub fn bus_device_filter(device: crate::ids::DeviceId) -> String {
    format!("bus/v1/{}/dn/#", Identity::Device(device))
}

/// The filter by which an observer hears everything on a bus.
pub fn bus_observer_filter() -> String {
    "bus/v1/#".to_owned()
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leg = Leg::ALL
            .iter()
            .find(|(leg, _)| *leg == self.leg)
            .map_or("", |(_, text)| text);
        write!(f, "bus/v1/{}/{leg}", Identity::Device(self.device))
    }
}

impl FromStr for Bus {
    type Err = BadTopic;
    fn from_str(s: &str) -> Result<Self, BadTopic> {
        let (identity, last) = s
            .strip_prefix("bus/v1/")
            .and_then(|rest| rest.split_once('/'))
            .ok_or(BadTopic)?;
        let Ok(Identity::Device(device)) = identity.parse() else {
            return Err(BadTopic);
        };
        let leg = Leg::ALL
            .iter()
            .find(|(_, text)| *text == last)
            .map(|(leg, _)| *leg)
            .ok_or(BadTopic)?;
        Ok(Self { device, leg })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::DeviceId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn topics_round_trip(id: [u8; 16], channel in 0usize..10, leg in 0usize..8) {
            let up = Uplink { gateway: GatewayId(id), channel: Channel::ALL[channel].0 };
            prop_assert_eq!(up.to_string().parse(), Ok(up));
            let bus = Bus { device: DeviceId(id), leg: Leg::ALL[leg].0 };
            prop_assert_eq!(bus.to_string().parse(), Ok(bus));
        }

        #[test]
        fn any_text_is_refused_or_round_trips(text in "(sekisho|bus)/v1/[a-z0-9/+#-]{0,60}") {
            if let Ok(topic) = text.parse::<Uplink>() { prop_assert_eq!(topic.to_string(), text.clone()); }
            if let Ok(topic) = text.parse::<Bus>() { prop_assert_eq!(topic.to_string(), text); }
        }
    }

    #[test]
    fn a_wrong_partition_is_not_the_gateways_topic() {
        let topic = Uplink {
            gateway: GatewayId([1; 16]),
            channel: Channel::State,
        }
        .to_string();
        let wrong = topic.replacen(
            &format!("/p{:02}/", partition(GatewayId([1; 16]))),
            "/p99/",
            1,
        );
        assert_eq!(wrong.parse::<Uplink>(), Err(BadTopic));
    }
}
