//! A bundle of evidence from the page and the API: asked for, fetched, verified, taken away again.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::fs::File;
use std::time::Duration;

use sekisho_domain::authority::Role;
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_server::flows::Actor;
use sekisho_server::flows::create_token::{CreateToken, create_token};
use sekisho_server::flows::remove_bundles::remove_bundles;
use sekisho_server::flows::start_export::file;
use sekisho_server::jobs::sequencer;
use sekisho_server::store::Scope;
use sekisho_server::store::exports::{self, ExportState};
use sekisho_tests::app::{HOUR, TestApp};
use sekisho_tests::ok;
use sekisho_verify::{Options, Verdict, verify};

use crate::manager_pages::{Desk, says, sign_in};

#[tokio::test]
async fn evidence_is_exported_fetched_verified_and_taken_away_again() {
    let it = Desk::new().await;
    let (app, site) = (&it.web.test.app, it.busy.world.site.id);
    let page = it.at("evidence").await;
    says(
        &page.text,
        &[
            "台帳の大きさ",
            "台帳の確定点",
            "欠け",
            "ありません",
            "証跡一式を作成する",
            "まだ作成していません",
            "ゲートウェイと受領証",
            "1 / 1",
            "検証鍵",
        ],
    );
    let path = format!("/sites/{site}/exports");
    let wrong = it
        .web
        .form(&path, &[("nonce", "xyz")])
        .cookie(&it.cookie)
        .send()
        .await;
    assert_eq!(wrong.status, 422, "{}", wrong.text);
    let nonce = "00112233445566778899aabbccddeeff";
    let asked = it
        .web
        .form(&path, &[("nonce", nonce)])
        .cookie(&it.cookie)
        .send()
        .await;
    let export = asked.location();
    says(
        &it.get(&export).await.text,
        &[
            "http-equiv=\"refresh\"",
            "作成しています",
            "%",
            "<progress",
            "sekisho-verify",
        ],
    );
    assert_eq!(
        it.web
            .get(format!("{export}/bundle"))
            .cookie(&it.cookie)
            .send()
            .await
            .status,
        404,
        "not yet"
    );
    let twice = it.web.form(&path, &[]).cookie(&it.cookie).send().await;
    assert_eq!(twice.status, 429, "one at a time");
    ok!(finished(&it.web.test, &export));

    // The gateway did not cut: a finding, said as such.
    let page = it.get(&export).await;
    says(
        &page.text,
        &[
            "できました",
            "指摘",
            "から応答がありませんでした。",
            "より後は証明できません",
            "証跡一式をダウンロードする",
            nonce,
        ],
    );
    let bundle = it
        .web
        .get(format!("{export}/bundle"))
        .cookie(&it.cookie)
        .bytes_back()
        .await;
    assert_eq!(bundle.headers["content-type"], "application/zip");
    assert!(
        bundle.headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment; filename=\"sekisho-")
    );
    assert_eq!(bundle.headers["cache-control"], "no-store");
    let policy = it.at("trust.policy").await;
    assert!(
        policy.headers["content-disposition"]
            .to_str()
            .unwrap()
            .contains(".trust.policy")
    );
    let kept = it.web.test.dir.path().join("fetched.evb");
    std::fs::write(&kept, &bundle.body).unwrap();
    let trust = TrustPolicy::parse(policy.text.as_bytes()).unwrap();
    let options = Options {
        nonce: None,
        strict: true,
        seed: None,
    };
    let report = verify(File::open(&kept).unwrap(), &trust, &options, &mut |_| {});
    assert!(
        matches!(report.verdict, Verdict::Pass | Verdict::Findings),
        "{report:?}"
    );

    through_the_api(&it, &export, &bundle.body).await;

    // Others get nothing; who reads evidence does.
    let auditor = it.colleague(Role::Auditor).await;
    assert_eq!(
        it.web.get(&export).cookie(&auditor).send().await.status,
        200
    );
    for (person, status) in [(&it.busy.world.member, 403), (&it.busy.world.outsider, 404)] {
        let cookie = sign_in(&it.web, person).await;
        for path in [
            export.clone(),
            format!("{export}/bundle"),
            format!("/sites/{site}/trust.policy"),
            format!("/sites/{site}/evidence"),
        ] {
            assert_eq!(
                it.web.get(&path).cookie(&cookie).send().await.status,
                status,
                "{path}"
            );
        }
    }

    // A week later the file is gone, the row is not.
    it.web.test.clock.advance_ms(7 * 24 * HOUR + 60_000);
    assert_eq!(ok!(remove_bundles(app)), 1);
    assert_eq!(ok!(remove_bundles(app)), 0);
    let left = std::fs::read_dir(app.config.data_dir.join("exports"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "bundle and trust file are gone");
    let cookie = sign_in(&it.web, &it.busy.world.owner).await;
    let page = it.web.get(&export).cookie(&cookie).send().await;
    says(&page.text, &["ファイルは削除済み", "証跡一式を作成する"]);
    assert_eq!(
        it.web
            .get(format!("{export}/bundle"))
            .cookie(&cookie)
            .send()
            .await
            .status,
        404
    );
}

/// The same bundle with a token; nothing tells where the server keeps it.
async fn through_the_api(it: &Desk, export: &str, expected: &[u8]) {
    let app = &it.web.test.app;
    let want = CreateToken {
        organisation: it.busy.world.operator.id,
        name: "auditor".to_owned(),
        role: Role::Auditor,
        days: 1,
    };
    let token = ok!(create_token(app, &Actor::system(), want)).secret;
    let path = format!("/api/v1{export}");
    let answer = it.web.get(&path).token(&token).send().await;
    let json = answer.expect(200);
    assert_eq!(
        (
            json["state"].as_str(),
            json["stage"].as_str(),
            json["percent"].as_u64()
        ),
        (Some("done"), Some("done"), Some(100))
    );
    assert_eq!(json["bytes"].as_u64(), Some(expected.len() as u64));
    let home = app.config.data_dir.display().to_string();
    assert!(
        json.get("path").is_none() && !answer.text.contains(&home),
        "{json}"
    );
    let bundle = json["bundle"].as_str().unwrap();
    let fetched = it.web.get(bundle).token(&token).bytes_back().await;
    assert!(fetched.status == 200 && fetched.body == expected);
    let want = CreateToken {
        organisation: it.busy.world.stranger.id,
        name: "stranger".to_owned(),
        role: Role::Owner,
        days: 1,
    };
    let stranger = ok!(create_token(app, &Actor::system(), want)).secret;
    assert_eq!(
        it.web
            .get(bundle)
            .token(&stranger)
            .send()
            .await
            .problem(404),
        "not_found"
    );
}

/// An export that its server did not live to end is given up, and what it left is taken away.
#[tokio::test]
async fn an_abandoned_export_is_given_up() {
    let it = Desk::new().await;
    let (app, site) = (&it.web.test.app, it.busy.world.site.id);
    let id = app.event_id();
    let mut tx = app.db.write().await.unwrap();
    let export = exports::Export {
        id,
        site,
        nonce: [1; 16],
        state: ExportState::Running,
        progress: exports::Progress::Writing(1, 9),
        findings: String::new(),
        started_at: app.now(),
        finished_at: None,
        leaves: 0,
        bytes: None,
        removed_at: None,
    };
    ok!(exports::insert(&mut tx, &export));
    ok!(exports::set_progress(
        &mut tx,
        id,
        export.progress,
        app.now()
    ));
    tx.commit().await.unwrap();
    says(
        &it.at(&format!("exports/{id}")).await.text,
        &["台帳を書き出しています。 11 %"],
    );
    let partial = format!("{}.partial", file(app, id).display());
    std::fs::create_dir_all(file(app, id).parent().unwrap()).unwrap();
    std::fs::write(&partial, b"half").unwrap();
    // One that takes long and comes on is left alone.
    it.web.test.clock.advance_ms(9 * 60_000);
    let mut tx = app.db.write().await.unwrap();
    ok!(exports::set_progress(
        &mut tx,
        id,
        export.progress,
        app.now()
    ));
    tx.commit().await.unwrap();
    it.web.test.clock.advance_ms(9 * 60_000);
    ok!(remove_bundles(app));
    assert!(std::path::Path::new(&partial).exists());
    it.web.test.clock.advance_ms(2 * 60_000);
    ok!(remove_bundles(app));
    assert!(!std::path::Path::new(&partial).exists());
    says(
        &it.at(&format!("exports/{id}")).await.text,
        &["作成できませんでした", "証跡一式を作成する"],
    );
}

async fn finished(test: &TestApp, export: &str) -> Result<(), &'static str> {
    let id = export.rsplit('/').next().unwrap().parse().unwrap();
    for _ in 0..600 {
        ok!(sequencer::round(&test.app));
        let mut tx = test.app.db.read().await.unwrap();
        let it = ok!(exports::get(&mut tx, Scope::System, id)).unwrap();
        if it.state != ExportState::Running {
            return Ok(());
        }
        drop(tx);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("the export does not end")
}
