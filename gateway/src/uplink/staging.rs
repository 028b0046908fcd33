//! Puts the chunks of a snapshot together. Bounded, one at a time; what comes out is only as good as its digest.

use sekisho_domain::crypto::Digest;
use sekisho_domain::wire::uplink::{CHUNK_MAX, SnapshotChunk};
use sekisho_domain::wire::{SNAPSHOT_MAX, VERSION};

/// The snapshot that is arriving.
#[derive(Default)]
pub(super) struct Staging {
    digest: Digest,
    total: usize,
    bytes: Vec<u8>,
}

impl Staging {
    /// Takes one chunk; the whole when it is complete and has its digest.
    pub(super) fn take(&mut self, chunk: &SnapshotChunk) -> Result<Option<Vec<u8>>, &'static str> {
        let (total, offset) = (chunk.total as usize, chunk.offset as usize);
        if chunk.version != VERSION
            || chunk.bytes.is_empty()
            || chunk.bytes.len() > CHUNK_MAX
            || total > SNAPSHOT_MAX
            || offset.saturating_add(chunk.bytes.len()) > total
        {
            return Err("a chunk outside the bounds of a snapshot");
        }
        if (self.digest, self.total) != (chunk.digest, total) {
            *self = Self {
                digest: chunk.digest,
                total,
                bytes: Vec::new(),
            };
        }
        if offset + chunk.bytes.len() <= self.bytes.len() {
            // Sent again after a reconnect: held already.
            return Ok(None);
        }
        if offset != self.bytes.len() {
            return Err("a chunk ahead of its turn");
        }
        self.bytes.extend_from_slice(&chunk.bytes);
        if self.bytes.len() < total {
            return Ok(None);
        }
        let whole = std::mem::take(self);
        if Digest::of(&[&whole.bytes]) == whole.digest {
            Ok(Some(whole.bytes))
        } else {
            Err("a snapshot that does not have its digest")
        }
    }

    /// Whether a snapshot is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn chunks(whole: &[u8], size: usize) -> Vec<SnapshotChunk> {
        let digest = Digest::of(&[whole]);
        let total = u32::try_from(whole.len()).unwrap();
        let part = |(i, part): (usize, &[u8])| SnapshotChunk {
            version: VERSION,
            digest,
            total,
            offset: u32::try_from(i * size).unwrap(),
            bytes: part.to_vec().into(),
        };
        whole.chunks(size).enumerate().map(part).collect()
    }

    #[test]
    fn chunks_make_the_whole_also_when_sent_twice() {
        let whole: Vec<u8> = (0..100_000_u32)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        let parts = chunks(&whole, 40_000);
        let mut staging = Staging::default();
        assert_eq!(staging.take(&parts[0]), Ok(None));
        assert_eq!(staging.take(&parts[0]), Ok(None));
        assert_eq!(staging.take(&parts[2]), Err("a chunk ahead of its turn"));
        assert_eq!(staging.take(&parts[1]), Ok(None));
        assert_eq!(staging.take(&parts[2]), Ok(Some(whole)));
        assert!(staging.is_empty());
    }

    #[test]
    fn bounds_and_digest_are_enforced() {
        let mut staging = Staging::default();
        let mut part = chunks(&[1; 10], 10).remove(0);
        part.digest = Digest([9; 32]);
        assert_eq!(
            staging.take(&part),
            Err("a snapshot that does not have its digest")
        );
        part.offset = u32::MAX;
        assert!(staging.take(&part).is_err());
        part.offset = 0;
        part.total = u32::MAX;
        assert!(staging.take(&part).is_err());
    }
}
