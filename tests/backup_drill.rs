//! The drill, with the real programs: back up, destroy, restore on another port, go on; then an older backup, which is
//! noticed and signs nothing while the doors go on.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use sekisho_sim::api::Api;
use sekisho_sim::arguments;
use sekisho_sim::programs::{Ended, Program};
use sekisho_tests::postgres;
use tokio::time::sleep;

use crate::site::{Site, http, in_time};

const NONCE: &str = "00112233445566778899aabbccddeeff";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destroyed_server_comes_back_and_an_older_backup_is_noticed() {
    drill(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_does_one_whose_postgresql_was_destroyed_with_it() {
    if let Some(database) = postgres::database().await {
        drill(Some(database)).await;
    }
}

async fn drill(mut database: Option<String>) {
    let mut site = Site::boot_on(database.as_deref()).await;
    let [first, second, third] = site.passes().await;
    site.enters(&first).await;
    // Doors close and lock by themselves some seconds later: then nothing is under way.
    sleep(Duration::from_secs(6)).await;
    let before = site.recorded().await;

    let file = site.world.dir.path().join("drill.sekisho");
    let done = backup(&site, &file).await;
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("holds every key"), "{}", done.stderr);
    assert_eq!(done.stdout.trim(), file.to_str().unwrap());
    let twice = backup(&site, &file).await;
    assert_eq!(twice.code, 3);
    assert!(
        twice.stderr.contains("never overwrites"),
        "{}",
        twice.stderr
    );

    destroy_and_restore(&mut site, &mut database, &file).await;
    assert!(
        in_time(async || ready(&site).await == "ok\n").await,
        "{}",
        ready(&site).await
    );
    let after = site.recorded().await;
    assert!(before.len() <= after.len());
    let ids = |events: &[sekisho_sim::api::Event]| -> Vec<_> {
        events.iter().filter_map(|it| it.seq).collect()
    };
    let kept = ids(&after);
    assert!(ids(&before).iter().all(|seq| kept.contains(seq)));
    site.enters(&second).await;
    site.recorded().await;
    let (code, said) = verify(&site).await;
    assert_eq!(code, 0, "{said}");

    // By now the backup is older than what the gateway has a receipt for.
    destroy_and_restore(&mut site, &mut database, &file).await;
    let noticed = async || {
        let doctor = doctor(&site).await;
        doctor.code == 1 && doctor.stdout.contains("has seen")
    };
    assert!(in_time(noticed).await, "{}", doctor(&site).await.stdout);
    assert!(ready(&site).await.contains("held: 1"));
    assert!(
        doctor(&site)
            .await
            .stdout
            .contains("cure: this database is older")
    );
    assert!(site.log("server").contains("restored backup?"));
    site.enters(&third).await;

    // There is no newer backup: two people decide to go on.
    let doing = async |name: &str| {
        let (config, id) = (&site.world.server.config, site.world.site.to_string());
        let arguments = arguments![
            "restore",
            "--config",
            config,
            "--reconcile",
            "--site",
            id,
            "--approve",
            name
        ];
        site.programs
            .run(Program::Server, &arguments)
            .await
            .unwrap()
    };
    let one = doing("Hanako Izumo").await;
    assert_eq!((one.code, one.stdout.as_str()), (0, ""), "{}", one.stderr);
    let two = doing("Taro Matsue").await;
    assert_eq!(two.code, 0, "{}", two.stderr);
    assert!(two.stdout.trim().ends_with(".2"), "{}", two.stdout);
    let [fourth] = site.passes().await;
    site.enters(&fourth).await;
    let events = site.recorded().await;
    let entries = events
        .iter()
        .filter(|it| it.name == "access.granted")
        .count();
    assert_eq!(entries, 4, "what the lost server knew has come again");
    assert_eq!(ready(&site).await, "ok\n");
    let (code, said) = verify(&site).await;
    assert_eq!(code, 1, "FINDINGS: {said}");
    assert!(said.contains("older backup"), "{said}");
}

async fn backup(site: &Site, out: &Path) -> Ended {
    let arguments = arguments![
        "backup",
        "--config",
        &site.world.server.config,
        "--out",
        out
    ];
    site.programs
        .run(Program::Server, &arguments)
        .await
        .unwrap()
}

async fn doctor(site: &Site) -> Ended {
    let arguments = arguments!["doctor", "--config", &site.world.server.config];
    site.programs
        .run(Program::Server, &arguments)
        .await
        .unwrap()
}

async fn ready(site: &Site) -> String {
    let url = format!("{}/readyz", site.world.server.url);
    match http().get(url).send().await {
        Ok(answer) => answer.text().await.unwrap(),
        Err(error) => error.to_string(),
    }
}

/// The directory is gone, and so is the database; pages come back on another port, the uplink where gateways know it.
async fn destroy_and_restore(site: &mut Site, database: &mut Option<String>, file: &Path) {
    site.kill_server();
    let data = site.world.dir.path().join("server");
    fs::remove_dir_all(&data).unwrap();
    let config = fs::read_to_string(&site.world.server.config).unwrap();
    let old = format!("127.0.0.1:{}", site.pages().port());
    let new = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut moved = config.replace(&old, &new.to_string());
    assert_ne!(moved, config);
    if let Some(lost) = database {
        postgres::destroy(lost).await;
        let empty = postgres::database().await.unwrap();
        moved = moved.replace(lost.as_str(), &empty);
        *lost = empty;
        assert!(moved.contains(lost.as_str()));
    }
    fs::write(&site.world.server.config, moved).unwrap();
    let arguments = arguments!["restore", "--config", &site.world.server.config, file];
    let done = site
        .programs
        .run(Program::Server, &arguments)
        .await
        .unwrap();
    assert_eq!(done.code, 0, "{}", done.stderr);
    site.world.server.url = format!("http://{new}");
    site.world.api = Api::new(&site.world.server.url, &site.world.token).unwrap();
    site.start_server().await;
}

async fn verify(site: &Site) -> (i32, String) {
    let out = site.world.dir.path().join("restored.evb");
    let trust = site
        .world
        .server
        .export(site.world.site, &out, NONCE)
        .await
        .unwrap();
    let arguments = arguments![
        &out, "--trust", &trust, "--nonce", NONCE, "--strict", "--lang", "en"
    ];
    let verdict = site
        .programs
        .run(Program::Verify, &arguments)
        .await
        .unwrap();
    (verdict.code, verdict.stdout + &verdict.stderr)
}
