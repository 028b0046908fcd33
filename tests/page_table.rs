//! Every page of the router, whatever it is about: sound, closed, small, and never taken in by a name or a header. A page that
//! is not in the table fails the first test.

use std::collections::BTreeMap;

use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_server::store::people::Person;
use sekisho_tests::busy::HOSTILE;
use sekisho_tests::web::{Answer, Web};

use crate::page_scene::{As, Entry, Is, Scene};

/// Most bytes of a page with everything that it loads before anybody does anything. The pass has more script.
const FIRST_LOAD_MAX: usize = 100 * 1024;

struct Browser {
    web: Web,
    scene: Scene,
    cookies: BTreeMap<&'static str, String>,
}

impl Browser {
    async fn new(hostile: bool) -> Self {
        let web = Web::sqlite().await;
        let scene = Box::pin(Scene::on(&web.test, hostile)).await;
        let mut cookies = BTreeMap::new();
        let world = &scene.busy.world;
        for (name, person) in [("member", &world.member), ("owner", &world.owner)] {
            cookies.insert(name, sign_in(&web, person).await);
        }
        Self {
            web,
            scene,
            cookies,
        }
    }

    fn cookie(&self, who: As) -> &str {
        match who {
            As::Nobody => "",
            As::Member => &self.cookies["member"],
            As::Owner => &self.cookies["owner"],
        }
    }
}

async fn sign_in(web: &Web, person: &Person) -> String {
    let link = sign_in_link_for(&web.test.app, person.id).await.unwrap();
    let token = link.split_once("token=").unwrap().1;
    let form = web.form("/sign-in/link", &[("token", token)]);
    form.send().await.set_cookie()
}

/// The routes of the pages as the router has them, with whether each takes a POST.
fn routes() -> BTreeMap<String, (bool, bool)> {
    let source = include_str!("../server/src/http/router.rs");
    let pages = source.split_once("fn pages()").unwrap().1;
    let pages = pages.split_once("fn documented()").unwrap().0;
    let parts = pages.split(".route(").skip(1);
    parts
        .map(|part| {
            let path = part.split('"').nth(1).unwrap().to_owned();
            (path, (part.contains("get("), part.contains("post(")))
        })
        .collect()
}

#[tokio::test]
async fn no_page_is_forgotten() {
    let it = Browser::new(false).await;
    let known: BTreeMap<String, (bool, bool)> = it
        .scene
        .table()
        .iter()
        .map(|it| (it.route.to_owned(), (it.get != Is::Nothing, it.post)))
        .collect();
    assert_eq!(
        known,
        routes(),
        "every route of http/router.rs is in the table of this test"
    );
}

/// What a page refers to, by attribute.
fn references<'a>(text: &'a str, attribute: &str) -> Vec<&'a str> {
    text.split(&format!(" {attribute}=\""))
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect()
}

/// What every page has to be, in whatever language.
fn sound(entry: &Entry, answer: &Answer, lang: &str) {
    let (at, text) = (entry.route, &answer.text);
    assert_eq!(
        answer.headers["content-type"], "text/html; charset=utf-8",
        "{at}"
    );
    assert_eq!(answer.headers["cache-control"], "no-store", "{at}");
    assert!(text.contains(&format!("<html lang=\"{lang}\">")), "{at}");
    assert_eq!(text.matches("<h1").count(), 1, "{at}: {text}");
    assert_eq!(text.matches("<main").count(), 1, "{at}");
    for banned in [
        "<style",
        " style=",
        " onclick=",
        " onload=",
        "javascript:",
        "<iframe",
    ] {
        assert!(!text.contains(banned), "{at} has {banned}: {text}");
    }
    for (attribute, found) in [
        ("src", references(text, "src")),
        ("href", references(text, "href")),
        ("action", references(text, "action")),
    ] {
        for reference in found {
            assert!(
                (reference.starts_with('/') && !reference.starts_with("//"))
                    || reference.starts_with('#'),
                "{at}: {attribute}={reference}"
            );
        }
    }
    for part in text.split("<script").skip(1) {
        assert!(
            part.trim_start().starts_with("src=") || part.starts_with(" type=\"module\" src="),
            "{at}: script inside the page: {part}"
        );
    }
    // Every field has a label or is hidden; an id names one thing.
    let mut ids = references(text, "id");
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "{at}: an id stands twice");
}

#[tokio::test]
async fn every_page_is_sound_and_hostile_names_stay_text() {
    let it = Browser::new(true).await;
    let mut named = 0;
    for entry in it.scene.table() {
        if !matches!(entry.get, Is::Page | Is::Leads) {
            continue;
        }
        for lang in ["ja", "en"] {
            let ask = it.web.get(&entry.path).cookie(it.cookie(entry.who));
            let answer = ask.header("accept-language", lang).send().await;
            if entry.get == Is::Leads {
                assert!(answer.location().starts_with("/sites/"), "{}", entry.route);
                continue;
            }
            assert_eq!(answer.status, 200, "{} {}", entry.route, answer.text);
            sound(&entry, &answer, lang);
            assert!(
                !answer.text.contains(HOSTILE) && !answer.text.contains("<script>"),
                "{}",
                entry.route
            );
            let count = |part: &str| answer.text.matches(part).count();
            assert_eq!(
                count("&#60;script&#62;alert(1)"),
                count("{{7*7}}"),
                "{}: a template inside a name stays text",
                entry.route
            );
            named += usize::from(answer.text.contains("&#60;script&#62;alert(1)"));
        }
    }
    assert!(named > 30, "names stand on {named} pages");
}

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_the_sign_in_and_a_member_sees_no_managers_page() {
    let it = Browser::new(false).await;
    for entry in it.scene.table() {
        if entry.get == Is::Nothing || entry.who == As::Nobody {
            continue;
        }
        let answer = it.web.get(&entry.path).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.location().as_str()),
            (303, "/sign-in"),
            "{}",
            entry.route
        );
        if entry.who == As::Owner && !entry.route.contains("visits") && entry.get != Is::Leads {
            let answer = it
                .web
                .get(&entry.path)
                .cookie(it.cookie(As::Member))
                .send()
                .await;
            assert!(
                [403, 404].contains(&answer.status.as_u16()),
                "{}: {}",
                entry.route,
                answer.status
            );
            assert!(
                !answer.text.contains(&it.scene.busy.attacker.name),
                "{}",
                entry.route
            );
        }
    }
}

#[tokio::test]
async fn forms_from_elsewhere_and_forms_too_large_change_nothing() {
    let it = Browser::new(false).await;
    for entry in it.scene.table().iter().filter(|it| it.post) {
        let post = || it.web.form(&entry.path, &[]).cookie(it.cookie(entry.who));
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let answer = post().header(name, value).send().await;
            assert_eq!(answer.status, 403, "{} {value}", entry.route);
        }
        // A browser that knows no Sec-Fetch-Site.
        let old = it
            .web
            .ask(axum::http::Method::POST, &entry.path)
            .cookie(it.cookie(entry.who));
        let old = old.header("content-type", "application/x-www-form-urlencoded");
        let answer = old
            .header("origin", "https://elsewhere.example")
            .send()
            .await;
        assert_eq!(answer.status, 403, "{}", entry.route);
        let big = format!("x={}", "y".repeat(70_000));
        let answer = post()
            .header("content-length", big.len().to_string())
            .bytes(big)
            .send()
            .await;
        assert_eq!(answer.status, 413, "{}", entry.route);
        // A cookie must not be sent along by another site either way.
        let json = post()
            .header("content-type", "application/json")
            .bytes("{}")
            .send()
            .await;
        assert!(
            json.status.is_client_error() || json.status == 303,
            "{} {}",
            entry.route,
            json.status
        );
    }
}

/// What somebody in between may write into headers leads nobody elsewhere and names nobody else.
#[tokio::test]
async fn headers_of_others_are_not_believed() {
    let it = Browser::new(false).await;
    let spoofed = |path: &str, who: As| {
        let ask = it.web.get(path).cookie(it.cookie(who));
        [
            "x-forwarded-host",
            "x-forwarded-for",
            "x-forwarded-proto",
            "forwarded",
            "x-original-url",
            "x-rewrite-url",
            "x-http-method-override",
            "x-request-id",
        ]
        .into_iter()
        .fold(ask, |ask, name| ask.header(name, "evil.example"))
        .header("host", "evil.example")
    };
    for entry in it.scene.table() {
        if !matches!(entry.get, Is::Page | Is::Leads) {
            continue;
        }
        let answer = spoofed(&entry.path, entry.who).send().await;
        assert!(
            [200, 303].contains(&answer.status.as_u16()),
            "{} {}",
            entry.route,
            answer.status
        );
        assert!(!answer.text.contains("evil.example"), "{}", entry.route);
        for (name, value) in &answer.headers {
            assert!(
                !String::from_utf8_lossy(value.as_bytes()).contains("evil"),
                "{} {name}",
                entry.route
            );
        }
    }
}

#[tokio::test]
async fn every_page_is_small_at_first_sight() {
    let it = Browser::new(false).await;
    for entry in it.scene.table() {
        if entry.get != Is::Page || entry.route == "/bookings/{booking}/pass" {
            continue;
        }
        let answer = it
            .web
            .get(&entry.path)
            .cookie(it.cookie(entry.who))
            .send()
            .await;
        let mut bytes = answer.text.len();
        let head = answer.text.split("</head>").next().unwrap();
        for reference in references(head, "href")
            .into_iter()
            .chain(references(head, "src"))
        {
            let part = it.web.get(reference).send().await;
            assert_eq!(part.status, 200, "{} {reference}", entry.route);
            bytes += part.text.len();
        }
        assert!(bytes <= FIRST_LOAD_MAX, "{}: {bytes} bytes", entry.route);
    }
}
