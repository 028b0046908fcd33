//! The pages in a real browser (`browser/page.test.mjs`), against this server on a socket.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sekisho_domain::ids::PersonId;
use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_tests::app::TestApp;
use sekisho_tests::world::World;
use serde_json::json;

use crate::at_work;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_is_booked_and_the_site_watched_in_two_languages_with_and_without_script() {
    if !ready() {
        return;
    }
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = sekisho_server::http::router(test.app.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    let shots = test.dir.path().join("shots");
    std::fs::create_dir(&shots).unwrap();
    let plan = json!({
        "url": url,
        "site": world.site.id,
        "today": "2026-11-20",
        "day": "2026-11-21",
        "members": links(&test, world.member.id, 9).await,
        "owners": links(&test, world.owner.id, 4).await,
        "shots": shots,
    });
    play("page.test.mjs", &plan, &shots).await;
    server.abort();
}

/// Whether there is a browser and what drives it. Where not, says so; in CI that is a failure.
pub(crate) fn ready() -> bool {
    if !at_work::installed("the browser test", &["chromium", "node"]) {
        return false;
    }
    if scripts().join("node_modules/playwright-core").exists() {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "npm ci in tests/browser comes first"
    );
    at_work::say("NOT RUN: the browser test needs `npm ci` in tests/browser");
    false
}

/// Runs one of the scripts in `browser` with its plan.
pub(crate) async fn play(script: &str, plan: &serde_json::Value, shots: &Path) {
    let mut node = tokio::process::Command::new("node");
    let run = node
        .arg(scripts().join(script))
        .arg(plan.to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let out = tokio::time::timeout(Duration::from_mins(8), run)
        .await
        .expect("the browser test hangs")
        .unwrap();
    // For people to look at; the directory is not in git.
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/shots");
    std::fs::create_dir_all(&kept).unwrap();
    for shot in std::fs::read_dir(shots).unwrap().map(Result::unwrap) {
        std::fs::copy(shot.path(), kept.join(shot.file_name())).unwrap();
    }
    assert!(
        out.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

pub(crate) async fn links(test: &TestApp, person: PersonId, count: usize) -> Vec<String> {
    let mut links = Vec::new();
    for _ in 0..count {
        links.push(sign_in_link_for(&test.app, person).await.unwrap());
    }
    links
}
