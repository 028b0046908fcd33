//! Backup and restore on both engines: equal afterwards, refused where anything is wrong, and a restored server that signs
//! nothing once a gateway has seen more.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sekisho_certs::Purpose;
use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::body::LogOpened;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::Head;
use sekisho_server::app::App;
use sekisho_server::backup::{Archive, LastBackup, backup, restore};
use sekisho_server::config::Config;
use sekisho_server::doctor::{Level, examine};
use sekisho_server::flows::Actor;
use sekisho_server::flows::apply_birth::{Applied, apply_birth};
use sekisho_server::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use sekisho_server::flows::publish_snapshot::publish_snapshot;
use sekisho_server::flows::reconcile_log::{Reconciled, reconcile_log};
use sekisho_server::flows::record_seal::{Recorded, record_seal};
use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_server::flows::revoke_pass::revoke_pass;
use sekisho_server::flows::start_fence::start_fence;
use sekisho_server::jobs::sequencer::round;
use sekisho_server::on;
use sekisho_server::serve;
use sekisho_server::store::holds::Kind;
use sekisho_server::store::{Scope, holds, log, streams};
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::real::surroundings;
use sekisho_tests::sealer::{Sealer, event, publish};
use sekisho_tests::web::Web;
use sekisho_tests::world::{World, refused};
use tempfile::TempDir;

use crate::evidence_flows::{Sent, current};
use crate::repack::{pack, unpack};

fn quiet(_: &str) {}

async fn backed_up(test: &TestApp) -> PathBuf {
    let out = test.dir.path().join("one.sekisho");
    let app = &test.app;
    app.uplink_root().unwrap();
    let made = ok!(backup(&app.config, "# text\n", &out, app.now(), &quiet));
    assert_eq!(made.manifest.engine, test.engine());
    out
}

/// Restores into a fresh directory (and database), and opens what is there an hour later.
async fn restored(test: &TestApp, file: &Path) -> TestApp {
    let dir = tempfile::tempdir().unwrap();
    let config = other(test, dir.path()).await;
    let url = config.database_url().unwrap();
    let restored = ok!(restore(&config, file, false, START, &quiet));
    assert_eq!(
        restored.waiting.len(),
        1,
        "the site's log, not the operator's"
    );
    again(dir, &url).await
}

async fn other(test: &TestApp, dir: &Path) -> Config {
    let mut config = Config::for_tests(dir);
    config.database.url = Some(if test.engine() == "sqlite" {
        format!("sqlite:{}", dir.join("sekisho.db").display())
    } else {
        sekisho_tests::postgres::database().await.unwrap()
    });
    config
}

/// A start on what lies in a directory, with the fence before it.
async fn again(dir: TempDir, url: &str) -> TestApp {
    let test = TestApp::on(dir, url).await;
    // The same seed and instant would give ids that are taken.
    test.clock.advance_ms(HOUR);
    ok!(start_fence(&test.app));
    test
}

/// Rows of each table; holds are what a restore adds.
async fn counts(app: &App) -> BTreeMap<String, i64> {
    let mut tx = app.db.read().await.unwrap();
    let sql = if app.db.engine() == "sqlite" {
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    } else {
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
    };
    let tables: Vec<(String,)> = on!(&mut tx, c => sqlx::query_as(sql).fetch_all(c).await).unwrap();
    let mut counts = BTreeMap::new();
    for (table,) in tables.into_iter().filter(|(name,)| name != "log_hold") {
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let (rows,): (i64,) = on!(&mut tx, c => sqlx::query_as(sql).fetch_one(c).await).unwrap();
        counts.insert(table, rows);
    }
    counts
}

/// Records and signs one seal; the head that the receipt proves.
async fn sealed(test: &TestApp, sealer: &mut Sealer) -> Head {
    let seal = sealer.seal(&[event(EventCode::DoorOpened, START)]);
    ok!(record_seal(&test.app, sealer.gateway, &publish(&seal, &[])));
    ok!(round(&test.app));
    head(&test.app, sealer).await
}

async fn head(app: &App, sealer: &Sealer) -> Head {
    let log = current(app, sealer.site).await;
    let edge = sekisho_domain::evidence::tree::Frontier::decode(&log.frontier).unwrap();
    Head {
        size: edge.size(),
        root: edge.root(),
    }
}

async fn kind(app: &App, sealer: &Sealer) -> Option<Kind> {
    let mut tx = app.db.read().await.unwrap();
    let hold = ok!(holds::of_site(&mut tx, Scope::System, sealer.site));
    hold.map(|hold| hold.kind)
}

#[tokio::test]
async fn a_restored_server_goes_on_exactly_when_nobody_has_seen_more() {
    for first in TestApp::on_both().await {
        let world = World::on(&first.app).await;
        let mut sealer = Sealer::enrol(&first.app, world.site.id).await;
        let booking = ok!(world.book(&first.app, 0, 1, 2));
        let want = IssuePass {
            booking: booking.id,
            kind: PassKind::Static,
        };
        let pass = ok!(issue_pass(&first.app, &Actor::system(), want)).pass.id;
        let seen = sealed(&first, &mut sealer).await;
        let file = backed_up(&first).await;

        // Equal, and signed again as soon as the gateway was heard.
        let second = restored(&first, &file).await;
        assert_eq!(counts(&second.app).await, counts(&first.app).await);
        let (mut a, mut b) = (ok!(first.app.db.read()), ok!(second.app.db.read()));
        assert_eq!(ok!(log::all(&mut a)), ok!(log::all(&mut b)));
        drop((a, b));
        assert_eq!(kind(&second.app, &sealer).await, Some(Kind::Restored));
        assert_eq!(sealed(&second, &mut sealer).await, seen, "not signed yet");
        let birth = sealer.birth(Some(seen), 1);
        assert_eq!(
            ok!(apply_birth(&second.app, sealer.gateway, &birth)),
            Applied::Born
        );
        assert_eq!(kind(&second.app, &sealer).await, None);
        ok!(round(&second.app));
        let further = head(&second.app, &sealer).await;
        assert!(further.size > seen.size);
        let (lost, revoked) = (sealer.seal_no, pass);

        // The same backup, by now older than what the gateway has seen.
        let third = restored(&first, &file).await;
        let app = &third.app;
        let mut sent = Sent::of(app);
        let birth = sealer.birth(Some(further), lost);
        assert_eq!(ok!(apply_birth(app, sealer.gateway, &birth)), Applied::Born);
        assert_eq!(kind(app, &sealer).await, Some(Kind::Ahead));
        ok!(revoke_pass(app, &Actor::system(), revoked));
        let next = sealer.seal(&[event(EventCode::DoorClosed, START)]);
        let ahead = Recorded::Ahead {
            stream: sealer.stream,
            resend_from: lost,
        };
        assert_eq!(
            ok!(record_seal(app, sealer.gateway, &publish(&next, &[]))),
            ahead
        );
        ok!(round(app));
        assert_eq!(head(app, &sealer).await, seen, "nothing is signed");
        assert_eq!(
            ok!(publish_snapshot(app, sealer.site)),
            None,
            "nothing is granted"
        );
        let later = ok!(world.book(app, 1, 5, 6));
        let want = IssuePass {
            booking: later.id,
            kind: PassKind::Static,
        };
        let answer = issue_pass(app, &Actor::system(), want).await;
        assert_eq!(refused(answer), Code::SiteHeld);
        let told = sent.all();
        let channels: Vec<_> = told.iter().map(|down| down.channel).collect();
        assert_eq!(
            channels,
            [Channel::Receipt],
            "asked to send again, and told nothing"
        );

        // Across a restart, and whatever a gateway says later.
        let url = app.config.database_url().unwrap();
        let TestApp { app, dir, .. } = third;
        drop(app);
        let fourth = again(dir, &url).await;
        fourth.clock.advance_ms(HOUR);
        let birth = sealer.birth(None, 0);
        ok!(apply_birth(&fourth.app, sealer.gateway, &birth));
        ok!(round(&fourth.app));
        assert_eq!(head(&fourth.app, &sealer).await, seen);
        let fourth = is_visible(fourth, &world, &url).await;
        goes_on_in_a_successor(&fourth, sealer, further, seen).await;
    }
}

/// On the page, to whoever asks whether the server is ready, and to the doctor.
async fn is_visible(test: TestApp, world: &World, url: &str) -> TestApp {
    let file = test.dir.path().join("sekisho.toml");
    fs::write(
        &file,
        format!("data_dir = \".\"\n[database]\nurl = \"{url}\"\n"),
    )
    .unwrap();
    let found = examine(&file, &*test.clock).await;
    let log = found.iter().find(|it| it.check == "logs").unwrap();
    assert_eq!(log.level, Level::Fail);
    assert!(log.cause.contains("has seen"), "{}", log.cause);
    assert!(log.cure.as_ref().unwrap().contains("newer backup"));

    let link = ok!(sign_in_link_for(&test.app, world.owner.id));
    let web = Web::new(test);
    let secret = link.split_once("token=").unwrap().1;
    let cookie = web
        .form("/sign-in/link", &[("token", secret)])
        .send()
        .await
        .set_cookie();
    let path = format!("/sites/{}/today", world.site.id);
    for (ask, words) in [
        (web.get(&path), "より新しいバックアップを復元してください"),
        (web.get(&path).english(), "Restore a newer backup"),
    ] {
        let page = ask.cookie(&cookie).send().await;
        assert!(page.text.contains(words), "{}", page.text);
    }
    let ready = web.get("/readyz").send().await;
    assert_eq!(ready.status, 200);
    assert!(ready.text.contains("held: 1"), "{}", ready.text);
    web.test
}

/// Two approvals open a log that names both heads; the gateway's kept seals become its leaves.
async fn goes_on_in_a_successor(test: &TestApp, mut sealer: Sealer, further: Head, seen: Head) {
    let (app, site) = (&test.app, sealer.site);
    let mut sent = Sent::of(app);
    ok!(apply_birth(
        app,
        sealer.gateway,
        &sealer.birth(Some(further), 2)
    ));
    let old = current(app, site).await;
    let waits = Reconciled::Waits(vec!["hanako".to_owned()]);
    for name in ["Hanako", " hanako "] {
        assert_eq!(
            ok!(reconcile_log(app, site, name)),
            waits,
            "one person is one"
        );
    }
    let empty = reconcile_log(app, site, " ").await;
    assert_eq!(refused(empty), Code::InvalidInput);
    let Reconciled::Opened(new) = ok!(reconcile_log(app, site, "Taro")) else {
        panic!("two people have approved");
    };
    assert_eq!(new.origin, format!("{}.2", old.origin));
    let again = reconcile_log(app, site, "Jiro").await;
    assert_eq!(
        refused(again),
        Code::InvalidInput,
        "nothing is held any more"
    );
    let leaf = ok!(log::leaves(&mut ok!(app.db.read()), new.id, 0, 1)).remove(0);
    let opened = Seal::open(&app.key(Purpose::Service).unwrap().verifying(), &leaf).unwrap();
    let opened: LogOpened = Event::from_bytes(&opened.events[0])
        .unwrap()
        .body_as()
        .unwrap();
    assert_eq!(opened.previous.unwrap().head, seen);
    assert_eq!(opened.seen, Some(further));

    assert_eq!(ok!(publish_snapshot(app, site)), Some((sealer.gateway, 1)));
    sent.all();
    // Still of the time before; then it has heard of the successor and holds no head of it.
    ok!(apply_birth(
        app,
        sealer.gateway,
        &sealer.birth(Some(further), 2)
    ));
    assert_eq!(kind(app, &sealer).await, None);
    ok!(apply_birth(app, sealer.gateway, &sealer.birth(None, 2)));
    assert_eq!(kind(app, &sealer).await, None);
    sent.all();
    // What the lost server had a receipt for comes again, then what is new.
    let first = ok!(store_streams(app, &sealer));
    (sealer.seal_no, sealer.seq, sealer.hash) = first;
    sealed(test, &mut sealer).await;
    assert_eq!(sent.receipts().len(), usize::from(sealer.seal_no > 2));
    sealed(test, &mut sealer).await;
    let receipts = sent.receipts();
    let proof = receipts.last().unwrap().proof.as_ref().unwrap();
    assert!(
        proof.checkpoint.starts_with(&new.origin),
        "{}",
        proof.checkpoint
    );
    assert_eq!(proof.from_size, 0, "of a new log nothing was verified yet");
    let mut tx = ok!(app.db.read());
    assert_eq!(
        ok!(log::get(&mut tx, old.id)).unwrap().checkpoint,
        old.checkpoint
    );
    drop(tx);
    ok!(start_fence(app));
}

/// Where the restored stream ends: the gateway sends from there on.
async fn store_streams(app: &App, sealer: &Sealer) -> sqlx::Result<(u64, u64, Digest)> {
    let streams = streams::of_gateway(&mut app.db.read().await?, sealer.gateway).await?;
    Ok((
        streams[0].end.seal_no,
        streams[0].end.seq,
        streams[0].end.hash,
    ))
}

#[tokio::test]
async fn a_backup_is_private_complete_and_never_replaces_another() {
    for test in TestApp::on_both().await {
        let file = backed_up(&test).await;
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let archive = Archive::open(&file).unwrap();
        let names: Vec<_> = archive.manifest.files.iter().map(|it| &it.name).collect();
        for wanted in [
            "database.",
            "keys/keyring.",
            "keys/service.",
            "sekisho.toml",
        ] {
            assert!(
                names.iter().any(|name| name.starts_with(wanted)),
                "{wanted} in {names:?}"
            );
        }
        let app = &test.app;
        let before = fs::read(&file).unwrap();
        let twice = backup(&app.config, "", &file, app.now(), &quiet).await;
        assert!(format!("{:#}", twice.unwrap_err()).contains("never overwrites"));
        assert_eq!(fs::read(&file).unwrap(), before);
        assert_eq!(LastBackup::read(&app.config).unwrap().at, START.0);
        let left: Vec<_> = fs::read_dir(test.dir.path())
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with('.'))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_restore_is_said_before_anything_is_written() {
    let test = TestApp::sqlite().await;
    let file = backed_up(&test).await;
    let dir = tempfile::tempdir().unwrap();
    let bad = dir.path().join("bad.sekisho");
    let config = Config::for_tests(&dir.path().join("data"));
    let no = async |config: &Config, file: &Path, words: &str| {
        let error = restore(config, file, false, START, &quiet)
            .await
            .unwrap_err();
        let said = format!("{error:#}");
        assert!(said.contains(words), "{said:?} does not say {words:?}");
    };

    let bytes = fs::read(&file).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    fs::write(&bad, &flipped).unwrap();
    assert!(restore(&config, &bad, false, START, &quiet).await.is_err());
    fs::write(&bad, &bytes[..bytes.len() - 100]).unwrap();
    no(&config, &bad, "is not a backup, or is cut off").await;
    let mut files = unpack(&bytes);
    let key = files.keys().find(|name| name.starts_with("keys/")).unwrap();
    files.insert(key.clone(), vec![7; 32]);
    fs::write(&bad, pack(&files)).unwrap();
    no(&config, &bad, "damaged").await;
    let mut files = unpack(&bytes);
    files.insert("more".to_owned(), vec![1]);
    fs::write(&bad, pack(&files)).unwrap();
    no(&config, &bad, "not those that its manifest names").await;
    let mut files = unpack(&bytes);
    let manifest = String::from_utf8(files["manifest.json"].clone()).unwrap();
    let name = files
        .keys()
        .find(|name| name.starts_with("keys/"))
        .unwrap()
        .clone();
    let key = files.remove(&name).unwrap();
    files.insert("keys/../../out".to_owned(), key);
    let escaping = manifest.replace(&name, "keys/../../out");
    files.insert("manifest.json".to_owned(), escaping.into_bytes());
    fs::write(&bad, pack(&files)).unwrap();
    no(&config, &bad, "no backup of ours").await;
    let mut files = unpack(&bytes);
    let newer = manifest.replace("\"schema\": ", "\"schema\": 9");
    files.insert("manifest.json".to_owned(), newer.into_bytes());
    fs::write(&bad, pack(&files)).unwrap();
    no(&config, &bad, "install Sekisho").await;
    no(&config, &dir.path().join("absent"), "cannot read").await;

    let mut postgres = config.clone();
    postgres.database.url = Some("postgres://nobody@127.0.0.1:1/none".to_owned());
    no(&postgres, &file, "holds a sqlite database").await;
    assert!(!config.data_dir.exists(), "nothing was written");
    ok!(restore(&config, &file, true, START, &quiet));
    assert!(!config.data_dir.exists(), "looking writes nothing");

    ok!(restore(&config, &file, false, START, &quiet));
    let kept = fs::read_to_string(config.data_dir.join("sekisho.toml.restored")).unwrap();
    assert_eq!(kept, "# text\n");
    no(&config, &file, "not empty").await;
    fs::write(config.data_dir.join("restore.unfinished"), "").unwrap();
    let error = serve::open(config.clone(), surroundings())
        .await
        .err()
        .unwrap();
    assert!(format!("{error:#}").contains("did not finish"));
}

#[tokio::test]
async fn a_database_that_lacks_a_published_head_is_not_restored() {
    let test = TestApp::sqlite().await;
    let file = backed_up(&test).await;
    let mut files = unpack(&fs::read(&file).unwrap());
    let mut manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    manifest["logs"][0]["size"] = 99.into();
    files.insert(
        "manifest.json".to_owned(),
        manifest.to_string().into_bytes(),
    );
    let bad = test.dir.path().join("bad.sekisho");
    fs::write(&bad, pack(&files)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = Config::for_tests(&dir.path().join("data"));
    let error = restore(&config, &bad, false, Timestamp(0), &quiet)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("does not hold the head"),
        "{error:#}"
    );
    let error = serve::open(config, surroundings()).await.err().unwrap();
    assert!(
        error.to_string().contains("did not finish"),
        "half an installation does not start"
    );
}
