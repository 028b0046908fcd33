//! When a site is open: what is set, over the API and on pages, and how every way to book answers.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use axum::http::Method;
use jiff::civil::date;
use sekisho_domain::authority::Role;
use sekisho_domain::booking::series::{Dates, Pattern, Verdict};
use sekisho_domain::booking::{Calendar, Fold, HolidayPolicy, SpecialDay};
use sekisho_domain::refusal::{Code, Refusal};
use sekisho_domain::wire::code::EventCode;
use sekisho_server::flows::FlowError;
use sekisho_server::flows::book_group::{BookGroup, book_group};
use sekisho_server::flows::book_seat::{BookSeat, book_seat};
use sekisho_server::flows::change_booking::{ChangeBooking, change_booking};
use sekisho_server::flows::create_series::{CreateSeries, create_series};
use sekisho_server::flows::extend_booking::{ExtendBooking, extend_booking};
use sekisho_server::flows::hold_seat::hold_seat;
use sekisho_server::flows::series::Mode;
use sekisho_server::flows::set_calendar::{SetCalendar, set_calendar};
use sekisho_server::store::{Scope, calendars, series};
use sekisho_tests::app::TestApp;
use sekisho_tests::look::events;
use sekisho_tests::web::{Answer, Web};
use sekisho_tests::world::{World, acting, at, refused};
use serde_json::{Value, json};

use crate::seat_pages::{Site, sign_in};

pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, FlowError>) -> Refusal {
    match result {
        Err(FlowError::Refused(refusal)) => refusal,
        other => panic!("not a refusal: {other:?}"),
    }
}

/// The site as it is, changed by its owner.
pub(crate) async fn set(
    test: &TestApp,
    world: &World,
    change: impl FnOnce(&mut Calendar),
) -> Result<i64, FlowError> {
    let mut calendar = {
        let mut tx = test.app.db.read().await.unwrap();
        calendars::whole(&mut tx, Scope::System, world.site.id)
            .await
            .unwrap()
    };
    change(&mut calendar);
    let want = SetCalendar {
        site: world.site.id,
        calendar,
        seen: None,
    };
    set_calendar(&test.app, &acting(&world.owner, Role::Owner), want).await
}

/// Monday 23 November 2026 is Labour Thanksgiving Day: hours 72 to 83.
const HOLIDAY: i64 = 72;

#[tokio::test]
async fn a_holiday_that_the_site_keeps_refuses_every_way_to_book() {
    for test in TestApp::on_both().await {
        let (app, world) = (&test.app, World::on(&test.app).await);
        let member = acting(&world.member, Role::Member);
        let before = world.book(app, 0, HOLIDAY, 1).await.unwrap();
        set(&test, &world, |it| it.holidays = HolidayPolicy::Closed)
            .await
            .unwrap();
        assert_eq!(
            events(&test, Some(world.site.id), EventCode::CalendarSet, "").await,
            1
        );
        let no = refusal(world.book(app, 1, HOLIDAY, 2).await);
        assert_eq!(no.code, Code::ClosedThatDay);
        assert_eq!(
            (&*no.data["rule"], &*no.data["reason_ja"]),
            ("holiday", "勤労感謝の日")
        );
        // Tuesday, 8:00.
        assert_eq!(no.lifts_at, Some(at(HOLIDAY + 23)));
        assert_eq!(no.alternatives.len(), 2);
        for other in &no.alternatives {
            let want = BookSeat {
                person: world.boss.id,
                seat: other.seat,
                starts_at: other.during.start,
                ends_at: other.during.end,
            };
            book_seat(app, &acting(&world.boss, Role::Owner), want)
                .await
                .unwrap();
        }
        let want = BookSeat {
            person: world.member.id,
            seat: world.seats[1].id,
            starts_at: at(HOLIDAY + 1),
            ends_at: at(HOLIDAY + 2),
        };
        let held = hold_seat(app, &member, want, 10).await;
        assert_eq!(refused(held), Code::ClosedThatDay);
        let longer = ExtendBooking {
            booking: before.id,
            until: at(HOLIDAY + 2),
            seen: None,
        };
        let longer = extend_booking(app, &member, longer).await;
        assert_eq!(refused(longer), Code::ClosedThatDay);
        let friday = world.book(app, 2, 1, 1).await.unwrap();
        let moved = ChangeBooking {
            booking: friday.id,
            seat: None,
            starts_at: Some(at(HOLIDAY + 3)),
            ends_at: Some(at(HOLIDAY + 4)),
            seen: None,
        };
        assert_eq!(
            refused(change_booking(app, &member, moved).await),
            Code::ClosedThatDay
        );
        let group = BookGroup {
            site: world.site.id,
            name: "合宿".to_owned(),
            people: vec![world.member.id, world.boss.id],
            seats: Vec::new(),
            kind: None,
            starts_at: at(HOLIDAY + 5),
            ends_at: at(HOLIDAY + 6),
        };
        let group = book_group(app, &acting(&world.boss, Role::Owner), group).await;
        assert_eq!(refused(group), Code::ClosedThatDay);
        // A repetition over it books the other days, and says of this one why not.
        let weekly = CreateSeries {
            person: world.member.id,
            seat: world.seats[3].id,
            time_zone: "site".to_owned(),
            pattern: Pattern {
                first: date(2026, 11, 21),
                starts_s: 18 * 3600,
                ends_s: 19 * 3600,
                fold: Fold::Earlier,
                dates: Dates::Rule("FREQ=DAILY;COUNT=4".parse().unwrap()),
                except: [].into(),
            },
            mode: Mode::Possible,
        };
        let made = create_series(app, &member, weekly).await.unwrap();
        let mut tx = app.db.read().await.unwrap();
        let days = series::occurrences(&mut tx, Scope::System, made.id)
            .await
            .unwrap();
        let verdicts: Vec<_> = days.iter().map(|it| it.verdict).collect();
        let (yes, no) = (Verdict::Booked, Verdict::Refused);
        assert_eq!(verdicts, [yes, yes, no, yes]);
        // What was booked before stays, and may be made shorter or cancelled.
    }
}

#[tokio::test]
async fn a_night_is_booked_over_midnight_and_ends_with_its_own_day() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        set(&test, &world, |it| {
            for row in &mut it.weekly {
                (row.opens_min, row.closes_min) = (1320, 1740);
            }
            it.special = vec![SpecialDay {
                date: date(2026, 11, 22),
                blocks: "".parse().unwrap(),
                ja: "<script>停電</script>".to_owned(),
                en: String::new(),
            }];
        })
        .await
        .unwrap();
        // Friday 22:00 to Saturday 5:00.
        world.book(&test.app, 0, 13, 7).await.unwrap();
        let late = refusal(world.book(&test.app, 1, 20, 1).await);
        assert_eq!(late.code, Code::OutsideOpeningHours);
        // Saturday's night reaches into the Sunday that is closed; Sunday's own does not begin.
        world.book(&test.app, 0, 37, 7).await.unwrap();
        let sunday = refusal(world.book(&test.app, 1, 61, 2).await);
        assert_eq!(
            (sunday.code, &*sunday.data["reason_ja"]),
            (Code::ClosedThatDay, "<script>停電</script>")
        );
        assert_eq!(sunday.lifts_at, Some(at(85)));
    }
}

#[tokio::test]
async fn a_calendar_is_checked_as_a_whole() {
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let day = |text: &str| SpecialDay {
        date: date(2026, 12, 1),
        blocks: "".parse().unwrap(),
        ja: text.to_owned(),
        en: String::new(),
    };
    let long = "字".repeat(121);
    for bad in [long.as_str(), "a\nb", "a\u{202e}b"] {
        let it = set(&test, &world, |it| it.special = vec![day(bad)]).await;
        assert_eq!(refused(it), Code::InvalidInput, "{bad:?}");
    }
    let twice = set(&test, &world, |it| it.special = vec![day("a"), day("b")]).await;
    assert_eq!(refused(twice), Code::InvalidInput);
    let none = set(&test, &world, |it| it.holidays = HolidayPolicy::Hours).await;
    assert_eq!(refused(none), Code::InvalidInput, "hours that nobody gave");
    let over = set(&test, &world, |it| it.weekly[0].closes_min = 2879).await;
    assert_eq!(refused(over), Code::InvalidInput);
}

async fn put(web: &Web, cookie: &str, world: &World, tag: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/sites/{}/calendar", world.site.id);
    let mut asking = web
        .ask(Method::PUT, path)
        .header("content-type", "application/json")
        .header("sec-fetch-site", "same-origin")
        .cookie(cookie)
        .bytes(body.to_string());
    if !tag.is_empty() {
        asking = asking.header("if-match", tag);
    }
    asking.send().await
}

#[tokio::test]
async fn the_api_sets_it_and_what_is_free_says_why_and_when() {
    for test in TestApp::on_both().await {
        let web = Web::new(test);
        let world = World::on(&web.test.app).await;
        let owner = sign_in(&web, &world.owner).await;
        let member = sign_in(&web, &world.member).await;
        let outsider = sign_in(&web, &world.outsider).await;
        let path = format!("/api/v1/sites/{}/calendar", world.site.id);
        let first = web.get(&path).cookie(&owner).send().await;
        let shown = first.expect(200);
        assert_eq!(
            (&shown["holidays"], &shown["version"]),
            (&json!("as_usual"), &json!(0))
        );
        assert_eq!(shown["next_holidays"].as_array().unwrap().len(), 12);
        assert_eq!(shown["next_holidays"][0]["name_ja"], "勤労感謝の日");
        assert_eq!(shown["next_holidays"][0]["hours"], "08:00-20:00");
        let body = json!({
            "opening_hours": [{ "weekday": 4, "opens": "22:00", "closes": "05:00" }, { "weekday": 0, "opens": "08:00", "closes": "20:00" }],
            "holidays": "closed",
            "special_days": [{ "date": "2026-11-24", "hours": "", "reason_ja": "清掃", "reason_en": "" }],
        });
        assert_eq!(
            put(&web, &outsider, &world, "", &body).await.problem(404),
            "not_found"
        );
        assert_eq!(
            put(&web, &member, &world, "", &body).await.problem(403),
            "not_allowed"
        );
        let done = put(&web, &owner, &world, "\"0\"", &body).await;
        assert_eq!(done.headers["etag"].to_str().unwrap(), "\"1\"");
        assert_eq!(done.expect(200)["opening_hours"][1]["closes"], "05:00");
        assert_eq!(
            put(&web, &owner, &world, "\"0\"", &body).await.problem(412),
            "version_mismatch"
        );
        for bad in [
            json!({ "opening_hours": [], "holidays": "never" }),
            json!({ "opening_hours": [], "holidays": "hours", "holiday_hours": "" }),
            json!({ "opening_hours": [{ "weekday": 0, "opens": "25:00", "closes": "05:00" }], "holidays": "closed" }),
            json!({ "opening_hours": [], "holidays": "closed", "special_days": [{ "date": "2026-2-1" }] }),
            json!({ "opening_hours": [], "holidays": "closed", "special_days": [{ "date": "2026-02-30" }] }),
            json!({ "opening_hours": [], "holidays": "closed", "special_days": [{ "date": "2026-12-01", "hours": "9" }] }),
        ] {
            assert_eq!(
                put(&web, &owner, &world, "", &bad).await.problem(422),
                "invalid_input"
            );
        }
        let free = |from: &str, to: &str| {
            let path = format!("/api/v1/sites/{}/free?from={from}&to={to}", world.site.id);
            web.get(path.replace('+', "%2B")).cookie(&member)
        };
        let holiday = free("2026-11-23T10:00:00+09:00", "2026-11-23T11:00:00+09:00");
        let holiday = holiday.send().await.expect(200);
        assert_eq!((&holiday["free"], &holiday["of"]), (&json!(0), &json!(4)));
        assert_eq!(holiday["seats"], json!([]));
        assert_eq!(
            holiday["closed"],
            json!({ "rule": "holiday", "reason_ja": "勤労感謝の日", "reason_en": "Labour Thanksgiving Day", "opens_at": "2026-11-27T13:00:00.000Z" })
        );
        let special = free("2026-11-24T10:00:00+09:00", "2026-11-24T11:00:00+09:00");
        assert_eq!(
            special.send().await.expect(200)["closed"]["reason_ja"],
            "清掃"
        );
        let night = free("2026-11-27T22:00:00+09:00", "2026-11-28T05:00:00+09:00");
        let night = night.send().await.expect(200);
        assert_eq!(
            (&night["free"], &night["closed"]),
            (&json!(4), &json!(null))
        );
    }
}

#[tokio::test]
async fn pages_set_it_and_say_on_a_closed_day_why_and_when_it_opens() {
    let it = Site::new().await;
    let owner = sign_in(&it.web, &it.world.owner).await;
    let path = format!("/sites/{}/settings/hours", it.world.site.id);
    let page = it.web.get(&path).cookie(&owner).send().await;
    assert!(page.text.contains("2026年11月23日(月)") && page.text.contains("勤労感謝の日"));
    let post = |path: String, fields: Vec<(&'static str, &'static str)>| {
        it.web.form(path, &fields).cookie(&owner)
    };
    let week = |version, tuesday| {
        vec![
            ("version", version),
            ("day0", "08:00-20:00"),
            ("day1", tuesday),
            ("day4", "22:00-05:00"),
            ("holidays", "closed"),
        ]
    };
    let saved = post(path.clone(), week("0", "8:00〜12:00、13:00〜20:00"))
        .send()
        .await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let stale = post(path.clone(), week("0", "")).send().await;
    assert_eq!(stale.status, 412);
    let bad = post(path.clone(), week("1", "<b>")).send().await;
    assert_eq!(bad.status, 422);
    assert!(!bad.text.contains("<b>"));
    let day = vec![
        ("version", "1"),
        ("date", "2026-11-24"),
        ("reason_ja", "<script>清掃"),
        ("reason_en", "cleaning"),
    ];
    let added = post(format!("{path}/days"), day).send().await;
    assert_eq!(added.status, 303, "{}", added.text);
    let page = it.web.get(&path).cookie(&owner).english().send().await;
    assert!(
        page.text.contains("08:00-12:00,13:00-20:00"),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("&#60;script&#62;清掃 / cleaning"),
        "{}",
        page.text
    );
    // Who books sees the name of the holiday, and the next day on which it is open.
    let book = format!("/sites/{}/book?day=2026-11-23", it.world.site.id);
    let closed = it.get(book).await;
    assert!(
        closed.text.contains("<strong>勤労感謝の日</strong>"),
        "{}",
        closed.text
    );
    assert!(
        closed.text.contains("2026年11月27日(金) 22:00"),
        "{}",
        closed.text
    );
    let night = format!(
        "/sites/{}/book?day=2026-11-27&from=22:00&to=05:00",
        it.world.site.id
    );
    let night = it.get(night).await;
    assert!(night.text.contains("22:00–05:00") && night.text.contains("name=\"seat\""));
    let seat = it.world.seats[0].id.to_string();
    let fields = [
        ("seat", seat.as_str()),
        ("day", "2026-11-27"),
        ("from", "22:00"),
        ("to", "05:00"),
    ];
    let path_of = format!("/sites/{}/book", it.world.site.id);
    let booked = it
        .web
        .form(&path_of, &fields)
        .cookie(&it.cookie)
        .send()
        .await;
    assert_eq!(booked.status, 303, "{}", booked.text);
    let fields = [
        ("seat", seat.as_str()),
        ("day", "2026-11-24"),
        ("from", "10:00"),
        ("to", "11:00"),
    ];
    let no = it
        .web
        .form(&path_of, &fields)
        .cookie(&it.cookie)
        .send()
        .await;
    assert_eq!(no.status, 422);
    assert!(no.text.contains("&#60;script&#62;清掃"), "{}", no.text);
    let removed = vec![("version", "2"), ("date", "2026-11-24")];
    let removed = post(format!("{path}/days/remove"), removed).send().await;
    assert_eq!(removed.status, 303);
    let page = it.web.get(&path).cookie(&owner).send().await;
    assert!(page.text.contains("特定の日の定めはありません。"));
    let member = it.get(&path).await;
    assert_eq!(member.status, 403);
}
