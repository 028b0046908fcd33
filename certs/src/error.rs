//! What can go wrong with certificates and key files. Messages name the thing and the cure, never key material.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a certificate, key or configuration could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A private file that others may read.
    #[error("{} has mode {mode:o}: run chmod 600 on it, and replace the key if others may have read it", path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Bytes that are not what they should be.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// What was expected.
        what: &'static str,
        /// Why it is not that.
        why: String,
    },
    /// A root was asked for a class of certificate that is not its own.
    #[error("a {root} root issues no {class} certificates")]
    ClassNotAllowed {
        /// The kind of root.
        root: &'static str,
        /// The class asked for, with its dash.
        class: &'static str,
    },
    /// A root of another kind than wanted.
    #[error("this is not a {expected} root (its name is {found:?})")]
    WrongRoot {
        /// The kind that was wanted.
        expected: &'static str,
        /// The common name found.
        found: String,
    },
    /// A certificate request that is refused.
    #[error("certificate request refused: {0}")]
    Request(&'static str),
    /// A lifetime outside what the profile allows.
    #[error("lifetime refused: {0}")]
    Lifetime(&'static str),
    /// A host name or address that cannot stand in a certificate.
    #[error("{0:?} is neither a host name nor an IP address")]
    Name(String),
    /// Key generation or signing failed.
    #[error("signing failed: {0}")]
    Crypto(String),
    /// rustls refused the material.
    #[error("TLS configuration: {0}")]
    Tls(#[from] rustls::Error),
}

impl CertError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn unreadable(what: &'static str, why: &(impl fmt::Display + ?Sized)) -> Self {
        Self::Unreadable {
            what,
            why: why.to_string(),
        }
    }
}

impl From<rcgen::Error> for CertError {
    fn from(error: rcgen::Error) -> Self {
        Self::Crypto(error.to_string())
    }
}
