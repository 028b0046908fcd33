//! The pages as a browser without script sees them.

use std::time::Duration;

use axum::http::StatusCode;
use sekisho_domain::authority::Role;
use sekisho_domain::crypto::Digest;
use sekisho_server::app::Live;
use sekisho_server::flows::Actor;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::create_setup_link::create_setup_link;
use sekisho_server::flows::create_token::{CreateToken, create_token};
use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_server::flows::revoke_token::revoke_token;
use sekisho_server::store::people::Person;
use sekisho_tests::web::{Answer, Web};
use sekisho_tests::world::{World, acting, span};

struct Site {
    web: Web,
    world: World,
}

impl Site {
    async fn new() -> Self {
        let web = Web::sqlite().await;
        let world = World::on(&web.test.app).await;
        Self { web, world }
    }

    async fn sign_in(&self, person: &Person) -> String {
        let link = sign_in_link_for(&self.web.test.app, person.id)
            .await
            .unwrap();
        let done = self
            .web
            .form(
                "/sign-in/link",
                &[("token", link.split_once("token=").unwrap().1)],
            )
            .send()
            .await;
        assert_eq!(done.status, 303, "{}", done.text);
        done.set_cookie()
    }
}

fn is_page(answer: &Answer, status: u16) -> &str {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    let text = &answer.text;
    assert_eq!(
        text.matches("<h1").count(),
        1,
        "one heading of the first level: {text}"
    );
    assert!(
        !text.contains("<style")
            && !text.contains(" style=")
            && !text.contains("onclick")
            && !text.contains("://"),
        "{text}"
    );
    text
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn a_seat_is_booked_and_cancelled_without_script() {
    let it = Site::new().await;
    let cookie = it.sign_in(&it.world.member).await;
    let get = |path: String| it.web.get(path).cookie(&cookie).send();
    let home = get("/".to_owned()).await;
    assert!(is_page(&home, 200).contains("予約はまだありません。"));
    let book_path = format!("/sites/{}/book", it.world.site.id);
    assert!(home.text.contains(&book_path));

    let page = get(format!("{book_path}?day=2026-11-21&from=10:00&to=12:00")).await;
    let text = is_page(&page, 200);
    assert!(
        text.contains("2026年11月21日(土)") && text.contains("A-1") && text.contains("Asia/Tokyo"),
        "{text}"
    );
    let seat = it.world.seats[0].id.to_string();
    let fields = [
        ("seat", seat.as_str()),
        ("day", "2026-11-21"),
        ("from", "10:00"),
        ("to", "12:00"),
    ];
    let booked = it
        .web
        .form(&book_path, &fields)
        .cookie(&cookie)
        .send()
        .await;
    assert_eq!(booked.status, StatusCode::SEE_OTHER, "{}", booked.text);
    let done = get(booked.location()).await;
    let text = is_page(&done, 200);
    assert!(
        text.contains("予約しました")
            && text.contains("2026年11月21日(土) 10:00–12:00")
            && text.contains("予約を取り消す"),
        "{text}"
    );

    // Another one at the same time is refused, with what is possible instead, to be taken by one button.
    let boss = it.sign_in(&it.world.boss).await;
    let refused = it.web.form(&book_path, &fields).cookie(&boss).send().await;
    let text = is_page(&refused, 409);
    assert!(
        text.contains("この席は、その時間すでに予約されています。")
            && text.contains("代わりに予約できるもの"),
        "{text}"
    );
    let field = |name: &str| {
        text.split_once(&format!("name=\"{name}\" value=\""))
            .unwrap()
            .1
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    };
    let (seat, from, to) = (field("seat"), field("from"), field("to"));
    let instead = it
        .web
        .form(&book_path, &[("seat", &seat), ("from", &from), ("to", &to)])
        .cookie(&boss)
        .send()
        .await;
    assert_eq!(instead.status, StatusCode::SEE_OTHER, "{}", instead.text);

    // Taken seats show when, never who.
    let page = get(format!("{book_path}?day=2026-11-21&from=10:00&to=12:00")).await;
    assert!(
        page.text.contains("10:00–12:00")
            && page.text.contains("予約済み")
            && !page.text.contains(&it.world.boss.name),
        "{}",
        page.text
    );

    let path = booked.location();
    let path = path.split('?').next().unwrap();
    let cancelled = it
        .web
        .form(format!("{path}/cancel"), &[])
        .cookie(&cookie)
        .send()
        .await;
    let page = get(cancelled.location()).await;
    assert!(is_page(&page, 200).contains("予約を取り消しました"));
}

#[tokio::test]
async fn today_shows_who_is_expected_and_escapes_every_name() {
    let it = Site::new().await;
    let (app, world) = (&it.web.test.app, &it.world);
    let hostile = "<script>alert(1)</script>\"'&";
    let guest = sekisho_server::flows::create_person::CreatePerson {
        organisation: world.operator.id,
        name: hostile.to_owned(),
        email: "x@operator.example".to_owned(),
        locale: sekisho_server::store::people::Locale::Ja,
        role: Role::Member,
    };
    let guest_person = sekisho_server::flows::create_person::create_person(
        app,
        &acting(&world.owner, Role::Owner),
        guest,
    )
    .await
    .unwrap();
    let during = span(1, 2);
    let want = BookSeat {
        person: guest_person.id,
        seat: world.seats[0].id,
        starts_at: during.start,
        ends_at: during.end,
    };
    book_seat(app, &acting(&world.owner, Role::Owner), want)
        .await
        .unwrap();
    let cookie = it.sign_in(&world.owner).await;
    let path = format!("/sites/{}/today", world.site.id);
    let page = it.web.get(&path).cookie(&cookie).send().await;
    let text = is_page(&page, 200);
    assert!(
        text.contains("在室者はいません。") && text.contains("&#60;script&#62;alert"),
        "{text}"
    );
    assert!(!text.contains("<script>alert"), "{text}");

    let english = it.web.get(&path).cookie(&cookie).english().send().await;
    assert!(
        is_page(&english, 200).contains("Nobody is inside.")
            && english.text.contains("<html lang=\"en\">")
    );
    let chosen = it
        .web
        .form("/language", &[("lang", "en"), ("next", &path)])
        .send()
        .await;
    assert_eq!(
        (chosen.location(), chosen.set_cookie().as_str()),
        (path.clone(), "lang=en")
    );

    // A member may not look, and is told who can.
    let member = it.sign_in(&world.member).await;
    let refused = it.web.get(&path).cookie(&member).send().await;
    assert!(is_page(&refused, 403).contains("権限がありません"));
}

#[tokio::test]
async fn a_link_signs_in_once_and_only_by_its_button() {
    let it = Site::new().await;
    let link = sign_in_link_for(&it.web.test.app, it.world.member.id)
        .await
        .unwrap();
    let (url, token) = link.split_once("token=").unwrap();
    assert!(url.ends_with("/sign-in/link?"));
    let path = format!("/sign-in/link?token={token}");
    for _ in 0..3 {
        assert!(
            is_page(&it.web.get(&path).send().await, 200).contains("サインインする"),
            "a scanner may look"
        );
    }
    let first = it
        .web
        .form("/sign-in/link", &[("token", token)])
        .send()
        .await;
    let cookie = first.headers["set-cookie"].to_str().unwrap();
    assert!(
        first.status == 303 && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let second = it
        .web
        .form("/sign-in/link", &[("token", token)])
        .send()
        .await;
    assert!(is_page(&second, 403).contains("このリンクは使えません。"));
    assert!(is_page(&it.web.get(&path).send().await, 200).contains("このリンクは使えません。"));
    // Too late.
    let link = sign_in_link_for(&it.web.test.app, it.world.member.id)
        .await
        .unwrap();
    it.web.test.clock.advance_ms(16 * 60_000);
    assert_eq!(
        it.web
            .form(
                "/sign-in/link",
                &[("token", link.split_once("token=").unwrap().1)]
            )
            .send()
            .await
            .status,
        403
    );

    // Signing out ends the session for good.
    let cookie = first.set_cookie();
    let out = it.web.form("/sign-out", &[]).cookie(&cookie).send().await;
    assert_eq!(out.location(), "/sign-in?signed_out=1");
    assert_eq!(
        it.web.get("/").cookie(&cookie).send().await.location(),
        "/sign-in"
    );
    // From elsewhere the button does not work.
    assert_eq!(
        it.web
            .form("/sign-out", &[])
            .header("sec-fetch-site", "cross-site")
            .send()
            .await
            .status,
        403
    );
}

/// A live page outlives the request that began it, but not the token that it began with.
#[tokio::test]
async fn a_live_page_ends_with_its_token() {
    let it = Site::new().await;
    let (app, world) = (&it.web.test.app, &it.world);
    let want = CreateToken {
        organisation: world.operator.id,
        name: "screen".to_owned(),
        role: Role::Manager,
        days: 1,
    };
    let made = create_token(app, &Actor::system(), want).await.unwrap();
    let path = format!("/sites/{}/today/events", world.site.id);
    let watched = it.web.get(&path).token(&made.secret).send();
    let revoked = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        revoke_token(app, &Actor::system(), made.token.id)
            .await
            .unwrap();
        app.live
            .send(Live {
                site: world.site.id,
            })
            .unwrap();
    };
    let (answer, ()) = tokio::time::timeout(Duration::from_secs(10), async {
        tokio::join!(watched, revoked)
    })
    .await
    .expect("the stream ends");
    assert_eq!(
        answer.text.matches("event: live").count(),
        1,
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn unknown_addresses_are_answered_like_known_ones() {
    let it = Site::new().await;
    let ask = |email: &'static str| it.web.form("/sign-in", &[("email", email)]).send();
    let (known, unknown) = (
        ask("member@company.example").await,
        ask("nobody@company.example").await,
    );
    assert_eq!(
        (is_page(&known, 200), known.status),
        (is_page(&unknown, 200), unknown.status)
    );
    // A mailbox is not flooded.
    for _ in 0..10 {
        ask("member@company.example").await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(it.web.test.mailbox.0.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn the_first_set_up_works_once() {
    let web = Web::sqlite().await;
    assert!(
        web.get("/sign-in")
            .send()
            .await
            .text
            .contains("sekisho setup-link")
    );
    let dead = create_setup_link(&web.test.app).await.unwrap();
    let link = create_setup_link(&web.test.app).await.unwrap();
    let secret = |link: &str| link.split_once("token=").unwrap().1.to_owned();
    let set_up = |token: String| {
        let fields = [
            ("token", token.as_str()),
            ("organisation", "o"),
            ("name", "n"),
            ("email", "a@b.example"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
        let fields: Vec<_> = fields
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        web.form("/setup", &fields).send()
    };
    assert!(
        is_page(
            &web.get(format!("/setup?token={}", secret(&link)))
                .send()
                .await,
            200
        )
        .contains("初期設定")
    );
    assert_eq!(
        set_up(secret(&dead)).await.status,
        403,
        "a newer link replaces it"
    );
    assert_eq!(set_up(secret(&link)).await.status, 303);
    assert_eq!(set_up(secret(&link)).await.status, 403);
    assert!(create_setup_link(&web.test.app).await.is_err());
}

#[tokio::test]
async fn every_answer_is_closed_to_other_origins_and_small() {
    let it = Site::new().await;
    let cookie = it.sign_in(&it.world.owner).await;
    let mut first_load = 0;
    for path in [
        format!("/sites/{}/today", it.world.site.id),
        "/static/app.css".into(),
        "/static/live.js".into(),
        "/static/icon.svg".into(),
        "/static/vendor/digital-agency-tokens/tokens.css".into(),
    ] {
        let answer = it.web.get(&path).cookie(&cookie).send().await;
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'")
                && !policy.contains("unsafe")
                && answer.headers["x-content-type-options"] == "nosniff",
            "{policy}"
        );
        first_load += answer.text.len();
    }
    assert!(first_load <= 100 * 1024, "{first_load} bytes");
    let css = it.web.get("/static/app.css").send().await;
    let again = it
        .web
        .get("/static/app.css")
        .header("if-none-match", css.headers["etag"].to_str().unwrap())
        .send()
        .await;
    assert_eq!(
        (again.status, again.text.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );
    assert_eq!(
        it.web.get("/static/../../Cargo.toml").send().await.status,
        404
    );
    assert_eq!(it.web.get("/livez").send().await.text, "ok\n");
    assert_eq!(it.web.get("/readyz").send().await.text, "ok\n");
    assert!(is_page(&it.web.get("/nowhere").send().await, 404).contains("見つかりません。"));
    let (big, mut form) = ("x".repeat(70_000), it.web.form("/sign-in", &[]));
    form = form.bytes(format!("email={big}"));
    assert!(is_page(&form.send().await, 413).contains("大きすぎます"));
}

/// Files of others are here as their makers published them.
#[test]
fn vendored_files_are_unmodified() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src/static/vendor");
    let list = std::fs::read_to_string(dir.join("SHA256SUMS")).unwrap();
    let mut listed = 0;
    for (hash, name) in list.lines().map(|line| line.split_once("  ").unwrap()) {
        assert_eq!(
            Digest::of(&[&std::fs::read(dir.join(name)).unwrap()]).hex(),
            hash,
            "{name}"
        );
        listed += 1;
    }
    let count = |name: &str| std::fs::read_dir(dir.join(name)).unwrap().count();
    assert_eq!(
        listed,
        count("digital-agency-tokens") + count("qr"),
        "every file is in the list"
    );
}
