//! Attacks on the package and on the head: V01, V02, V03.
#![expect(clippy::unwrap_used, reason = "tests")]

use sekisho_domain::crypto::SigningKey;
use sekisho_domain::evidence::bundle::{FileEntry, Manifest};
use sekisho_domain::evidence::checkpoint::{KeyName, Vkey};
use sekisho_domain::evidence::cosignature::cosign;
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_verify::{Options, Report, Status, Verdict};

use crate::common::repack::{Files, edit_manifest, leaves, pack, relist, resign, set_leaves};
use crate::common::world::{NONCE, World, signing};
use crate::{assert_found, check, check_files};

fn changed(edit: impl FnOnce(&mut Files)) -> Report {
    let world = World::busy(5);
    let mut files = world.files();
    edit(&mut files);
    check_files(&world, &files)
}

fn entries(files: &Files) -> String {
    files
        .keys()
        .find(|name| name.starts_with("site/tile/entries/"))
        .unwrap()
        .clone()
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let world = World::busy(5);
    let files = world.files();
    for name in files.keys().filter(|name| *name != "manifest.json") {
        let mut flipped = files.clone();
        let bytes = flipped.get_mut(name).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let report = check_files(&world, &flipped);
        assert_eq!(report.verdict, Verdict::Fail, "{name}");
        assert_found(&report, "V01", "digest_differs", Status::Fail);
    }
}

#[test]
fn a_byte_of_a_record_with_a_new_manifest_fails_the_tree() {
    for (from_end, id, problem) in [(1, "V03", "tile_differs"), (40, "V03", "tile_differs")] {
        let report = changed(|files| {
            let name = entries(files);
            let bytes = files.get_mut(&name).unwrap();
            let at = bytes.len() - from_end;
            bytes[at] ^= 1;
            relist(files);
        });
        assert_found(&report, id, problem, Status::Fail);
        // The last seal is the one whose signature is checked.
        assert_found(&report, "V09", "seal_signature", Status::Fail);
    }
}

#[test]
fn rows_dropped_swapped_doubled_or_cut_do_not_give_the_root() {
    type Edit = fn(&mut Vec<Vec<u8>>);
    let edits: [(&str, Edit); 6] = [
        ("dropped", |leaves| drop(leaves.remove(4))),
        ("swapped", |leaves| leaves.swap(3, 4)),
        ("doubled", |leaves| leaves.insert(4, leaves[4].clone())),
        ("tail", |leaves| leaves.truncate(6)),
        ("head", |leaves| drop(leaves.remove(0))),
        ("edited", |leaves| leaves[4][60] ^= 1),
    ];
    for (what, edit) in edits {
        let report = changed(|files| {
            let mut rows = leaves(files);
            edit(&mut rows);
            set_leaves(files, &rows);
        });
        assert_eq!(report.verdict, Verdict::Fail, "{what}");
        let v03 = report
            .checks
            .iter()
            .find(|check| check.id == "V03")
            .unwrap();
        assert_eq!(v03.status, Status::Fail, "{what}");
    }
}

#[test]
fn with_a_wrong_key_no_head_is_made() {
    let report = changed(|files| {
        let mut rows = leaves(files);
        rows.pop();
        set_leaves(files, &rows);
        resign(files, &signing(99));
    });
    assert_found(&report, "V02", "head_signer", Status::Fail);
}

#[test]
fn an_older_genuine_head_does_not_answer_the_nonce() {
    let mut world = World::busy(5);
    let older = world.bundle();
    world.gateway_acts(0, 0);
    world.cut([9; 16]);
    let asked = Options {
        nonce: Some([9; 16]),
        ..Options::default()
    };
    assert_eq!(
        check(&world.bundle(), &world.trust(), &asked).verdict,
        Verdict::Pass
    );
    assert_found(
        &check(&older, &world.trust(), &asked),
        "V13",
        "nonce_absent",
        Status::Fail,
    );
    let without = check(&older, &world.trust(), &Options::default());
    assert_eq!(without.verdict, Verdict::Pass);
    assert!(without.up_to < check(&world.bundle(), &world.trust(), &Options::default()).up_to);
}

#[test]
fn only_logs_of_the_trust_file_count() {
    let (world, other) = (World::busy(5), World::busy(6));
    let report = check(&world.bundle(), &other.trust(), &Options::default());
    assert_found(&report, "V02", "head_signer", Status::Fail);
    // A trust file inside the bundle is no file of a bundle.
    let mut files = world.files();
    files.insert("trust.policy".into(), world.trust_text().into_bytes());
    relist_anything(&mut files, "trust.policy");
    assert_found(
        &check_files(&world, &files),
        "V01",
        "unknown_file",
        Status::Fail,
    );
}

#[test]
fn the_witnesses_that_the_trust_file_asks_for_must_have_cosigned() {
    let world = World::busy(5);
    let name = KeyName::new("w.example").unwrap();
    let vkey = Vkey::cosigner(name.clone(), signing(8).verifying());
    let text = format!("log {}\nwitness w1 {vkey}\nquorum w1\n", world.vkey());
    let trust = TrustPolicy::parse(text.as_bytes()).unwrap();
    let report = check(&world.bundle(), &trust, &Options::default());
    assert_found(&report, "V02", "head_quorum", Status::Cannot);
    assert_eq!(report.verdict, Verdict::CannotVerify);

    let cosigned_by = |key: &SigningKey| {
        let mut files = world.files();
        let note = files.get_mut("site/checkpoint.end").unwrap();
        let line = cosign(note, &name, key, 1_790_000_000).unwrap();
        note.extend_from_slice(line.as_bytes());
        relist(&mut files);
        check(&pack(&files), &trust, &Options::default())
    };
    let report = cosigned_by(&signing(8));
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.witnessed.len(), 1);
    assert_eq!(report.witnessed[0].name, "w1");
    // The line of a stranger of the same name is no statement of the witness.
    let report = cosigned_by(&signing(9));
    assert_found(&report, "V02", "head_quorum", Status::Cannot);
}

#[test]
fn signatures_of_the_head_are_taken_seriously() {
    let note = |edit: fn(&str) -> String| {
        changed(|files| {
            let text = String::from_utf8(files["site/checkpoint.end"].clone()).unwrap();
            files.insert("site/checkpoint.end".into(), edit(&text).into_bytes());
            relist(files);
        })
    };
    let stripped = note(|text| {
        text.split("\n\n").next().unwrap().to_owned() + "\n\n\u{2014} x aGVsbG8gd29ybGQ=\n"
    });
    assert_found(&stripped, "V02", "head_signer", Status::Fail);
    let unsigned = note(|text| text.split("\n\n").next().unwrap().to_owned() + "\n");
    assert_found(&unsigned, "V02", "head_malformed", Status::Fail);
    // A size of another number under the old signature.
    assert_found(
        &note(|text| text.replacen("\n16\n", "\n15\n", 1)),
        "V02",
        "head_signature",
        Status::Fail,
    );
    assert_found(
        &note(|text| text.replacen("\n16\n", "\n+16\n", 1)),
        "V02",
        "head_signature",
        Status::Fail,
    );
    // A signature of an unknown key beside the good one is ignored.
    assert_eq!(
        note(|text| format!("{text}\u{2014} x aGVsbG8gd29ybGQ=\n")).verdict,
        Verdict::Pass
    );
}

#[test]
fn files_are_exactly_those_of_the_manifest() {
    assert_found(
        &changed(|files| drop(files.remove("README.en.txt"))),
        "V01",
        "missing",
        Status::Fail,
    );
    assert_found(
        &changed(|files| drop(files.remove("manifest.json"))),
        "V01",
        "manifest_bad",
        Status::Fail,
    );
    assert_found(
        &changed(|files| drop(files.remove("site/checkpoint.end"))),
        "V02",
        "head_missing",
        Status::Fail,
    );
    let extra =
        |name: &'static str| changed(move |files| drop(files.insert(name.into(), b"x".to_vec())));
    assert_found(&extra("notes.txt"), "V01", "unknown_file", Status::Fail);
    assert_found(
        &extra("../../etc/cron.d/x"),
        "V01",
        "unsafe_name",
        Status::Fail,
    );
    assert_found(&extra("/etc/passwd"), "V01", "unsafe_name", Status::Fail);
    assert_found(&extra("site\\tile"), "V01", "unsafe_name", Status::Fail);
    assert_found(&extra("Manifest.json"), "V01", "unknown_file", Status::Fail);
    assert_found(
        &extra("site/checkpoint.start"),
        "V01",
        "unlisted",
        Status::Fail,
    );
    let listed = changed(|files| {
        files.insert("site/tile/0/001".into(), vec![0; 8192]);
        relist(files);
    });
    assert_found(&listed, "V01", "stray_tile", Status::Fail);
    let traversal = changed(|files| relist_anything(files, "../x"));
    assert_found(&traversal, "V01", "unsafe_name", Status::Fail);
    let twice = changed(|files| {
        edit_manifest(files, |manifest| {
            manifest.files.push(manifest.files[0].clone());
        });
    });
    assert_found(&twice, "V01", "name_twice", Status::Fail);
}

#[test]
fn a_manifest_of_another_version_cannot_be_verified() {
    let report = changed(|files| {
        let text = String::from_utf8(files["manifest.json"].clone()).unwrap();
        files.insert(
            "manifest.json".into(),
            text.replace("\"version\": 1", "\"version\": 2")
                .into_bytes(),
        );
    });
    assert_found(&report, "V01", "manifest_version", Status::Cannot);
}

#[test]
fn a_manifest_that_tells_another_story_is_found() {
    let edits: [fn(&mut Manifest); 3] = [|m| m.to += 1, |m| m.from = 3, |m| m.origin += "x"];
    for edit in edits {
        assert_found(
            &changed(|files| edit_manifest(files, edit)),
            "V01",
            "manifest_disagrees",
            Status::Fail,
        );
    }
    let site = changed(|files| edit_manifest(files, |manifest| manifest.site.0[0] ^= 1));
    assert_found(&site, "V15", "other_site", Status::Fail);
    let nonce =
        changed(|files| edit_manifest(files, |manifest| manifest.nonce = Some("00".repeat(16))));
    assert_found(&nonce, "V13", "cut_missing", Status::Finding);
}

#[test]
fn tiles_are_compared_not_believed() {
    let altered = changed(|files| {
        let name = files
            .keys()
            .find(|name| name.starts_with("site/tile/0/"))
            .unwrap()
            .clone();
        files.get_mut(&name).unwrap()[5] ^= 1;
        relist(files);
    });
    assert_found(&altered, "V03", "tile_differs", Status::Fail);
    let missing = changed(|files| {
        files.retain(|name, _| !name.starts_with("site/tile/0/"));
        relist(files);
    });
    assert_found(&missing, "V03", "tile_missing", Status::Fail);
    let width = changed(|files| {
        let name = entries(files);
        let bytes = files.remove(&name).unwrap();
        files.insert("site/tile/entries/000.p/15".into(), bytes);
        relist(files);
    });
    assert_found(&width, "V03", "incomplete", Status::Fail);
    assert_found(&width, "V01", "stray_tile", Status::Fail);
    let length = changed(|files| {
        let name = entries(files);
        files.get_mut(&name).unwrap()[1] ^= 1;
        relist(files);
    });
    assert_found(&length, "V03", "entries_malformed", Status::Fail);
}

#[test]
fn a_large_log_is_walked_tile_by_tile() {
    let mut world = World::opened(5, 1);
    for _ in 0..600 {
        world.gateway_seals(0, &[]);
    }
    world.cut(NONCE);
    let report = check(&world.bundle(), &world.trust(), &Options::default());
    assert_eq!(report.verdict, Verdict::Pass, "{report:#?}");
    for name in [
        "site/tile/0/000",
        "site/tile/0/001",
        "site/tile/1/000.p/2",
        "site/tile/entries/001",
    ] {
        let mut files = world.files();
        let bytes = files.get_mut(name).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        relist(&mut files);
        let report = check_files(&world, &files);
        assert_found(&report, "V03", "tile_differs", Status::Fail);
    }
}

/// Lists a file under a name that the manifest's own writer would not refuse.
fn relist_anything(files: &mut Files, name: &str) {
    let bytes = files.get(name).cloned().unwrap_or_default();
    edit_manifest(files, |manifest| {
        manifest.files.push(FileEntry::of(name, &bytes));
    });
}
