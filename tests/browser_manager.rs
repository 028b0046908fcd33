//! Every page in a real browser (`browser/every.test.mjs`), against this server on a socket.

use sekisho_tests::app::TestApp;
use serde_json::json;

use crate::browser::{links, play, ready};
use crate::page_scene::{As, Is, Scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_in_two_languages_two_themes_and_two_sizes() {
    if !ready() {
        return;
    }
    let test = TestApp::sqlite().await;
    let scene = Box::pin(Scene::on(&test, false)).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = sekisho_server::http::router(test.app.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let shots = test.dir.path().join("shots");
    std::fs::create_dir(&shots).unwrap();

    let world = &scene.busy.world;
    let page = |route: &str, path: &str, who: As, status: u16| {
        let name = route.replace(['/', '{', '}', '*'], "-");
        json!({ "route": route, "path": path, "who": format!("{who:?}"), "status": status, "name": name.trim_matches('-') })
    };
    let mut pages: Vec<_> = scene
        .table()
        .iter()
        .filter(|it| it.get == Is::Page)
        .map(|it| page(it.route, &it.path, it.who, 200))
        .collect();
    pages.push(page("error", "/nowhere", As::Owner, 404));
    pages.push(page(
        "refused",
        &format!("/sites/{}/today", world.site.id),
        As::Member,
        403,
    ));
    let nobody = format!("/people?q={}", "%3Cscript%3E");
    pages.push(page("people-none", &nobody, As::Owner, 200));
    let plan = json!({
        "url": url,
        "site": world.site.id,
        "today": "2026-11-20",
        "pages": pages,
        "members": links(&test, world.member.id, 4).await,
        "other": links(&test, scene.busy.attacker.id, 1).await[0],
        "owners": links(&test, world.owner.id, 5).await,
        "shots": shots,
    });
    play("every.test.mjs", &plan, &shots).await;
    server.abort();
}
