//! Visitors over the API and on pages without script.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::wire::code::EventCode;
use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_server::store::people::Person;
use sekisho_tests::app::HOUR;
use sekisho_tests::look::events;
use sekisho_tests::web::{Answer, Web};
use sekisho_tests::world::World;
use serde_json::{Value, json};

struct Site {
    web: Web,
    world: World,
}

impl Site {
    /// The member has a seat from 10:00 to 14:00.
    async fn new() -> Self {
        let web = Web::sqlite().await;
        let world = World::on(&web.test.app).await;
        world.book(&web.test.app, 0, 1, 4).await.unwrap();
        Self { web, world }
    }

    async fn sign_in(&self, person: &Person) -> String {
        let link = sign_in_link_for(&self.web.test.app, person.id);
        let link = link.await.unwrap();
        let token = link.split_once("token=").unwrap().1.to_owned();
        let done = self.web.form("/sign-in/link", &[("token", token.as_str())]);
        done.send().await.set_cookie()
    }

    fn visits(&self) -> String {
        format!("/api/v1/sites/{}/visits", self.world.site.id)
    }

    fn wanted(&self) -> Value {
        json!({
            "zone": self.world.lobby.id, "name": "来客 一郎", "purpose": "打合せ", "escort": "escorted",
            "starts_at": "2026-11-20T11:00:00+09:00", "ends_at": "2026-11-20T12:00:00+09:00",
        })
    }
}

fn is_page(answer: &Answer, status: u16) -> &str {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    let text = &answer.text;
    assert_eq!(text.matches("<h1").count(), 1, "{text}");
    assert!(
        !text.contains("<script") && !text.contains(" style=") && !text.contains("onclick"),
        "{text}"
    );
    text
}

#[tokio::test]
async fn a_visit_over_the_api_from_invitation_to_departure() {
    let it = Site::new().await;
    let (host, stranger) = (
        it.sign_in(&it.world.member).await,
        it.sign_in(&it.world.outsider).await,
    );
    let owner = it.sign_in(&it.world.owner).await;
    let made = it.web.post(it.visits(), &it.wanted()).cookie(&host);
    let made = made.send().await.expect(201);
    let repeat = || {
        let asking = it.web.post(it.visits(), &it.wanted()).cookie(&host);
        asking.header("idempotency-key", "one-visitor").send()
    };
    let (first, second) = (repeat().await.expect(201), repeat().await.expect(201));
    assert_eq!(
        (&first["id"], &first["code"]),
        (&second["id"], &second["code"])
    );
    assert!(
        first["link"].is_string() && second.get("link").is_none(),
        "no secret is kept"
    );
    let (id, code) = (made["id"].as_str().unwrap(), made["code"].as_str().unwrap());
    assert!(id.starts_with("vst_") && code.starts_with("K1:"), "{made}");
    assert_eq!(
        (&made["state"], &made["escort"]),
        (&json!("invited"), &json!("escorted"))
    );
    assert_eq!(made["host"], json!(it.world.member.id));
    let link = made["link"].as_str().unwrap();
    let path = format!("/api/v1/visits/{id}");

    // Said once; the code can be had again, the link cannot.
    let seen = it.web.get(&path).cookie(&host).send().await.expect(200);
    assert!(seen.get("code").is_none() && seen.get("link").is_none());
    let again = it
        .web
        .get(format!("{path}/code"))
        .cookie(&host)
        .send()
        .await
        .expect(200);
    assert_eq!(again["code"], code);
    let picture = it
        .web
        .get(format!("{path}/qr.svg"))
        .cookie(&host)
        .send()
        .await;
    assert_eq!(picture.headers["content-type"], "image/svg+xml");

    // Who sees what.
    for (cookie, status) in [(&owner, 200), (&stranger, 404)] {
        let one = it.web.get(&path).cookie(cookie).send().await;
        assert_eq!(one.status, status, "{}", one.text);
        let list = it.web.get(it.visits()).cookie(cookie).send().await;
        assert_eq!(list.status, status, "{}", list.text);
    }
    let colleague =
        sekisho_tests::world::person(&it.web.test.app, &it.world.company, "c@company.example")
            .await;
    let colleague = it.sign_in(&colleague).await;
    let list = it
        .web
        .get(it.visits())
        .cookie(&colleague)
        .send()
        .await
        .expect(200);
    assert_eq!(list["items"], json!([]), "not their visitors");
    assert_eq!(
        it.web
            .get(&path)
            .cookie(&colleague)
            .send()
            .await
            .problem(403),
        "not_allowed"
    );

    // The visitor's own page needs nothing but the link.
    let own = link
        .find("/visitor-pass")
        .map(|at| link[at..].to_owned())
        .unwrap();
    let page = it.web.get(&own).send().await;
    let text = is_page(&page, 200);
    assert!(
        text.contains("来客 一郎")
            && text.contains("受入担当者")
            && text.contains("/visitor-pass.svg?token="),
        "{text}"
    );
    let svg = it
        .web
        .get(own.replace("/visitor-pass?", "/visitor-pass.svg?"))
        .send()
        .await;
    assert_eq!((svg.status.as_u16(), svg.text == picture.text), (200, true));
    assert_eq!(page.headers["cache-control"], "no-store");
    let english = it.web.get(&own).english().send().await;
    assert!(is_page(&english, 200).contains("Your visitor pass"));
    for wrong in [
        "/visitor-pass",
        "/visitor-pass?token=",
        "/visitor-pass?token=%3Cb%3E",
        &format!("{own}x"),
    ] {
        is_page(&it.web.get(wrong).send().await, 403);
    }

    // Another pass: the link that got into wrong hands is dead, the new one works.
    let again = it.web.post(format!("{path}/pass"), &json!({}));
    let again = again.cookie(&host).send().await.expect(201);
    is_page(&it.web.get(own).send().await, 403);
    let link = again["link"].as_str().unwrap();
    let own = &link[link.find("/visitor-pass").unwrap()..];
    is_page(&it.web.get(own).send().await, 200);

    let post = |what: &str, cookie: &str| {
        let asking = it.web.post(format!("{path}/{what}"), &json!({}));
        asking.cookie(cookie).send()
    };
    assert_eq!(post("arrived", &stranger).await.problem(404), "not_found");
    assert_eq!(post("left", &owner).await.problem(409), "visitor_not_here");
    assert_eq!(post("arrived", &owner).await.expect(200)["state"], "inside");
    it.web.test.clock.advance_ms(4 * HOUR);
    let late = it.web.get(&path).cookie(&host).send().await.expect(200);
    assert_eq!(late["state"], "overdue");
    let list = it
        .web
        .get(it.visits())
        .cookie(&owner)
        .send()
        .await
        .expect(200);
    let items = list["items"].as_array().unwrap();
    assert!(
        items.iter().any(|it| it["state"] == "overdue"),
        "never silently gone"
    );
    is_page(&it.web.get(own).send().await, 403);
    assert_eq!(post("left", &host).await.expect(200)["state"], "left");
    assert_eq!(post("cancel", &host).await.problem(409), "visit_ended");
    let code = it
        .web
        .get(format!("{path}/code"))
        .cookie(&host)
        .send()
        .await;
    assert_eq!(code.problem(409), "pass_not_active");
}

#[tokio::test]
async fn bad_bodies_and_policies_are_refused() {
    let it = Site::new().await;
    let host = it.sign_in(&it.world.member).await;
    let owner = it.sign_in(&it.world.owner).await;
    let with = |name: &str, value: Value| {
        let mut body = it.wanted();
        body[name] = value;
        let asking = it.web.post(it.visits(), &body);
        asking.cookie(&host).send()
    };
    for (name, value) in [
        ("name", json!("")),
        ("name", json!("a\u{7}b")),
        ("purpose", json!("字".repeat(201))),
        ("email", json!("nobody")),
        ("escort", json!("maybe")),
        ("starts_at", json!("2026-11-20T11:00:00")),
        ("role", json!("owner")),
        ("zone", json!("zon_x")),
    ] {
        let answer = with(name, value.clone()).await;
        assert_eq!(answer.problem(422), "invalid_input", "{name} {value}");
    }
    assert_eq!(
        with("ends_at", json!("2026-11-20T15:00:00+09:00"))
            .await
            .problem(409),
        "host_not_there"
    );
    let none = it.web.post(it.visits(), &it.wanted()).send().await;
    assert_eq!(none.problem(401), "not_signed_in");

    let path = format!("/api/v1/sites/{}/visitor-policy", it.world.site.id);
    let policy = json!({ "escort_required": true, "visitors_per_host": 1, "closed_zones": [it.world.quiet.id] });
    let first = it.web.get(&path).cookie(&host).send().await.expect(200);
    assert_eq!(
        first,
        json!({ "escort_required": false, "visitors_per_host": 5, "closed_zones": [] })
    );
    let refused = it.web.post(&path, &policy).cookie(&host).send().await;
    assert_eq!(refused.problem(403), "not_allowed");
    let set = it
        .web
        .post(&path, &policy)
        .cookie(&owner)
        .send()
        .await
        .expect(201);
    assert_eq!(set, policy);
    for bad in [json!(101), json!(-1)] {
        let mut body = policy.clone();
        body["visitors_per_host"] = bad;
        let answer = it.web.post(&path, &body).cookie(&owner).send().await;
        assert_eq!(answer.problem(422), "invalid_input");
    }
    assert_eq!(
        with("escort", json!("none")).await.expect(201)["escort"],
        "escorted"
    );
    assert_eq!(
        with("name", json!("二人目")).await.problem(409),
        "too_many_visitors"
    );
}

#[tokio::test]
async fn a_host_invites_prints_and_sees_off_without_script_and_hostile_names_stay_text() {
    let it = Site::new().await;
    let host = it.sign_in(&it.world.member).await;
    let get = |path: String| it.web.get(path).cookie(&host).send();
    let path = format!("/sites/{}/visits", it.world.site.id);
    let page = get(path.clone()).await;
    let text = is_page(&page, 200);
    assert!(
        text.contains("来訪者を招く")
            && text.contains("ロビー")
            && text.contains("来訪の予定はありません。"),
        "{text}"
    );
    let english = it.web.get(&path).cookie(&host).english().send().await;
    assert!(is_page(&english, 200).contains("Invite a visitor"));

    let hostile = "\"><script>alert(1)</script>{{7*7}}'&amp;";
    let zone = it.world.lobby.id.to_string();
    let fields = [
        ("zone", zone.as_str()),
        ("name", hostile),
        ("purpose", hostile),
        ("email", ""),
        ("day", "2026-11-20"),
        ("from", "11:00"),
        ("to", "12:00"),
        ("escort", "none"),
    ];
    let done = it.web.form(&path, &fields).cookie(&host).send().await;
    // Loading the page again asks for no second visitor.
    assert_eq!(done.status, 303, "{}", done.text);
    let shown = done.location();
    let id = shown
        .trim_start_matches("/visits/")
        .trim_end_matches("/link")
        .to_owned();
    let set = done.headers["set-cookie"].to_str().unwrap();
    assert!(
        set.contains(&format!("Path={shown};")) && set.contains("HttpOnly; SameSite=Strict"),
        "{set}"
    );
    let both = format!("{host}; {}", set.split(';').next().unwrap());
    for _ in 0..2 {
        let page = it.web.get(&shown).cookie(&both).send().await;
        assert!(is_page(&page, 200).contains("/visitor-pass?token="));
    }
    let without = get(shown.clone()).await;
    assert!(!is_page(&without, 200).contains("token="));
    let list = it
        .web
        .get(it.visits())
        .cookie(&host)
        .send()
        .await
        .expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    for path in [
        path.clone(),
        format!("/visits/{id}"),
        format!("/visits/{id}/badge"),
    ] {
        let page = get(path).await;
        let text = is_page(&page, 200);
        assert!(
            text.contains("&#60;script&#62;alert(1)") || text.contains("&lt;script&gt;alert(1)"),
            "{text}"
        );
        assert!(text.contains("{{7*7}}"), "{text}");
    }
    // A refusal brings the form back as it was sent.
    let mut late = fields;
    (late[1], late[6]) = (("name", "二人目"), ("to", "19:00"));
    let back = it.web.form(&path, &late).cookie(&host).send().await;
    let text = is_page(&back, 409);
    assert!(
        text.contains("value=\"二人目\"") && text.contains("受入担当者がその時間に"),
        "{text}"
    );
    // From another site, and with bad times.
    let foreign = it
        .web
        .form(format!("/visits/{id}/cancel"), &[])
        .header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.cookie(&host).send().await.status, 403);
    let mut bad = fields;
    bad[4] = ("day", "2026-02-31");
    assert_eq!(
        it.web.form(&path, &bad).cookie(&host).send().await.status,
        422
    );

    for (what, state) in [("arrived", "在館中"), ("left", "退館済み")] {
        let done = it
            .web
            .form(format!("/visits/{id}/{what}"), &[])
            .cookie(&host)
            .send()
            .await;
        assert_eq!(done.location(), format!("/visits/{id}"));
        let page = get(format!("/visits/{id}")).await;
        assert!(is_page(&page, 200).contains(state), "{what}");
    }
    // The operator reads who was there; a stranger nothing.
    let manager = it.sign_in(&it.world.owner).await;
    let list = it.web.get(&path).cookie(&manager).send().await;
    assert!(is_page(&list, 200).contains("退館済み"));
    let stranger = it.sign_in(&it.world.outsider).await;
    for path in [path, format!("/visits/{id}"), format!("/visits/{id}/badge")] {
        assert_eq!(it.web.get(path).cookie(&stranger).send().await.status, 404);
    }
}

#[tokio::test]
async fn a_link_is_dead_once_the_visitor_has_left_or_is_not_to_come() {
    let it = Site::new().await;
    let host = it.sign_in(&it.world.member).await;
    for ways in [["arrived", "left"].as_slice(), &["cancel"]] {
        let made = it.web.post(it.visits(), &it.wanted()).cookie(&host);
        let made = made.send().await.expect(201);
        let link = made["link"].as_str().unwrap();
        let own = link.find("/visitor-pass").map(|at| &link[at..]).unwrap();
        is_page(&it.web.get(own).send().await, 200);
        for what in ways {
            let path = format!("/api/v1/visits/{}/{what}", made["id"].as_str().unwrap());
            let done = it.web.post(path, &json!({})).cookie(&host);
            done.send().await.expect(200);
        }
        is_page(&it.web.get(own).send().await, 403);
        let picture = own.replace("/visitor-pass?", "/visitor-pass.svg?");
        assert_eq!(it.web.get(picture).send().await.status, 403);
    }
}

#[tokio::test]
async fn who_looks_at_visitors_is_on_record_once_a_day() {
    let it = Site::new().await;
    let (host, owner) = (
        it.sign_in(&it.world.member).await,
        it.sign_in(&it.world.owner).await,
    );
    let made = it.web.post(it.visits(), &it.wanted()).cookie(&host);
    let made = made.send().await.expect(201);
    let id = made["id"].as_str().unwrap();
    let site = it.world.site.id;
    let paths = [
        it.visits(),
        format!("/api/v1/visits/{id}"),
        format!("/sites/{site}/visits"),
        format!("/visits/{id}"),
        format!("/visits/{id}/badge"),
        format!("/visits/{id}/link"),
    ];
    let mut day = 0;
    for path in &paths {
        // Each of them alone, on a day of its own; twice is once.
        for _ in 0..2 {
            let page = it.web.get(path).cookie(&owner).send().await;
            assert_eq!(page.status, 200, "{path}: {}", page.text);
        }
        day += 1;
        let looks = events(&it.web.test, Some(site), EventCode::OpeningRead, "").await;
        assert_eq!(looks, day, "{path}");
        let mut tx = it.web.test.app.db.write().await.unwrap();
        let gone = sekisho_server::on!(&mut tx, c =>
            sqlx::query("DELETE FROM opening_read").execute(c).await.map(|done| done.rows_affected()));
        assert_eq!(gone.unwrap(), 1);
        tx.commit().await.unwrap();
    }
}
