//! Keeps the uplink's revocation list: young, because an expired one makes the broker refuse everybody, and complete, because
//! a gateway that was revoked must be cut off at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use sekisho_bus::{Broker, Sessions};
use sekisho_certs::Revoked;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store;
use crate::store::certificates::Refused;

/// Longest time between two looks at the database: the command line revokes in another process.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A list is made anew after this, ms.
const RENEW_EVERY_MS: u64 = 3_600_000;

/// A list that could not be put in place is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// The list that the broker has.
pub struct List {
    /// As PEM, numbered by the time in seconds.
    pub pem: String,
    /// What it names.
    refused: Vec<Refused>,
    /// When it was made, ms of the monotonic clock.
    made_at: u64,
}

/// The list as the database has it.
pub async fn list(app: &App) -> anyhow::Result<List> {
    let refused = store::certificates::revoked(&mut app.db.read().await?).await?;
    make(app, refused)
}

/// Renews the list hourly and after each revocation until `stop`, then stops the broker. `list` is what the broker began with.
pub async fn run(app: Arc<App>, broker: Broker, mut list: List, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = app.gateway_ended.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if let Err(error) = look(&app, &broker, &mut list).await {
            tracing::error!(
                error = format!("{error:#}"),
                "cannot renew the uplink's revocation list; tried again"
            );
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }
    broker.stop().await;
}

async fn look(app: &App, broker: &Broker, list: &mut List) -> anyhow::Result<()> {
    let refused = store::certificates::revoked(&mut app.db.read().await?).await?;
    let young = app.clock.mono_ms() < list.made_at + RENEW_EVERY_MS;
    if young && refused == list.refused {
        return Ok(());
    }
    let sessions = sessions(&list.refused, &refused);
    let next = make(app, refused)?;
    broker.set_crl(&next.pem, sessions).await?;
    if sessions == Sessions::Cut {
        tracing::warn!("a gateway was revoked: all gateways connect anew");
    }
    *list = next;
    Ok(())
}

/// A broker never ends a session by itself: where a gateway has ended, all sessions are cut, and those who may come back do.
fn sessions(before: &[Refused], now: &[Refused]) -> Sessions {
    let mut new = now.iter().filter(|it| it.ended && !before.contains(it));
    if new.next().is_some() {
        Sessions::Cut
    } else {
        Sessions::Keep
    }
}

fn make(app: &App, refused: Vec<Refused>) -> anyhow::Result<List> {
    let revoked = refused
        .iter()
        .map(|it| {
            Ok(Revoked {
                serial: it.serial.parse()?,
                at_ms: it.at.0,
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()
        .context("a revoked certificate's serial cannot be read")?;
    let now = app.now().0;
    let number = u64::try_from(now / 1000).unwrap_or(0);
    Ok(List {
        pem: app.uplink_root()?.crl(&revoked, number, now)?,
        refused,
        made_at: app.clock.mono_ms(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_domain::time::Timestamp;

    #[test]
    fn only_the_end_of_a_gateway_cuts_sessions() {
        let refused = |serial: &str, ended| Refused {
            serial: serial.to_owned(),
            at: Timestamp(1),
            ended,
        };
        let (old, gone) = (refused("1", false), refused("2", true));
        assert_eq!(sessions(&[], &[]), Sessions::Keep);
        assert_eq!(sessions(&[], std::slice::from_ref(&old)), Sessions::Keep);
        let both = [old.clone(), gone];
        assert_eq!(sessions(std::slice::from_ref(&old), &both), Sessions::Cut);
        assert_eq!(sessions(&both, &both), Sessions::Keep);
        // The gateway of a certificate that was replaced long ago ends, too.
        assert_eq!(sessions(&[old], &[refused("1", true)]), Sessions::Cut);
    }
}
