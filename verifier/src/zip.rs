//! A reader of plain ZIPs that accepts one reading of a file.
//!
//! General readers differ in what they make of gaps, overlaps, doubled names and headers that disagree; an auditor's file
//! must not mean two things. So: the entries lie one after the other from the first byte to the directory, both headers of an
//! entry agree, nothing is compressed or encrypted, and the end record closes the file. (APPNOTE 6.3.10 §4.3.) The CRC is
//! not computed: the manifest's SHA-256 is what counts.

use std::io::{self, Read, Seek, SeekFrom};

use sekisho_domain::evidence::bundle::FILES_MAX;

const END_BYTES: usize = 22;
const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;

/// Most bytes of the directory: room for every file with a long name.
const DIRECTORY_MAX: u64 = 32 * 1024 * 1024;

/// General purpose flag 11: the name is UTF-8.
const FLAG_UTF8: u16 = 1 << 11;

/// One stored file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// Its name, as stored.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) size: u64,
    /// Where its bytes begin.
    data: u64,
    header: Header,
}

/// What both headers of an entry must say alike, and where the local one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Header {
    offset: u64,
    flags: u16,
    crc: u32,
}

/// An opened ZIP.
pub(crate) struct Archive<R> {
    reader: R,
    entries: Vec<Entry>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory and checks the shape of the whole file.
    pub(crate) fn open(mut reader: R) -> Result<Self, ZipError> {
        let (directory, start) = read_directory(&mut reader)?;
        let mut entries = parse_directory(&directory)?;
        entries.sort_by_key(|entry| entry.header.offset);
        let mut at = 0;
        for entry in &mut entries {
            entry.data = check_local(&mut reader, entry, at)?;
            at = entry.data + entry.size;
        }
        if at != start {
            return Err(ZipError::Shape("bytes that belong to no entry"));
        }
        Ok(Self { reader, entries })
    }

    /// The entries, in the order of their bytes.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Hands the bytes of entry `index` to `take`, in pieces of at most 64 KiB.
    pub(crate) fn stream(&mut self, index: usize, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let Some(entry) = self.entries.get(index) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        self.reader.seek(SeekFrom::Start(entry.data))?;
        let mut left = entry.size;
        let mut buffer = vec![0; 64 * 1024];
        while left > 0 {
            let want = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            self.reader.read_exact(&mut buffer[..want])?;
            take(&buffer[..want]);
            left -= want as u64;
        }
        Ok(())
    }
}

/// Why a file is not such a ZIP.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ZipError {
    /// The file could not be read.
    #[error(transparent)]
    Io(io::Error),
    /// Neither end nor beginning of a ZIP.
    #[error("not a ZIP")]
    NotAZip,
    /// A ZIP that is cut, altered or not plain.
    #[error("{0}")]
    Shape(&'static str),
}

impl From<io::Error> for ZipError {
    /// A header that points behind the end of the file is a fault of the file, not of the disk.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Shape("the file ends inside an entry"),
            _ => Self::Io(error),
        }
    }
}

fn read_directory<R: Read + Seek>(reader: &mut R) -> Result<(Vec<u8>, u64), ZipError> {
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    let mut first = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut first)?;
    let starts = first == *b"PK\x03\x04" || first == *b"PK\x05\x06";
    let missing = if starts {
        ZipError::Shape("no end record at the end of the file")
    } else {
        ZipError::NotAZip
    };
    let Some(end_at) = length.checked_sub(END_BYTES as u64) else {
        return Err(missing);
    };
    reader.seek(SeekFrom::Start(end_at))?;
    let mut end = [0; END_BYTES];
    reader.read_exact(&mut end)?;
    let mut fields = Fields(&end);
    if fields.u32() != Some(0x0605_4b50) {
        return Err(missing);
    }
    let (disk, first_disk, here, total) = (fields.u16(), fields.u16(), fields.u16(), fields.u16());
    let (size, start) = (fields.u32().map(u64::from), fields.u32().map(u64::from));
    let (Some(size), Some(start), Some(total), Some(comment)) = (size, start, total, fields.u16())
    else {
        return Err(missing);
    };
    if disk != Some(0) || first_disk != Some(0) || here != Some(total) || comment != 0 {
        return Err(ZipError::Shape("more than one part, or a comment"));
    }
    if start + size != end_at || size > DIRECTORY_MAX || usize::from(total) > FILES_MAX + 1 {
        return Err(ZipError::Shape(
            "the directory does not end where the end record begins",
        ));
    }
    reader.seek(SeekFrom::Start(start))?;
    let mut directory = vec![0; usize::try_from(size).unwrap_or(0)];
    reader.read_exact(&mut directory)?;
    if count(&directory) != Some(usize::from(total)) {
        return Err(ZipError::Shape(
            "the directory does not hold what the end record says",
        ));
    }
    Ok((directory, start))
}

/// Number of entries in a directory, by walking it.
fn count(directory: &[u8]) -> Option<usize> {
    let (mut fields, mut entries) = (Fields(directory), 0);
    while !fields.0.is_empty() {
        let fixed = fields.take(CENTRAL_BYTES)?;
        let variable = [28, 30, 32]
            .iter()
            .map(|at| usize::from(u16::from_le_bytes([fixed[*at], fixed[at + 1]])))
            .sum();
        fields.take(variable)?;
        entries += 1;
    }
    Some(entries)
}

fn parse_directory(directory: &[u8]) -> Result<Vec<Entry>, ZipError> {
    let mut fields = Fields(directory);
    let mut entries = Vec::new();
    while !fields.0.is_empty() {
        entries.push(
            parse_central(&mut fields)
                .ok_or(ZipError::Shape("the directory ends inside an entry"))??,
        );
    }
    Ok(entries)
}

/// `None` when the bytes end early.
fn parse_central(fields: &mut Fields<'_>) -> Option<Result<Entry, ZipError>> {
    let signature = fields.u32()?;
    let (_made_by, _needed) = (fields.u16()?, fields.u16()?);
    let (flags, method) = (fields.u16()?, fields.u16()?);
    let _time_and_date = fields.u32()?;
    let (crc, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (name, extra, comment) = (fields.u16()?, fields.u16()?, fields.u16()?);
    let (disk, _internal) = (fields.u16()?, fields.u16()?);
    let (attributes, offset) = (fields.u32()?, fields.u32()?);
    let name = fields.take(usize::from(name))?;

    let shape = |why| Some(Err(ZipError::Shape(why)));
    if signature != 0x0201_4b50 || disk != 0 || comment != 0 || extra != 0 {
        return shape("not an entry of a plain directory");
    }
    if method != 0 || packed != size || flags & !FLAG_UTF8 != 0 {
        return shape("an entry is compressed, encrypted or of unknown length");
    }
    // Upper half: mode on Unix (0 or a regular file); 0x10: directory on DOS.
    let kind = attributes >> 28;
    if !(kind == 0 || kind == 8) || attributes & 0x10 != 0 {
        return shape("an entry is a directory, a link or a device");
    }
    let Ok(name) = std::str::from_utf8(name) else {
        return shape("a name is not text");
    };
    let header = Header {
        offset: u64::from(offset),
        flags,
        crc,
    };
    Some(Ok(Entry {
        name: name.to_owned(),
        size: u64::from(size),
        data: 0,
        header,
    }))
}

/// Compares the local header at `at` with the directory; where the bytes of the entry begin.
fn check_local<R: Read + Seek>(reader: &mut R, entry: &Entry, at: u64) -> Result<u64, ZipError> {
    const GAP: ZipError = ZipError::Shape("entries overlap, or bytes lie between them");
    if entry.header.offset != at {
        return Err(GAP);
    }
    reader.seek(SeekFrom::Start(at))?;
    let mut fixed = [0; LOCAL_BYTES];
    reader.read_exact(&mut fixed)?;
    let mut name = vec![0; entry.name.len()];
    reader.read_exact(&mut name)?;
    if !agrees(&fixed, entry).unwrap_or(false) || name != entry.name.as_bytes() {
        return Err(ZipError::Shape("the two headers of an entry disagree"));
    }
    Ok(at + (LOCAL_BYTES + name.len()) as u64)
}

/// Whether a local header says what the directory says of `entry`, and brings no extra field.
fn agrees(fixed: &[u8; LOCAL_BYTES], entry: &Entry) -> Option<bool> {
    let mut fields = Fields(fixed);
    let (signature, _needed) = (fields.u32()?, fields.u16()?);
    let (flags, method, _time_and_date) = (fields.u16()?, fields.u16()?, fields.u32()?);
    let (crc, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (name, extra) = (fields.u16()?, fields.u16()?);
    let same = signature == 0x0403_4b50
        && extra == 0
        && (flags, method, crc) == (entry.header.flags, 0, entry.header.crc)
        && u64::from(packed) == entry.size
        && u64::from(size) == entry.size
        && usize::from(name) == entry.name.len();
    Some(same)
}

/// Little-endian numbers from the front of some bytes.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }
}
