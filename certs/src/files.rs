//! Files that are there whole or not at all, and private ones that stay private.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::CertError;

/// Largest file read here, in bytes: keys, certificates and lists are far smaller.
const MAX_BYTES: u64 = 4 << 20;

/// Writes or replaces `path` with mode 0600: temporary file, fsync, rename, fsync of the directory.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), CertError> {
    let temporary = write_temporary(path, bytes, 0o600)?;
    rename(&temporary, path)
}

/// Writes or replaces `path` with mode 0644, as atomically as [`write_private`]. For certificates and lists.
pub fn write_public(path: &Path, bytes: &[u8]) -> Result<(), CertError> {
    let temporary = write_temporary(path, bytes, 0o644)?;
    rename(&temporary, path)
}

/// Creates `path` with mode 0600; an existing file is left alone and reported as [`CertError::Io`] (`AlreadyExists`).
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<(), CertError> {
    let temporary = write_temporary(path, bytes, 0o600)?;
    // A hard link fails where a rename would silently replace.
    let linked = fs::hard_link(&temporary, path);
    let removed = fs::remove_file(&temporary);
    linked.and(removed).map_err(CertError::io(path))?;
    sync_dir(path)
}

/// Reads a private file; refused when group or others have any right on it.
pub fn read_private(path: &Path) -> Result<Vec<u8>, CertError> {
    let mode = fs::metadata(path)
        .map_err(CertError::io(path))?
        .permissions()
        .mode()
        & 0o7777;
    if mode & 0o077 != 0 {
        return Err(CertError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    read_bounded(path)
}

/// Reads a public text file such as a certificate.
pub fn read_text(path: &Path) -> Result<String, CertError> {
    String::from_utf8(read_bounded(path)?)
        .map_err(|_| CertError::unreadable("text file", &path.display()))
}

/// Makes a directory (and its parents) that only its owner can enter. An existing one is left as it is.
pub fn create_private_dir(path: &Path) -> Result<(), CertError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(CertError::io(path))
}

fn write_temporary(path: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf, CertError> {
    let name = path
        .file_name()
        .ok_or_else(|| CertError::unreadable("file name", &path.display()))?;
    let temporary = path.with_file_name(format!(
        ".{}.{}.tmp",
        name.to_string_lossy(),
        std::process::id()
    ));
    // One left by a crash would make create_new fail for ever.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(CertError::io(&temporary)(error));
        }
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&temporary)
        .map_err(CertError::io(&temporary))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(CertError::io(&temporary))?;
    Ok(temporary)
}

fn rename(temporary: &Path, path: &Path) -> Result<(), CertError> {
    fs::rename(temporary, path).map_err(CertError::io(path))?;
    sync_dir(path)
}

/// Without this a power cut can forget the name although the bytes are on disk.
fn sync_dir(path: &Path) -> Result<(), CertError> {
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(CertError::io(dir))
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, CertError> {
    let file = File::open(path).map_err(CertError::io(path))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(CertError::io(path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(CertError::unreadable(
            "file",
            &format!("{} is larger than {MAX_BYTES} bytes", path.display()),
        ));
    }
    Ok(bytes)
}
