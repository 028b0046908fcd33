//! The API keeps to its own document: Schemathesis makes requests from it, sound and unsound ones and chains of them, and holds
//! every answer against it. On both engines, over a socket.
//!
//! `SEKISHO_CONFORMANCE_EXAMPLES` says how many requests a route gets at most (a few by default; 100 takes some minutes).

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use sekisho_domain::authority::Role;
use sekisho_server::flows::Actor;
use sekisho_server::flows::create_token::{CreateToken, create_token};
use sekisho_tests::app::TestApp;

use crate::at_work::say;
use crate::page_scene::Scene;

/// Requests to each route, unless told otherwise.
const EXAMPLES: &str = "4";

/// What is held against every answer. Not: that whatever the document allows is accepted (rules of booking are no schema), and
/// that whatever it does not allow is refused (an unknown header or query of a route without any is ignored).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,use_after_free,ignored_auth";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_the_api_is_the_documented_one() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/oracle/bin/schemathesis");
    if !program.exists() {
        let line =
            "NOT RUN: conformance needs tests/oracle/requirements-interfaces.txt in target/oracle";
        assert!(std::env::var_os("CI").is_none(), "{line}");
        return say(line);
    }
    for test in TestApp::on_both().await {
        let scene = Box::pin(Scene::on(&test, false)).await;
        let want = CreateToken {
            organisation: scene.busy.world.operator.id,
            name: "conformance".to_owned(),
            role: Role::Owner,
            days: 9,
        };
        // Nobody's, so that it outlives whoever is suspended on the way.
        let token = create_token(&test.app, &Actor::system(), want)
            .await
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = sekisho_server::http::router(test.app.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let (ok, report) = run(&program, test.dir.path(), &url, &token.secret).await;
        server.abort();
        assert!(ok, "on {}:\n{report}", test.engine());
        // It was let in all the time, and got somewhere.
        let web = sekisho_tests::web::Web::new(test);
        let bookings = web
            .get("/api/v1/bookings")
            .token(&token.secret)
            .send()
            .await;
        bookings.expect(200);
    }
}

async fn run(program: &Path, dir: &Path, url: &str, token: &str) -> (bool, String) {
    let examples = std::env::var_os("SEKISHO_CONFORMANCE_EXAMPLES");
    let mut command = tokio::process::Command::new(program);
    command
        .current_dir(dir)
        .arg("run")
        .arg(format!("{url}/api/v1/openapi.json"))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args([
            "--checks",
            CHECKS,
            "--phases",
            "examples,coverage,fuzzing,stateful",
        ])
        .args([
            "--seed",
            "1",
            "--request-timeout",
            "30",
            "--continue-on-failure",
        ])
        .args([
            "--suppress-health-check",
            "all",
            "--warnings",
            "off",
            "--no-color",
        ])
        // It would end the token that it works with.
        .args(["--exclude-path", "/api/v1/tokens/{token}/revoke"])
        .arg("--max-examples")
        .arg(examples.unwrap_or(EXAMPLES.into()))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let out = tokio::time::timeout(Duration::from_mins(30), command.output())
        .await
        .expect("it hangs")
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.success(), text(&out.stdout) + &text(&out.stderr))
}
