//! Orders for doors: who may give them, what the server tells the gateway, and what it learns of them.

use sekisho_certs::Purpose;
use sekisho_domain::access::Mode;
use sekisho_domain::authority::Role;
use sekisho_domain::ids::{CommandId, DoorId};
use sekisho_domain::refusal::Code;
use sekisho_domain::wire::body::{CommandBody, GatewayStarted, ModeChanged};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::signed::{open_for, seal_for};
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{Command, CommandResult, Order, Outcome};
use sekisho_server::flows::answer_command::answer_command;
use sekisho_server::flows::apply_birth::apply_birth;
use sekisho_server::flows::create_person::{CreatePerson, create_person};
use sekisho_server::flows::order_mode::order_mode;
use sekisho_server::flows::order_unlock::order_unlock;
use sekisho_server::flows::record_seal::record_seal;
use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_server::flows::tell_gateway::send_command;
use sekisho_server::store::people::{Locale, Person};
use sekisho_server::store::{Scope, commands, doors, events};
use sekisho_tests::app::{START, TestApp};
use sekisho_tests::ok;
use sekisho_tests::sealer::{Sealer, event, publish};
use sekisho_tests::web::Web;
use sekisho_tests::world::{World, acting, refused};
use serde_json::{Value, json};

use crate::evidence_flows::Sent;

/// A gateway of the world's site that has said it is there.
async fn alive(test: &TestApp, world: &World) -> Sealer {
    let mut sealer = Sealer::enrol(&test.app, world.site.id).await;
    let birth = sealer.birth(None, 0);
    ok!(apply_birth(&test.app, sealer.gateway, &birth));
    sealer
}

async fn answered(test: &TestApp, sealer: &Sealer, id: CommandId, outcome: Outcome) {
    let result = CommandResult {
        version: 1,
        id,
        outcome,
        at: START,
        seal_no: None,
    };
    let bytes = seal_for(&sealer.key, sealer.gateway, Channel::Result, &result);
    assert!(ok!(answer_command(&test.app, sealer.gateway, &bytes)));
}

#[tokio::test]
async fn an_order_is_recorded_sent_once_and_answered() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let (owner, door) = (acting(&world.owner, Role::Owner), world.front.id);
        let none = order_unlock(app, &owner, door, "荷物").await;
        assert_eq!(
            refused(none),
            Code::GatewayUnreachable,
            "there is no gateway"
        );
        let sealer = alive(&test, &world).await;
        let mut sent = Sent::of(app);
        let id = ok!(order_mode(app, &owner, door, Mode::Lockdown, " 不審者 "));
        let mut tx = ok!(app.db.read());
        let rows = ok!(events::list(
            &mut tx,
            Scope::System,
            world.site.id,
            None,
            true,
            50
        ));
        let row = rows
            .iter()
            .find(|row| row.code == EventCode::CommandOrdered as u16)
            .unwrap();
        assert_eq!(row.door, Some(door));
        let refusals = rows
            .iter()
            .filter(|row| row.reasons == ["gateway_unreachable"]);
        assert_eq!(refusals.count(), 1, "a refusal is recorded");
        let stored = ok!(commands::unsent(&mut tx, START)).remove(0);
        drop(tx);
        assert!(ok!(send_command(app, &stored)));
        assert!(!ok!(send_command(app, &stored)), "never twice");
        let orders: Vec<_> = sent
            .all()
            .into_iter()
            .filter(|down| down.channel == Channel::Command)
            .collect();
        let key = app.key(Purpose::Command).unwrap().verifying();
        let command: Command = open_for(
            &[key],
            sealer.gateway,
            Channel::Command,
            &orders[0].bytes,
            4096,
        )
        .unwrap();
        assert_eq!((orders.len(), command.id), (1, id));
        assert_eq!(command.nonce, sealer.state(true, None, 0).nonce);
        let reason = "不審者".to_owned();
        assert_eq!(command.order, Order::Mode(door, Mode::Lockdown, reason));
        assert_eq!(command.not_after.since_ms(command.issued_at), 10_000);
        answered(&test, &sealer, id, Outcome::Executed).await;
        answered(&test, &sealer, id, Outcome::Rejected).await;
        let mut tx = ok!(app.db.read());
        let own = Scope::Organisation(world.operator.id);
        let told = ok!(commands::for_door(&mut tx, own, id)).unwrap();
        assert_eq!(
            (told.outcome, told.sent, told.site),
            (Some(Outcome::Executed), true, world.site.id),
            "the first answer counts"
        );
        // A company that may use the site does not see its orders.
        let company = Scope::Organisation(world.company.id);
        assert!(ok!(commands::for_door(&mut tx, company, id)).is_none());
    }
}

#[tokio::test]
async fn a_gateway_that_is_gone_is_given_no_order() {
    let test = TestApp::sqlite().await;
    let world = World::on(&test.app).await;
    let mut sealer = alive(&test, &world).await;
    let owner = acting(&world.owner, Role::Owner);
    let will = seal_for(
        &sealer.key,
        sealer.gateway,
        Channel::State,
        &sealer.state(false, None, 0),
    );
    ok!(apply_birth(&test.app, sealer.gateway, &will));
    let late = order_unlock(&test.app, &owner, world.front.id, "荷物").await;
    assert_eq!(refused(late), Code::GatewayUnreachable);
    let birth = sealer.birth(None, 0);
    ok!(apply_birth(&test.app, sealer.gateway, &birth));
    for bad in ["", " ", "a\nb", &"字".repeat(201)] {
        let want = order_unlock(&test.app, &owner, world.front.id, bad).await;
        assert_eq!(refused(want), Code::InvalidInput, "{bad:?}");
    }
    let longest = "𠮷".repeat(200);
    ok!(order_unlock(&test.app, &owner, world.front.id, &longest));
}

#[tokio::test]
async fn the_gateways_record_says_the_mode_and_makes_up_for_a_lost_answer() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let mut sealer = alive(&test, &world).await;
        let owner = acting(&world.owner, Role::Owner);
        let door = world.front.id;
        let id = ok!(order_mode(app, &owner, door, Mode::Blocked, "工事"));
        let changed = |door, to| {
            let mut changed =
                event(EventCode::DoorModeChanged, START.plus_ms(7)).with_body(&ModeChanged {
                    command: id,
                    from: Mode::Normal,
                    to,
                });
            changed.door = Some(door);
            changed
        };
        let executed = event(EventCode::CommandExecuted, START).with_body(&CommandBody {
            command: id,
            outcome: Outcome::Executed,
        });
        let mut bare = event(EventCode::DoorModeChanged, START);
        bare.door = Some(door);
        let seal = sealer.seal(&[
            executed,
            changed(door, Mode::Blocked),
            bare,
            changed(DoorId([0xee; 16]), Mode::Lockdown),
        ]);
        ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
        let mut tx = ok!(app.db.read());
        let told = ok!(commands::for_door(&mut tx, Scope::System, id)).unwrap();
        assert_eq!(told.outcome, Some(Outcome::Executed));
        let seen = ok!(doors::get(&mut tx, Scope::System, door)).unwrap();
        assert_eq!(
            (seen.mode, seen.mode_since),
            (Mode::Blocked, Some(START.plus_ms(7)))
        );
        let rows = ok!(events::list(
            &mut tx,
            Scope::System,
            world.site.id,
            None,
            true,
            50
        ));
        let findings = rows.iter().filter(|row| row.finding.is_some()).count();
        assert_eq!(findings, 2, "no body, and a door of nobody");
        drop(tx);

        // Another box begins with an empty file.
        let started = event(EventCode::GatewayStarted, START).with_body(&GatewayStarted {
            software: "test".to_owned(),
            last_seal: 0,
        });
        let seal = sealer.seal(&[started]);
        ok!(record_seal(app, sealer.gateway, &publish(&seal, &[])));
        let mut tx = ok!(app.db.read());
        let all = ok!(doors::list(&mut tx, Scope::System, world.site.id));
        assert!(all.iter().all(|door| door.mode == Mode::Normal));
        drop(tx);

        let mut tx = ok!(app.db.write());
        let foreign = sekisho_domain::ids::SiteId([0xee; 16]);
        let set = doors::set_mode(&mut tx, foreign, door, Mode::Lockdown, START);
        assert_eq!(ok!(set), 0, "a gateway speaks of its own site's doors");
    }
}

struct Office {
    web: Web,
    world: World,
    sealer: Sealer,
}

impl Office {
    async fn new() -> Self {
        let web = Web::sqlite().await;
        let world = World::on(&web.test.app).await;
        let sealer = alive(&web.test, &world).await;
        Self { web, world, sealer }
    }

    async fn with_role(&self, role: Role) -> String {
        let want = CreatePerson {
            organisation: self.world.operator.id,
            name: role.name().to_owned(),
            email: format!("{}@operator.example", role.name()),
            locale: Locale::Ja,
            role,
        };
        let owner = acting(&self.world.owner, Role::Owner);
        let person = ok!(create_person(&self.web.test.app, &owner, want));
        self.sign_in(&person).await
    }

    async fn sign_in(&self, person: &Person) -> String {
        let link = ok!(sign_in_link_for(&self.web.test.app, person.id));
        let token = link.split_once("token=").unwrap().1;
        let done = self.web.form("/sign-in/link", &[("token", token)]);
        done.send().await.set_cookie()
    }

    fn unlock(&self) -> String {
        format!("/api/v1/doors/{}/unlock", self.world.front.id)
    }

    fn mode(&self) -> String {
        format!("/api/v1/doors/{}/mode", self.world.front.id)
    }
}

#[tokio::test]
async fn who_runs_the_site_orders_and_nobody_else() {
    let it = Office::new().await;
    let body = json!({ "reason": "荷物の受け取り" });
    let lockdown = json!({ "mode": "lockdown", "reason": "不審者" });
    let manager = it.with_role(Role::Manager).await;
    let given = it.web.post(it.unlock(), &body).cookie(&manager).send();
    let given = given.await;
    let made = given.expect(201);
    assert_eq!(
        (&made["state"], &made["mode"], &made["reason"]),
        (&json!("waiting"), &Value::Null, &json!("荷物の受け取り"))
    );
    let path = format!("/api/v1/commands/{}", made["id"].as_str().unwrap());
    assert_eq!(given.location(), path);

    for role in [Role::Member, Role::Auditor] {
        let cookie = it.with_role(role).await;
        for (path, body) in [(it.unlock(), &body), (it.mode(), &lockdown)] {
            let answer = it.web.post(&path, body).cookie(&cookie).send().await;
            assert_eq!(answer.problem(403), "not_allowed", "{role:?} {path}");
        }
        let answer = it.web.get(&path).cookie(&cookie).send().await;
        assert_eq!(answer.problem(403), "not_allowed", "{role:?}");
    }
    // A company that may use the site sees the door, and orders nothing there; a stranger does not even see it.
    let boss = it.sign_in(&it.world.boss).await;
    let answer = it.web.post(it.unlock(), &body).cookie(&boss).send().await;
    assert_eq!(answer.problem(403), "not_allowed");
    let outsider = it.sign_in(&it.world.outsider).await;
    for (path, body) in [(it.unlock(), &body), (it.mode(), &lockdown)] {
        let answer = it.web.post(&path, body).cookie(&outsider).send().await;
        assert_eq!(answer.problem(404), "not_found", "{path}");
    }
    for cookie in [&outsider, &boss] {
        let answer = it.web.get(&path).cookie(cookie).send().await;
        assert_eq!(answer.problem(404), "not_found");
    }
    let nobody = it.web.post(it.unlock(), &body).send().await;
    assert_eq!(nobody.problem(401), "not_signed_in");

    let post = |path: String, body: Value| it.web.post(path, &body).cookie(&manager).send();
    let nowhere = format!("/api/v1/doors/{}/unlock", DoorId([0xee; 16]));
    assert_eq!(post(nowhere, body.clone()).await.problem(404), "not_found");
    for (path, bad) in [
        (it.unlock(), json!({})),
        (it.unlock(), json!({ "reason": "  " })),
        (it.unlock(), json!({ "reason": "字".repeat(201) })),
        (it.unlock(), json!({ "reason": "x", "mode": "normal" })),
        (it.mode(), json!({ "reason": "x" })),
        (it.mode(), json!({ "reason": "x", "mode": "open" })),
    ] {
        let answer = post(path, bad.clone()).await;
        assert_eq!(answer.problem(422), "invalid_input", "{bad}");
    }
}

#[tokio::test]
async fn what_became_of_an_order_is_told_and_late_is_late() {
    let it = Office::new().await;
    let owner = it.sign_in(&it.world.owner).await;
    let order = async |reason: &str| {
        let body = json!({ "mode": "blocked", "reason": reason });
        let made = it.web.post(it.mode(), &body).cookie(&owner).send().await;
        let made = made.expect(201);
        assert_eq!(made["mode"], "blocked");
        made["id"].as_str().unwrap().to_owned()
    };
    let state = async |id: &str| {
        let path = format!("/api/v1/commands/{id}");
        let found = it.web.get(path).cookie(&owner).send().await.expect(200);
        found["state"].as_str().unwrap().to_owned()
    };
    let test = &it.web.test;
    let mut ids = Vec::new();
    for (reason, outcome, word) in [
        ("1", Outcome::Executed, "executed"),
        ("2", Outcome::Rejected, "rejected"),
        ("3", Outcome::Expired, "expired"),
    ] {
        let id = order(reason).await;
        assert_eq!(state(&id).await, "waiting");
        answered(test, &it.sealer, id.parse().unwrap(), outcome).await;
        assert_eq!(state(&id).await, word);
        ids.push(id);
    }
    let (never_sent, sent) = (order("4").await, order("5").await);
    let mut tx = ok!(test.app.db.read());
    let waiting = ok!(commands::unsent(&mut tx, START));
    drop(tx);
    let stored = waiting
        .iter()
        .find(|command| command.id.to_string() == sent)
        .unwrap();
    assert!(ok!(send_command(&test.app, stored)));
    test.clock.advance_ms(10_001);
    assert_eq!(state(&never_sent).await, "expired");
    assert_eq!(state(&sent).await, "unanswered", "nobody knows");
    let doors = format!("/api/v1/sites/{}/doors", it.world.site.id);
    let doors = it.web.get(doors).cookie(&owner).send().await.expect(200);
    assert_eq!(doors["items"][0]["mode"], "normal");

    // The same on the page, in both languages.
    for (id, ja, en) in [
        (&ids[0], "実行しました", "Done"),
        (
            &ids[1],
            "ゲートウェイが受け付けませんでした",
            "did not accept",
        ),
        (&never_sent, "実行されませんでした", "Too late"),
        (&sent, "応答がありませんでした", "No answer came"),
    ] {
        let path = format!("/commands/{id}");
        let page = it.web.get(&path).cookie(&owner).send().await;
        assert!(
            page.status == 200 && page.text.contains(ja),
            "{}",
            page.text
        );
        assert!(page.text.contains("使用停止") && page.text.contains("玄関"));
        let page = it.web.get(&path).cookie(&owner).english().send().await;
        assert!(page.text.contains(en) && page.text.contains("Out of use"));
    }
}

#[tokio::test]
async fn a_manager_orders_from_the_page_without_script() {
    let it = Office::new().await;
    let cookie = it.with_role(Role::Manager).await;
    let today = format!("/sites/{}/today", it.world.site.id);
    let page = it.web.get(&today).cookie(&cookie).send().await;
    let (unlock, mode) = (
        format!("/doors/{}/unlock", it.world.front.id),
        format!("/doors/{}/mode", it.world.front.id),
    );
    for wanted in [
        format!("action=\"{unlock}\""),
        format!("action=\"{mode}\""),
        "解錠する".to_owned(),
        "<span class=\"mark yes\">すべて通常</span>".to_owned(),
    ] {
        assert!(page.text.contains(&wanted), "{wanted}: {}", page.text);
    }
    let hostile = "<script>alert(1)</script>";
    for (path, fields) in [
        (&unlock, vec![("reason", hostile)]),
        (&mode, vec![("mode", "lockdown"), ("reason", hostile)]),
    ] {
        let done = it.web.form(path, &fields).cookie(&cookie).send().await;
        assert_eq!(done.status, 303, "{}", done.text);
        let location = done.location();
        let id: CommandId = location
            .strip_prefix("/commands/")
            .unwrap()
            .parse()
            .unwrap();
        answered(&it.web.test, &it.sealer, id, Outcome::Executed).await;
        let page = it.web.get(&location).cookie(&cookie).send().await;
        assert!(page.text.contains("実行しました") && page.text.contains("&#60;script&#62;"));
        assert!(!page.text.contains(hostile));
    }
    for fields in [
        vec![("reason", "")],
        vec![("mode", "open"), ("reason", "x")],
    ] {
        let path = if fields.len() == 1 { &unlock } else { &mode };
        let done = it.web.form(path, &fields).cookie(&cookie).send().await;
        assert_eq!(done.status, 422, "{}", done.text);
    }
    let member = it.with_role(Role::Member).await;
    let done = it.web.form(&unlock, &[("reason", "x")]).cookie(&member);
    assert_eq!(done.send().await.status, 403);
    let outsider = it.sign_in(&it.world.outsider).await;
    let done = it.web.form(&unlock, &[("reason", "x")]).cookie(&outsider);
    assert_eq!(done.send().await.status, 404);
}
