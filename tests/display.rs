//! Screens at doors, and the table of bookings: what they show, and to whom.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::code::EventCode;
use sekisho_server::flows::add_display::{AddDisplay, add_display};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::revoke_display::revoke_display;
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::installed::Installed;
use sekisho_tests::look::events;
use sekisho_tests::web::Web;
use sekisho_tests::world::{World, acting, refused};
use serde_json::json;

use crate::browser::{play, ready};

#[tokio::test]
async fn a_screen_says_until_when_and_never_who() {
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
    let owner = acting(&world.owner, Role::Owner);
    let want = |seat| AddDisplay {
        site: world.site.id,
        seat,
        name: "扉の横".to_owned(),
    };
    let boss = acting(&world.boss, Role::Owner);
    assert_eq!(
        refused(add_display(&test.app, &boss, want(None)).await.map(drop)),
        Code::NotAllowed
    );
    let outsider = acting(&world.outsider, Role::Owner);
    assert_eq!(
        refused(
            add_display(&test.app, &outsider, want(None))
                .await
                .map(drop)
        ),
        Code::NotFound
    );
    let one = add_display(&test.app, &owner, want(Some(booking.seat)))
        .await
        .unwrap();
    let all = add_display(&test.app, &owner, want(None)).await.unwrap();
    let web = Web::new(test);
    let look = |secret: &str, more: &str| web.get(format!("/display/{secret}{more}")).send();
    let page = look(&one.secret, "").await;
    assert!(
        page.text.contains("空き 10:00まで") && page.text.contains("10:00–12:00"),
        "{}",
        page.text
    );
    assert!(
        look(&one.secret, "?lang=en")
            .await
            .text
            .contains("Free until 10:00")
    );
    assert!(look(&all.secret, "").await.text.matches("空き").count() >= 4);
    assert!(
        look(&one.secret, "?eink=1&every=10")
            .await
            .text
            .contains("content=\"600\"")
    );
    for wrong in ["?eink=2", "?every=0", "?every=61", "?lang=fr", "?who=1"] {
        assert_eq!(look(&one.secret, wrong).await.status, 422, "{wrong}");
    }
    web.test.clock.advance_ms(HOUR + HOUR / 2);
    let page = look(&one.secret, "").await;
    assert!(page.text.contains("予約あり 12:00まで"));
    for who in [
        world.member.name.as_str(),
        &world.company.name,
        &booking.id.text(),
        &world.member.id.text(),
    ] {
        assert!(!page.text.contains(who), "{who}");
    }
    let state = look(&one.secret, "/state").await.expect(200);
    assert_eq!(
        state["seats"][0]["taken"],
        json!([[booking.during.start.0, booking.during.end.0]])
    );
    let code = look(&one.secret, "/book.svg").await;
    assert_eq!(code.headers["content-type"], "image/svg+xml");
    // After closing it is not free, however empty.
    web.test.clock.advance_ms(11 * HOUR);
    assert!(
        look(&one.secret, "")
            .await
            .text
            .contains("閉館中 08:00から")
    );

    let app = &web.test.app;
    assert_eq!(
        refused(revoke_display(app, &outsider, one.display.id).await),
        Code::NotFound
    );
    revoke_display(app, &owner, one.display.id).await.unwrap();
    revoke_display(app, &owner, one.display.id).await.unwrap();
    assert_eq!(
        events(&web.test, None, EventCode::DisplayRevoked, "").await,
        1
    );
    for more in ["", "/state", "/book.svg"] {
        assert_eq!(look(&one.secret, more).await.status, 404);
    }
    assert_eq!(look("x", "").await.status, 404);
}

#[tokio::test]
async fn the_api_of_screens() {
    let it = Installed::new().await;
    let place = it.site().await;
    let path = format!("/api/v1/sites/{}/displays", place.site);
    let want = json!({ "name": "受付", "seat": place.seats[0] });
    let ask = || {
        it.web
            .post(&path, &want)
            .token(&it.token)
            .header("idempotency-key", "one")
    };
    let made = ask().send().await.expect(201);
    let url = made["url"].as_str().unwrap();
    let at = format!("/display/{}", url.rsplit('/').next().unwrap());
    assert_eq!(it.web.get(&at).send().await.status, 200);
    assert!(ask().send().await.expect(201)["url"].is_null());
    assert_eq!(it.get(&path).await["items"].as_array().unwrap().len(), 1);
    let end = format!("/api/v1/displays/{}/revoke", made["id"].as_str().unwrap());
    it.web
        .post(end, &json!({}))
        .token(&it.token)
        .send()
        .await
        .expect(200);
    assert_eq!(it.web.get(&at).send().await.status, 404);
    let wrong = json!({ "name": "受付", "seat": "sea_01jd6xwq5t0000000000000000" });
    it.web
        .post(&path, &wrong)
        .token(&it.token)
        .send()
        .await
        .problem(404);
}

#[tokio::test]
async fn the_table_of_bookings_is_for_managers_and_no_formula() {
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
    let member = acting(&world.member, Role::Member);
    cancel_booking(&test.app, &member, booking.id)
        .await
        .unwrap();
    let web = Web::new(test);
    let mut cookies = Vec::new();
    for person in [&world.owner, &world.boss, &world.member, &world.outsider] {
        let link =
            sekisho_server::flows::request_sign_in::sign_in_link_for(&web.test.app, person.id);
        let link = link.await.unwrap();
        let form = web.form(
            "/sign-in/link",
            &[("token", link.split_once("token=").unwrap().1)],
        );
        cookies.push(form.send().await.set_cookie());
    }
    let site = world.site.id;
    let path = format!(
        "/api/v1/sites/{site}/bookings.csv?from=2026-11-01T00:00:00%2B09:00&until=2026-12-01T00:00:00%2B09:00"
    );
    for (cookie, status) in cookies.iter().zip([200, 200, 403, 404]) {
        let answer = web.get(&path).cookie(cookie).send().await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    let table = web.get(&path).cookie(&cookies[0]).send().await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<_> = table.text.split("\r\n").collect();
    assert!(lines[0].starts_with("\u{feff}予約番号,施設,席,利用者"));
    assert!(lines[1].contains(
        ",山田花子,山陰ソフト,2026-11-20T10:00:00+09:00,2026-11-20T12:00:00+09:00,取り消し,"
    ));
    assert_eq!(
        events(&web.test, Some(site), EventCode::BookingsExported, "").await,
        3
    );
    let month = format!("/sites/{site}/bookings.csv?month=2026-11");
    let page = web.get(&month).cookie(&cookies[0]).english().send().await;
    assert!(
        page.text.starts_with("\u{feff}booking,site,seat") && page.text.contains(",cancelled,")
    );
    for wrong in [
        format!("/api/v1/sites/{site}/bookings.csv"),
        path.replace("2026-12-01", "2027-12-01"),
        path.replace("2026-12-01", "2026-10-01"),
        path.replace("%2B09:00", ""),
    ] {
        web.get(&wrong)
            .cookie(&cookies[0])
            .send()
            .await
            .problem(422);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_goes_on_without_its_connection_and_says_so() {
    if !ready() {
        return;
    }
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
    let owner = acting(&world.owner, Role::Owner);
    let mut paths = Vec::new();
    for seat in [Some(booking.seat), None] {
        let want = AddDisplay {
            site: world.site.id,
            seat,
            name: "扉の横".to_owned(),
        };
        let made = add_display(&test.app, &owner, want).await.unwrap();
        paths.push(format!("/display/{}", made.secret));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = sekisho_server::http::router(test.app.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let shots = test.dir.path().join("shots");
    std::fs::create_dir(&shots).unwrap();
    let plan = json!({ "url": url, "one": paths[0], "all": paths[1], "shots": shots });
    play("display.test.mjs", &plan, &shots).await;
    server.abort();
}
