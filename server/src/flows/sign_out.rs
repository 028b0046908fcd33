//! Ends a session.

use sekisho_domain::crypto::Digest;
use sekisho_domain::ids::PersonId;
use sekisho_domain::wire::code::EventCode;

use super::FlowError;
use super::record::{Draft, record};
use crate::app::App;
use crate::store::sessions;

/// Ends it. Safe to repeat; only the first time is recorded.
pub async fn sign_out(app: &App, person: PersonId, session: Digest) -> Result<(), FlowError> {
    let mut tx = app.db.write().await?;
    if sessions::end_session(&mut tx, session, app.now()).await? == 1 {
        record(
            &mut tx,
            app,
            Draft::new(app, None, EventCode::SigninEnded).person(app, person),
        )
        .await?;
    }
    Ok(tx.commit().await?)
}
