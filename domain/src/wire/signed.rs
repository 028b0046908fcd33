//! What a signature is bound to: COSE external_aad per kind of message.
//!
//! Messages to and from one gateway bind their whole topic, and with it the addressee; what must verify offline binds a
//! fixed name.

use super::topic::{Channel, Uplink};
use crate::crypto::{CoseError, SigningKey, Unverified, VerifyingKey, sign1};
use crate::ids::GatewayId;

/// external_aad of a seal.
pub const SEAL: &[u8] = b"sekisho/seal/v1";
/// external_aad of a keyring.
pub const KEYRING: &[u8] = b"sekisho/keyring/v1";
/// external_aad of a pass.
pub const PASS: &[u8] = b"sekisho/pass/v1";

/// Signs `message` for one topic of one gateway.
pub fn seal_for<T: minicbor::Encode<()>>(
    key: &SigningKey,
    gateway: GatewayId,
    channel: Channel,
    message: &T,
) -> Vec<u8> {
    sign1(
        key,
        crate::cbor::encode(message),
        topic(gateway, channel).as_bytes(),
    )
}

/// Checks and decodes a message that was signed for one topic of one gateway. `keys` are those allowed for this purpose.
pub fn open_for<T>(
    keys: &[VerifyingKey],
    gateway: GatewayId,
    channel: Channel,
    bytes: &[u8],
    max: usize,
) -> Result<T, CoseError>
where
    T: for<'b> minicbor::Decode<'b, ()>,
{
    let payload = open(keys, topic(gateway, channel).as_bytes(), bytes, max)?;
    Ok(crate::cbor::decode(&payload, max)?)
}

/// Checks signed bytes against the one of `keys` that they name and hands out the payload.
pub fn open(
    keys: &[VerifyingKey],
    aad: &[u8],
    bytes: &[u8],
    max: usize,
) -> Result<Vec<u8>, CoseError> {
    let unverified = Unverified::parse(bytes, max)?;
    let kid = unverified.kid();
    let key = keys
        .iter()
        .find(|key| key.id() == kid)
        .ok_or(CoseError::UnknownKey)?;
    unverified.verify(key, aad)
}

fn topic(gateway: GatewayId, channel: Channel) -> String {
    Uplink { gateway, channel }.to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_message_for_another_gateway_channel_or_key_is_refused() {
        let (key, other) = (
            SigningKey::from_seed(&[1; 32]).unwrap(),
            SigningKey::from_seed(&[2; 32]).unwrap(),
        );
        let (a, b) = (GatewayId([1; 16]), GatewayId([2; 16]));
        let bytes = seal_for(&key, a, Channel::Command, &7u32);
        let keys = [other.verifying(), key.verifying()];
        assert_eq!(
            open_for::<u32>(&keys, a, Channel::Command, &bytes, 1024),
            Ok(7)
        );
        assert_eq!(
            open_for::<u32>(&keys, b, Channel::Command, &bytes, 1024),
            Err(CoseError::Signature)
        );
        assert_eq!(
            open_for::<u32>(&keys, a, Channel::Freshness, &bytes, 1024),
            Err(CoseError::Signature)
        );
        assert_eq!(
            open_for::<u32>(&keys[..1], a, Channel::Command, &bytes, 1024),
            Err(CoseError::UnknownKey)
        );
        for i in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[i] ^= 1;
            assert!(
                open_for::<u32>(&keys, a, Channel::Command, &forged, 1024).is_err(),
                "byte {i}"
            );
        }
    }
}
