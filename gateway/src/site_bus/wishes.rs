//! What other processes on the box ask for: devices to be admitted and shut out, observers, modes of doors.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sekisho_bus::{Acl, Sessions};
use sekisho_certs::{Revoked, Root};
use sekisho_domain::access::Mode;
use sekisho_domain::ids::DeviceId;
use sekisho_domain::wire::body::{DeviceEnrolled, DeviceRevoked};
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use tokio_util::sync::CancellationToken;

use super::SiteBus;
use crate::gateway::Gateway;
use crate::store::{Commit, Device, DeviceChange, DoorWish, Effect};

/// How often another process's wishes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// What the broker has been told in this run.
#[derive(Default)]
pub(super) struct Granted {
    pub observers: Option<Vec<[u8; 16]>>,
    /// Devices that were revoked.
    pub cut: HashSet<DeviceId>,
}

impl SiteBus {
    /// Records what `device issue` and `device revoke` wrote, and admits and expels observers.
    pub(super) async fn wishes(self: Arc<Self>, stop: CancellationToken) {
        let mut granted = Granted::default();
        loop {
            let mut pause = LOOK_EVERY;
            if let Err(error) = self.grant_wishes(&mut granted).await {
                tracing::error!(%error, "a change of the devices is tried again");
                pause = LOOK_EVERY * 10;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One wish that cannot be granted yet keeps no other waiting.
    pub(super) async fn grant_wishes(&self, granted: &mut Granted) -> anyhow::Result<()> {
        let mut failed = None;
        for change in self.gateway.store.device_changes().await? {
            let done = match change {
                DeviceChange::Added(device) => self.enrol(device).await,
                DeviceChange::Revoke(device) => self.revoke(device, &mut granted.cut).await,
            };
            failed = done.err().or(failed);
        }
        for wish in self.gateway.store.door_wishes().await? {
            failed = self.put_mode(wish).await.err().or(failed);
        }
        let now = self
            .gateway
            .store
            .observers(self.gateway.env.clock.wall())
            .await?;
        if granted.observers.as_ref() != Some(&now) {
            let id = self.gateway.site().identity().gateway;
            self.broker.set_acl(&Acl::site_bus(id, &now)).await?;
            granted.observers = Some(now);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Recorded first, admitted then.
    async fn enrol(&self, device: Device) -> anyhow::Result<()> {
        let body = DeviceEnrolled {
            device: device.id,
            kind: device.kind,
            door: device.door,
            direction: device.direction,
            certificate: device.fingerprint,
            seat: device.seat,
            zone: device.zone,
        };
        let event = self
            .gateway
            .site()
            .event(EventCode::DeviceEnrolled)
            .with_body(&body);
        let event = Event {
            door: device.at_door(),
            device: Some(device.id),
            ..event
        };
        self.gateway
            .record(Commit {
                events: vec![event.into()],
                effects: vec![Effect::DeviceRecorded(device.id)],
            })
            .await?;
        if !device.revoked {
            self.gateway.site().admit(device);
        }
        Ok(())
    }

    /// Shut out first, recorded then. The broker is restarted once, however often the record has to be tried.
    async fn revoke(&self, device: Device, cut: &mut HashSet<DeviceId>) -> anyhow::Result<()> {
        self.gateway.site().dismiss(device.id);
        if !cut.contains(&device.id) {
            self.broker
                .set_crl(&crl(&self.gateway, &self.root).await?, Sessions::Cut)
                .await?;
            cut.insert(device.id);
        }
        let event = self
            .gateway
            .site()
            .event(EventCode::DeviceRevoked)
            .with_body(&DeviceRevoked { device: device.id });
        let event = Event {
            door: device.at_door(),
            device: Some(device.id),
            ..event
        };
        self.gateway
            .record(Commit {
                events: vec![event.into()],
                effects: vec![Effect::DeviceRevoked(device.id)],
            })
            .await?;
        Ok(())
    }

    /// A mode that somebody on site asked for: in force and recorded as one that was ordered from afar.
    async fn put_mode(&self, wish: DoorWish) -> anyhow::Result<()> {
        let reason = format!("local: {}", wish.reason);
        let change = self
            .gateway
            .site()
            .change_mode(wish.id, wish.door, wish.mode, &reason);
        let Some((draft, from)) = change else {
            let effects = vec![Effect::Wish {
                id: wish.id,
                done: false,
            }];
            let events = Vec::new();
            self.gateway.record(Commit { events, effects }).await?;
            return Ok(());
        };
        // What keeps people out is in force at once; what lets them in counts once it is recorded.
        if wish.mode != Mode::Normal {
            self.gateway.site().put_mode(wish.door, wish.mode);
        }
        let effects = vec![
            Effect::Mode {
                door: wish.door,
                mode: wish.mode,
            },
            Effect::Wish {
                id: wish.id,
                done: true,
            },
        ];
        let events = vec![draft];
        let recorded = self.gateway.record(Commit { events, effects }).await;
        let mode = if recorded.is_ok() { wish.mode } else { from };
        self.gateway.site().put_mode(wish.door, mode);
        recorded?;
        Ok(())
    }
}

/// The revocation list of the site bus as the database has it now.
pub(super) async fn crl(gateway: &Gateway, root: &Root) -> anyhow::Result<String> {
    let revoked = gateway.store.revoked_certificates().await?;
    let lines: Vec<Revoked> = revoked
        .into_iter()
        .map(|(serial, at)| Revoked {
            serial,
            at_ms: at.0,
        })
        .collect();
    Ok(root.crl(&lines, lines.len() as u64 + 1, gateway.env.clock.wall().0)?)
}
