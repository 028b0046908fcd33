//! Named bundles, honest and forged, that every verifier has to judge alike.
#![expect(clippy::unwrap_used, reason = "tests")]

mod sealed;

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::checkpoint::{KeyName, Vkey};
use sekisho_domain::evidence::cosignature::cosign;
use sekisho_domain::ids::GatewayId;
use sekisho_domain::wire::body::{LogOpened, PreviousLog, StreamEnded};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::uplink::Head;

use super::repack::{Files, edit_manifest, leaves, pack, relist, resign, set_leaves};
use super::world::{NONCE, Sealer, World, signing};

/// A bundle, the trust file, the nonce asked for, and the problem that has to be the first of its check; empty: none at all.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) bundle: Vec<u8>,
    pub(crate) trust: String,
    pub(crate) nonce: Option<[u8; 16]>,
    pub(crate) problem: &'static str,
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Cases(Vec::new());
    honest(&mut cases);
    zipped(&mut cases);
    packed(&mut cases);
    noted(&mut cases);
    trees(&mut cases);
    sealed::add(&mut cases);
    cases.0
}

/// A row of cases that grows.
struct Cases(Vec<Case>);

impl Cases {
    fn raw(&mut self, name: &'static str, problem: &'static str, bundle: Vec<u8>, trust: String) {
        let nonce = None;
        self.0.push(Case {
            name,
            bundle,
            trust,
            nonce,
            problem,
        });
    }

    fn world(&mut self, name: &'static str, problem: &'static str, world: &World) {
        self.raw(name, problem, world.bundle(), world.trust_text());
    }

    fn asked(&mut self, name: &'static str, problem: &'static str, world: &World) {
        self.world(name, problem, world);
        self.0.last_mut().unwrap().nonce = Some(NONCE);
    }

    /// The files of a busy day, changed.
    fn files(&mut self, name: &'static str, problem: &'static str, edit: impl FnOnce(&mut Files)) {
        let world = World::busy(5);
        let mut files = world.files();
        edit(&mut files);
        self.raw(name, problem, pack(&files), world.trust_text());
    }

    /// The manifest says what is there.
    fn relisted(
        &mut self,
        name: &'static str,
        problem: &'static str,
        edit: impl FnOnce(&mut Files),
    ) {
        self.files(name, problem, |files| {
            edit(files);
            relist(files);
        });
    }

    /// The leaves of a busy day, changed by who holds the log key.
    fn resigned(
        &mut self,
        name: &'static str,
        problem: &'static str,
        edit: impl FnOnce(&mut Vec<Vec<u8>>),
    ) {
        self.files(name, problem, |files| {
            let mut rows = leaves(files);
            edit(&mut rows);
            set_leaves(files, &rows);
            resign(files, &signing(1));
        });
    }

    /// One gateway does something before everybody closes.
    fn acted(&mut self, name: &'static str, problem: &'static str, act: impl FnOnce(&mut World)) {
        let mut world = World::opened(5, 1);
        world.gateway_acts(0, 0);
        act(&mut world);
        world.cut(NONCE);
        self.world(name, problem, &world);
    }

    /// A log that goes on from another in which each gateway's stream ended with seal 39, event 199.
    fn continued(
        &mut self,
        name: &'static str,
        problem: &'static str,
        edit: impl FnOnce(&mut LogOpened),
        act: impl FnOnce(&mut World),
    ) {
        let mut world = World::opened(5, 1);
        let mut opened = world.opening(Some(before()));
        for gateway in &mut world.gateways {
            (gateway.next_no, gateway.next_seq) = (40, 200);
            gateway.last_hash = Digest([1; 32]);
        }
        let end = |gateway: &Sealer| StreamEnded {
            gateway: gateway.gateway,
            stream: gateway.stream,
            seal_no: 39,
            seq: 199,
            hash: Digest([1; 32]),
        };
        opened.ends = Some(world.gateways.iter().map(end).collect());
        edit(&mut opened);
        world.leaves.clear();
        (world.service.next_no, world.service.next_seq) = (1, 1);
        world.service.last_hash = Digest::ZERO;
        let event = world.event(EventCode::LogOpened).with_body(&opened);
        world.serve(&[event]);
        act(&mut world);
        world.cut(NONCE);
        self.world(name, problem, &world);
    }
}

const BEFORE: &str = "op.example/before/fy2025";

fn before() -> PreviousLog {
    let (size, root) = (9, Digest([9; 32]));
    let origin = BEFORE.to_owned();
    PreviousLog {
        origin,
        head: Head { size, root },
    }
}

fn honest(cases: &mut Cases) {
    cases.world("a busy day", "", &World::busy(5));
    cases.asked("a busy day, asked for", "", &World::busy(5));
    let mut large = World::opened(5, 1);
    (0..600).for_each(|_| large.gateway_seals(0, &[]));
    large.cut(NONCE);
    cases.world("three tiles", "", &large);
    let mut later = World::opened(5, 0);
    later.enrol(Sealer::new(GatewayId([0x33; 16]), 0x70, later.site, 0x71));
    later.gateway_acts(0, 1);
    later.cut(NONCE);
    cases.world("a gateway that came later", "", &later);
    cases.acted("another gateway", "two_gateways", |world| {
        world.enrol(Sealer::new(GatewayId([0x33; 16]), 0x70, world.site, 0x71));
        world.gateway_acts(1, 1);
    });
}

fn zipped(cases: &mut Cases) {
    let (good, trust) = (World::busy(5).bundle(), World::busy(5).trust_text());
    let mut raw = |name, problem, bundle| cases.raw(name, problem, bundle, trust.clone());
    raw("nothing", "not_a_zip", Vec::new());
    raw(
        "text",
        "not_a_zip",
        b"hello, this is no bundle at all".to_vec(),
    );
    raw("a byte short", "zip_shape", good[..good.len() - 1].to_vec());
    raw("a byte long", "zip_shape", [&good[..], b"x"].concat());
    raw(
        "something in front",
        "zip_shape",
        [b"PK\x03\x04", &good[..]].concat(),
    );
    let mut deflated = good.clone();
    let directory = |bytes: &[u8]| bytes == b"PK\x01\x02";
    let at = good.windows(4).rposition(directory).unwrap();
    deflated[at + 10] = 8;
    raw("compressed", "zip_shape", deflated);
    let mut files = World::busy(5).files();
    files.insert("README.en.txu".into(), b"evil".to_vec());
    let mut twice = pack(&files);
    for at in 0..twice.len() - 13 {
        if twice[at..].starts_with(b"README.en.txu") {
            twice[at + 12] = b't';
        }
    }
    raw("one name, two files", "name_twice", twice);
}

fn packed(cases: &mut Cases) {
    cases.files("no README", "missing", |files| {
        drop(files.remove("README.en.txt"));
    });
    cases.files("no manifest", "manifest_bad", |files| {
        drop(files.remove("manifest.json"));
    });
    cases.files("another README", "digest_differs", |files| {
        files.get_mut("README.en.txt").unwrap()[9] ^= 1;
    });
    for (name, path, problem) in [
        ("a note", "notes.txt", "unknown_file"),
        ("climbing out", "../../etc/cron.d/x", "unsafe_name"),
        ("from the root", "/etc/passwd", "unsafe_name"),
        ("a backslash", "site\\tile", "unsafe_name"),
        ("capitals", "Manifest.json", "unknown_file"),
        ("an unlisted start", "site/checkpoint.start", "unlisted"),
        ("a group of zeros", "site/tile/0/x000/000", "unknown_file"),
    ] {
        cases.files(name, problem, |files| {
            drop(files.insert(path.into(), b"x".to_vec()));
        });
    }
    cases.files("a long README", "file_too_long", |files| {
        files.insert("README.en.txt".into(), vec![b' '; 65_537]);
    });
    cases.relisted("a stray tile", "stray_tile", |files| {
        files.insert("site/tile/0/001".into(), vec![0; 8192]);
    });
    cases.files("another version", "manifest_version", |files| {
        let text = String::from_utf8(files["manifest.json"].clone()).unwrap();
        let text = text.replace("\"version\": 1", "\"version\": 2");
        files.insert("manifest.json".into(), text.into_bytes());
    });
    cases.files("another spelling", "manifest_bad", |files| {
        files.get_mut("manifest.json").unwrap().push(b'\n');
    });
    cases.files("another size", "manifest_disagrees", |files| {
        edit_manifest(files, |it| it.to += 1);
    });
    cases.files("another start", "manifest_disagrees", |files| {
        edit_manifest(files, |it| it.from = 3);
    });
    cases.files("another origin", "manifest_disagrees", |files| {
        edit_manifest(files, |it| it.origin += "x");
    });
    cases.files("another site", "other_site", |files| {
        edit_manifest(files, |it| it.site.0[0] ^= 1);
    });
    cases.files("another nonce", "cut_missing", |files| {
        edit_manifest(files, |it| it.nonce = Some("00".repeat(16)));
    });
    cases.files("no nonce", "", |files| {
        edit_manifest(files, |it| it.nonce = None);
    });
}

fn noted(cases: &mut Cases) {
    cases.files("no head", "head_missing", |files| {
        drop(files.remove("site/checkpoint.end"));
    });
    let mut note = |name, problem, edit: fn(&str) -> String| {
        cases.relisted(name, problem, |files| {
            let text = String::from_utf8(files["site/checkpoint.end"].clone()).unwrap();
            files.insert("site/checkpoint.end".into(), edit(&text).into_bytes());
        });
    };
    note("a stranger's signature", "head_signer", |text| {
        text.split("\n\n").next().unwrap().to_owned() + "\n\n\u{2014} x aGVsbG8gd29ybGQ=\n"
    });
    note("no signature", "head_malformed", |text| {
        text.split("\n\n").next().unwrap().to_owned() + "\n"
    });
    note("another size in the head", "head_signature", |text| {
        text.replacen("\n16\n", "\n15\n", 1)
    });
    note("a second spelling of the size", "head_signature", |text| {
        text.replacen("\n16\n", "\n+16\n", 1)
    });
    note("a stranger beside", "", |text| {
        format!("{text}\u{2014} x aGVsbG8gd29ybGQ=\n")
    });
    cases.raw(
        "another log's trust file",
        "head_signer",
        World::busy(5).bundle(),
        World::busy(6).trust_text(),
    );

    let world = World::busy(5);
    let name = KeyName::new("w.example").unwrap();
    let vkey = Vkey::cosigner(name.clone(), signing(8).verifying());
    let trust = format!(
        "log {}\nwitness w1 {vkey}\ngroup g any w1\nquorum g\n",
        world.vkey()
    );
    cases.raw("no witness", "head_quorum", world.bundle(), trust.clone());
    for (title, problem, flip) in [
        ("a witness", "", 0),
        ("a witness's wrong line", "head_signature", 1),
    ] {
        let mut files = world.files();
        let note = files.get_mut("site/checkpoint.end").unwrap();
        let mut line = cosign(note, &name, &signing(8), 1_790_000_000)
            .unwrap()
            .into_bytes();
        let at = line.len() - 20;
        line[at] = if flip == 1 && line[at] != b'A' {
            b'A'
        } else {
            line[at] ^ u8::from(flip == 1)
        };
        note.extend_from_slice(&line);
        relist(&mut files);
        cases.raw(title, problem, pack(&files), trust.clone());
    }
}

type Edit = fn(&mut Vec<Vec<u8>>);

fn trees(cases: &mut Cases) {
    const ENTRIES: &str = "site/tile/entries/000.p/16";
    const TILE: &str = "site/tile/0/000.p/16";
    cases.relisted("a byte of a record", "tile_differs", |files| {
        *files.get_mut(ENTRIES).unwrap().last_mut().unwrap() ^= 1;
    });
    cases.relisted("a byte of a tile", "tile_differs", |files| {
        files.get_mut(TILE).unwrap()[5] ^= 1;
    });
    cases.relisted("no tile", "tile_missing", |files| drop(files.remove(TILE)));
    cases.relisted("a length", "entries_malformed", |files| {
        files.get_mut(ENTRIES).unwrap()[1] ^= 1;
    });
    cases.relisted("no entries", "incomplete", |files| {
        drop(files.remove(ENTRIES));
    });
    cases.relisted("another width", "incomplete", |files| {
        let bytes = files.remove(ENTRIES).unwrap();
        files.insert("site/tile/entries/000.p/15".into(), bytes);
    });
    let rows: [(&str, Edit); 2] = [
        ("rows swapped", |rows| rows.swap(3, 4)),
        ("a row edited", |rows| rows[4][60] ^= 1),
    ];
    for (name, edit) in rows {
        cases.files(name, "root_differs", |files| {
            let mut rows = leaves(files);
            edit(&mut rows);
            set_leaves(files, &rows);
        });
    }
}
