//! The PKI and the key files of Sekisho.
//!
//! Three unrelated kinds of TLS root (P-256), the leaf certificates that each may issue, revocation lists, the Ed25519
//! keystore, and the rustls configurations made from them. `README.md` beside this crate says for each key what it signs,
//! who may hold it and what its theft buys.
//!
//! Typical use:
//!
//! - *server*: [`Root::load_or_create`] (uplink), [`Root::issue`] for its own `srv-` and `brk-` certificates,
//!   [`Root::sign_csr`] at enrolment, [`Root::crl`] hourly, [`Keystore`] for its signing keys;
//! - *gateway*: [`csr::create`] and [`tls::client_pinned`] at enrolment, [`Root::load_or_create`] (site bus),
//!   [`Root::issue`] for its own `gw-`, the broker's `brk-`, each `dev-` and each `obs-`; [`Keystore`] for its `seal` key;
//! - *simulator*: [`tls::client`] with the three PEM files that `device issue` wrote.
//!
//! # Architecture invariants
//!
//! - No ambient clock: `now_ms` (unix ms) is a parameter. Randomness is ring's, and only for making keys and serials.
//! - A root issues only the classes of its kind: there is no function that could make a `srv-` certificate under a
//!   site-bus root, because the common name is derived from a typed [`Profile`], never from a caller's text.
//! - From a certificate request only the public key is taken, never a name, an extension or a lifetime.
//! - A private key is written with mode 0600 into a synced directory, and refused when others could read it.
//! - ring is the only provider, named explicitly in every configuration; no process-wide default is installed.

pub mod csr;
mod error;
pub mod files;
mod inspect;
mod keystore;
mod profile;
mod root;
pub mod tls;

pub use error::CertError;
pub use inspect::{Certificate, Serial, fingerprint};
pub use keystore::{Keystore, Purpose, StoredKey};
pub use profile::{FOREVER_MS, MAX_OBSERVER_MS, Profile, RootKind, UPLINK_CRL_MS, UPLINK_LEAF_MS};
pub use root::{Issued, Revoked, Root};
