//! Keeps the uplink's revocation list young: an expired one makes the broker refuse everybody.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sekisho_bus::{Broker, Sessions};
use sekisho_certs::Revoked;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store;

const RENEW_EVERY: Duration = Duration::from_hours(1);

/// Renews the list hourly until `stop`, then stops the broker.
pub async fn run(app: Arc<App>, broker: Broker, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(RENEW_EVERY) => {}
        }
        let renewed = match list(&app).await {
            Ok(pem) => broker
                .set_crl(&pem, Sessions::Keep)
                .await
                .map_err(anyhow::Error::new),
            Err(error) => Err(error),
        };
        if let Err(error) = renewed {
            tracing::error!(
                error = format!("{error:#}"),
                "cannot renew the uplink's revocation list; tried again in an hour"
            );
        }
    }
    broker.stop().await;
}

/// The list as PEM, numbered by the time in seconds.
pub async fn list(app: &App) -> anyhow::Result<String> {
    let serials = store::gateways::revoked_serials(&mut app.db.read().await?).await?;
    let revoked = serials
        .into_iter()
        .map(|(serial, at)| {
            Ok(Revoked {
                serial: serial.parse()?,
                at_ms: at.0,
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()
        .context("a revoked certificate's serial cannot be read")?;
    let now = app.now().0;
    Ok(app
        .uplink_root()?
        .crl(&revoked, u64::try_from(now / 1000).unwrap_or(0), now)?)
}
