//! The pass page: its codes byte by byte, its printed sister, and the whole of it in a real browser with doors that judge.

use std::sync::Arc;

use axum::extract::{Path as Named, State};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sekisho_certs::Purpose;
use sekisho_domain::access::{self, Held, Mode, decide};
use sekisho_domain::authority::Role;
use sekisho_domain::cbor;
use sekisho_domain::crypto::Unverified;
use sekisho_domain::ids::{BookingId, PassId, PersonId};
use sekisho_domain::pass::{Presented, Shown, carried_text, reference_text, shown_message};
use sekisho_domain::time::{ClockState, Reading, Timestamp};
use sekisho_domain::wire::bus::Direction;
use sekisho_domain::wire::snapshot::{PassState, Policy, Snapshot};
use sekisho_server::app::App;
use sekisho_server::flows::issue_pass::{IssuePass, PassKind, issue_pass};
use sekisho_server::flows::publish_snapshot::publish_snapshot;
use sekisho_server::flows::register_holder_key::message;
use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_server::flows::revoke_pass::revoke_pass;
use sekisho_server::store::{Scope, gateways, passes, snapshots};
use sekisho_tests::app::TestApp;
use sekisho_tests::ok;
use sekisho_tests::sealer::Sealer;
use sekisho_tests::web::Web;
use sekisho_tests::world::{Phone, World, acting, at};
use serde_json::{Value, json};

use crate::browser::{links, play, ready};

/// `pass-code.js` on its own, on the numbers where heads of CBOR get longer.
#[test]
fn the_scripts_codes_are_those_of_the_domain() {
    if !crate::at_work::installed("the codes of the pass page", &["node"]) {
        return;
    }
    let script =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src/static/pass-code.js");
    let (pass, person) = (PassId([0xA5; 16]), PersonId([0x3C; 16]));
    let cases: Vec<_> = [
        (0, 0),
        (23, 24),
        (255, 256),
        (65_535, 23),
        (65_536, 255),
        (u32::MAX, u16::MAX),
        (1_795_132_800, 1),
    ]
    .into_iter()
    .zip([0, 1, 23, 24, 255, 256, 330])
    .map(|((at_s, n), length)| (at_s, n, vec![0xE7_u8; length]))
    .collect();
    let plan = json!({
        "script": format!("data:text/javascript;base64,{}", STANDARD.encode(std::fs::read(script).unwrap())),
        "pass": pass, "person": person,
        "cases": cases.iter().map(|(at, n, signed)| json!([at, n, signed])).collect::<Vec<_>>(),
    });
    let program = "const p = JSON.parse(process.argv[1]); const m = await import(p.script); const sig = new Uint8Array(64).fill(9); \
                   console.log(JSON.stringify({ registration: [...m.registration(new Uint8Array(32).fill(7), p.person)], \
                   cases: p.cases.map(([at, n, signed]) => [m.reference(p.pass, at, n, sig), m.carried(signed, at, n, sig), [...m.presentation(p.pass, at, n)]]) }))";
    let out = std::process::Command::new("node")
        .args(["--input-type=module", "-e", program, &plan.to_string()])
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)));
    assert_eq!(said["registration"], json!(message(&[7; 32], person)));
    for ((at_s, n, signed), theirs) in cases.into_iter().zip(said["cases"].as_array().unwrap()) {
        let shown = Shown {
            at_s,
            n,
            signature: [9; 64].into(),
        };
        let ours = json!([
            reference_text(pass, &shown),
            carried_text(&signed, &shown),
            shown_message(pass, at_s, n)
        ]);
        assert_eq!(*theirs, ours, "{at_s} {n}");
    }
}

#[tokio::test]
async fn a_pass_is_printed_where_a_door_takes_it_and_the_page_says_so_without_script() {
    let web = Web::sqlite().await;
    let app = &web.test.app;
    let world = World::on(app).await;
    let booking = ok!(world.book(app, 0, 1, 2));
    let cookie = sign_in(&web, world.member.id).await;
    let page_path = format!("/bookings/{}/pass", booking.id);
    let print_path = format!("{page_path}/print");
    let get = |path: &str| web.get(path).cookie(&cookie).send();

    assert!(
        get("/")
            .await
            .text
            .contains(&format!("href=\"{page_path}\""))
    );
    assert_eq!(get("/bookings/pass").await.location(), page_path);
    let page = get(&page_path).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("<noscript>")
            && page.text.contains("玄関")
            && page.text.contains(&print_path),
        "{}",
        page.text
    );
    // Its own phone's page: nobody else's, whatever their role.
    let boss = sign_in(&web, world.boss.id).await;
    assert_eq!(web.get(&page_path).cookie(&boss).send().await.status, 404);
    assert_eq!(web.get(&page_path).send().await.location(), "/sign-in");

    let empty = get(&print_path).await;
    assert!(!empty.text.contains("qr.svg") && empty.text.contains("印刷用の入館証を発行する"));
    let issued = web.form(&print_path, &[]).cookie(&cookie).send().await;
    assert_eq!(
        (issued.status.as_u16(), issued.location()),
        (303, print_path.clone())
    );
    let printed = get(&print_path).await.text;
    let picture = printed
        .split_once("src=\"/api/")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap();
    let svg = get(&format!("/api/{picture}")).await;
    assert_eq!(svg.headers["content-type"], "image/svg+xml");
    let cross = web
        .form(&print_path, &[])
        .cookie(&cookie)
        .header("sec-fetch-site", "cross-site");
    assert_eq!(cross.send().await.status, 403);

    let cancel = web.form(format!("/bookings/{}/cancel", booking.id), &[]);
    assert_eq!(cancel.cookie(&cookie).send().await.status, 303);
    assert!(
        get(&page_path)
            .await
            .text
            .contains("data-view=\"cancelled\">")
    );
    assert_eq!(get("/bookings/pass").await.location(), "/");
}

#[tokio::test]
async fn the_page_can_be_installed_without_signing_in() {
    let web = Web::sqlite().await;
    let worker = web.get("/pass-sw.js").send().await;
    assert_eq!(
        worker.headers["content-type"],
        "text/javascript; charset=utf-8"
    );
    for lang in ["ja", "en"] {
        let manifest = web
            .get(format!("/static/manifest.{lang}.webmanifest"))
            .send()
            .await;
        assert_eq!(
            manifest.headers["content-type"],
            "application/manifest+json"
        );
        assert_eq!(manifest.json()["start_url"], "/bookings/pass");
    }
}

#[tokio::test]
async fn the_status_of_a_pass_names_the_phone_and_what_the_gateway_holds() {
    for test in TestApp::on_both().await {
        let web = Web::new(test);
        let app = &web.test.app;
        let world = World::on(app).await;
        let booking = ok!(world.book(app, 0, 1, 2)).id;
        let phone = Phone::new();
        ok!(phone.register(app, &world.member));
        let kind = PassKind::WithHolder;
        let member = acting(&world.member, Role::Member);
        let pass = ok!(issue_pass(app, &member, IssuePass { booking, kind })).pass;
        let path = format!("/api/v1/passes/{}/status", pass.id);
        let cookie = sign_in(&web, world.member.id).await;
        let status = async || web.get(&path).cookie(&cookie).send().await.expect(200);
        assert_eq!(
            status().await["known_at_gateway"],
            false,
            "there is no gateway"
        );
        Sealer::enrol(app, world.site.id).await;
        ok!(publish_snapshot(app, world.site.id));
        assert_eq!(
            status().await["known_at_gateway"],
            false,
            "it has not answered"
        );
        acknowledge(app, &world).await;
        let said = status().await;
        assert_eq!(said["known_at_gateway"], true);
        assert_eq!(said["now"], app.now().rfc3339());
        let key = URL_SAFE_NO_PAD.encode(phone.public_key());
        assert_eq!(said["phone_key"], key);

        let stranger = sign_in(&web, world.outsider.id).await;
        assert_eq!(
            web.get(&path).cookie(&stranger).send().await.problem(404),
            "not_found"
        );
        ok!(Phone::new().register(app, &world.member));
        let said = status().await;
        assert_eq!(
            (&said["state"], &said["phone_key"]),
            (&json!("revoked"), &Value::Null)
        );
        assert_eq!(said["known_at_gateway"], false);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_shows_codes_that_open_the_door_also_without_a_network() {
    if !ready() {
        return;
    }
    let test = TestApp::sqlite().await;
    let app = &test.app;
    let world = World::on(app).await;
    Sealer::enrol(app, world.site.id).await;
    let (ja, en) = (ok!(world.book(app, 0, 1, 2)), ok!(world.book(app, 1, 4, 2)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shots = test.dir.path().join("shots");
    std::fs::create_dir(&shots).unwrap();
    let plan = json!({
        "url": url, "shots": shots,
        "links": links(&test, world.member.id, 4).await,
        "runs": [
            { "lang": "ja", "booking": ja.id, "opens": at(1).0 - 600_000 },
            { "lang": "en", "booking": en.id, "opens": at(4).0 - 600_000 },
        ],
    });
    let router = sekisho_server::http::router(app.clone());
    // The test's own levers, beside the server's routes.
    let levers = Router::new()
        .route("/test/clock/{ms}", post(set_clock))
        .route("/test/acknowledge", post(acknowledged))
        .route("/test/judge/{door}", post(judge))
        .route("/test/revoke/{booking}", post(revoke))
        .with_state(Arc::new((test, world)));
    let server = tokio::spawn(async move { axum::serve(listener, router.merge(levers)).await });
    play("pass.test.mjs", &plan, &shots).await;
    server.abort();
}

type Place = State<Arc<(TestApp, World)>>;

async fn set_clock(State(it): Place, Named(ms): Named<i64>) {
    it.0.clock.set(Timestamp(ms));
}

async fn acknowledged(State(it): Place) {
    ok!(publish_snapshot(&it.0.app, it.1.site.id));
    acknowledge(&it.0.app, &it.1).await;
}

async fn revoke(State(it): Place, Named(booking): Named<BookingId>) {
    let app = &it.0.app;
    let known = ok!(passes::of_booking(
        &mut ok!(app.db.read()),
        Scope::System,
        booking
    ));
    let active = known
        .into_iter()
        .find(|pass| pass.state == PassState::Active);
    ok!(revoke_pass(
        app,
        &acting(&it.1.owner, Role::Owner),
        active.unwrap().id
    ));
}

/// What the inner door, which wants a phone, says to a code: with the newest snapshot (`known`) or having heard of nothing (`new`).
async fn judge(State(it): Place, Named(door): Named<String>, text: String) -> Json<Value> {
    let (app, world) = (&it.0.app, &it.1);
    let snapshot = newest(app, world).await;
    let keys = [app.key(Purpose::Pass).unwrap().verifying()];
    let presented = Presented::read(&text, &keys, world.site.id);
    let row = snapshot
        .as_ref()
        .filter(|_| door == "known")
        .and_then(|it| {
            it.passes
                .iter()
                .find(|row| presented.pass() == Some(row.id))
        });
    let held = Held {
        row,
        grants: snapshot.iter().flat_map(|it| &it.grants).collect(),
        revoked: false,
        ratchet: None,
        inside: Vec::new(),
    };
    let policy = Policy::default();
    let request = access::request(&presented, row, Direction::In);
    let facts = access::facts(
        &presented,
        &held,
        &world.inner.on_the_wire(),
        Mode::Normal,
        &policy,
        Some(1),
        true,
    );
    let now = Reading {
        wall: app.now(),
        err_ms: 20,
        mono_ms: 1,
        clock: ClockState::Synced,
    };
    let decision = decide(&request, &facts, &policy, &now);
    let reasons: Vec<_> = decision
        .reasons
        .iter()
        .map(|reason| reason.name())
        .collect();
    Json(json!({ "reasons": reasons }))
}

/// The gateway says that it holds the newest snapshot.
async fn acknowledge(app: &App, world: &World) {
    let mut tx = ok!(app.db.write());
    let gateway = ok!(gateways::of_site(&mut tx, world.site.id)).unwrap();
    let (epoch, ..) = ok!(snapshots::newest_head(&mut tx, world.site.id)).unwrap();
    ok!(gateways::set_snapshot_epoch(&mut tx, gateway.id, epoch));
    tx.commit().await.unwrap();
}

async fn newest(app: &App, world: &World) -> Option<Snapshot> {
    let signed = ok!(snapshots::newest(&mut ok!(app.db.read()), world.site.id))?.signed;
    let read = Unverified::parse(&signed, 1 << 20).unwrap();
    Some(cbor::decode(read.unverified_payload(), 1 << 20).unwrap())
}

async fn sign_in(web: &Web, person: PersonId) -> String {
    let link = ok!(sign_in_link_for(&web.test.app, person));
    let token = link.split_once("token=").unwrap().1;
    let done = web.form("/sign-in/link", &[("token", token)]).send().await;
    assert_eq!(done.status, 303, "{}", done.text);
    done.set_cookie()
}
