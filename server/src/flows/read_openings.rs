//! Records that somebody looked at whom events were about. Once a day, actor, site and kind of page: who looks all day long
//! does it once for the auditor.

use sekisho_domain::wire::code::EventCode;

use sekisho_domain::ids::SiteId;

use super::record::{Draft, record};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::opening_reads::{OpeningRead, insert, is_known};

const DAY_MS: i64 = 24 * 3_600_000;

/// Records a look at the names of a site through `kind`, before they are shown. A site that the actor cannot see leaves no trace.
pub async fn read_openings(
    app: &App,
    actor: &Actor,
    site: SiteId,
    kind: &'static str,
) -> Result<(), FlowError> {
    let look = OpeningRead {
        site,
        actor: &actor.text(),
        kind,
        day: app.now().0.div_euclid(DAY_MS),
    };
    // Nearly always it is known; then nobody waits for the writer.
    if is_known(&mut app.db.read().await?, actor.scope(), &look).await? {
        return Ok(());
    }
    let mut tx = app.db.write().await?;
    if insert(&mut tx, &look).await? {
        let draft = Draft::new(app, Some(site), EventCode::OpeningRead).actor(app, actor);
        record(&mut tx, app, draft).await?;
    }
    Ok(tx.commit().await?)
}
