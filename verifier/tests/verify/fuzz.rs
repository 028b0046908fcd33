//! No bytes make the verifier panic, and no change of content passes.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::LazyLock;

use proptest::prelude::*;
use sekisho_verify::{Options, Verdict};

use crate::check;
use crate::common::repack::{Files, pack, relist, unpack};
use crate::common::world::World;

static WORLD: LazyLock<(World, Files, Vec<u8>)> = LazyLock::new(|| {
    let world = World::busy(5);
    let (files, bundle) = (world.files(), world.bundle());
    (world, files, bundle)
});

/// What a bundle says, without what its manifest only claims: the time of the export.
fn content(bundle: &[u8]) -> Files {
    let mut files = unpack(bundle);
    let text = String::from_utf8(files.remove("manifest.json").unwrap()).unwrap();
    let lines = text.lines().filter(|line| !line.contains("created_at"));
    files.insert(
        "manifest.json".into(),
        lines.collect::<Vec<_>>().join("\n").into_bytes(),
    );
    files
}

fn verdict(bundle: &[u8]) -> Verdict {
    check(bundle, &WORLD.0.trust(), &Options::default()).verdict
}

#[derive(Debug, Clone)]
enum Change {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, u8),
    Copy(prop::sample::Index, prop::sample::Index, u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<prop::sample::Index>;
    let change = prop_oneof![
        6 => (index(), 1u8..).prop_map(|(at, bits)| Change::Flip(at, bits)),
        1 => index().prop_map(Change::Cut),
        1 => (index(), prop::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (index(), 1u8..).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (index(), index(), 1u8..).prop_map(|(from, to, count)| Change::Copy(from, to, count)),
    ];
    prop::collection::vec(change, 1..4)
}

fn apply(bytes: &mut Vec<u8>, changes: &[Change]) {
    for change in changes {
        if bytes.is_empty() {
            return;
        }
        match change {
            Change::Flip(at, bits) => {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Change::Insert(at, more) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Remove(at, count) => {
                let at = at.index(bytes.len());
                bytes.drain(at..(at + usize::from(*count)).min(bytes.len()));
            }
            Change::Copy(from, to, count) => {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                let piece = bytes[from..(from + usize::from(*count)).min(bytes.len())].to_vec();
                let end = (to + piece.len()).min(bytes.len());
                bytes[to..end].copy_from_slice(&piece[..end - to]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_changed_bundle_passes_only_with_the_same_content(changes in changes()) {
        let (_, _, good) = &*WORLD;
        let mut bundle = good.clone();
        apply(&mut bundle, &changes);
        if verdict(&bundle) == Verdict::Pass {
            let (seen, wanted) = (content(&bundle), content(good));
            for (name, bytes) in &wanted {
                prop_assert_eq!(seen.get(name).map(|b| String::from_utf8_lossy(b).into_owned()), Some(String::from_utf8_lossy(bytes).into_owned()), "{}", name);
            }
            prop_assert_eq!(seen.len(), wanted.len());
        }
    }

    /// The adversary also writes a new manifest, so that V01 does not hide what the other checks do.
    #[test]
    fn a_changed_file_with_a_new_manifest_never_passes(name in any::<prop::sample::Index>(), changes in changes()) {
        let (_, good, _) = &*WORLD;
        let mut files = good.clone();
        let names: Vec<_> = good.keys().filter(|name| !name.starts_with("README") && *name != "manifest.json").collect();
        let name = names[name.index(names.len())];
        let bytes = files.get_mut(name).unwrap();
        apply(bytes, &changes);
        relist(&mut files);
        let verdict = verdict(&pack(&files));
        // Fewer openings are no lie: an exporter ships those that the reader may see.
        if files != *good && name != "openings/openings.txt" {
            prop_assert_ne!(verdict, Verdict::Pass);
        }
    }

    #[test]
    fn any_bytes_are_no_bundle(bytes: Vec<u8>, starts: bool) {
        let bytes = if starts { [b"PK\x03\x04", &bytes[..]].concat() } else { bytes };
        prop_assert_ne!(verdict(&bytes), Verdict::Pass);
    }
}

#[test]
fn every_bit_of_a_record_counts() {
    // Exhaustive over the bytes of one entry file: one bit of each.
    let (_, good, _) = &*WORLD;
    let name = good
        .keys()
        .find(|name| name.starts_with("site/tile/entries/"))
        .unwrap();
    for at in 0..good[name].len() {
        let mut files = good.clone();
        files.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
        relist(&mut files);
        assert_eq!(verdict(&pack(&files)), Verdict::Fail, "byte {at}");
    }
}
