//! Fixed keys for tests: anybody can know them, so they protect nothing.
#![expect(clippy::unwrap_used, reason = "tests")]

use minicbor::bytes::ByteArray;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use crate::crypto::{HolderKey, SigningKey, unhex};
use crate::ids::PassId;
use crate::pass::{Shown, shown_message};

/// The Ed25519 key whose seed is `byte` thirty-two times.
pub(crate) fn ed25519(byte: u8) -> SigningKey {
    SigningKey::from_seed(&[byte; 32]).unwrap()
}

/// A phone: the P-256 key whose private scalar is 1 (its public point is the generator) or 2.
pub(crate) struct Phone(EcdsaKeyPair);

impl Phone {
    /// The one that most tests use.
    pub(crate) fn one() -> Self {
        let x = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
        let y = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
        Self::of(1, x, y)
    }

    /// Another one.
    pub(crate) fn two() -> Self {
        let x = "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978";
        let y = "07775510db8ed040293d9ac69f7430dbba7dade63ce982299e04b79d227873d1";
        Self::of(2, x, y)
    }

    fn of(scalar: u8, x: &str, y: &str) -> Self {
        let mut private = [0; 32];
        private[31] = scalar;
        let public = [vec![4], unhex(x).unwrap(), unhex(y).unwrap()].concat();
        let rng = SystemRandom::new();
        Self(
            EcdsaKeyPair::from_private_key_and_public_key(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &private,
                &public,
                &rng,
            )
            .unwrap(),
        )
    }

    pub(crate) fn key(&self) -> HolderKey {
        HolderKey::from_bytes(self.0.public_key().as_ref()).unwrap()
    }

    pub(crate) fn show(&self, pass: PassId, at_s: u32, n: u16) -> Shown {
        let signature = self
            .0
            .sign(&SystemRandom::new(), &shown_message(pass, at_s, n))
            .unwrap();
        Shown {
            at_s,
            n,
            signature: ByteArray::from(<[u8; 64]>::try_from(signature.as_ref()).unwrap()),
        }
    }
}
