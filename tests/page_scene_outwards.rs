//! What the scene of the pages shows to those who do not sign in.

use sekisho_server::app::App;
use sekisho_server::flows::Actor;
use sekisho_server::flows::add_display::{AddDisplay, add_display};
use sekisho_server::flows::add_webhook::{AddWebhook, add_webhook};
use sekisho_tests::busy::{Busy, HOSTILE};

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
