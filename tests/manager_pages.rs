//! The pages for who runs a site: today, the roll-call, a refusal explained, people, evidence.

use std::time::Duration;

use sekisho_domain::authority::Role;
use sekisho_domain::ids::SubjectId;
use sekisho_domain::presence::State;
use sekisho_domain::wire::code::EventCode;
use sekisho_server::app::Live;
use sekisho_server::flows::apply_birth::apply_birth;
use sekisho_server::flows::create_person::{CreatePerson, create_person};
use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_server::store::people::{Locale, Person};
use sekisho_server::store::presence::Presence;
use sekisho_server::store::{Scope, gateways, presence, subjects};
use sekisho_tests::app::{HOUR, START};
use sekisho_tests::busy::Busy;
use sekisho_tests::look::events;
use sekisho_tests::ok;
use sekisho_tests::web::{Answer, Web};
use sekisho_tests::world::acting;

pub(crate) struct Desk {
    pub(crate) web: Web,
    pub(crate) busy: Busy,
    pub(crate) cookie: String,
}

impl Desk {
    /// The owner, signed in, at the busy site.
    pub(crate) async fn new() -> Self {
        let web = Web::sqlite().await;
        let busy = Busy::on(&web.test.app).await;
        let cookie = sign_in(&web, &busy.world.owner).await;
        Self { web, busy, cookie }
    }

    pub(crate) async fn at(&self, what: &str) -> Answer {
        let path = format!("/sites/{}/{what}", self.busy.world.site.id);
        self.get(&path).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let answer = self.web.get(path).cookie(&self.cookie).send().await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer
    }

    /// Somebody of the operator in a role.
    pub(crate) async fn colleague(&self, role: Role) -> String {
        let want = CreatePerson {
            organisation: self.busy.world.operator.id,
            name: "同僚".to_owned(),
            email: format!("{}@operator.example", role.name()),
            locale: Locale::Ja,
            role,
        };
        let owner = acting(&self.busy.world.owner, Role::Owner);
        let made = ok!(create_person(&self.web.test.app, &owner, want));
        sign_in(&self.web, &made).await
    }

    pub(crate) async fn cut(&mut self) {
        let app = &self.web.test.app;
        let sealer = &mut self.busy.sealer;
        let will = sekisho_domain::wire::signed::seal_for(
            &sealer.key,
            sealer.gateway,
            sekisho_domain::wire::topic::Channel::State,
            &sealer.state(false, None, 0),
        );
        ok!(apply_birth(app, sealer.gateway, &will));
        let mut tx = app.db.read().await.unwrap();
        let row = ok!(gateways::get(&mut tx, Scope::System, sealer.gateway));
        assert!(!row.unwrap().alive);
    }
}

pub(crate) async fn sign_in(web: &Web, person: &Person) -> String {
    let link = ok!(sign_in_link_for(&web.test.app, person.id));
    let token = link.split_once("token=").unwrap().1;
    let form = web.form("/sign-in/link", &[("token", token)]);
    form.send().await.set_cookie()
}

/// In this order.
pub(crate) fn says(text: &str, words: &[&str]) {
    let mut rest = text;
    for word in words {
        let Some((_, after)) = rest.split_once(word) else {
            panic!("{word} does not come next in {text}");
        };
        rest = after;
    }
}

#[tokio::test]
async fn today_says_who_is_inside_what_needs_a_human_and_why_somebody_was_refused() {
    let mut it = Desk::new().await;
    assert_eq!(
        it.web
            .get("/today")
            .cookie(&it.cookie)
            .send()
            .await
            .location(),
        format!("/sites/{}/today", it.busy.world.site.id),
        "one action from the navigation"
    );
    let today = it.at("today").await;
    let record = format!("/records/{}", it.busy.refusal);
    says(
        &today.text,
        &[
            "在館者確認を印刷する",
            "在室",
            "1",
            "定員",
            "すべて通常",
            "接続中",
            "確定",
            "在室者",
            "ロビー",
            "山田花子",
            "来訪者",
            "これから来る人",
            "田中 健",
            "対応が必要なこと",
            "扉がこじ開けられました",
            "玄関",
            "原因",
            "対処",
            "確認済みにする",
            "入室できなかった記録",
            "入室できる時間ではありません。",
            &record,
        ],
    );
    // The line is cut: said at the top and among what needs a human.
    it.cut().await;
    let today = it.at("today").await;
    says(
        &today.text,
        &[
            "通信断",
            "対応が必要なこと",
            "ゲートウェイと通信できません",
            "扉は施設側の判断で動き続けます",
        ],
    );

    // Somebody has seen to the door, and says so.
    let path = format!("/alarms/{}/acknowledge", it.busy.alarm);
    let seen = it
        .web
        .form(&path, &[("reason", "<b>閉めた</b>")])
        .cookie(&it.cookie)
        .send()
        .await;
    assert!(
        seen.location().ends_with("/today#attention"),
        "{}",
        seen.text
    );
    let today = it.at("today").await;
    says(
        &today.text,
        &["扉がこじ開けられました", "確認済み", "&#60;b&#62;閉めた"],
    );
}

#[tokio::test]
async fn the_roll_call_forgets_nobody_and_says_what_is_not_known() {
    let mut it = Desk::new().await;
    let sheet = it.at("roll-call?print=1").await;
    says(
        &sheet.text,
        &[
            "data-now",
            "確認する人数",
            "1",
            "記録はすべて届いています",
            "退室ボタン",
            "山田花子",
            "山陰ソフト",
            "ロビー",
            "在室",
            "名簿にない人",
        ],
    );
    // Somebody left by the button: it may have been them.
    let mut button = sekisho_tests::sealer::event(EventCode::DoorRexPressed, START.plus_ms(60_000));
    button.door = Some(it.busy.world.front.id);
    let seal = it.busy.sealer.seal(&[button]);
    let message = sekisho_tests::sealer::publish(&seal, &[]);
    ok!(sekisho_server::flows::record_seal::record_seal(
        &it.web.test.app,
        it.busy.sealer.gateway,
        &message
    ));
    it.cut().await;
    // An hour later the next booking runs, and nobody has seen them come.
    it.web.test.clock.advance_ms(HOUR + 60_000);
    let sheet = it.at("roll-call").await;
    says(
        &sheet.text,
        &[
            "ゲートウェイと通信できません",
            "09:00",
            "山田花子",
            "退室した可能性あり",
            "入室の記録がない人",
            "田中 健",
        ],
    );
    assert!(!sheet.text.contains("data-now"));
}

#[tokio::test]
async fn a_crowd_is_counted_by_zone_and_named_on_the_roll_call() {
    let it = Desk::new().await;
    let (app, world) = (&it.web.test.app, &it.busy.world);
    let owner = acting(&world.owner, Role::Owner);
    for n in 0..500 {
        let want = CreatePerson {
            organisation: world.operator.id,
            name: format!("利用者 {n:03}"),
            email: format!("guest{n}@operator.example"),
            locale: Locale::Ja,
            role: Role::Member,
        };
        let person = ok!(create_person(app, &owner, want)).id;
        let state = if n == 7 {
            State::UnknownInside
        } else {
            State::Present
        };
        let row = Presence {
            site: world.site.id,
            person,
            zone: Some(world.quiet.id),
            state,
            since: START,
            evidence_at: START,
        };
        let subject = SubjectId::new(START.0, app.random());
        let mut tx = ok!(app.db.write());
        ok!(subjects::ensure(&mut tx, subject, world.site.id, person));
        ok!(presence::put(&mut tx, &row));
        ok!(tx.commit());
    }
    let today = it.at("today").await;
    let counted = [
        "501",
        "全員の氏名は在館者確認にあります",
        "ロビー",
        "1",
        "静かな部屋",
        "500",
        "利用者 007",
        "入室の記録なし",
        "来訪者",
    ];
    says(&today.text, &counted);
    assert!(!today.text.contains("利用者 008"));
    assert!(today.text.len() < 40_000, "{} bytes", today.text.len());
    let sheet = it.at("roll-call").await;
    let named = |n: &i32| sheet.text.contains(&format!("利用者 {n:03}"));
    assert_eq!((0..500).filter(named).count(), 500, "it forgets nobody");
    assert!(sheet.text.contains("山田花子"));
    assert!(sheet.text.len() < 100_000, "{} bytes", sheet.text.len());
}

#[tokio::test]
async fn a_refusal_is_explained_from_its_record() {
    let it = Desk::new().await;
    let path = format!(
        "/sites/{}/records/{}",
        it.busy.world.site.id, it.busy.refusal
    );
    let page = it.get(&path).await;
    says(
        &page.text,
        &[
            "入室できなかった理由",
            "田中 健",
            "内扉",
            "09:00:07",
            "±0.050 s",
            "時計は同期済み",
            "入室できる時間ではありません。",
            "こうであれば入室できました",
            "次の時間内に来館する: 2026年11月20日(金) 10:00–12:00",
            "スマートフォンの入館証(K3)",
            "12",
            "20",
            "ロビー, 静かな部屋",
            "判定を同じ事実でやり直し、同じ結果になりました",
            "証跡での位置",
            "sekisho/",
            &it.busy.sealer.stream.text(),
        ],
    );
    // An auditor reads what happened, not about whom.
    let auditor = it.colleague(Role::Auditor).await;
    let page = it.web.get(&path).cookie(&auditor).send().await;
    says(
        &page.text,
        &["だれが", "表示する権限がありません", "次の時間内に来館する"],
    );
    assert!(!page.text.contains("田中"), "{}", page.text);
    // To others it does not exist.
    for (person, status) in [(&it.busy.world.member, 403), (&it.busy.world.outsider, 404)] {
        let cookie = sign_in(&it.web, person).await;
        assert_eq!(
            it.web.get(&path).cookie(&cookie).send().await.status,
            status
        );
    }
    let unknown = format!(
        "/sites/{}/records/{}",
        it.busy.world.site.id,
        it.web.test.app.event_id()
    );
    assert_eq!(
        it.web.get(unknown).cookie(&it.cookie).send().await.status,
        404
    );
}

/// Who looks all day does it once for the auditor.
#[tokio::test]
async fn looking_at_names_is_recorded_once_a_day_and_kind_of_page() {
    let it = Desk::new().await;
    let (test, site) = (&it.web.test, it.busy.world.site.id);
    let looks = async || events(test, Some(site), EventCode::OpeningRead, "").await;
    assert_eq!(looks().await, 0);
    for _ in 0..3 {
        it.at("today").await;
        it.at("roll-call").await;
    }
    assert_eq!(looks().await, 1);
    it.get(&format!("/sites/{site}/records/{}", it.busy.refusal))
        .await;
    assert_eq!(looks().await, 2);
    let manager = it.colleague(Role::Manager).await;
    let path = format!("/sites/{site}/today");
    it.web.get(&path).cookie(&manager).send().await;
    assert_eq!(looks().await, 3, "each of them");
    let auditor = it.colleague(Role::Auditor).await;
    let record = format!("/sites/{site}/records/{}", it.busy.refusal);
    it.web.get(&record).cookie(&auditor).send().await;
    assert_eq!(looks().await, 3, "who sees no name looked at none");
    test.clock.advance_ms(5 * HOUR);
    let cookie = sign_in(&it.web, &it.busy.world.owner).await;
    test.clock.advance_ms(20 * HOUR);
    let again = it.web.get(&path).cookie(&cookie).send().await;
    assert!(
        [200, 303].contains(&again.status.as_u16()),
        "{}",
        again.status
    );
    assert_eq!(
        looks().await,
        3 + i64::from(again.status == 200),
        "a new day"
    );
}

#[tokio::test]
async fn people_are_searched_and_one_person_is_shown() {
    let it = Desk::new().await;
    let list = it.get("/people").await;
    says(&list.text, &["利用者", "まつえ観光 代表", "山田花子"]);
    let found = it.get("/people?q=%E7%94%B0%E4%B8%AD").await;
    assert!(found.text.contains("田中 健") && !found.text.contains("山田花子"));
    let nobody = it.get("/people?q=%3Cscript%3E").await;
    says(
        &nobody.text,
        &[
            "&#60;script&#62;",
            "該当する利用者はいません。",
            "すべて表示する",
        ],
    );
    let person = it.get(&format!("/people/{}", it.busy.attacker.id)).await;
    says(
        &person.text,
        &[
            "田中 健",
            "利用中",
            "入室できなかった記録",
            "入室できる時間ではありません。",
            &it.busy.refusal.to_string(),
            "これからの予約",
            "10:00",
        ],
    );
    let member = it
        .get(&format!("/people/{}", it.busy.world.member.id))
        .await;
    says(&member.text, &["山田花子", "山陰ソフト", "在室"]);
    assert!(
        !member.text.contains("member@company.example"),
        "an address is its company's business"
    );
    // A company sees its own, and nothing of the operator.
    let boss = sign_in(&it.web, &it.busy.world.boss).await;
    let own = it.web.get("/people").cookie(&boss).send().await;
    assert!(own.text.contains("山田花子") && !own.text.contains("田中 健"));
    let hidden = format!("/people/{}", it.busy.attacker.id);
    assert_eq!(it.web.get(&hidden).cookie(&boss).send().await.status, 404);
    let member = sign_in(&it.web, &it.busy.world.member).await;
    assert_eq!(
        it.web.get("/people").cookie(&member).send().await.status,
        403
    );
    assert_eq!(
        it.web
            .get(format!("/people?q={}", "x".repeat(101)))
            .cookie(&it.cookie)
            .send()
            .await
            .status,
        422
    );
}

#[tokio::test]
async fn the_list_of_people_is_paged() {
    let it = Desk::new().await;
    let owner = acting(&it.busy.world.owner, Role::Owner);
    for n in 0..60 {
        let want = CreatePerson {
            organisation: it.busy.world.operator.id,
            name: format!("利用者 {n:02}"),
            email: format!("p{n}@operator.example"),
            locale: Locale::Ja,
            role: Role::Member,
        };
        ok!(create_person(&it.web.test.app, &owner, want));
    }
    let first = it.get("/people?q=%E5%88%A9%E7%94%A8%E8%80%85").await;
    assert_eq!(first.text.matches("<a class=\"name\"").count(), 50);
    let after = first
        .text
        .split_once("name=\"after\" value=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap();
    let second = it
        .get(&format!(
            "/people?q=%E5%88%A9%E7%94%A8%E8%80%85&after={after}"
        ))
        .await;
    assert_eq!(second.text.matches("<a class=\"name\"").count(), 10);
    assert!(second.text.contains("利用者 59") && !second.text.contains("name=\"after\""));
}

/// What changes reaches a page that is looked at.
#[tokio::test]
async fn a_live_page_hears_of_changes() {
    let it = Desk::new().await;
    let path = format!("/sites/{}/today/events", it.busy.world.site.id);
    let site = it.busy.world.site.id;
    let app = &it.web.test.app;
    let watched = it.web.get(&path).cookie(&it.cookie).send();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.live.send(Live { site }).unwrap();
        tokio::time::sleep(Duration::from_millis(900)).await;
        app.stopping.cancel();
    };
    let (answer, ()) = tokio::join!(watched, stop);
    assert!(
        answer.text.matches("event: live").count() >= 2,
        "{}",
        answer.text
    );
    assert!(answer.text.contains("data-key=\"in-list\"") && answer.text.contains("山田花子"));
}
