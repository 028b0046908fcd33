//! Makes the link for the first set-up. Only the command line of the machine can; a visitor never becomes administrator.

use sekisho_domain::refusal::{Code, Refusal};

use super::FlowError;
use super::secret::Secret;
use crate::app::App;
use crate::store::links::{self, Purpose};
use crate::store::{Scope, organisations};

/// How long the link works, ms.
pub const LIFE_MS: i64 = 3_600_000;

/// A fresh link; earlier ones stop working. Refused once an organisation exists.
pub async fn create_setup_link(app: &App) -> Result<String, FlowError> {
    let secret = Secret::new(app);
    let now = app.now();
    let mut tx = app.db.write().await?;
    if !organisations::list(&mut tx, Scope::System)
        .await?
        .is_empty()
    {
        return Err(Refusal::new(Code::AlreadySetUp).into());
    }
    links::retire_links(&mut tx, Purpose::Setup, now).await?;
    links::insert_link(
        &mut tx,
        secret.hash(),
        Purpose::Setup,
        None,
        now.plus_ms(LIFE_MS),
    )
    .await?;
    tx.commit().await?;
    Ok(format!(
        "{}/setup?token={}",
        app.config.public_url(),
        secret.text()
    ))
}
