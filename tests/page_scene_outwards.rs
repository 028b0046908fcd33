//! What the scene of the pages shows to those who do not sign in.

use sekisho_server::app::App;
use sekisho_server::flows::Actor;
use sekisho_server::flows::add_display::{AddDisplay, add_display};
use sekisho_server::flows::add_webhook::{AddWebhook, add_webhook};
use sekisho_tests::busy::{Busy, HOSTILE};

use crate::page_scene::As::{Nobody, Owner};
use crate::page_scene::{As, Entry, Is, Scene};

/// The paths of a screen and of a webhook.
pub(crate) async fn outwards(app: &App, owner: &Actor, busy: &Busy) -> (String, String) {
    let want = AddDisplay {
        site: busy.world.site.id,
        seat: None,
        name: HOSTILE.to_owned(),
    };
    let display = add_display(app, owner, want).await.unwrap();
    let want = AddWebhook {
        organisation: busy.world.operator.id,
        name: HOSTILE.to_owned(),
        url: "https://example.com/hook".to_owned(),
        events: vec!["booking.*".to_owned()],
    };
    let webhook = add_webhook(app, owner, want).await.unwrap();
    (
        format!("/display/{}", display.secret),
        format!("/webhooks/{}", webhook.id),
    )
}

/// Their pages, and those on which they are managed.
pub(crate) fn outward_pages(scene: &Scene) -> Vec<Entry> {
    let site = scene.busy.world.site.id;
    let page = |route, who: As, path: String| Entry {
        route,
        path,
        who,
        get: Is::Page,
        post: false,
    };
    let form = |route, who, path: String| Entry {
        post: true,
        ..page(route, who, path)
    };
    let is = |get: Is, it: Entry| Entry { get, ..it };
    let only = |route, who, path: String| is(Is::Nothing, form(route, who, path));
    let at = |what: &str| format!("/sites/{site}/{what}");
    vec![
        form(
            "/sites/{site}/settings/displays",
            Owner,
            at("settings/displays"),
        ),
        only(
            "/sites/{site}/settings/displays/stop",
            Owner,
            at("settings/displays/stop"),
        ),
        page("/display/{secret}", Nobody, scene.display.clone()),
        is(
            Is::Other,
            page(
                "/display/{secret}/state",
                Nobody,
                format!("{}/state", scene.display),
            ),
        ),
        is(
            Is::Other,
            page(
                "/display/{secret}/book.svg",
                Nobody,
                format!("{}/book.svg", scene.display),
            ),
        ),
        is(
            Is::Other,
            page("/display-sw.js", Nobody, "/display-sw.js".to_owned()),
        ),
        is(
            Is::Other,
            page(
                "/sites/{site}/bookings.csv",
                Owner,
                at("bookings.csv?month=2026-11"),
            ),
        ),
        form("/webhooks", Owner, "/webhooks".to_owned()),
        form("/webhooks/{webhook}", Owner, scene.webhook.clone()),
        only(
            "/webhooks/{webhook}/do",
            Owner,
            format!("{}/do", scene.webhook),
        ),
    ]
}
