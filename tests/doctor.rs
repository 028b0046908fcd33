//! `sekisho doctor` finds what is broken, and says what to do.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho_domain::ids::{GatewayId, OutboxId};
use sekisho_server::doctor::{Finding, Level, examine};
use sekisho_server::store::{gateways, outbox};
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::Sealer;
use sekisho_tests::world::World;

use crate::at_work::programs;

/// A configuration for what a test has made, listening where it says.
fn config(test: &TestApp, more: &str) -> PathBuf {
    let file = test.dir.path().join("sekisho.toml");
    let url = test.app.config.database_url().unwrap();
    let lines = format!("data_dir = \".\"\n[database]\nurl = \"{url}\"\n{more}");
    fs::write(&file, lines).unwrap();
    file
}

async fn found(test: &TestApp, file: &Path, check: &str) -> Vec<Finding> {
    let all = examine(file, &*test.clock).await;
    let cured = |it: &Finding| it.level == Level::Ok || it.cure.is_some();
    assert!(all.iter().all(cured), "a finding without a cure");
    all.into_iter().filter(|it| it.check == check).collect()
}

/// One finding of that check is at that level and says so.
async fn says(test: &TestApp, file: &Path, check: &str, level: Level, words: [&str; 2]) {
    let found = found(test, file, check).await;
    let hit = found.iter().any(|it| {
        let cure = it.cure.as_deref().unwrap_or_default();
        it.level == level && it.cause.contains(words[0]) && cure.contains(words[1])
    });
    assert!(hit, "{check} {level:?} {words:?}: {found:#?}");
}

fn only(dir: &Path, start: &str) -> PathBuf {
    let entries = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
    let mut named = entries.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(start)
    });
    named.next().unwrap()
}

#[tokio::test]
async fn each_broken_thing_is_found_with_its_cure() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let sealer = Sealer::enrol(&test.app, world.site.id).await;
        let file = config(&test, "");
        let dir = test.dir.path().to_owned();

        fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
        let broken: Vec<_> = examine(&file, &*test.clock).await;
        let broken: Vec<_> = broken
            .iter()
            .filter(|it| it.level == Level::Fail && it.check != "ports")
            .collect();
        assert!(broken.is_empty(), "{broken:#?}");
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        says(&test, &file, "data_dir", Level::Warn, ["755", "chmod 700"]).await;

        let key = only(&dir.join("keys"), "service.");
        fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
        says(&test, &file, "keys", Level::Fail, ["service", "chmod 600"]).await;
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        for (start, words) in [("snapshot.", "snapshot key"), ("log_", "log key of")] {
            let (key, away) = (only(&dir.join("keys"), start), dir.join("away"));
            fs::rename(&key, &away).unwrap();
            says(&test, &file, "keys", Level::Fail, [words, "newest backup"]).await;
            fs::rename(&away, &key).unwrap();
        }
        fs::rename(dir.join("pki/uplink-root.key"), dir.join("away")).unwrap();
        says(
            &test,
            &file,
            "uplink_root",
            Level::Fail,
            ["uplink-root", "from a backup"],
        )
        .await;
        fs::rename(dir.join("away"), dir.join("pki/uplink-root.key")).unwrap();

        says(
            &test,
            &file,
            "server",
            Level::Warn,
            ["not running", "sekisho serve"],
        )
        .await;
        says(
            &test,
            &file,
            "backup",
            Level::Warn,
            ["no backup", "sekisho backup"],
        )
        .await;
        says(
            &test,
            &file,
            "gateways",
            Level::Warn,
            ["never heard", "status"],
        )
        .await;
        let mut tx = ok!(test.app.db.write());
        let now = test.app.now();
        ok!(gateways::set_seen(&mut tx, sealer.gateway, now));
        let id = OutboxId([1; 16]);
        ok!(outbox::push(&mut tx, id, "mail.booked", "{}", now));
        assert!(ok!(outbox::claim(&mut tx, id, 0)));
        tx.commit().await.unwrap();
        test.clock.advance_ms(HOUR);
        says(
            &test,
            &file,
            "gateways",
            Level::Warn,
            ["not heard for 1 h", "power"],
        )
        .await;
        says(&test, &file, "mail", Level::Warn, ["1 mails", "mail.dir"]).await;
        test.clock.advance_ms(-3 * HOUR);
        says(
            &test,
            &file,
            "clock",
            Level::Fail,
            ["was signed at", "timedatectl"],
        )
        .await;
        test.clock.advance_ms(2 * HOUR);
        assert_ne!(sealer.gateway, GatewayId::NIL);
    }
}

#[tokio::test]
async fn a_taken_port_a_wrong_file_and_a_database_out_of_reach_are_found() {
    let test = TestApp::sqlite().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let file = config(&test, &format!("[http]\nlisten = \"{address}\"\n"));
    says(
        &test,
        &file,
        "ports",
        Level::Fail,
        ["http.listen", "change http.listen"],
    )
    .await;
    fs::write(&file, "[http]\nlissten = 1\n").unwrap();
    says(
        &test,
        &file,
        "config",
        Level::Fail,
        ["lissten", "config-example"],
    )
    .await;
    let url = "postgres://nobody@127.0.0.1:1/none";
    fs::write(
        &file,
        format!("data_dir = \".\"\n[database]\nurl = \"{url}\"\n"),
    )
    .unwrap();
    says(
        &test,
        &file,
        "database",
        Level::Fail,
        ["PostgreSQL", "psql"],
    )
    .await;
    fs::write(&file, "data_dir = \"elsewhere\"\n").unwrap();
    says(
        &test,
        &file,
        "database",
        Level::Warn,
        ["not there yet", "start the server"],
    )
    .await;
    assert!(
        !test.dir.path().join("elsewhere").exists(),
        "looking makes nothing"
    );
}

#[test]
fn the_command_says_it_in_lines_and_in_json_and_by_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(programs().dir().join("sekisho"));
        command
            .arg("doctor")
            .args(arguments)
            .current_dir(dir.path());
        let done = command.output().unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    };
    let (code, text) = run(&[]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("FAIL  config: cannot read sekisho.toml"),
        "{text}"
    );
    assert!(text.contains("cure: "), "{text}");
    let (code, text) = run(&["--json"]);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["healthy"]), (Some(1), &false.into()));
    assert_eq!(report["findings"][0]["check"], "config");
    fs::write(dir.path().join("sekisho.toml"), "").unwrap();
    let (_, text) = run(&["--json"]);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let checks: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["check"])
        .collect();
    for check in [
        "config",
        "server",
        "data_dir",
        "mosquitto",
        "ports",
        "disk",
        "backup",
        "database",
    ] {
        assert!(checks.contains(&&check.into()), "{check} in {checks:?}");
    }
}
