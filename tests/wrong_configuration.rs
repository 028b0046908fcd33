//! A configuration that cannot work is refused at start, with key, value and cure.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::at_work::programs;
use crate::site::{Site, in_time};

/// What a program does that is started with this configuration. It has to end by itself.
fn start(program: &str, arguments: &[&str], dir: &Path) -> Output {
    let mut command = Command::new("timeout");
    command
        .args(["-k", "1", "20"])
        .arg(programs().dir().join(program));
    command
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null());
    command.output().unwrap()
}

#[track_caller]
fn refused(out: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{said:?} does not say {word:?}");
    }
}

#[test]
fn the_server_refuses_a_wrong_configuration_with_key_value_and_cure() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[(&str, &[&str])] = &[
        (
            "[http]\nlisten = \"0.0.0.0:80\"",
            &["http.listen = \"0.0.0.0:80\"", "tls_cert_file"],
        ),
        (
            "[http]\npublic_url = \"https://a/\"",
            &["http.public_url = \"https://a/\"", "without a slash"],
        ),
        (
            "[gateways]\nfreshness_s = 0",
            &["gateways.freshness_s = 0", "write 1 to 60"],
        ),
        (
            "[machines]\nnames = []",
            &["machines.names = []", "name at least one"],
        ),
        (
            "[database]\nurl = \"mysql://h/d\"",
            &["database.url = \"mysql", "sqlite:PATH", "postgres://"],
        ),
        (
            "[log]\nlevel = \"info,sekisho=loud\"",
            &["log.level = \"info,sekisho=loud\"", "debug"],
        ),
        (
            "[uplink]\nlisten = \"here\"",
            &["listen = \"here\"", "invalid socket address"],
        ),
        (
            "[uplink]\nlissten = \"x\"",
            &["unknown field `lissten`", "`listen`", "config-example"],
        ),
        ("data_dir = 7", &["data_dir = 7", "invalid type"]),
        ("[http", &["sekisho config-example"]),
    ];
    for (text, words) in cases {
        fs::write(dir.path().join("bad.toml"), text).unwrap();
        refused(
            &start("sekisho", &["serve", "--config", "bad.toml"], dir.path()),
            2,
            words,
        );
    }
    let absent = start("sekisho", &["serve", "--config", "absent.toml"], dir.path());
    refused(
        &absent,
        2,
        &[
            "cannot read absent.toml",
            "sekisho config-example > absent.toml",
        ],
    );

    let help = start("sekisho", &["--help"], dir.path());
    assert!(String::from_utf8_lossy(&help.stdout).contains("Exit codes:"));
}

/// What only shows when it is tried.
#[test]
fn the_server_says_which_address_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for key in ["http", "machines", "uplink"] {
        let listen = |section: &str| {
            let port = if section == key { port } else { 0 };
            format!("[{section}]\nlisten = \"127.0.0.1:{port}\"\n")
        };
        let text: String = ["http", "machines", "uplink"].map(listen).concat();
        fs::write(dir.path().join("taken.toml"), text).unwrap();
        let out = start("sekisho", &["serve", "--config", "taken.toml"], dir.path());
        refused(
            &out,
            3,
            &[
                &format!("{key}.listen"),
                &format!("127.0.0.1:{port}"),
                "end what listens there",
            ],
        );
    }
}

#[test]
fn the_gateway_refuses_a_wrong_configuration_with_key_value_and_cure() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gateway.toml");
    let cases: &[(&str, &[&str])] = &[
        ("port = 0", &["uplink.port = 0", "1 to 65535"]),
        (
            "port = 1\nkeep_alive_s = 0",
            &["uplink.keep_alive_s = 0", "give 1 to 600"],
        ),
        (
            "port = 1\nretry_min_ms = 5",
            &["uplink.retry_min_ms = 5", "give 10"],
        ),
        (
            "port = 1\n[journal]\nmax_mib = 0",
            &["journal.max_mib = 0", "give 1 to"],
        ),
        (
            "port = 1\n[site_bus]\nhost = \"\"",
            &["site_bus.host = \"\"", "give the address"],
        ),
        (
            "port = 1\n[site_bus]\nbind = \"here\"",
            &["bind = \"here\"", "invalid IP address"],
        ),
        (
            "port = 1\ncolour = 3",
            &["unknown field `colour`", "`keep_alive_s`"],
        ),
    ];
    for (text, words) in cases {
        fs::write(&file, format!("[uplink]\nhost = \"h\"\n{text}\n")).unwrap();
        let out = start("sekisho-gateway", &["run", "--dir", "."], dir.path());
        refused(&out, 1, words);
        refused(&out, 1, &["gateway.toml"]);
    }
    fs::write(&file, "[uplink]\nhost = \"h\"\nport = 1\n").unwrap();
    let out = start("sekisho-gateway", &["run", "--dir", "."], dir.path());
    refused(&out, 1, &["enrol"]);
    fs::remove_file(&file).unwrap();
    let out = start("sekisho-gateway", &["run", "--dir", "."], dir.path());
    refused(&out, 1, &["gateway.toml", "enrol"]);
    let help = start("sekisho-gateway", &["--help"], dir.path());
    assert!(String::from_utf8_lossy(&help.stdout).contains("Exit codes:"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_says_that_its_address_is_taken_and_that_it_runs_already() {
    let mut site = Site::boot().await;
    let dir = site.world.gateway.dir.clone();
    let arguments = ["run", "--dir", dir.to_str().unwrap()];
    let again = start("sekisho-gateway", &arguments, &dir);
    refused(&again, 1, &["another", "run", dir.to_str().unwrap()]);

    let port = site.site_bus().await;
    site.world.gateway.kill();
    let free = async || TcpListener::bind(("127.0.0.1", port)).ok();
    let mut taken = None;
    assert!(
        in_time(async || {
            taken = free().await;
            taken.is_some()
        })
        .await
    );
    let out = start("sekisho-gateway", &arguments, &dir);
    let key = format!("site_bus.port = {port}");
    refused(&out, 1, &[&key, "end what listens there"]);
    drop(taken);
    site.world.gateway.start().unwrap();
    site.world.devices_ready().await.unwrap();
}
