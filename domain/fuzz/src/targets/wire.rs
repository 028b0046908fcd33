//! Messages, passes and the texts of both buses.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use minicbor::{Decode, Encode};
use sekisho_domain::access::{self, Mode, Reason};
use sekisho_domain::authority::Role;
use sekisho_domain::booking::series::{Rule, Verdict};
use sekisho_domain::booking::{
    AllocationState, ApprovalKind, Blocks, Fold, HolidayPolicy, Local, WaitingState, Zone,
};
use sekisho_domain::cbor::{self, Raw};
use sekisho_domain::crypto::{
    CoseError, Digest, HolderKey, SigningKey, Unverified, VerifyingKey, hex, sign1, unhex,
};
use sekisho_domain::ids::{GatewayId, Identity, PersonId, SiteId};
use sekisho_domain::pass::{self, Claims, Presented, carried_text, static_text};
use sekisho_domain::time::Timestamp;
use sekisho_domain::visit::Escort;
use sekisho_domain::wire::alert::{Alarm, Alert};
use sekisho_domain::wire::body::{
    ApprovalRuleBody, BookingBody, CommandBody, CommandOrdered, DecisionBody, DeviceEnrolled,
    DeviceRevoked, Exported, ForkBody, GatewayEnrolled, GatewayRevoked, GatewayStarted, GroupBody,
    JournalSpace, LockoutBody, LogCut, LogOpened, ModeChanged, PassBody, PolicyActivated,
    RefusedBody, RegistryBody, RevokedApplied, SnapshotBody, Tailgate, TierChanged, VisitBody,
    VisitorPolicyBody,
};
use sekisho_domain::wire::bus::{
    Answer, DeviceBeat, Direction, GatewayBeat, Input, MESSAGE_MAX, Read, Unlock,
};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::EVENT_MAX;
use sekisho_domain::wire::keyring::Keyring;
use sekisho_domain::wire::snapshot::Snapshot;
use sekisho_domain::wire::telemetry::{Sample, Telemetry};
use sekisho_domain::wire::topic::{Bus, Channel, Uplink};
use sekisho_domain::wire::uplink::{
    Command, CommandResult, Freshness, Receipt, Revocation, SnapshotChunk, State,
};
use sekisho_domain::wire::{PASS_TEXT_MAX, PUBLISH_MAX, SNAPSHOT_MAX, signed};

/// The site of everything here, and the key that signs it.
const SITE: SiteId = SiteId([5; 16]);

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32]).expect("any seed is a key")
}

/// Decodes a `T`; what is accepted says the same after one more way around.
fn message<T>(bytes: &[u8], max: usize)
where
    T: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + Debug,
{
    if let Ok(value) = cbor::decode::<T>(bytes, max) {
        let again = cbor::encode(&value);
        assert_eq!(cbor::decode::<T>(&again, usize::MAX), Ok(value));
    }
}

/// What passes the walker has one spelling: it decodes, and encodes to itself.
pub(crate) fn canonical(bytes: &[u8]) {
    if cbor::check(bytes, 4096).is_ok() {
        let raw: Raw = cbor::decode(bytes, 4096).expect("canonical bytes are one value");
        assert_eq!(cbor::encode(&raw), bytes);
    }
}

/// Signed bytes of others, and bytes signed by us as payload of every channel.
pub(crate) fn cose(bytes: &[u8]) {
    let known = key().verifying();
    if let Ok(unverified) = Unverified::parse(bytes, PUBLISH_MAX) {
        assert!(unverified.unverified_payload().len() < bytes.len());
        assert!(unverified.verify(&known, b"nobody signed this").is_err());
    }
    let stranger = VerifyingKey::from_bytes([1; 32]);
    assert!(signed::open(&[stranger], signed::SEAL, bytes, PUBLISH_MAX).is_err());
    let gateway = GatewayId([1; 16]);
    let topic = Uplink {
        gateway,
        channel: Channel::Command,
    };
    let ours = sign1(&key(), bytes.to_vec(), topic.to_string().as_bytes());
    let opened: Result<Raw, CoseError> =
        signed::open_for(&[known], gateway, topic.channel, &ours, PUBLISH_MAX);
    assert_eq!(
        opened.map(|raw| raw.bytes().to_vec()).ok(),
        cbor::check(bytes, PUBLISH_MAX)
            .ok()
            .map(|()| bytes.to_vec())
            .filter(|_| ours.len() <= PUBLISH_MAX)
    );
}

/// A text from a reader; and the bytes as claims of a pass that is well signed, in both forms that carry it.
pub(crate) fn pass(bytes: &[u8]) {
    let keys = [key().verifying()];
    let _ = pass::peek(bytes);
    let direct = Presented::read(super::text(bytes), &keys, SITE);
    let _ = access::request(&direct, None, Direction::In);
    let signed = sign1(&key(), bytes.to_vec(), signed::PASS);
    let claims = cbor::decode::<Claims>(bytes, PASS_TEXT_MAX).ok();
    assert_eq!(
        pass::peek(&signed).ok().is_some(),
        claims.is_some() && signed.len() <= PASS_TEXT_MAX
    );
    let shown = pass::Shown {
        at_s: 1,
        n: 1,
        signature: [7; 64].into(),
    };
    for text in [static_text(&signed), carried_text(&signed, &shown)] {
        let seen = Presented::read(&text, &keys, SITE);
        let request = access::request(&seen, None, Direction::In);
        // A holder's signature that nobody made is never good.
        assert!(request.signature != access::Check::Good || seen.shown().is_none());
        assert!(
            seen.pass()
                .is_none_or(|id| claims.as_ref().is_some_and(|claims| claims.pass == id))
        );
    }
}

/// Bodies of events.
pub(crate) fn body(bytes: &[u8]) {
    let max = EVENT_MAX;
    message::<DecisionBody>(bytes, max);
    message::<LogOpened>(bytes, max);
    message::<GatewayEnrolled>(bytes, max);
    message::<DeviceEnrolled>(bytes, max);
    message::<DeviceRevoked>(bytes, max);
    message::<LogCut>(bytes, max);
    message::<SnapshotBody>(bytes, max);
    message::<PolicyActivated>(bytes, max);
    message::<LockoutBody>(bytes, max);
    message::<RevokedApplied>(bytes, max);
    message::<GatewayRevoked>(bytes, max);
    message::<GatewayStarted>(bytes, max);
    message::<JournalSpace>(bytes, max);
    message::<Tailgate>(bytes, max);
    message::<VisitBody>(bytes, max);
    message::<VisitorPolicyBody>(bytes, max);
    message::<TierChanged>(bytes, max);
    message::<CommandBody>(bytes, max);
    message::<ModeChanged>(bytes, max);
    message::<CommandOrdered>(bytes, max);
    message::<BookingBody>(bytes, max);
    message::<ApprovalRuleBody>(bytes, max);
    message::<GroupBody>(bytes, max);
    message::<PassBody>(bytes, max);
    message::<RegistryBody>(bytes, max);
    message::<RefusedBody>(bytes, max);
    message::<ForkBody>(bytes, max);
    message::<Exported>(bytes, max);
}

/// Messages of a site bus.
pub(crate) fn bus(bytes: &[u8]) {
    message::<Read>(bytes, MESSAGE_MAX);
    message::<Answer>(bytes, MESSAGE_MAX);
    message::<Unlock>(bytes, MESSAGE_MAX);
    message::<DeviceBeat>(bytes, MESSAGE_MAX);
    message::<GatewayBeat>(bytes, MESSAGE_MAX);
    message::<Input>(bytes, MESSAGE_MAX);
    message::<Sample>(bytes, MESSAGE_MAX);
}

/// Messages between a gateway and the server, without their signatures.
pub(crate) fn uplink(bytes: &[u8]) {
    message::<Receipt>(bytes, PUBLISH_MAX);
    message::<State>(bytes, PUBLISH_MAX);
    message::<Freshness>(bytes, PUBLISH_MAX);
    message::<Revocation>(bytes, PUBLISH_MAX);
    message::<SnapshotChunk>(bytes, PUBLISH_MAX);
    message::<Command>(bytes, PUBLISH_MAX);
    message::<CommandResult>(bytes, PUBLISH_MAX);
    message::<Alert>(bytes, PUBLISH_MAX);
    message::<Telemetry>(bytes, PUBLISH_MAX);
}

/// A keyring: signed by somebody, and the bytes as payload that the pinned key signed.
pub(crate) fn keyring(bytes: &[u8]) {
    let pinned = key().verifying();
    assert!(Keyring::open(&VerifyingKey::from_bytes([1; 32]), bytes).is_err());
    let ours = sign1(&key(), bytes.to_vec(), signed::KEYRING);
    if let Ok(keyring) = Keyring::open(&pinned, &ours) {
        assert_eq!(
            Keyring::open(&pinned, &keyring.sign(&key())).ok(),
            Some(keyring)
        );
    }
}

/// A snapshot's payload.
pub(crate) fn snapshot(bytes: &[u8]) {
    message::<Snapshot>(bytes, SNAPSHOT_MAX);
}

/// Everything that is read from text: ids, topics, times, names, digits.
pub(crate) fn text(bytes: &[u8]) {
    let text = super::text(bytes);
    same::<PersonId>(text);
    same::<Identity>(text);
    same::<Uplink>(text);
    same::<Bus>(text);
    let _ = AllocationState::from_str(text);
    let _ = WaitingState::from_str(text);
    assert!(ApprovalKind::from_name(text).is_none_or(|kind| kind.name() == text));
    let _ = Local::from_str(text);
    let _ = Zone::from_posix(text);
    if let Ok(blocks) = Blocks::from_str(text) {
        assert_eq!(Blocks::from_str(&blocks.to_string()), Ok(blocks));
    }
    if let Ok(rule) = Rule::from_str(text) {
        assert_eq!(Rule::from_str(&rule.to_string()), Ok(rule));
    }
    assert!(HolidayPolicy::from_name(text).is_none_or(|it| it.name() == text));
    assert!(Fold::from_name(text).is_none_or(|fold| fold.name() == text));
    assert!(Verdict::from_name(text).is_none_or(|verdict| verdict.name() == text));
    let _ = sekisho_domain::presence::State::from_str(text);
    if let Ok(id) = PersonId::parse_text(text) {
        assert_eq!(id.text(), text);
    }
    if let Ok(at) = Timestamp::parse_rfc3339(text) {
        assert_eq!(Timestamp::parse_rfc3339(&at.rfc3339()), Ok(at));
    }
    assert_eq!(
        unhex(text).map(|bytes| hex(&bytes)),
        unhex(text).map(|_| text.to_lowercase())
    );
    assert!(Digest::from_hex(text).is_none_or(|digest| digest.hex() == text.to_lowercase()));
    assert!(Mode::from_name(text).is_none_or(|mode| mode.name() == text));
    assert!(Alarm::from_name(text).is_none_or(|alarm| alarm.name() == text));
    assert!(Escort::from_name(text).is_none_or(|escort| escort.name() == text));
    assert!(Role::from_name(text).is_none_or(|role| role.name() == text));
    assert!(Reason::from_name(text).is_none_or(|reason| reason.name() == text));
    if let Some([high, low]) = bytes.first_chunk() {
        let code = u16::from_be_bytes([*high, *low]);
        assert!(EventCode::from_u16(code).is_none_or(|known| known as u16 == code));
        let _ = Reason::from_u8(*low).name();
    }
    if let Ok(holder) = HolderKey::from_bytes(bytes) {
        assert!(holder.verify(b"", &[0; 64]).is_err());
    }
}

/// A text that is read has one spelling.
fn same<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}
