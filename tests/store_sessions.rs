//! Sessions, links, tokens and idempotency keys, and what pages read about a whole site: every function on both engines.

use sekisho_domain::authority::Role;
use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::{OrganisationId, SiteId, TokenId};
use sekisho_domain::time::Interval;
use sekisho_server::store::links::{self, Purpose};
use sekisho_server::store::tokens::Token;
use sekisho_server::store::{Scope, Tx, at_site, idempotency, people, sessions, tokens};
use sekisho_tests::app::{HOUR, START, TestApp};
use sekisho_tests::world::World;

const fn hash(n: u8) -> Digest {
    Digest([n; 32])
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn sessions_end_by_time_by_hand_and_with_their_person() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let mut tx = test.app.db.write().await.unwrap();
        let person = &world.member;
        for n in 1..=3 {
            sessions::insert_session(
                &mut tx,
                hash(n),
                person.id,
                START,
                START.plus_ms(i64::from(n) * HOUR),
            )
            .await
            .unwrap();
        }
        let found = sessions::find_session(&mut tx, hash(1), START)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.person, found.name, found.organisation, found.role),
            (
                person.id,
                person.name.clone(),
                world.company.id,
                Role::Member
            )
        );
        assert_eq!(
            (found.locale.as_str(), found.expires_at),
            ("ja", START.plus_ms(HOUR))
        );
        assert_eq!(
            sessions::find_session(&mut tx, hash(1), START.plus_ms(HOUR))
                .await
                .unwrap(),
            None,
            "half-open"
        );
        assert_eq!(
            sessions::find_session(&mut tx, hash(9), START)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            sessions::end_session(&mut tx, hash(2), START)
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            sessions::end_session(&mut tx, hash(2), START)
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            sessions::find_session(&mut tx, hash(2), START)
                .await
                .unwrap(),
            None
        );
        people::suspend(&mut tx, Scope::System, person.id)
            .await
            .unwrap();
        assert_eq!(
            sessions::find_session(&mut tx, hash(3), START)
                .await
                .unwrap(),
            None
        );
        let late = START.plus_ms(2 * HOUR + 1);
        assert_eq!(sessions::delete_sessions(&mut tx, late).await.unwrap(), 2);
        assert_eq!(sessions::delete_sessions(&mut tx, late).await.unwrap(), 0);
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn links_work_once_for_their_purpose_and_time() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let mut tx = test.app.db.write().await.unwrap();
        let person = world.member.id;
        links::insert_link(
            &mut tx,
            hash(1),
            Purpose::SignIn,
            Some(person),
            START.plus_ms(HOUR),
        )
        .await
        .unwrap();
        links::insert_link(&mut tx, hash(2), Purpose::Setup, None, START.plus_ms(HOUR))
            .await
            .unwrap();
        links::insert_link(&mut tx, hash(3), Purpose::Setup, None, START.plus_ms(HOUR))
            .await
            .unwrap();
        assert!(
            links::link_works(&mut tx, hash(1), Purpose::SignIn, START)
                .await
                .unwrap()
        );
        assert!(
            !links::link_works(&mut tx, hash(1), Purpose::Setup, START)
                .await
                .unwrap()
        );
        assert!(
            !links::link_works(&mut tx, hash(1), Purpose::SignIn, START.plus_ms(HOUR))
                .await
                .unwrap()
        );
        assert_eq!(links::count_links(&mut tx, person, START).await.unwrap(), 1);
        assert_eq!(
            links::use_link(&mut tx, hash(1), Purpose::Setup, START)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            links::use_link(&mut tx, hash(1), Purpose::SignIn, START)
                .await
                .unwrap(),
            Some(Some(person))
        );
        assert_eq!(
            links::use_link(&mut tx, hash(1), Purpose::SignIn, START)
                .await
                .unwrap(),
            None
        );
        assert_eq!(links::count_links(&mut tx, person, START).await.unwrap(), 0);
        assert_eq!(
            links::use_link(&mut tx, hash(2), Purpose::Setup, START)
                .await
                .unwrap(),
            Some(None)
        );
        assert_eq!(
            links::retire_links(&mut tx, Purpose::Setup, START)
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            links::use_link(&mut tx, hash(3), Purpose::Setup, START)
                .await
                .unwrap(),
            None
        );
        assert_eq!(links::delete_links(&mut tx, START).await.unwrap(), 0);
        assert_eq!(
            links::delete_links(&mut tx, START.plus_ms(2 * HOUR))
                .await
                .unwrap(),
            3
        );
        tx.commit().await.unwrap();
    }
}

async fn token(tx: &mut Tx, n: u8, organisation: OrganisationId) -> Token {
    let token = Token {
        id: TokenId([n; 16]),
        organisation,
        name: format!("token {n}"),
        role: Role::Manager,
        created_by: None,
        created_at: START,
        expires_at: START.plus_ms(HOUR),
        revoked_at: None,
    };
    tokens::insert_token(tx, &token, hash(n)).await.unwrap();
    token
}

#[tokio::test]
async fn tokens_belong_to_their_organisation() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let mut tx = test.app.db.write().await.unwrap();
        let (one, two) = (
            token(&mut tx, 1, world.operator.id).await,
            token(&mut tx, 2, world.operator.id).await,
        );
        let (own, foreign) = (
            Scope::Organisation(world.operator.id),
            Scope::Organisation(world.stranger.id),
        );
        assert_eq!(
            tokens::find_token(&mut tx, one.id, START).await.unwrap(),
            Some((one.clone(), hash(1)))
        );
        assert_eq!(
            tokens::find_token(&mut tx, one.id, START.plus_ms(HOUR))
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            tokens::token_by_id(&mut tx, own, one.id).await.unwrap(),
            Some(one.clone())
        );
        assert_eq!(
            tokens::token_by_id(&mut tx, foreign, one.id).await.unwrap(),
            None
        );
        assert_eq!(
            tokens::list_tokens(&mut tx, own, None, 10).await.unwrap(),
            [two.clone(), one.clone()]
        );
        assert_eq!(
            tokens::list_tokens(&mut tx, own, Some(two.id), 10)
                .await
                .unwrap(),
            std::slice::from_ref(&one)
        );
        assert_eq!(
            tokens::list_tokens(&mut tx, foreign, None, 10)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            tokens::revoke_token(&mut tx, foreign, one.id, START)
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            tokens::revoke_token(&mut tx, own, one.id, START)
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            tokens::revoke_token(&mut tx, own, one.id, START)
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            tokens::find_token(&mut tx, one.id, START).await.unwrap(),
            None
        );
        tx.commit().await.unwrap();
    }
}

#[expect(clippy::too_many_lines, reason = "a key's life is told in one piece")]
#[tokio::test]
async fn a_key_is_taken_once_and_keeps_its_answer() {
    for test in TestApp::on_both().await {
        let mut tx = test.app.db.write().await.unwrap();
        let early = START.plus_ms(-1);
        assert!(
            idempotency::reserve_key(&mut tx, "a", "k", hash(1), START, early)
                .await
                .unwrap()
        );
        assert!(
            !idempotency::reserve_key(&mut tx, "a", "k", hash(2), START, early)
                .await
                .unwrap()
        );
        assert!(
            idempotency::reserve_key(&mut tx, "b", "k", hash(1), START, early)
                .await
                .unwrap(),
            "keys belong to an actor"
        );
        let seen = idempotency::find_key(&mut tx, "a", "k")
            .await
            .unwrap()
            .unwrap();
        assert_eq!((seen.request, seen.status, seen.at), (hash(1), 0, START));
        assert!(
            idempotency::reserve_key(
                &mut tx,
                "a",
                "k",
                hash(2),
                START.plus_ms(2),
                START.plus_ms(1)
            )
            .await
            .unwrap(),
            "abandoned"
        );
        idempotency::note_made(&mut tx, "a", "k", "thing")
            .await
            .unwrap();
        assert!(
            idempotency::note_made(&mut tx, "a", "k", "another")
                .await
                .is_err(),
            "one request makes one thing"
        );
        assert_eq!(
            idempotency::release_key(&mut tx, "a", "k").await.unwrap(),
            0,
            "what was made stays known"
        );
        let answer = async |tx: &mut Tx| {
            idempotency::store_answer(tx, "a", "k", 201, "{}")
                .await
                .unwrap()
        };
        assert_eq!((answer(&mut tx).await, answer(&mut tx).await), (1, 0));
        let seen = idempotency::find_key(&mut tx, "a", "k")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (
                seen.request,
                seen.status,
                seen.body.as_str(),
                seen.made.as_deref()
            ),
            (hash(2), 201, "{}", Some("thing"))
        );
        assert!(
            !idempotency::reserve_key(
                &mut tx,
                "a",
                "k",
                hash(2),
                START.plus_ms(HOUR),
                START.plus_ms(HOUR)
            )
            .await
            .unwrap(),
            "answered"
        );
        assert_eq!(
            idempotency::release_key(&mut tx, "a", "k").await.unwrap(),
            0
        );
        assert_eq!(
            idempotency::release_key(&mut tx, "b", "k").await.unwrap(),
            1
        );
        assert_eq!(
            idempotency::find_key(&mut tx, "b", "k").await.unwrap(),
            None
        );
        assert_eq!(
            idempotency::delete_keys(&mut tx, START.plus_ms(HOUR))
                .await
                .unwrap(),
            1
        );
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_site_shows_when_seats_are_taken_to_who_may_book_and_names_to_its_operator() {
    for test in TestApp::on_both().await {
        let world = World::on(&test.app).await;
        let booking = world.book(&test.app, 0, 1, 2).await.unwrap();
        let mut tx = test.app.db.read().await.unwrap();
        let day = Interval::new(START, START.plus_ms(24 * HOUR)).unwrap();
        let [operator, company, stranger] =
            [&world.operator, &world.company, &world.stranger].map(|it| Scope::Organisation(it.id));
        let taken = vec![(world.seats[0].id, booking.during)];
        assert_eq!(
            at_site::taken(&mut tx, operator, world.site.id, day)
                .await
                .unwrap(),
            taken
        );
        assert_eq!(
            at_site::taken(&mut tx, company, world.site.id, day)
                .await
                .unwrap(),
            taken
        );
        assert_eq!(
            at_site::taken(&mut tx, stranger, world.site.id, day)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            at_site::taken(
                &mut tx,
                operator,
                world.site.id,
                Interval::new(START, booking.during.start).unwrap()
            )
            .await
            .unwrap(),
            []
        );
        assert_eq!(
            at_site::taken(&mut tx, operator, SiteId([9; 16]), day)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            at_site::names(&mut tx, operator, world.site.id)
                .await
                .unwrap(),
            [(world.member.id, world.member.name.clone())]
        );
        assert_eq!(
            at_site::names(&mut tx, company, world.site.id)
                .await
                .unwrap(),
            []
        );
        assert_eq!(
            at_site::names(&mut tx, stranger, world.site.id)
                .await
                .unwrap(),
            []
        );
    }
}
