//! Attacks on the ZIP itself: V01.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Cursor, Write};

use sekisho_verify::{Options, Status, Verdict};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::common::repack::pack;
use crate::common::world::World;
use crate::{assert_found, check};

#[test]
fn only_one_plain_zip_is_read() {
    let world = World::busy(5);
    let good = world.bundle();
    let shape = |bundle: &[u8]| check(bundle, &world.trust(), &Options::default());
    assert_eq!(shape(&good).verdict, Verdict::Pass);
    assert_found(&shape(b""), "V01", "not_a_zip", Status::Cannot);
    assert_found(
        &shape(b"hello, this is no bundle at all"),
        "V01",
        "not_a_zip",
        Status::Cannot,
    );
    assert_found(
        &shape(&good[..good.len() - 1]),
        "V01",
        "zip_shape",
        Status::Fail,
    );
    assert_found(
        &shape(&[&good[..], b"x"].concat()),
        "V01",
        "zip_shape",
        Status::Fail,
    );
    assert_found(
        &shape(&[b"PK\x03\x04", &good[..]].concat()),
        "V01",
        "zip_shape",
        Status::Fail,
    );

    // Compressed entries, links and directories are refused: a bomb needs the first, an escape the second.
    let one = |options: SimpleFileOptions,
               build: fn(&mut ZipWriter<Cursor<Vec<u8>>>, SimpleFileOptions)| {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        build(&mut writer, options);
        writer.finish().unwrap().into_inner()
    };
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let link = one(stored, |writer, options| {
        writer
            .add_symlink("site/checkpoint.end", "/etc/passwd", options)
            .unwrap();
    });
    assert_found(&shape(&link), "V01", "zip_shape", Status::Fail);
    let directory = one(stored, |writer, options| {
        writer.add_directory("site", options).unwrap();
    });
    assert_found(&shape(&directory), "V01", "zip_shape", Status::Fail);
    let mut deflated = good.clone();
    let at = good
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    deflated[at + 10] = 8;
    assert_found(&shape(&deflated), "V01", "zip_shape", Status::Fail);
    let huge = one(stored, |writer, options| {
        writer.start_file("manifest.json", options).unwrap();
        let _ = writer.write_all(&vec![b' '; 17 * 1024 * 1024]);
    });
    assert_found(&shape(&huge), "V01", "file_too_long", Status::Fail);
}

#[test]
fn one_name_means_one_file() {
    // Two entries of one name: a general reader takes one, another reader the other.
    let world = World::busy(5);
    let mut files = world.files();
    files.insert("README.en.txu".into(), b"evil".to_vec());
    let mut bundle = pack(&files);
    let mut at = 0;
    while let Some(next) = bundle[at..]
        .windows(13)
        .position(|bytes| bytes == b"README.en.txu")
    {
        at += next + 12;
        bundle[at] = b't';
    }
    let report = check(&bundle, &world.trust(), &Options::default());
    assert_eq!(report.verdict, Verdict::Fail);
    assert_found(&report, "V01", "name_twice", Status::Fail);
}

#[test]
fn entries_do_not_overlap() {
    // The directory names one local entry twice: the seed of every overlap bomb.
    let world = World::busy(5);
    let mut bundle = world.bundle();
    let (mut at, mut places) = (0, Vec::new());
    while let Some(next) = bundle[at..]
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
    {
        places.push(at + next);
        at += next + 4;
    }
    let [first, second, ..] = places[..] else {
        panic!("two entries")
    };
    let offset: [u8; 4] = bundle[first + 42..first + 46].try_into().unwrap();
    bundle[second + 42..second + 46].copy_from_slice(&offset);
    assert_found(
        &check(&bundle, &world.trust(), &Options::default()),
        "V01",
        "zip_shape",
        Status::Fail,
    );
}
