//! The pages on which a site's floors, seats, pools and plans are set, as a browser without script sees them, on both engines; and
//! what of it the page about booking shows.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_server::store::seats::Seat;
use sekisho_server::store::{Scope, floors, occupancy, pools, seats};
use sekisho_tests::app::TestApp;
use sekisho_tests::web::{Answer, Web};
use sekisho_tests::world::World;

use crate::seat_pages::sign_in;

pub(crate) const HOSTILE: &str = "\"><script>alert(1)</script>'&";

pub(crate) struct Site {
    pub(crate) web: Web,
    pub(crate) world: World,
    pub(crate) owner: String,
    pub(crate) member: String,
    pub(crate) outsider: String,
}

impl Site {
    pub(crate) async fn on_both() -> Vec<Self> {
        let mut all = Vec::new();
        for test in TestApp::on_both().await {
            let world = World::on(&test.app).await;
            let web = Web::new(test);
            all.push(Self {
                owner: sign_in(&web, &world.owner).await,
                member: sign_in(&web, &world.member).await,
                outsider: sign_in(&web, &world.outsider).await,
                web,
                world,
            });
        }
        all
    }

    pub(crate) fn at(&self, what: &str) -> String {
        format!("/sites/{}/settings/{what}", self.world.site.id)
    }

    pub(crate) async fn get(&self, what: &str) -> String {
        let answer = self.web.get(self.at(what)).cookie(&self.owner).send().await;
        is_page(&answer, 200).to_owned()
    }

    pub(crate) async fn send(&self, what: &str, fields: &[(&str, &str)]) -> Answer {
        let form = self.web.form(self.at(what), fields);
        form.cookie(&self.owner).send().await
    }

    pub(crate) async fn floor(&self, name: &str, position: &str) -> String {
        let fields = [("name", name), ("position", position)];
        let sent = self.send("floors", &fields).await;
        assert_eq!(sent.status, 303, "{}", sent.text);
        let mut tx = self.web.test.app.db.read().await.unwrap();
        let all = floors::list(&mut tx, Scope::System, self.world.site.id).await;
        let all = all.unwrap();
        let found = all.iter().find(|floor| floor.name == name);
        found.unwrap().id.to_string()
    }

    pub(crate) async fn seats(&self) -> Vec<Seat> {
        let mut tx = self.web.test.app.db.read().await.unwrap();
        seats::list(&mut tx, Scope::System, self.world.site.id)
            .await
            .unwrap()
    }

    pub(crate) async fn seat(&self, name: &str) -> Seat {
        let all = self.seats().await;
        all.into_iter().find(|seat| seat.name == name).unwrap()
    }

    pub(crate) async fn book(&self, query: &str) -> Answer {
        let path = format!("/sites/{}/book?{query}", self.world.site.id);
        self.web.get(path).cookie(&self.member).send().await
    }
}

pub(crate) fn is_page(answer: &Answer, status: u16) -> &str {
    assert_eq!(answer.status, status, "{}", answer.text);
    let text = &answer.text;
    assert_eq!(text.matches("<h1").count(), 1, "{text}");
    assert!(
        !text.contains("<script>") && !text.contains(" style=") && !text.contains("://"),
        "{text}"
    );
    text
}

/// The hidden fields of the form that leads back, to be sent to its address.
fn way_back(text: &str) -> (String, Vec<(String, String)>) {
    let note = text.split_once("role=\"status\"").unwrap().1;
    let form = note
        .split_once("<form method=\"post\" action=\"")
        .unwrap()
        .1;
    let (action, form) = form.split_once('"').unwrap();
    let form = form.split("</form>").next().unwrap();
    let fields = form.split("<input type=\"hidden\" name=\"").skip(1);
    let field = |field: &str| {
        let (name, rest) = field.split_once("\" value=\"").unwrap();
        let value = rest.split('"').next().unwrap();
        let value = value.replace("&#34;", "\"").replace("&#38;", "&");
        (name.to_owned(), value)
    };
    (action.to_owned(), fields.map(field).collect())
}

pub(crate) async fn go_back(it: &Site, text: &str) -> Answer {
    let (action, fields) = way_back(text);
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    it.web.form(action, &fields).cookie(&it.owner).send().await
}

pub(crate) fn what<'a>(name: &'a str, zone: &'a str, floor: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("name", name),
        ("kind", "room"),
        ("zone", zone),
        ("floor", floor),
        ("visual", "enclosed"),
        ("acoustic", "damped"),
        ("monitor", "1"),
        ("sockets", "4"),
        ("before", "10"),
        ("after", "15"),
    ]
}

#[tokio::test]
async fn floors_are_made_renamed_ordered_and_taken_back() {
    for it in Site::on_both().await {
        let empty = it.get("floors").await;
        assert!(empty.contains("階はまだありません。"), "{empty}");
        let second = it.floor("2階", "2").await;
        it.floor("1階", "1").await;
        it.floor(HOSTILE, "9").await;
        let list = it.get("floors").await;
        let place = |name: &str| list.find(&format!("value=\"{name}\"")).unwrap();
        assert!(place("1階") < place("2階"), "{list}");

        // Wrong: the page says why and keeps what was typed.
        let long = "字".repeat(121);
        for (fields, rule) in [
            ([("name", "  "), ("position", "3")], "1文字以上120文字以内"),
            ([("name", long.as_str()), ("position", "3")], "120文字以内"),
            ([("name", "屋上"), ("position", "1001")], "-1000 から 1000"),
            ([("name", "屋上"), ("position", "上")], "-1000 から 1000"),
        ] {
            let no = it.send("floors", &fields).await;
            let text = is_page(&no, 422);
            assert!(
                text.contains(rule) && text.contains("role=\"alert\""),
                "{text}"
            );
            assert!(
                text.contains(&format!("value=\"{}\"", fields[0].1)),
                "{text}"
            );
            let no = it.send(&format!("floors/{second}"), &fields).await;
            let text = is_page(&no, 422);
            assert!(
                text.contains(rule) && text.contains("現在の内容: 2階 / 2"),
                "{text}"
            );
        }

        // Renamed and moved down; with the way back.
        let path = format!("floors/{second}");
        let set = [("name", "地下"), ("position", "-1"), ("version", "1")];
        let done = it.send(&path, &set).await;
        let text = is_page(&done, 200).to_owned();
        assert!(
            text.find("地下").unwrap() < text.find("1階").unwrap(),
            "{text}"
        );
        // Somebody else saw it as it was before.
        let late = it.send(&path, &set).await;
        assert!(is_page(&late, 412).contains("ほかの人が先に変更しました"));
        let back = go_back(&it, &text).await;
        assert!(is_page(&back, 200).contains("value=\"2階\""));
        // English, and who may not.
        let english = it.web.get(it.at("floors")).cookie(&it.owner).english();
        assert!(is_page(&english.send().await, 200).contains("Add a floor"));
        for (cookie, status) in [(&it.member, 403), (&it.outsider, 404)] {
            let form = it.web.form(it.at(&path), &set).cookie(cookie);
            assert_eq!(form.send().await.status, status);
            let form = it.web.form(it.at("floors"), &set).cookie(cookie);
            assert_eq!(form.send().await.status, status);
        }
        let nothing = it.send("floors/flo_00000000000000000000000000", &set).await;
        assert_eq!(nothing.status, 404);
    }
}

#[tokio::test]
async fn a_seat_is_made_changed_taken_out_of_service_and_combined() {
    for it in Site::on_both().await {
        let floor = it.floor("2階", "2").await;
        let (lobby, quiet) = (it.world.lobby.id.to_string(), it.world.quiet.id.to_string());
        for name in ["会議室A", "会議室B", "大会議室", HOSTILE] {
            let made = it.send("seats", &what(name, &lobby, &floor)).await;
            assert_eq!(made.status, 303, "{}", made.text);
            let page = it.web.get(made.location()).cookie(&it.owner).send().await;
            assert!(is_page(&page, 200).contains("席を追加しました。"));
        }
        let list = it.get("seats").await;
        assert!(
            list.contains("2階 / ロビー") && list.contains("外から見えない"),
            "{list}"
        );
        let room = it.seat("会議室A").await;
        assert_eq!(
            (
                room.attributes.sockets,
                room.buffers.before_min,
                room.buffers.after_min
            ),
            (4, 10, 15)
        );

        // What is wrong is said, and kept.
        for (field, value, rule) in [
            ("name", "", "1文字以上120文字以内"),
            ("sockets", "100", "0 から 99"),
            ("sockets", "-1", "0 から 99"),
            ("before", "481", "480 分"),
            ("kind", "sofa", "種類を選んで"),
            ("zone", "zon_00000000000000000000000000", "区画を選んで"),
            ("floor", "flo_00000000000000000000000000", "階を選んで"),
        ] {
            let mut fields = what("新しい席", &lobby, &floor);
            for (name, it) in &mut fields {
                if *name == field {
                    *it = value;
                }
            }
            let path = format!("seats/{}", room.id);
            for path in ["seats", &path] {
                let no = it.send(path, &fields).await;
                let text = is_page(&no, 422);
                assert!(text.contains(rule), "{field}: {text}");
                assert!(
                    field == "name" || text.contains("value=\"新しい席\""),
                    "{field}: {text}"
                );
            }
        }
        assert_eq!(it.seats().await.len(), it.world.seats.len() + 4);

        // Changed, late, and back.
        let path = format!("seats/{}", room.id);
        let mut set = what("応接室", &quiet, "");
        set.push(("version", "1"));
        let done = it.send(&path, &set).await;
        let text = is_page(&done, 200).to_owned();
        let now = it.seat("応接室").await;
        assert_eq!((now.floor, now.zone), (None, it.world.quiet.id));
        let late = it.send(&path, &set).await;
        let text_late = is_page(&late, 412);
        assert!(
            text_late.contains("入力した内容は残っています。"),
            "{text_late}"
        );
        let back = go_back(&it, &text).await;
        is_page(&back, 200);
        let again = it.seat("会議室A").await;
        assert_eq!(
            (again.floor, again.zone, again.attributes),
            (room.floor, room.zone, room.attributes)
        );

        // Out of service with a reason and an end in local time; seen by who books; back.
        let service = format!("{path}/service");
        for (fields, rule) in [
            ([("reason", " "), ("until", "")], "200文字以内"),
            ([("reason", "修理"), ("until", "tomorrow")], "現地時刻"),
            (
                [("reason", "修理"), ("until", "2026-02-31T10:00")],
                "現地時刻",
            ),
        ] {
            let no = it.send(&service, &fields).await;
            assert!(is_page(&no, 422).contains(rule), "{}", no.text);
        }
        let out = [("reason", HOSTILE), ("until", "2026-11-20T15:00")];
        let done = it.send(&service, &out).await;
        assert_eq!(done.status, 303, "{}", done.text);
        let page = it.get(&path).await;
        assert!(
            page.contains("使用停止中") && page.contains("15:00まで"),
            "{page}"
        );
        assert!(it.get("seats").await.contains("使用停止中"));
        let when = "day=2026-11-20&from=13:00&to=14:00";
        let shown = it.book(when).await;
        let text = is_page(&shown, 200);
        assert!(
            text.contains("使用停止") && text.contains("&#60;script&#62;alert"),
            "{text}"
        );
        let chosen = it.book(&format!("{when}&seat={}", room.id)).await;
        assert!(is_page(&chosen, 200).contains("この時間は、この席を予約できません。"));
        let after = it.book("day=2026-11-20&from=15:00&to=16:00").await;
        assert!(
            !is_page(&after, 200).contains("使用停止</span>"),
            "{}",
            after.text
        );
        let done = it.send(&service, &[("back", "1")]).await;
        assert_eq!(done.status, 303, "{}", done.text);
        assert!(!it.get("seats").await.contains("使用停止中"));

        // Combined with the two rooms, told on both sides, taken apart by the way back.
        let whole = it.seat("大会議室").await.id;
        let (a, b) = (room.id.to_string(), it.seat("会議室B").await.id.to_string());
        let parts = format!("seats/{whole}/parts");
        let no = it.send(&parts, &[("part", &a)]).await;
        assert!(is_page(&no, 422).contains("2つから20個まで"), "{}", no.text);
        let done = it.send(&parts, &[("part", &a), ("part", &b)]).await;
        let text = is_page(&done, 200).to_owned();
        assert!(it.get(&path).await.contains("次の席の一部です: 大会議室"));
        let units = || async {
            let mut tx = it.web.test.app.db.read().await.unwrap();
            occupancy::units(&mut tx, whole).await.unwrap().len()
        };
        assert_eq!(units().await, 2);
        is_page(&go_back(&it, &text).await, 200);
        assert_eq!(units().await, 1);

        // Who may not, and what is not there.
        for (cookie, status) in [(&it.member, 403), (&it.outsider, 404)] {
            for (at, fields) in [
                (&path, &set[..]),
                (&service, &out[..]),
                (&parts, &[("part", a.as_str())][..]),
            ] {
                let form = it.web.form(it.at(at), fields).cookie(cookie);
                assert_eq!(form.send().await.status, status, "{at}");
            }
        }
        let nothing = it.send("seats/sea_00000000000000000000000000", &set).await;
        assert_eq!(nothing.status, 404);
    }
}

#[tokio::test]
async fn a_pool_is_made_and_any_of_its_seats_booked() {
    for it in Site::on_both().await {
        let mut ids: Vec<String> = it.world.seats.iter().map(|it| it.id.to_string()).collect();
        ids.truncate(3);
        assert!(it.get("pools").await.contains("プールはまだありません。"));
        let no = it.send("pools", &[("name", ""), ("seat", &ids[0])]).await;
        let text = is_page(&no, 422);
        assert!(
            text.contains(&format!("value=\"{}\" checked", ids[0])),
            "{text}"
        );
        let made = it
            .send(
                "pools",
                &[("name", "集中席"), ("seat", &ids[0]), ("seat", &ids[1])],
            )
            .await;
        assert_eq!(made.status, 303, "{}", made.text);
        let mut tx = it.web.test.app.db.read().await.unwrap();
        let all = pools::list(&mut tx, Scope::System, it.world.site.id).await;
        let pool = all.unwrap()[0].id.to_string();
        drop(tx);

        // Any of them, then the other, then none is left and the page says so.
        let when = "day=2026-11-20&from=13:00&to=14:00";
        let book = format!("/sites/{}/book", it.world.site.id);
        let fields = [
            ("pool", pool.as_str()),
            ("day", "2026-11-20"),
            ("from", "13:00"),
            ("to", "14:00"),
        ];
        let boss = sign_in(&it.web, &it.world.boss).await;
        for (cookie, free) in [(&it.member, 2), (&boss, 1)] {
            let page = it.book(when).await;
            let text = is_page(&page, 200);
            assert!(text.contains(&format!("空き {free} / 全2席")), "{text}");
            let done = it.web.form(&book, &fields).cookie(cookie).send().await;
            assert_eq!(done.status, 303, "{}", done.text);
        }
        let page = it.book(when).await;
        assert!(is_page(&page, 200).contains("満席"), "{}", page.text);
        let third = sekisho_tests::world::person(
            &it.web.test.app,
            &it.world.company,
            "third@company.example",
        )
        .await;
        let third = sign_in(&it.web, &third).await;
        let full = it.web.form(&book, &fields).cookie(&third).send().await;
        assert!(is_page(&full, 409).contains("その時間に空いている席がありません。"));
        for bad in [&fields[1..], &[("pool", "x")][..]] {
            let answer = it.web.form(&book, bad).cookie(&third).send().await;
            assert_eq!(answer.status, 422, "{}", answer.text);
        }

        // Another name, another seat; late; back.
        let path = format!("pools/{pool}");
        let set = [("name", "個室"), ("seat", &*ids[2]), ("version", "1")];
        let done = it.send(&path, &set).await;
        let text = is_page(&done, 200).to_owned();
        assert!(
            text.contains(&format!("value=\"{}\" checked", ids[2])),
            "{text}"
        );
        let late = it.send(&path, &set).await;
        assert!(
            is_page(&late, 412).contains("現在の内容: 個室"),
            "{}",
            late.text
        );
        is_page(&go_back(&it, &text).await, 200);
        let list = it.get("pools").await;
        assert!(list.contains("集中席") && list.contains("席 2"), "{list}");
        for (cookie, status) in [(&it.member, 403), (&it.outsider, 404)] {
            let form = it.web.form(it.at(&path), &set).cookie(cookie);
            assert_eq!(form.send().await.status, status);
        }
    }
}
