//! Calendar feeds: who gets an address, what it shows, and what other programs make of it.
#![expect(clippy::similar_names, reason = "pairs of things that belong together")]
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sekisho_domain::authority::Role;
use sekisho_domain::booking::OpeningHours;
use sekisho_domain::ids::SeatId;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::code::EventCode;
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::cancel_booking::cancel_booking;
use sekisho_server::flows::create_seat::{CreateSeat, create_seat};
use sekisho_server::flows::create_site::{CreateSite, create_site};
use sekisho_server::flows::create_zone::{CreateZone, create_zone};
use sekisho_server::flows::extend_booking::{ExtendBooking, extend_booking};
use sekisho_server::flows::give_feed::give_feed;
use sekisho_server::flows::revoke_feed::revoke_feed;
use sekisho_server::flows::suspend_person::suspend_person;
use sekisho_server::store::bookings::Booking;
use sekisho_server::store::feeds::Of;
use sekisho_server::store::seats::SeatKind;
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::look::events;
use sekisho_tests::web::{Answer, Web};
use sekisho_tests::world::{World, acting, refused};
use serde_json::{Value, json};

use crate::at_work::say;

async fn read(web: &Web, secret: &str) -> Answer {
    web.get(format!("/feeds/{secret}.ics")).send().await
}

#[tokio::test]
async fn an_address_is_ones_own_and_ends_when_it_is_replaced() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let (member, boss) = (
            acting(&world.member, Role::Member),
            acting(&world.boss, Role::Owner),
        );
        let mine = Of::Person(world.member.id);
        assert_eq!(
            refused(give_feed(&test.app, &boss, mine).await.map(drop)),
            Code::NotAllowed
        );
        let outsider = acting(&world.outsider, Role::Owner);
        assert_eq!(
            refused(give_feed(&test.app, &outsider, mine).await.map(drop)),
            Code::NotFound
        );
        let first = give_feed(&test.app, &member, mine).await.unwrap();
        let second = give_feed(&test.app, &member, mine).await.unwrap();
        assert_eq!(events(&test, None, EventCode::FeedCreated, "").await, 1);
        assert_eq!(events(&test, None, EventCode::FeedRotated, "").await, 1);
        let web = Web::new(test);
        assert_eq!(read(&web, &first.secret).await.status, 404);
        assert_eq!(read(&web, &second.secret).await.status, 200);
        // Not a word about the secret is kept.
        let app = &web.test.app;
        assert_eq!(
            refused(revoke_feed(app, &outsider, second.feed.id).await.map(drop)),
            Code::NotFound
        );
        revoke_feed(app, &member, second.feed.id).await.unwrap();
        revoke_feed(app, &member, second.feed.id).await.unwrap();
        assert_eq!(events(&web.test, None, EventCode::FeedRevoked, "").await, 1);
        assert_eq!(read(&web, &second.secret).await.status, 404);

        let third = give_feed(app, &member, mine).await.unwrap();
        suspend_person(app, &boss, world.member.id).await.unwrap();
        assert_eq!(read(&web, &third.secret).await.status, 404, "suspended");
        for wrong in ["", "x", "../feed", &third.secret[1..]] {
            assert_eq!(read(&web, wrong).await.status, 404);
        }
    }
}

#[tokio::test]
async fn a_seat_s_feed_says_when_and_never_who() {
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
    let of = Of::Seat(booking.seat);
    let member = acting(&world.member, Role::Member);
    assert_eq!(
        refused(give_feed(&test.app, &member, of).await.map(drop)),
        Code::NotAllowed
    );
    let owner = acting(&world.owner, Role::Owner);
    let feed = give_feed(&test.app, &owner, of).await.unwrap();
    let web = Web::new(test);
    let text = read(&web, &feed.secret).await.text.replace("\r\n ", "");
    assert!(text.contains("SUMMARY:予約あり / Booked") && text.contains("20261120T100000"));
    for who in [
        world.member.name.as_str(),
        &world.company.name,
        &booking.id.text(),
        &world.member.id.text(),
        "://",
    ] {
        assert!(!text.contains(who), "{who} in {text}");
    }
}

#[tokio::test]
async fn what_the_caller_has_already_is_not_sent_again() {
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
    let member = acting(&world.member, Role::Member);
    let feed = give_feed(&test.app, &member, Of::Person(world.member.id))
        .await
        .unwrap();
    let web = Web::new(test);
    let first = read(&web, &feed.secret).await;
    assert_eq!(
        first.headers["content-type"],
        "text/calendar; charset=utf-8; method=PUBLISH"
    );
    assert_eq!(first.headers["cache-control"], "private, no-cache");
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    web.test.clock.advance_ms(HOUR / 4);
    let ask = |tag: &str| {
        let path = format!("/feeds/{}.ics", feed.secret);
        web.get(path).header("if-none-match", tag).send()
    };
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let again = ask(&known).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
        assert_eq!(again.headers["etag"], tag.as_str());
    }
    cancel_booking(&web.test.app, &member, booking.id)
        .await
        .unwrap();
    let changed = ask(&tag).await;
    assert_eq!(changed.status, 200);
    assert!(
        changed.text.contains("SEQUENCE:1\r\n") && changed.text.contains("STATUS:CANCELLED\r\n")
    );
    // Cancelled, not vanished, for as long as any program stays away.
    web.test.clock.advance_ms(91 * 24 * HOUR);
    assert!(
        read(&web, &feed.secret)
            .await
            .text
            .contains("STATUS:CANCELLED\r\n")
    );
    web.test.clock.advance_ms(20 * 24 * HOUR);
    assert!(!read(&web, &feed.secret).await.text.contains("VEVENT"));
}

#[tokio::test]
async fn the_api_shows_an_address_once() {
    let it = sekisho_tests::installed::Installed::new().await;
    let place = it.site().await;
    let path = "/api/v1/feeds";
    let want = json!({ "seat": place.seats[0] });
    let ask = || {
        it.web
            .post(path, &want)
            .token(&it.token)
            .header("idempotency-key", "one")
    };
    let made = ask().send().await.expect(201);
    let url = made["url"].as_str().unwrap();
    let secret = url.rsplit('/').next().unwrap().trim_end_matches(".ics");
    assert_eq!(read(&it.web, secret).await.status, 200);
    let again = ask().send().await.expect(201);
    assert_eq!((&again["id"], &again["url"]), (&made["id"], &Value::Null));
    let listed = it.web.get(path).token(&it.token).send().await.expect(200);
    assert_eq!(listed["items"][0]["id"], made["id"]);
    assert!(listed.get("url").is_none());
    let end = format!("{path}/{}/revoke", made["id"].as_str().unwrap());
    let ended = it
        .web
        .post(&end, &json!({}))
        .token(&it.token)
        .send()
        .await
        .expect(200);
    assert!(ended["revoked_at"].is_string());
    assert_eq!(read(&it.web, secret).await.status, 404);
    for (body, status) in [
        (json!({}), 422),
        (
            json!({ "seat": place.seats[0], "person": "per_01jd6xwq5t0000000000000000" }),
            422,
        ),
        (json!({ "seat": "sea_01jd6xwq5t0000000000000000" }), 404),
    ] {
        it.web
            .post(path, &body)
            .token(&it.token)
            .send()
            .await
            .problem(status);
    }
}

/// The Python with the calendar programs, or a line that says that it is not there; in CI that is a failure.
fn python() -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/oracle/bin/python3");
    let mut able = Command::new(&made);
    able.args(["-c", "import icalendar, radicale"]);
    if able.output().is_ok_and(|out| out.status.success()) {
        return Some(made);
    }
    let line = "NOT RUN: the calendar programs need tests/oracle/requirements-interfaces.txt in target/oracle";
    assert!(std::env::var_os("CI").is_none(), "{line}");
    say(line);
    None
}

fn judged(python: &Path, arguments: &[&str], feed: &str) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("feed.ics");
    std::fs::write(&file, feed).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/feed.py");
    let out = Command::new(python)
        .arg(script)
        .args(arguments)
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}\n{}\n{feed}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_slice(&out.stdout).unwrap()
}

/// A seat at a site that is always open, in a zone of its own, with a name that wants out.
async fn seat_in(test: &TestApp, world: &World, time_zone: &str) -> SeatId {
    let owner = acting(&world.owner, Role::Owner);
    let hours = (0..7).map(|weekday| OpeningHours {
        weekday,
        opens_min: 0,
        closes_min: 1440,
    });
    let want = CreateSite {
        operator: world.operator.id,
        name: format!(
            "{time_zone}; BEGIN:VEVENT, \\n \"長い名前の施設\" {}",
            "あ".repeat(40)
        ),
        time_zone: time_zone.to_owned(),
        hours: hours.collect(),
        grid_s: None,
        grant_before_s: None,
        grant_after_s: None,
    };
    let site = create_site(&test.app, &owner, want).await.unwrap();
    let want = CreateZone {
        site: site.id,
        name: "z".to_owned(),
        certified: false,
    };
    let zone = create_zone(&test.app, &owner, want).await.unwrap();
    let want = CreateSeat {
        zone: zone.id,
        name: "席;1,\\".to_owned(),
        kind: SeatKind::Desk,
        place: None,
    };
    create_seat(&test.app, &owner, want).await.unwrap().id
}

fn is_booked(events: &[Value], booked: &[Booking]) {
    let mut expected: Vec<_> = booked
        .iter()
        .map(|it| {
            let status = if it.state.is_live() {
                "CONFIRMED"
            } else {
                "CANCELLED"
            };
            json!([
                format!("{}@sekisho", it.id),
                it.during.start.0,
                it.during.end.0,
                it.version - 1,
                status
            ])
        })
        .collect();
    let mut found: Vec<_> = events
        .iter()
        .map(|it| {
            json!([
                it["uid"],
                it["start"],
                it["end"],
                it["sequence"],
                it["status"]
            ])
        })
        .collect();
    expected.sort_by_key(Value::to_string);
    found.sort_by_key(Value::to_string);
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_programs_read_what_was_booked_across_changes_of_the_clocks() {
    let Some(python) = python() else { return };
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let owner = acting(&world.owner, Role::Owner);
    test.clock
        .set(Timestamp::parse_rfc3339("2026-10-01T00:00:00Z").unwrap());
    let mut booked = Vec::new();
    for (zone, spans) in [
        // Forward by half an hour at 2:00, back by an hour at 3:00 and at 2:00, never.
        (
            "Australia/Lord_Howe",
            [
                "2026-10-03T14:00:00Z",
                "2026-10-03T15:15:00Z",
                "2026-10-03T16:00:00Z",
            ],
        ),
        (
            "Europe/Berlin",
            [
                "2026-10-24T23:30:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:30:00Z",
            ],
        ),
        (
            "America/New_York",
            [
                "2026-11-01T04:30:00Z",
                "2026-11-01T05:30:00Z",
                "2026-11-01T06:30:00Z",
            ],
        ),
        (
            "Asia/Tokyo",
            [
                "2026-10-05T00:00:00Z",
                "2026-10-05T14:00:00Z",
                "2026-10-06T14:45:00Z",
            ],
        ),
        (
            "UTC",
            [
                "2026-10-07T00:00:00Z",
                "2026-10-07T14:00:00Z",
                "2026-10-08T14:45:00Z",
            ],
        ),
    ] {
        let seat = seat_in(&test, &world, zone).await;
        for start in spans {
            let start = Timestamp::parse_rfc3339(start).unwrap();
            let want = BookSeat {
                person: world.owner.id,
                seat,
                starts_at: start,
                ends_at: start.plus_ms(HOUR / 4),
            };
            booked.push(book_seat(&test.app, &owner, want).await.unwrap());
        }
    }
    let feed = give_feed(&test.app, &owner, Of::Person(world.owner.id))
        .await
        .unwrap();
    let web = Web::new(test);
    let text = read(&web, &feed.secret).await.text;
    let events = judged(&python, &["parse"], &text);
    is_booked(&events, &booked);
    assert!(
        events[0]["summary"]
            .as_str()
            .unwrap()
            .ends_with(": 席 席;1,\\")
    );
    assert!(
        events[0]["location"]
            .as_str()
            .unwrap()
            .contains("; BEGIN:VEVENT, \\n \"長い名前の施設\"")
    );

    let radicale = Radicale::start(&python).await;
    is_booked(
        &judged(&python, &["import", &radicale.calendar], &text),
        &booked,
    );
    // One is moved, one is cancelled: they change where they are, and nothing is there twice.
    let app = &web.test.app;
    web.test.clock.advance_ms(60_000);
    let want = ExtendBooking {
        booking: booked[3].id,
        until: booked[3].during.end.plus_ms(HOUR / 4),
        seen: None,
    };
    booked[3] = extend_booking(app, &owner, want).await.unwrap();
    booked[7] = cancel_booking(app, &owner, booked[7].id).await.unwrap();
    let text = read(&web, &feed.secret).await.text;
    let again = judged(&python, &["import", &radicale.calendar], &text);
    is_booked(&again, &booked);
    let changed = again.iter().filter(|it| it["sequence"] == 1);
    assert!(changed.clone().count() == 2 && changed.clone().all(|it| it["changed"] == app.now().0));
}

/// A calendar server of somebody else's, on a port and a directory of its own.
struct Radicale {
    calendar: String,
    _child: tokio::process::Child,
    _dir: tempfile::TempDir,
}

impl Radicale {
    async fn start(python: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = free.local_addr().unwrap();
        drop(free);
        let child = tokio::process::Command::new(python)
            .args([
                "-m",
                "radicale",
                "--config",
                "",
                "--auth-type",
                "none",
                "--logging-level",
                "warning",
            ])
            .args(["--hosts", &at.to_string(), "--storage-filesystem-folder"])
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.path().join("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let calendar = format!("http://{at}/somebody/bookings/");
        // One provider is compiled in; whoever was first has installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let make = reqwest::Method::from_bytes(b"MKCALENDAR").unwrap();
            let made = client
                .request(make, &calendar)
                .basic_auth("somebody", Some("x"))
                .send()
                .await;
            if let Ok(answer) = made {
                assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
                return Self {
                    calendar,
                    _child: child,
                    _dir: dir,
                };
            }
        }
        panic!(
            "{}",
            std::fs::read_to_string(dir.path().join("log")).unwrap()
        );
    }
}
