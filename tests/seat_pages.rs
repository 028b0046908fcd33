//! The pages about one's own seat as a browser without script sees them, and the API beside them.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::booking::AllocationState;
use sekisho_server::flows::create_seat::{CreateSeat, create_seat};
use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_server::store::people::Person;
use sekisho_server::store::seats::{Place, SeatKind};
use sekisho_server::store::{Scope, bookings};
use sekisho_tests::app::HOUR;
use sekisho_tests::web::{Answer, Web};
use sekisho_tests::world::{World, acting};

pub(crate) struct Site {
    pub(crate) web: Web,
    pub(crate) world: World,
    pub(crate) cookie: String,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let web = Web::sqlite().await;
        let world = World::on(&web.test.app).await;
        let cookie = sign_in(&web, &world.member).await;
        Self { web, world, cookie }
    }

    pub(crate) async fn get(&self, path: impl Into<String>) -> Answer {
        self.web.get(path).cookie(&self.cookie).send().await
    }

    async fn form(&self, path: impl Into<String>, fields: &[(&str, &str)]) -> Answer {
        self.web
            .form(path, fields)
            .cookie(&self.cookie)
            .send()
            .await
    }
}

pub(crate) async fn sign_in(web: &Web, person: &Person) -> String {
    let link = sign_in_link_for(&web.test.app, person.id).await.unwrap();
    let token = link.split_once("token=").unwrap().1;
    let done = web.form("/sign-in/link", &[("token", token)]).send().await;
    assert_eq!(done.status, 303, "{}", done.text);
    done.set_cookie()
}

/// The values of the hidden fields of the first form that goes to `action`.
fn fields<'a>(text: &'a str, action: &str) -> Vec<(&'a str, &'a str)> {
    let form = text
        .split_once(&format!("action=\"{action}\""))
        .unwrap_or_else(|| panic!("no form to {action}: {text}"))
        .1;
    let form = form.split("</form>").next().unwrap();
    form.split("<input type=\"hidden\" name=\"")
        .skip(1)
        .map(|field| {
            let (name, rest) = field.split_once("\" value=\"").unwrap();
            (name, rest.split('"').next().unwrap())
        })
        .collect()
}

fn is_page(answer: &Answer, status: u16) -> &str {
    assert_eq!(answer.status, status, "{}", answer.text);
    let text = &answer.text;
    assert_eq!(text.matches("<h1").count(), 1, "{text}");
    assert!(
        !text.contains("<style") && !text.contains(" style=") && !text.contains("://"),
        "{text}"
    );
    text
}

#[tokio::test]
async fn the_usual_seat_is_one_tap_away_and_so_is_what_to_do_next() {
    let mut it = Site::new().await;
    let book = format!("/sites/{}/book", it.world.site.id);
    let home = it.get("/").await;
    assert!(
        !is_page(&home, 200).contains("いつもの席"),
        "no habit yet: {}",
        home.text
    );
    // Yesterday's booking becomes the habit.
    it.world.book(&it.web.test.app, 2, 1, 3).await.unwrap();
    it.web.test.clock.advance_ms(22 * HOUR);
    it.cookie = sign_in(&it.web, &it.world.member).await;
    let home = it.get("/").await;
    let text = is_page(&home, 200);
    assert!(
        text.contains("いつもの席を予約する")
            && text.contains("今日 10:00–13:00")
            && text.contains("明日 10:00–13:00"),
        "{text}"
    );
    let made = it.form(&book, &fields(text, &book)).await;
    assert_eq!(made.status, 303, "{}", made.text);
    let page = it.get(made.location()).await;
    assert!(
        is_page(&page, 200).contains("予約しました")
            && page.text.contains("2026年11月21日(土) 10:00–13:00")
            && page.text.contains("予約を取り消す"),
        "{}",
        page.text
    );
    // Today is taken by oneself now: only tomorrow is left to offer, after the next booking.
    let home = it.get("/").await;
    let text = is_page(&home, 200);
    assert!(
        text.contains("次の予約") && !text.contains("今日 10:00") && text.contains("明日 10:00"),
        "{text}"
    );

    // Somebody else took the usual seat: the neighbour is offered by name.
    let path = made.location();
    let path = path.split('?').next().unwrap();
    let cancelled = it.form(format!("{path}/cancel"), &[]).await;
    let page = it.get(cancelled.location()).await;
    assert!(
        is_page(&page, 200).contains("取り消しを元に戻す") && page.text.contains("07:01:00"),
        "until when: {}",
        page.text
    );
    let boss = sign_in(&it.web, &it.world.boss).await;
    let seat = it.world.seats[2].id.to_string();
    let want = [
        ("seat", seat.as_str()),
        ("day", "2026-11-21"),
        ("from", "11:00"),
        ("to", "12:00"),
    ];
    let taken = it.web.form(&book, &want).cookie(&boss).send().await;
    assert_eq!(taken.status, 303, "{}", taken.text);
    let home = it.get("/").await;
    assert!(
        is_page(&home, 200).contains("いつもの席は予約済みのため"),
        "{}",
        home.text
    );
    let undone = it.form(format!("{path}/undo"), &[]).await;
    let text = is_page(&undone, 409);
    assert!(
        text.contains("この席は、その時間すでに予約されています。")
            && text.matches("name=\"seat\"").count() == 2,
        "two alternatives: {text}"
    );
    let instead = it.form(&book, &fields(text, &book)).await;
    assert_eq!(instead.status, 303, "{}", instead.text);
}

#[tokio::test]
async fn a_cancellation_is_undone_with_one_button_and_not_after_a_minute() {
    let it = Site::new().await;
    let booking = it.world.book(&it.web.test.app, 0, 2, 1).await.unwrap();
    let path = format!("/bookings/{}", booking.id);
    it.form(format!("{path}/cancel"), &[]).await;
    let undone = it.form(format!("{path}/undo"), &[]).await;
    assert_eq!(undone.status, 303, "{}", undone.text);
    let page = it.get(undone.location()).await;
    assert!(
        is_page(&page, 200).contains("予約を元に戻しました") && page.text.contains("予約済み"),
        "{}",
        page.text
    );
    it.form(format!("{path}/cancel"), &[]).await;
    // Who did not cancel is not offered it.
    let boss = sign_in(&it.web, &it.world.boss).await;
    let other = it.web.get(&path).cookie(&boss).send().await;
    assert!(!is_page(&other, 200).contains("元に戻す"), "{}", other.text);
    it.web.test.clock.advance_ms(60_000);
    let page = it.get(&path).await;
    assert!(
        !is_page(&page, 200).contains("元に戻す") && page.text.contains("この席の空きを見る"),
        "{}",
        page.text
    );
    let late = it.form(format!("{path}/undo"), &[]).await;
    assert!(is_page(&late, 409).contains("取り消しから60秒が過ぎた"));
}

#[tokio::test]
async fn during_the_visit_one_can_stay_longer_or_leave() {
    let it = Site::new().await;
    let app = &it.web.test.app;
    let booking = it.world.book(app, 0, 0, 2).await.unwrap();
    let mut tx = app.db.write().await.unwrap();
    bookings::set_state(
        &mut tx,
        Scope::System,
        booking.allocation,
        AllocationState::Confirmed,
        AllocationState::Present,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    it.web.test.clock.advance_ms(HOUR / 2);
    let home = it.get("/").await;
    let text = is_page(&home, 200);
    assert!(
        text.contains("在室中")
            && text.contains("残り 1時間30分")
            && text.contains("11:30まで延長する")
            && text.contains("13:00まで延長する")
            && text.contains("退室して席を返す"),
        "{text}"
    );
    let path = format!("/bookings/{}", booking.id);
    let until = "2026-11-20T02:30:00.000Z";
    assert!(text.contains(until), "{text}");
    let longer = it.form(format!("{path}/extend"), &[("until", until)]).await;
    let page = it.get(longer.location()).await;
    assert!(
        is_page(&page, 200).contains("予約を延長しました") && page.text.contains("09:00–11:30"),
        "{}",
        page.text
    );
    // Into somebody else's booking: refused, with the shorter extension and another seat.
    let boss = sign_in(&it.web, &it.world.boss).await;
    let seat = booking.seat.to_string();
    let want = [
        ("seat", seat.as_str()),
        ("day", "2026-11-20"),
        ("from", "12:00"),
        ("to", "13:00"),
    ];
    let book = format!("/sites/{}/book", it.world.site.id);
    it.web.form(&book, &want).cookie(&boss).send().await;
    let refused = it
        .form(
            format!("{path}/extend"),
            &[("until", "2026-11-20T13:00:00+09:00")],
        )
        .await;
    let text = is_page(&refused, 409);
    assert!(
        text.contains("12:00まで延長する") && text.contains(&format!("action=\"{book}\"")),
        "{text}"
    );
    let shorter = it
        .form(
            format!("{path}/extend"),
            &fields(text, &format!("{path}/extend")),
        )
        .await;
    assert_eq!(shorter.status, 303, "{}", shorter.text);
    assert_eq!(
        it.form(format!("{path}/extend"), &[("until", "tomorrow")])
            .await
            .status,
        422
    );
    let home = it.get("/").await;
    assert!(
        is_page(&home, 200).contains("これ以上延長できません"),
        "{}",
        home.text
    );
    let left = it.form(format!("{path}/release"), &[]).await;
    let page = it.get(left.location()).await;
    assert!(
        is_page(&page, 200).contains("席を返しました") && page.text.contains("解放済み"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn bookings_are_listed_and_paged() {
    let it = Site::new().await;
    let empty = it.get("/bookings").await;
    let text = is_page(&empty, 200);
    assert!(
        text.contains("予約はまだありません。") && text.contains("これまでの予約はありません。"),
        "{text}"
    );
    // A booking a day, three weeks long; a long weekend later two pages of past ones.
    for day in 0..23 {
        it.world
            .book(&it.web.test.app, 0, day * 24 + 1, 1)
            .await
            .unwrap();
    }
    it.web.test.clock.advance_ms(21 * 24 * HOUR + 6 * HOUR);
    let cookie = sign_in(&it.web, &it.world.member).await;
    let get = |path: String| it.web.get(path).cookie(&cookie).send();
    let first = get("/bookings".to_owned()).await;
    let text = is_page(&first, 200);
    assert_eq!(text.matches("/cancel\"").count(), 1, "{text}");
    assert_eq!(
        text.matches("class=\"row booking-row\"").count(),
        21,
        "{text}"
    );
    let older = text
        .split("href=\"/bookings?before=")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let second = get(format!("/bookings?before={older}")).await;
    let text = is_page(&second, 200);
    assert_eq!(
        text.matches("class=\"row booking-row\"").count(),
        2,
        "{text}"
    );
    assert!(text.contains("2026年11月20日(金)") && !text.contains("href=\"/bookings?before="));
    assert_eq!(
        get("/bookings?before=nonsense".to_owned()).await.status,
        200
    );
    // A booking of somebody else's says nothing about where one's own list begins.
    let boss = sign_in(&it.web, &it.world.boss).await;
    let other = it
        .web
        .get(format!("/bookings?before={older}"))
        .cookie(&boss)
        .send()
        .await;
    assert!(is_page(&other, 200).contains("これまでの予約はありません。"));
}

#[tokio::test]
async fn the_map_says_what_the_list_says_and_escapes_every_name() {
    let it = Site::new().await;
    let app = &it.web.test.app;
    let owner = acting(&it.world.owner, Role::Owner);
    let hostile = "\"><script>alert(1)</script>'&";
    let seat = create_seat(
        app,
        &owner,
        CreateSeat {
            zone: it.world.lobby.id,
            name: hostile.to_owned(),
            kind: SeatKind::Room,
            place: Some(Place {
                x: 0,
                y: 0,
                w: 1000,
                h: 700,
            }),
        },
    )
    .await
    .unwrap();
    it.world.book(app, 0, 2, 1).await.unwrap();
    let book = format!("/sites/{}/book", it.world.site.id);
    let when = "day=2026-11-20&from=11:00&to=12:00";
    let page = it.get(format!("{book}?{when}")).await;
    let text = is_page(&page, 200);
    assert!(!text.contains("<script"), "{text}");
    assert_eq!(text.matches("class=\"place free\"").count(), 4, "{text}");
    assert_eq!(text.matches("class=\"place taken\"").count(), 1, "{text}");
    assert_eq!(text.matches("seat-row").count(), 5);
    assert!(
        text.contains("12:00まで, 予約済み, デスク")
            && !text.contains(&it.world.member.name.repeat(2)),
        "{text}"
    );
    let chosen = it.get(format!("{book}?{when}&seat={}", seat.id)).await;
    let text = is_page(&chosen, 200);
    assert!(
        !text.contains("<script") && text.contains("&#60;script&#62;alert"),
        "{text}"
    );
    assert!(
        text.contains("id=\"chosen\"") && text.contains("class=\"place chosen\""),
        "{text}"
    );
    let taken = it
        .get(format!("{book}?{when}&seat={}", it.world.seats[0].id))
        .await;
    assert!(is_page(&taken, 200).contains("この時間は、この席を予約できません。"));
    // What is no seat of this site, no time and no day does no harm.
    for odd in [
        "seat=sea_00000000000000000000000000",
        "seat=%22%3E%3Cscript%3E",
        "from=%22%3E%3Cscript%3E&to=x",
        "day=2026-02-31",
        "day=9999-12-31",
        "from=99:99",
    ] {
        let page = it.get(format!("{book}?{odd}")).await;
        // The last day of the calendar has no end.
        let status = if odd.contains("9999") { 422 } else { 200 };
        assert!(!is_page(&page, status).contains("<script"), "{odd}");
    }
}

#[tokio::test]
async fn forms_from_elsewhere_and_forms_too_large_change_nothing() {
    let it = Site::new().await;
    let booking = it.world.book(&it.web.test.app, 0, 0, 2).await.unwrap();
    let path = format!("/bookings/{}", booking.id);
    let book = format!("/sites/{}/book", it.world.site.id);
    for action in [
        format!("{path}/cancel"),
        format!("{path}/undo"),
        format!("{path}/extend"),
        format!("{path}/release"),
        book.clone(),
    ] {
        let form = || it.web.form(&action, &[("until", "x")]).cookie(&it.cookie);
        let foreign = form().header("sec-fetch-site", "cross-site").send().await;
        assert_eq!(foreign.status, 403, "{action}");
        let foreign = form().header("sec-fetch-site", "same-site").send().await;
        assert_eq!(foreign.status, 403, "{action}: a neighbour");
        let signed_out = it.web.form(&action, &[]).send().await;
        assert!(
            [303, 401].contains(&signed_out.status.as_u16()),
            "{action}: {}",
            signed_out.status
        );
    }
    let large = format!("seat={}", "x".repeat(70_000));
    for action in [format!("{path}/extend"), book.clone()] {
        let form = it.web.form(&action, &[]).cookie(&it.cookie);
        let answer = form.bytes(large.clone()).send().await;
        assert_eq!(answer.status, 413, "{action}");
    }
    let page = it.get(&path).await;
    assert!(is_page(&page, 200).contains("09:00–11:00") && page.text.contains("予約済み"));
    // Another member of the same company does not see the list of a colleague, and changes nothing.
    let colleague =
        sekisho_tests::world::person(&it.web.test.app, &it.world.company, "c@company.example")
            .await;
    let cookie = sign_in(&it.web, &colleague).await;
    for action in ["cancel", "undo", "extend", "release"] {
        let fields = [("until", "2026-11-20T13:00:00+09:00")];
        let form = it.web.form(format!("{path}/{action}"), &fields);
        let answer = form.cookie(&cookie).send().await;
        assert!(
            [403, 404].contains(&answer.status.as_u16()),
            "{action}: {}",
            answer.status
        );
    }
}
