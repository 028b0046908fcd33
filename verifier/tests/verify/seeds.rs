//! Seeds of the fuzz targets `bundle` and `log`: the busy day, as a file and as the payloads of its seals.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use sekisho_domain::crypto::Unverified;
use sekisho_domain::evidence::seal::SEAL_MAX;

use crate::common::world::World;

/// Run once with `--ignored` after a change of the format.
#[test]
#[ignore = "writes into domain/fuzz/corpus"]
fn rewrite_the_seeds_of_bundles() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/fuzz/corpus");
    let (mut small, busy) = (World::opened(5, 1), World::busy(5));
    small.cut(crate::common::world::NONCE);
    for (name, world) in [("small", small), ("busy", busy)] {
        let mut log = vec![1];
        for leaf in &world.leaves {
            let unverified = Unverified::parse(leaf, SEAL_MAX).unwrap();
            let payload = unverified.unverified_payload();
            log.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
            log.extend_from_slice(payload);
        }
        for (target, bytes) in [("log", log), ("bundle", world.bundle())] {
            let dir = corpus.join(target);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join(name), bytes).unwrap();
        }
    }
}
