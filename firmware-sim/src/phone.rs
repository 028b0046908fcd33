//! A phone: a holder key that never leaves it, and the codes that it shows.

use std::sync::Mutex;
use std::sync::PoisonError;

use anyhow::anyhow;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use sekisho_domain::ids::PassId;
use sekisho_domain::pass::{self, Shown};

/// An ES256 key and a counter.
pub struct Phone {
    key: EcdsaKeyPair,
    random: SystemRandom,
    /// Second and number of the last code, so that no two codes of this phone are the same.
    last: Mutex<(u32, u16)>,
}

impl Phone {
    /// A phone with a fresh key.
    pub fn new() -> anyhow::Result<Self> {
        let random = SystemRandom::new();
        let failed = |_| anyhow!("making a holder key failed");
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(failed)?;
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
                .map_err(|_| anyhow!("reading a holder key failed"))?;
        Ok(Self {
            key,
            random,
            last: Mutex::new((0, 0)),
        })
    }

    /// The public half, uncompressed, 65 bytes.
    pub fn public_key(&self) -> Vec<u8> {
        self.key.public_key().as_ref().to_vec()
    }

    /// Signs `message`: 64 bytes, r and s (RFC 7518 §3.4).
    pub fn sign(&self, message: &[u8]) -> anyhow::Result<[u8; 64]> {
        let signature = self
            .key
            .sign(&self.random, message)
            .map_err(|_| anyhow!("signing failed"))?;
        signature
            .as_ref()
            .try_into()
            .map_err(|_| anyhow!("an ES256 signature has 64 bytes"))
    }

    /// `K2:` a carried pass, shown at `at_ms`.
    pub fn carried(&self, id: PassId, signed: &[u8], at_ms: i64) -> anyhow::Result<String> {
        Ok(pass::carried_text(signed, &self.show(id, at_ms)?))
    }

    /// `K3:` a reference to a pass, shown at `at_ms`.
    pub fn reference(&self, id: PassId, at_ms: i64) -> anyhow::Result<String> {
        Ok(pass::reference_text(id, &self.show(id, at_ms)?))
    }

    fn show(&self, id: PassId, now_ms: i64) -> anyhow::Result<Shown> {
        let at_s = u32::try_from(now_ms.div_euclid(1000))?;
        let n = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let n = if last.0 == at_s {
                last.1.wrapping_add(1)
            } else {
                0
            };
            *last = (at_s, n);
            n
        };
        let signature = self.sign(&pass::shown_message(id, at_s, n))?;
        Ok(Shown {
            at_s,
            n,
            signature: signature.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use sekisho_domain::crypto::{HolderKey, SigningKey};
    use sekisho_domain::ids::{SiteId, SubjectId, ZoneId};
    use sekisho_domain::pass::{Claims, Presented};

    use super::*;

    #[test]
    fn codes_are_what_a_gateway_reads() {
        let (phone, issuer) = (
            Phone::new().unwrap(),
            SigningKey::from_seed(&[7; 32]).unwrap(),
        );
        let holder = HolderKey::from_bytes(&phone.public_key()).unwrap();
        let claims = Claims {
            pass: PassId([1; 16]),
            subject: SubjectId([2; 16]),
            not_before_s: 100,
            expires_s: 200,
            issued_at_s: 90,
            site: SiteId([3; 16]),
            zones: vec![ZoneId([4; 16])],
            holder: Some(holder.clone()),
            escort: None,
        };
        let signed = claims.sign(&issuer);
        let read = |text: &str| Presented::read(text, &[issuer.verifying()], claims.site);
        let first = phone.reference(claims.pass, 150_400).unwrap();
        let second = phone.carried(claims.pass, &signed, 150_900).unwrap();
        for (text, n) in [(&first, 0), (&second, 1)] {
            let presented = read(text);
            let shown = presented.shown().unwrap();
            assert_eq!(
                (presented.pass(), shown.at_s, shown.n),
                (Some(claims.pass), 150, n)
            );
            assert!(
                holder
                    .verify(&shown.message(claims.pass), shown.signature.as_slice())
                    .is_ok()
            );
        }
    }
}
