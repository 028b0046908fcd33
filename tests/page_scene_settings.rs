//! The pages on which a site's own rules are set.

use sekisho_domain::ids::SiteId;

use crate::page_scene::{As, Entry, Is};

/// A row for each.
pub(crate) fn settings(site: SiteId) -> Vec<Entry> {
    let row = |route: &'static str, get| Entry {
        route,
        path: route.replace("{site}", &site.to_string()),
        who: As::Owner,
        get,
        post: true,
    };
    vec![
        row("/sites/{site}/settings/hours", Is::Page),
        row("/sites/{site}/settings/hours/days", Is::Nothing),
        row("/sites/{site}/settings/hours/days/remove", Is::Nothing),
    ]
}
