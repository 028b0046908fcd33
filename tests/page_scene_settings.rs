//! The pages on which a site's own rules are set.

use sekisho_domain::ids::{ClosureId, SiteId};

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
    let none = ClosureId::NIL.to_string();
    let of = |route: &'static str| {
        let it = row(route, Is::Nothing);
        let path = it.path.replace("{closure}", &none);
        Entry { path, ..it }
    };
    vec![
        row("/sites/{site}/settings/closures", Is::Page),
        of("/sites/{site}/settings/closures/{closure}/end"),
        of("/sites/{site}/settings/closures/{closure}/undo"),
        row("/sites/{site}/settings/hours", Is::Page),
        row("/sites/{site}/settings/hours/days", Is::Nothing),
        row("/sites/{site}/settings/hours/days/remove", Is::Nothing),
    ]
}
