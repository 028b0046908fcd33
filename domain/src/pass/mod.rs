//! The pass: what the person carries, and the codes that show it.
//!
//! A pass is COSE_Sign1 over CWT claims (RFC 8392), shown as base45 (RFC 9285) in a QR code. `K1:` shows the pass alone; `K2:`
//! shows it with a fresh signature of the holder's key; `K3:` shows only its id with such a signature. A pass that names a
//! holder key counts only with that key's signature, so stripping a `K2:` code down to a `K1:` gains nothing.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::access::Form;
use crate::cbor;
use crate::crypto::{CoseError, HolderKey, SigningKey, Unverified, VerifyingKey, sign1};
use crate::ids::{PassId, SiteId, SubjectId, ZoneId};
use crate::wire::{PASS_TEXT_MAX, signed};

/// Most zones in one pass.
pub const ZONES_MAX: usize = 8;

/// Longest life of a pass, s: a day's booking with its margins.
pub const LIFE_MAX_S: i64 = 26 * 3600;

/// What a pass says (CWT claims, RFC 8392 §3.1; private claims below −65536). No name and no company.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// 7 `cti`.
    pub pass: PassId,
    /// 2 `sub`: a pseudonym at this site.
    pub subject: SubjectId,
    /// 5 `nbf`, seconds since 1970.
    pub not_before_s: i64,
    /// 4 `exp`.
    pub expires_s: i64,
    /// 6 `iat`.
    pub issued_at_s: i64,
    /// −65537.
    pub site: SiteId,
    /// −65538.
    pub zones: Vec<ZoneId>,
    /// 8 `cnf` (RFC 8747 §3.2): the holder's key as COSE_Key.
    pub holder: Option<HolderKey>,
    /// −65539: the pseudonym of a visitor's host, who has to be inside. The pass says it itself, so that a gateway that has
    /// never heard of the visit keeps to it.
    pub escort: Option<SubjectId>,
}

impl Claims {
    /// Signs the pass.
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        sign1(key, cbor::encode(self), signed::PASS)
    }
}

const SITE: i32 = -65_537;
const ZONES: i32 = -65_538;
const ESCORT: i32 = -65_539;

impl Encode<()> for Claims {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut (),
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.map(7 + u64::from(self.holder.is_some()) + u64::from(self.escort.is_some()))?;
        e.u8(2)?.encode_with(self.subject, ctx)?;
        e.u8(4)?.i64(self.expires_s)?;
        e.u8(5)?.i64(self.not_before_s)?;
        e.u8(6)?.i64(self.issued_at_s)?;
        e.u8(7)?.encode_with(self.pass, ctx)?;
        if let Some(holder) = &self.holder {
            // {1: COSE_Key{1: 2 (EC2), -1: 1 (P-256), -2: x, -3: y}}
            let (x, y) = holder.as_bytes()[1..].split_at(32);
            e.u8(8)?
                .map(1)?
                .u8(1)?
                .map(4)?
                .u8(1)?
                .u8(2)?
                .i8(-1)?
                .u8(1)?
                .i8(-2)?
                .bytes(x)?
                .i8(-3)?
                .bytes(y)?;
        }
        e.i32(SITE)?.encode_with(self.site, ctx)?;
        e.i32(ZONES)?.encode_with(&self.zones, ctx)?;
        if let Some(host) = &self.escort {
            e.i32(ESCORT)?.encode_with(host, ctx)?;
        }
        Ok(())
    }
}

impl<'b> Decode<'b, ()> for Claims {
    fn decode(d: &mut Decoder<'b>, ctx: &mut ()) -> Result<Self, minicbor::decode::Error> {
        let missing =
            || minicbor::decode::Error::message("a claim is missing or not the expected one");
        let (mut pass, mut subject, mut nbf, mut exp, mut iat, mut site, mut zones, mut holder) =
            (None, None, None, None, None, None, None, None);
        let mut escort = None;
        for _ in 0..d.map()?.ok_or_else(missing)? {
            match d.i32()? {
                2 => subject = Some(d.decode_with(ctx)?),
                4 => exp = Some(d.i64()?),
                5 => nbf = Some(d.i64()?),
                6 => iat = Some(d.i64()?),
                7 => pass = Some(d.decode_with(ctx)?),
                8 => holder = Some(decode_cnf(d)?),
                SITE => site = Some(d.decode_with(ctx)?),
                ZONES => zones = Some(d.decode_with::<_, Vec<ZoneId>>(ctx)?),
                ESCORT => escort = Some(d.decode_with(ctx)?),
                // A claim that this version does not know could restrict the pass: refuse rather than ignore.
                _ => return Err(missing()),
            }
        }
        let zones = zones
            .filter(|zones| zones.len() <= ZONES_MAX)
            .ok_or_else(missing)?;
        let (not_before_s, expires_s): (i64, i64) =
            (nbf.ok_or_else(missing)?, exp.ok_or_else(missing)?);
        if not_before_s >= expires_s || expires_s.saturating_sub(not_before_s) > LIFE_MAX_S {
            return Err(minicbor::decode::Error::message(
                "a pass ends after it begins and lives for a day at most",
            ));
        }
        Ok(Self {
            pass: pass.ok_or_else(missing)?,
            subject: subject.ok_or_else(missing)?,
            not_before_s,
            expires_s,
            issued_at_s: iat.ok_or_else(missing)?,
            site: site.ok_or_else(missing)?,
            zones,
            holder,
            escort,
        })
    }
}

fn decode_cnf(d: &mut Decoder<'_>) -> Result<HolderKey, minicbor::decode::Error> {
    let bad = || minicbor::decode::Error::message("cnf is not a P-256 COSE_Key");
    let head = (
        d.map()?,
        d.u8()?,
        d.map()?,
        d.u8()?,
        d.u8()?,
        d.i8()?,
        d.u8()?,
        d.i8()?,
    );
    if head != (Some(1), 1, Some(4), 1, 2, -1, 1, -2) {
        return Err(bad());
    }
    let mut point = vec![4];
    point.extend_from_slice(d.bytes()?);
    if d.i8()? != -3 {
        return Err(bad());
    }
    point.extend_from_slice(d.bytes()?);
    HolderKey::from_bytes(&point).map_err(|_| bad())
}

/// A fresh signature of the holder's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Time of the phone, corrected by the server's, seconds since 1970.
    pub at_s: u32,
    /// Counts codes within one second.
    pub n: u16,
    /// ES256 over [`Self::message`], 64 bytes.
    pub signature: ByteArray<64>,
}

impl Shown {
    /// What the holder signs: a fixed name, the pass, the time, the counter.
    pub fn message(&self, pass: PassId) -> Vec<u8> {
        shown_message(pass, self.at_s, self.n)
    }
}

/// What the holder signs for a code made at `at_s` as number `n` of that second.
pub fn shown_message(pass: PassId, at_s: u32, n: u16) -> Vec<u8> {
    [
        b"sekisho/presentation/v1".as_slice(),
        &pass.0,
        &at_s.to_be_bytes(),
        &n.to_be_bytes(),
    ]
    .concat()
}

/// `K1:` the pass alone.
pub fn static_text(pass: &[u8]) -> String {
    format!("K1:{}", base45::encode(pass))
}

/// `K2:` the pass and a fresh signature.
pub fn carried_text(pass: &[u8], shown: &Shown) -> String {
    format!(
        "K2:{}",
        base45::encode(cbor::encode(&(
            ByteVec::from(pass.to_vec()),
            shown.at_s,
            shown.n,
            shown.signature
        )))
    )
}

/// `K3:` the pass's id and a fresh signature.
pub fn reference_text(pass: PassId, shown: &Shown) -> String {
    format!(
        "K3:{}",
        base45::encode(cbor::encode(&(pass, shown.at_s, shown.n, shown.signature)))
    )
}

/// What a text from a reader turned out to be. The issuer's signature is checked; the holder's is checked against the key
/// that belongs to the pass in [`crate::access::request`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Presented {
    /// Not a code of ours.
    Malformed,
    /// A pass signed by a key that is not in the keyring.
    IssuerUnknown {
        /// How it was shown.
        form: Form,
    },
    /// A pass whose signature is wrong, or whose form does not fit it.
    Forged {
        /// How it was shown.
        form: Form,
    },
    /// `K1:`
    Static {
        /// What the pass says.
        claims: Claims,
        /// Whether it names this site.
        right_site: bool,
    },
    /// `K2:`
    Carried {
        /// What the pass says.
        claims: Claims,
        /// Whether it names this site.
        right_site: bool,
        /// The holder's signature, unchecked.
        shown: Shown,
    },
    /// `K3:`
    Reference {
        /// Which pass.
        pass: PassId,
        /// The holder's signature, unchecked.
        shown: Shown,
    },
}

impl Presented {
    /// Reads a text from a reader at `site`; `keys` are the pass keys of the site's keyring.
    pub fn read(text: &str, keys: &[VerifyingKey], site: SiteId) -> Self {
        if text.len() > PASS_TEXT_MAX {
            return Self::Malformed;
        }
        let Some((form, bytes)) = split(text) else {
            return Self::Malformed;
        };
        match form {
            Form::Static => open(form, &bytes, keys, |claims| match claims.holder {
                // Only a pass that names no holder counts without a holder's signature.
                None => Self::Static {
                    right_site: claims.site == site,
                    claims,
                },
                Some(_) => Self::Forged { form },
            }),
            Form::Carried => {
                let Ok((pass, at_s, n, signature)) =
                    cbor::decode::<(ByteVec, u32, u16, ByteArray<64>)>(&bytes, PASS_TEXT_MAX)
                else {
                    return Self::Malformed;
                };
                let shown = Shown { at_s, n, signature };
                open(form, &pass, keys, |claims| Self::Carried {
                    right_site: claims.site == site,
                    claims,
                    shown,
                })
            }
            Form::Reference => {
                match cbor::decode::<(PassId, u32, u16, ByteArray<64>)>(&bytes, PASS_TEXT_MAX) {
                    Ok((pass, at_s, n, signature)) => Self::Reference {
                        pass,
                        shown: Shown { at_s, n, signature },
                    },
                    Err(_) => Self::Malformed,
                }
            }
        }
    }

    /// Which pass it is about, once something in it can be believed or looked up.
    pub fn pass(&self) -> Option<PassId> {
        match self {
            Self::Static { claims, .. } | Self::Carried { claims, .. } => Some(claims.pass),
            Self::Reference { pass, .. } => Some(*pass),
            Self::Malformed | Self::IssuerUnknown { .. } | Self::Forged { .. } => None,
        }
    }

    /// Whose pass it says it is (static and carried passes).
    pub fn subject(&self) -> Option<SubjectId> {
        match self {
            Self::Static { claims, .. } | Self::Carried { claims, .. } => Some(claims.subject),
            _ => None,
        }
    }

    /// Whose company it says it needs (static and carried passes).
    pub fn escort(&self) -> Option<SubjectId> {
        match self {
            Self::Static { claims, .. } | Self::Carried { claims, .. } => claims.escort,
            _ => None,
        }
    }

    /// Where the ratchet of the pass stands once this has been accepted: seconds and counter; zeros for a static pass, which
    /// lets in once.
    pub fn position(&self) -> (u32, u16) {
        self.shown().map_or((0, 0), |shown| (shown.at_s, shown.n))
    }

    /// The holder's signature, where the form has one.
    pub fn shown(&self) -> Option<&Shown> {
        match self {
            Self::Carried { shown, .. } | Self::Reference { shown, .. } => Some(shown),
            _ => None,
        }
    }
}

fn split(text: &str) -> Option<(Form, Vec<u8>)> {
    let (prefix, body) = text.split_at_checked(3)?;
    let form = match prefix {
        "K1:" => Form::Static,
        "K2:" => Form::Carried,
        "K3:" => Form::Reference,
        _ => return None,
    };
    let bytes = base45::decode(body).ok()?;
    // The decoder folds overlong pairs; only the canonical text is a code.
    (base45::encode(&bytes) == body).then_some((form, bytes))
}

fn open(
    form: Form,
    bytes: &[u8],
    keys: &[VerifyingKey],
    then: impl FnOnce(Claims) -> Presented,
) -> Presented {
    match signed::open(keys, signed::PASS, bytes, PASS_TEXT_MAX) {
        Ok(payload) => cbor::decode(&payload, PASS_TEXT_MAX).map_or(Presented::Malformed, then),
        Err(CoseError::UnknownKey) => Presented::IssuerUnknown { form },
        Err(CoseError::Signature) => Presented::Forged { form },
        Err(_) => Presented::Malformed,
    }
}

/// Reads a pass without checking its signature, as its own holder's phone does.
pub fn peek(pass: &[u8]) -> Result<Claims, CoseError> {
    let unverified = Unverified::parse(pass, PASS_TEXT_MAX)?;
    Ok(cbor::decode(
        unverified.unverified_payload(),
        PASS_TEXT_MAX,
    )?)
}

#[cfg(test)]
mod tests;
