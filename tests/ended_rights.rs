//! What has ended gives nothing any more: a company's access, a token whose maker was suspended, a key that is away.

use sekisho_certs::Purpose;
use sekisho_domain::crypto::SigningKey;
use sekisho_domain::refusal::Code;
use sekisho_domain::time::Timestamp;
use sekisho_server::app::App;
use sekisho_server::config::Config;
use sekisho_server::flows::Actor;
use sekisho_server::flows::add_gateway::add_gateway;
use sekisho_server::flows::create_token::{CreateToken, create_token};
use sekisho_server::flows::enrol_gateway::enrol_gateway;
use sekisho_server::flows::suspend_person::suspend_person;
use sekisho_server::serve::{self, Surroundings};
use sekisho_server::store::tokens;
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::installed::Installed;
use sekisho_tests::ok;
use sekisho_tests::sealer::enrolment;
use sekisho_tests::world::{World, acting, refused};
use serde_json::json;

#[tokio::test]
async fn a_company_whose_access_has_ended_does_not_see_the_site() {
    let it = Installed::new().await;
    let place = it.site().await;
    let owner = json!({ "name": "社長", "email": "boss@company.example" });
    let company = it
        .post(
            "/api/v1/organisations",
            &json!({ "name": "山陰ソフト", "owner": owner }),
        )
        .await;
    let until = it.web.test.app.now().plus_ms(HOUR);
    it.post(
        &format!("/api/v1/sites/{}/access", place.site),
        &json!({ "company": company["id"], "until": until.rfc3339() }),
    )
    .await;
    let boss = it.sign_in("boss@company.example").await;
    let paths = ["", "/zones", "/doors", "/seats"]
        .map(|rest| format!("/api/v1/sites/{}{rest}", place.site));
    let seen = async || {
        let answer = it.web.get("/api/v1/sites").cookie(&boss).send().await;
        answer.expect(200)["items"].as_array().unwrap().len()
    };
    for path in &paths {
        it.web.get(path).cookie(&boss).send().await.expect(200);
    }
    assert_eq!(seen().await, 1);
    it.web.test.clock.advance_ms(HOUR);
    for path in &paths {
        let gone = it.web.get(path).cookie(&boss).send().await;
        assert_eq!(gone.problem(404), "not_found", "{path}");
    }
    assert_eq!(seen().await, 0);
    let home = it.web.get("/").cookie(&boss).send().await;
    assert!(!home.text.contains(&place.site), "nothing leads there");
    it.get(&paths[1]).await;
}

#[tokio::test]
async fn a_token_does_not_outlive_the_suspension_of_its_maker() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let boss = acting(&world.boss, sekisho_domain::authority::Role::Owner);
        let want = || CreateToken {
            organisation: world.company.id,
            name: "自動".to_owned(),
            role: sekisho_domain::authority::Role::Owner,
            days: 1,
        };
        let first = ok!(create_token(app, &boss, want())).token;
        let by_token = Actor {
            who: sekisho_server::flows::Who::Token(first.id),
            ..boss.clone()
        };
        let second = ok!(create_token(app, &by_token, want())).token;
        assert_eq!(
            second.created_by,
            Some(world.boss.id),
            "the maker at the beginning"
        );
        let own = ok!(create_token(app, &Actor::system(), want())).token;
        let counts = async |id| {
            let mut tx = ok!(app.db.read());
            ok!(tokens::find_token(&mut tx, id, START)).is_some()
        };
        assert!(counts(first.id).await && counts(second.id).await && counts(own.id).await);
        ok!(suspend_person(app, &Actor::system(), world.boss.id));
        assert!(!counts(first.id).await && !counts(second.id).await);
        assert!(counts(own.id).await, "the command line's is nobody's");
    }
}

#[tokio::test]
async fn no_key_is_made_in_place_of_the_keyring_key_that_is_away() {
    for test in TestApp::on_both().await {
        let app = &test.app;
        let world = World::on(app).await;
        let keys = test.dir.path().join("keys");
        let named = || {
            let entries = std::fs::read_dir(&keys).unwrap();
            let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
            let own = format!("{}.", Purpose::Keyring);
            names
                .filter(|name| name.starts_with(&own))
                .collect::<Vec<_>>()
        };
        let code = ok!(add_gateway(app, &Actor::system(), world.site.id)).code;
        let [key] = named().try_into().unwrap();
        std::fs::rename(keys.join(&key), test.dir.path().join("offline")).unwrap();

        let seal = SigningKey::from_seed(&[1; 32]).unwrap();
        let box_ = enrolment(&seal, &code);
        assert_eq!(refused(enrol_gateway(app, &box_).await), Code::KeyringAway);
        assert_eq!(
            refused(next_year(app, &test, &world).await),
            Code::KeyringAway
        );
        assert!(named().is_empty(), "a decoy was made: {:?}", named());

        std::fs::rename(test.dir.path().join("offline"), keys.join(&key)).unwrap();
        test.clock.set(START);
        ok!(enrol_gateway(app, &box_));
        assert_eq!(named(), [key]);
    }
}

/// Whatever is recorded in the next fiscal year opens a log, and signs a keyring.
async fn next_year(
    app: &App,
    test: &TestApp,
    world: &World,
) -> Result<(), sekisho_server::flows::FlowError> {
    test.clock.set(Timestamp(START.0 + 366 * 24 * HOUR));
    let mut tx = ok!(app.db.write());
    let site = Some(world.site.id);
    sekisho_server::flows::open_log::current_log(&mut tx, app, site).await?;
    Ok(())
}

#[tokio::test]
async fn an_unmigrated_postgresql_is_named_with_its_cure() {
    let Some(url) = sekisho_tests::postgres::database().await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::for_tests(dir.path());
    config.database.url = Some(url);
    let test = TestApp::sqlite().await;
    let around = Surroundings {
        clock: test.clock.clone(),
        rng: test.app.rng.clone(),
        mailer: test.mailbox.clone(),
    };
    let why = serve::open(config, around).await.map(drop).unwrap_err();
    let why = format!("{why:#}");
    assert!(why.contains("sekisho migrate"), "{why}");
    assert!(!why.contains("relation"), "{why}");
}
