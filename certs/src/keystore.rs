//! Ed25519 keys on disk: one file `<purpose>.<kid>` per key, 32 bytes of seed, mode 0600.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ring::rand::{SecureRandom as _, SystemRandom};
use sekisho_domain::crypto::{KeyId, SigningKey, hex};

use crate::{CertError, files};

/// What a key is for. One key never serves two purposes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Purpose {
    /// Signs site keyrings; the one key that gateways pin.
    Keyring,
    /// The server's own seals.
    Service,
    /// Snapshots.
    Snapshot,
    /// Freshness and revocation messages.
    Live,
    /// Commands to gateways.
    Command,
    /// Passes.
    Pass,
    /// A gateway's seals; made on the box.
    Seal,
    /// Cosignatures of a witness.
    Witness,
    /// Checkpoints of one log: `<site>/<period>`, e.g. `01jd…/fy2026`, or one name such as `operator`.
    Log(String),
}

/// A key with its purpose.
pub struct StoredKey {
    /// What it is for.
    pub purpose: Purpose,
    /// Its name inside signed messages.
    pub id: KeyId,
    /// The key.
    pub key: SigningKey,
}

/// A directory of key files.
#[derive(Clone, Debug)]
pub struct Keystore {
    dir: PathBuf,
}

impl Keystore {
    /// Opens `dir`, making it (mode 0700) when it is not there.
    pub fn open(dir: &Path) -> Result<Self, CertError> {
        files::create_private_dir(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// Makes a fresh key for `purpose` and stores it before returning it.
    pub fn generate(&self, purpose: Purpose) -> Result<StoredKey, CertError> {
        let mut seed = [0; 32];
        SystemRandom::new()
            .fill(&mut seed)
            .map_err(|_| CertError::Crypto("no random bytes".to_owned()))?;
        self.import(purpose, &seed)
    }

    /// Stores a key made elsewhere from its 32-byte seed (RFC 8032 §5.1.5). A key stored before is left alone.
    pub fn import(&self, purpose: Purpose, seed: &[u8; 32]) -> Result<StoredKey, CertError> {
        let key = SigningKey::from_seed(seed)
            .map_err(|_| CertError::Crypto("not an Ed25519 seed".to_owned()))?;
        let id = key.verifying().id();
        files::create_private(&self.path(&purpose, id), seed)?;
        Ok(StoredKey { purpose, id, key })
    }

    /// Every key, by purpose and id. A file that is no key, is readable by others or does not match its name is an error:
    /// a program must not start with half of its keys.
    pub fn load_all(&self) -> Result<Vec<StoredKey>, CertError> {
        self.load_where(|_| true)
    }

    /// The keys of one purpose: usually none or one, two during a hand-over. Files of other purposes are not opened.
    pub fn load(&self, purpose: &Purpose) -> Result<Vec<StoredKey>, CertError> {
        let stem = purpose.file_stem();
        self.load_where(|name| {
            name.rsplit_once('.')
                .is_some_and(|(purpose, _)| purpose == stem)
        })
    }

    fn load_where(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<StoredKey>, CertError> {
        let mut keys = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(CertError::io(&self.dir))? {
            let path = entry.map_err(CertError::io(&self.dir))?.path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            // A dot begins the temporary file of a write that a crash cut short.
            if !name.starts_with('.') && wanted(&name) {
                keys.push(load(&path)?);
            }
        }
        keys.sort_by(|a, b| (&a.purpose, a.id).cmp(&(&b.purpose, b.id)));
        Ok(keys)
    }

    /// The one key of `purpose`, made when there is none. With several, the one with the smallest id.
    pub fn load_or_generate(&self, purpose: Purpose) -> Result<StoredKey, CertError> {
        match self.load(&purpose)?.into_iter().next() {
            Some(stored) => Ok(stored),
            None => self.generate(purpose),
        }
    }

    /// Where a key lies, e.g. to tell a person which file to move offline.
    pub fn path(&self, purpose: &Purpose, id: KeyId) -> PathBuf {
        self.dir
            .join(format!("{}.{}", purpose.file_stem(), hex(&id.0)))
    }
}

fn load(path: &Path) -> Result<StoredKey, CertError> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let unreadable =
        |why: &str| CertError::unreadable("key file", &format!("{}: {why}", &path.display()));
    let (stem, kid) = name
        .rsplit_once('.')
        .ok_or_else(|| unreadable("its name is not <purpose>.<kid>"))?;
    let purpose =
        Purpose::from_file_stem(stem).ok_or_else(|| unreadable("its purpose is unknown"))?;
    let seed: [u8; 32] = files::read_private(path)?
        .try_into()
        .map_err(|_| unreadable("it has not 32 bytes"))?;
    let key = SigningKey::from_seed(&seed).map_err(|_| unreadable("it is no Ed25519 seed"))?;
    let id = key.verifying().id();
    if hex(&id.0) != kid {
        return Err(unreadable("its key id is not the one in its name"));
    }
    Ok(StoredKey { purpose, id, key })
}

impl Purpose {
    /// A purpose for the log `<site>/<period>` (or a single name); refused when it could escape the key directory.
    pub fn log(name: &str) -> Result<Self, CertError> {
        let sound = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
        };
        if name.len() > 64
            || name.split('/').count() > 2
            || name.starts_with('.')
            || !name.split('/').all(sound)
        {
            return Err(CertError::unreadable(
                "log name",
                &format!("{name:?} is not <site>/<period> in lower case"),
            ));
        }
        Ok(Self::Log(name.to_owned()))
    }

    fn file_stem(&self) -> String {
        // '_' occurs in no log name, so the spelling can be read back.
        self.to_string().replace('/', "_")
    }

    fn from_file_stem(stem: &str) -> Option<Self> {
        stem.replace('_', "/").parse().ok()
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyring => f.write_str("keyring"),
            Self::Service => f.write_str("service"),
            Self::Snapshot => f.write_str("snapshot"),
            Self::Live => f.write_str("live"),
            Self::Command => f.write_str("command"),
            Self::Pass => f.write_str("pass"),
            Self::Seal => f.write_str("seal"),
            Self::Witness => f.write_str("witness"),
            Self::Log(name) => write!(f, "log/{name}"),
        }
    }
}

impl FromStr for Purpose {
    type Err = CertError;

    fn from_str(text: &str) -> Result<Self, CertError> {
        match text {
            "keyring" => Ok(Self::Keyring),
            "service" => Ok(Self::Service),
            "snapshot" => Ok(Self::Snapshot),
            "live" => Ok(Self::Live),
            "command" => Ok(Self::Command),
            "pass" => Ok(Self::Pass),
            "seal" => Ok(Self::Seal),
            "witness" => Ok(Self::Witness),
            _ => match text.strip_prefix("log/") {
                Some(name) => Self::log(name),
                None => Err(CertError::unreadable(
                    "key purpose",
                    &format!("{text:?} is unknown"),
                )),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    type Spoil = fn(&Path);

    fn purposes() -> Vec<Purpose> {
        let log = Purpose::log("01jd0000000000000000000000/fy2026.2").unwrap();
        vec![
            Purpose::Keyring,
            Purpose::Service,
            Purpose::Snapshot,
            Purpose::Live,
            Purpose::Command,
            Purpose::Pass,
            Purpose::Seal,
            Purpose::Witness,
            log,
        ]
    }

    #[test]
    fn keys_round_trip_with_private_files() {
        let dir = tempfile::tempdir().unwrap();
        let store = Keystore::open(&dir.path().join("keys")).unwrap();
        let made: Vec<_> = purposes()
            .into_iter()
            .map(|purpose| store.generate(purpose).unwrap())
            .collect();
        let loaded = store.load_all().unwrap();
        assert_eq!(loaded.len(), made.len());
        for key in &made {
            let path = store.path(&key.purpose, key.id);
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600,
                "{}",
                path.display()
            );
            let found = loaded.iter().find(|found| found.id == key.id).unwrap();
            assert_eq!(found.purpose, key.purpose);
            found
                .key
                .verifying()
                .verify(b"x", &key.key.sign(b"x"))
                .unwrap();
        }
        assert_eq!(
            fs::metadata(dir.path().join("keys"))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o700
        );
        let live = store.load_or_generate(Purpose::Live).unwrap();
        assert!(
            made.iter().any(|key| key.id == live.id),
            "a second live key was made"
        );
        assert_eq!(store.load(&Purpose::Live).unwrap().len(), 1);
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let store = Keystore::open(dir.path()).unwrap();
        let key = store.import(Purpose::Pass, &[5; 32]).unwrap();
        assert!(store.import(Purpose::Pass, &[5; 32]).is_err());
        assert_eq!(
            fs::read(store.path(&Purpose::Pass, key.id)).unwrap(),
            [5; 32]
        );
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "a temporary file was left"
        );
    }

    #[test]
    fn files_that_are_not_sound_keys_stop_the_program() {
        let spoil: [(&str, Spoil); 4] = [
            ("readable by others", |path| {
                fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
            }),
            ("other bytes", |path| fs::write(path, [6; 32]).unwrap()),
            ("short", |path| fs::write(path, [5; 31]).unwrap()),
            ("renamed", |path| {
                fs::rename(path, path.with_file_name("paint.0000000000000000")).unwrap();
            }),
        ];
        for (what, spoil) in spoil {
            let dir = tempfile::tempdir().unwrap();
            let store = Keystore::open(dir.path()).unwrap();
            let key = store.import(Purpose::Pass, &[5; 32]).unwrap();
            spoil(&store.path(&Purpose::Pass, key.id));
            assert!(store.load_all().is_err(), "{what}");
        }
    }

    #[test]
    fn a_write_cut_short_by_a_crash_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let store = Keystore::open(dir.path()).unwrap();
        fs::write(dir.path().join(".pass.0011223344556677.1.tmp"), b"half").unwrap();
        store.generate(Purpose::Pass).unwrap();
        assert_eq!(store.load_all().unwrap().len(), 1);
    }

    #[test]
    fn purposes_round_trip_and_log_names_cannot_escape() {
        for purpose in purposes() {
            assert_eq!(purpose.to_string().parse::<Purpose>().unwrap(), purpose);
            assert_eq!(Purpose::from_file_stem(&purpose.file_stem()), Some(purpose));
        }
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a/b/c",
            "../x",
            "..",
            "A/b",
            "a_b",
            "a b",
            &"x".repeat(65),
        ] {
            assert!(Purpose::log(bad).is_err(), "{bad:?}");
        }
    }
}
