//! Ends one pass: its state, a line of the revocation list, the event. Part of larger changes.

use sekisho_domain::wire::body::PassBody;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::snapshot::PassState;
use sekisho_domain::wire::uplink::{RevocationLine, Revoked};

use super::change::Change;
use super::record::{Draft, record};
use super::{Actor, FlowError};
use crate::app::App;
use crate::store::passes::{self, Pass};
use crate::store::{Scope, revocations};

/// Kind of a static pass in [`PassBody`].
pub(super) const STATIC: u8 = 1;
/// Kind of a pass with a holder key in [`PassBody`].
pub(super) const WITH_HOLDER: u8 = 2;

/// Ends an active pass. The caller has locked the person and then the site ([`Change::facts`]).
pub(super) async fn end_pass(
    app: &App,
    actor: &Actor,
    pass: &Pass,
    state: PassState,
    change: &mut Change<'_>,
) -> Result<(), FlowError> {
    passes::end(&mut change.tx, Scope::System, pass.id, state).await?;
    let line = RevocationLine {
        what: Revoked::Pass(pass.id),
        at: app.now(),
        until: pass.during.end,
    };
    revocations::put(&mut change.tx, pass.site, line).await?;
    let draft = Draft::new(app, Some(pass.site), EventCode::PassRevoked)
        .subject(app, pass.subject, pass.person)
        .pass(app, pass.id)
        .booking(app, pass.booking)
        .actor(app, actor)
        .body(&body(pass));
    record(&mut change.tx, app, draft).await?;
    Ok(())
}

pub(super) fn body(pass: &Pass) -> PassBody {
    PassBody {
        kind: if pass.holder_key.is_some() {
            WITH_HOLDER
        } else {
            STATIC
        },
        until: pass.during.end,
    }
}
