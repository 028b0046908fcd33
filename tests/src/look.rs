//! What a test looks up in the database.

use crate::app::TestApp;
use crate::world::World;
use sekisho_domain::ids::{PassId, SiteId};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_domain::wire::uplink::Revoked;
use sekisho_server::on;
use sekisho_server::store::{Scope, passes, revocations, sites};

const ALL: Scope = Scope::System;

/// How many events of a code there are at a site (`None`: anywhere) with a reason.
pub async fn events(test: &TestApp, site: Option<SiteId>, code: EventCode, reason: &str) -> i64 {
    let mut tx = test.app.db.read().await.unwrap();
    let (n,): (i64,) = on!(&mut tx, c => sqlx::query_as(
        "SELECT CAST(COUNT(*) AS BIGINT)
           FROM event
          WHERE code = $1
            AND ($2 IS NULL OR site_id = $2)
            AND reasons LIKE $3")
        .bind(i64::from(code as u16))
        .bind(site.map(|site| site.text()))
        .bind(format!("%{reason}%"))
        .fetch_one(c).await)
    .unwrap();
    n
}

/// What is revoked at the site now.
pub async fn revoked(test: &TestApp, world: &World) -> Vec<Revoked> {
    let mut tx = test.app.db.read().await.unwrap();
    revocations::list(&mut tx, world.site.id, test.app.now())
        .await
        .unwrap()
        .iter()
        .map(|line| line.what)
        .collect()
}

/// The number of the site's facts.
pub async fn facts_version(test: &TestApp, world: &World) -> i64 {
    let mut tx = test.app.db.read().await.unwrap();
    sites::get(&mut tx, ALL, world.site.id)
        .await
        .unwrap()
        .unwrap()
        .facts_version
}

/// The state of a pass.
pub async fn pass_state(test: &TestApp, id: PassId) -> PassState {
    let mut tx = test.app.db.read().await.unwrap();
    passes::get(&mut tx, ALL, id).await.unwrap().unwrap().state
}
