//! A box is stolen: the real programs.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::refusal::Code;
use sekisho_sim::arguments;
use sekisho_sim::programs::Program;
use serde_json::Value;

use crate::site::{Site, in_time};

const NONCE: &str = "00112233445566778899aabbccddeeff";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_gateway_is_cut_off_and_the_next_one_takes_its_place() {
    let mut site = Site::boot().await;
    let [code] = site.passes().await;
    site.enters(&code).await;
    site.recorded().await;
    let stolen = site.world.gateway.status().await.unwrap().gateway;
    assert_eq!(site.status().await["uplink_connected"], true);

    let config = site.world.server.config.clone();
    let revoke = arguments![
        "--config",
        &config,
        "gateway",
        "revoke",
        "--gateway",
        stolen.to_string(),
        "--reason",
        "盗難"
    ];
    let printed = site
        .programs
        .output(Program::Server, &revoke)
        .await
        .unwrap();
    assert_eq!(printed.trim(), stolen.to_string());

    // Another process than the server's revoked it: the broker hears of it all the same, and cuts the line at once.
    let cut_off = async || site.status().await["uplink_connected"] == false;
    assert!(in_time(cut_off).await, "{}", site.log("server"));
    let refused = async || site.log("gateway").contains("CertificateRevoked");
    assert!(in_time(refused).await, "{}", site.log("gateway"));
    let shown = site.get(&format!("/gateways/{stolen}")).await;
    assert_eq!(
        (&shown["state"], &shown["alive"], &shown["revoked_reason"]),
        (
            &Value::from("revoked"),
            &Value::from(false),
            &Value::from("盗難")
        )
    );
    assert_eq!(
        site.status().await["uplink_connected"],
        false,
        "it stays out"
    );

    // What it records from now on never comes; the auditor is told, and nothing fails.
    let out = site.world.dir.path().join("after.evb");
    let trust = site
        .world
        .server
        .export(site.world.site, &out, NONCE)
        .await
        .unwrap();
    let arguments = arguments![
        &out, "--trust", &trust, "--nonce", NONCE, "--strict", "--lang", "en"
    ];
    let verified = site
        .programs
        .run(Program::Verify, &arguments)
        .await
        .unwrap();
    assert_eq!(verified.code, 1, "{}{}", verified.stdout, verified.stderr);
    assert!(
        verified.stdout.contains("A gateway was revoked"),
        "{}",
        verified.stdout
    );

    // The next box enrols under another id and gets a snapshot of its own.
    let code = site
        .world
        .server
        .add_gateway(site.world.site)
        .await
        .unwrap();
    site.world.gateway.kill();
    let dir = site.world.dir.path().join("next");
    let enrol = arguments![
        "enrol",
        &code,
        "--server",
        &site.world.server.machines,
        "--dir",
        &dir,
        "--site-bus-port",
        "0"
    ];
    let next = site
        .programs
        .output(Program::Gateway, &enrol)
        .await
        .unwrap();
    assert_ne!(next.trim(), stolen.to_string());
    let listed = site
        .get(&format!("/sites/{}/gateways", site.world.site))
        .await;
    let states: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].clone())
        .collect();
    assert_eq!(states, ["revoked", "enrolled"]);
    let again = site
        .world
        .server
        .add_gateway(site.world.site)
        .await
        .unwrap_err();
    assert!(
        format!("{again:#}").contains(Code::GatewayExists.name()),
        "{again:#}"
    );
    let log = site.world.dir.log("next");
    let _next = site
        .programs
        .start(Program::Gateway, &arguments!["run", "--dir", &dir], &log)
        .unwrap();
    let told = async || {
        let asked = arguments!["status", "--dir", &dir, "--json"];
        let text = site
            .programs
            .output(Program::Gateway, &asked)
            .await
            .unwrap();
        let said: Value = serde_json::from_str(&text).unwrap();
        said["uplink_connected"] == true && said["snapshot_epoch"].as_u64() > Some(0)
    };
    assert!(
        in_time(told).await,
        "{}",
        std::fs::read_to_string(&log).unwrap()
    );
}
