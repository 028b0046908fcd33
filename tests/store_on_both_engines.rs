//! Transactions, organisations and people, on both engines; and a check that no store function of any file is left out.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use sekisho_domain::authority::Role;
use sekisho_domain::ids::{MembershipId, OrganisationId, PersonId};
use sekisho_server::store::organisations::{Organisation, OrganisationKind};
use sekisho_server::store::people::{Locale, Membership, Person};
use sekisho_server::store::{Scope, db, organisations, people};
use sekisho_tests::app::{START, TestApp};

const ALL: Scope = Scope::System;

#[tokio::test]
async fn organisations_and_people() {
    for test in TestApp::on_both().await {
        let mut tx = test.app.db.write().await.unwrap();
        let organisation = Organisation {
            id: OrganisationId([1; 16]),
            name: "一".to_owned(),
            kind: OrganisationKind::Both,
            created_at: START,
        };
        organisations::insert(&mut tx, &organisation).await.unwrap();
        let own = Scope::Organisation(organisation.id);
        assert_eq!(
            organisations::get(&mut tx, own, organisation.id)
                .await
                .unwrap(),
            Some(organisation.clone())
        );
        assert_eq!(
            organisations::list(&mut tx, own).await.unwrap(),
            std::slice::from_ref(&organisation)
        );

        let person = |n: u8| Person {
            id: PersonId([n; 16]),
            organisation: organisation.id,
            name: format!("{n}番"),
            email: format!("p{n}@example.jp"),
            locale: Locale::En,
            active: true,
            created_at: START,
        };
        let (first, second) = (person(1), person(2));
        people::insert(&mut tx, own, &first).await.unwrap();
        people::insert(&mut tx, own, &second).await.unwrap();
        let membership = Membership {
            id: MembershipId([1; 16]),
            organisation: organisation.id,
            person: first.id,
            role: Role::Auditor,
            created_at: START,
        };
        people::insert_membership(&mut tx, own, &membership)
            .await
            .unwrap();
        // An auditor there is no owner.
        assert!(!people::has_owner(&mut tx, organisation.id).await.unwrap());
        let owner = Membership {
            id: MembershipId([8; 16]),
            person: second.id,
            role: Role::Owner,
            ..membership.clone()
        };
        people::insert_membership(&mut tx, own, &owner)
            .await
            .unwrap();
        assert!(people::has_owner(&mut tx, organisation.id).await.unwrap());
        assert_eq!(
            people::memberships(&mut tx, own, first.id).await.unwrap(),
            [membership]
        );
        assert_eq!(
            people::get(&mut tx, own, first.id).await.unwrap(),
            Some(first.clone())
        );
        assert_eq!(
            people::by_email(&mut tx, ALL, "p2@example.jp")
                .await
                .unwrap(),
            Some(second.clone())
        );
        assert_eq!(
            people::list(&mut tx, own, organisation.id, None, 1)
                .await
                .unwrap(),
            std::slice::from_ref(&first)
        );
        assert_eq!(
            people::list(&mut tx, own, organisation.id, Some(first.id), 9)
                .await
                .unwrap(),
            [second]
        );
        assert_eq!(
            people::end_sessions(&mut tx, own, first.id, START)
                .await
                .unwrap(),
            0
        );
        people::suspend(&mut tx, own, first.id).await.unwrap();
        assert!(
            !people::get(&mut tx, own, first.id)
                .await
                .unwrap()
                .unwrap()
                .active
        );
        assert!(
            matches!(
                people::suspend(&mut tx, own, first.id).await,
                Err(sqlx::Error::RowNotFound)
            ),
            "twice"
        );
        tx.commit().await.unwrap();

        let mut tx = test.app.db.write().await.unwrap();
        let twice = people::insert(
            &mut tx,
            own,
            &Person {
                id: PersonId([3; 16]),
                ..first
            },
        )
        .await
        .unwrap_err();
        assert!(
            db::is_constraint(&twice, "person_email_key")
                || db::is_constraint(&twice, "person.email"),
            "{twice}"
        );
        assert!(!db::is_retryable(&twice));
    }
}

#[tokio::test]
async fn what_is_not_committed_was_never_there_and_readers_do_not_wait() {
    for test in TestApp::on_both().await {
        let organisation = Organisation {
            id: OrganisationId([1; 16]),
            name: "一".to_owned(),
            kind: OrganisationKind::Both,
            created_at: START,
        };
        let mut tx = test.app.db.write().await.unwrap();
        organisations::insert(&mut tx, &organisation).await.unwrap();
        let mut reader = test.app.db.read().await.unwrap();
        assert_eq!(
            organisations::get(&mut reader, ALL, organisation.id)
                .await
                .unwrap(),
            None
        );
        drop(reader);
        drop(tx);
        let mut tx = test.app.db.write().await.unwrap();
        assert_eq!(
            organisations::get(&mut tx, ALL, organisation.id)
                .await
                .unwrap(),
            None
        );
        drop(tx);
        test.app.db.migrate().await.unwrap();
        assert!(db::Db::open("mysql://nowhere").await.is_err());
    }
}

/// The replacement for SQL that is checked at compile time: a store function that no test names runs on no engine.
#[test]
fn every_store_function_is_named_in_a_store_test() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = |dir: &std::path::Path, wanted: &dyn Fn(&str) -> bool| -> Vec<(String, String)> {
        let entries = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let rust = entries.filter(|path| path.extension().is_some_and(|ext| ext == "rs"));
        let named = rust.map(|path| {
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                std::fs::read_to_string(&path).unwrap(),
            )
        });
        named.filter(|(stem, _)| wanted(stem)).collect()
    };
    let tests: String = sources(root, &|stem| stem.starts_with("store_"))
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let mut missing = Vec::new();
    for (stem, text) in sources(&root.join("../server/src/store"), &|_| true) {
        for line in text.lines() {
            let Some((indent, rest)) = line.split_once("pub async fn ") else {
                continue;
            };
            let name = &rest[..rest.find(['(', '<']).unwrap()];
            let call = if indent.is_empty() {
                format!("{stem}::{name}(")
            } else {
                format!("{name}(")
            };
            if !tests.contains(&call) {
                missing.push(call);
            }
        }
    }
    assert!(
        missing.is_empty(),
        "store functions without a test on both engines: {missing:#?}"
    );
}
