//! What goes up beside the evidence: copies of alarms before it, measurements after it.

use sekisho_domain::wire::alert::Alert;
use sekisho_domain::wire::telemetry::ITEMS_MAX;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::{VERSION, signed};

use super::{REASK_MS, Uplink};
use crate::store::{Commit, Effect};

/// Measurements under way without an answer: four batches.
const WINDOW: u64 = 4 * ITEMS_MAX as u64;

/// Measurements without an answer are sent again after this long, ms; twice as long each time.
const RESEND_MS: u64 = 10_000;
const RESEND_MAX_MS: u64 = 300_000;

/// Copies without a receipt for their event are sent again after this long, ms.
const RECOPY_MS: u64 = 30_000;

/// How far the measurements of one connection are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured {
    /// The server answered up to here; `None` before the first look.
    acked: Option<u64>,
    /// Sent up to here.
    sent: u64,
    /// There may be something to send: looked for once a second and after every answer.
    look: bool,
    /// When an answer came, or a first batch after a pause (monotonic, ms).
    progress_at: u64,
    /// How often in a row there was no answer.
    unanswered: u32,
}

impl Uplink {
    /// The first word of the server on a connection. A broker keeps nothing for a server that is not there yet, so what went up
    /// before goes up again.
    pub(super) async fn greeted(&mut self) {
        if std::mem::replace(&mut self.session.greeted, true) {
            return;
        }
        self.session.alerted = 0;
        self.session.measured = Measured::default();
        self.session.measured.look = true;
        self.send_alerts().await;
        self.resend_results().await;
    }

    /// Now and then: copies whose events no receipt has freed may have found no server.
    pub(super) async fn alerts_tick(&mut self, now: u64) {
        if now.saturating_sub(self.session.copied_at) < RECOPY_MS {
            return;
        }
        self.session.copied_at = now;
        match self.gateway.store.first_unfreed_alarm().await {
            Ok(Some(seq)) => self.session.alerted = self.session.alerted.min(seq - 1),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "alarms cannot be read"),
        }
    }

    /// Whether an alarm is to be copied.
    pub(super) fn may_alert(&self) -> bool {
        !self.session.stuck
            && self.client.is_connected()
            && self.session.alerted < self.gateway.journal.view().last_alarm
    }

    /// Copies the last event of every alarm that this connection has not copied yet: after a connect all that are on, and all that
    /// are not receipted yet. The event is durable before its copy goes out.
    pub(super) async fn send_alerts(&mut self) {
        let newest = self.gateway.journal.view().last_alarm;
        let alarms = match self.gateway.store.alarms(self.session.alerted).await {
            Ok(alarms) => alarms,
            Err(error) => {
                self.session.stuck = true;
                return tracing::error!(%error, "alarms cannot be read");
            }
        };
        let (gateway, stream) = {
            let site = self.gateway.site();
            (site.identity().gateway, site.identity().stream)
        };
        let last = alarms.last().map(|alarm| alarm.seq);
        for alarm in alarms {
            let alert = Alert {
                version: VERSION,
                stream,
                seq: alarm.seq,
                event: alarm.event.into(),
                active: alarm.active,
            };
            let bytes = signed::seal_for(&self.key, gateway, Channel::Alert, &alert);
            if !self.publish(Channel::Alert, bytes, false).await {
                self.session.stuck = true;
                return;
            }
            self.session.alerted = alarm.seq;
        }
        // A newer event may have replaced the newest that was told of, or been freed.
        if last.is_none() {
            self.session.alerted = self.session.alerted.max(newest);
        }
    }

    /// Whether measurements may go: nothing else has to.
    pub(super) fn may_measure(&self) -> bool {
        let Measured {
            acked, sent, look, ..
        } = self.session.measured;
        look && !self.session.stuck
            && self.client.is_connected()
            && acked.is_none_or(|acked| sent < acked.saturating_add(WINDOW))
    }

    /// Publishes the next batch of measurements.
    pub(super) async fn send_telemetry(&mut self) {
        let now = self.mono();
        if self.session.measured.acked.is_none() {
            match self.gateway.store.telemetry_acked().await {
                Ok(acked) => {
                    self.session.measured.acked = Some(acked);
                    self.session.measured.sent = acked;
                }
                Err(error) => {
                    self.session.measured.look = false;
                    return tracing::warn!(%error, "measurements cannot be read");
                }
            }
        }
        let (gateway, stream) = {
            let site = self.gateway.site();
            (site.identity().gateway, site.identity().stream)
        };
        let sent = self.session.measured.sent;
        let batch = match self.gateway.store.telemetry(stream, sent).await {
            Ok(Some(batch)) => batch,
            Ok(None) => {
                self.session.measured.look = false;
                return;
            }
            Err(error) => {
                self.session.measured.look = false;
                return tracing::warn!(%error, "measurements cannot be read");
            }
        };
        let bytes = signed::seal_for(&self.key, gateway, Channel::Telemetry, &batch);
        if !self.publish(Channel::Telemetry, bytes, false).await {
            self.session.measured.look = false;
            return;
        }
        let measured = &mut self.session.measured;
        if measured.acked == Some(measured.sent) {
            measured.progress_at = now;
        }
        measured.sent = batch.last;
    }

    /// The server has stored, or noted as shed, measurements up to `upto`. Less than was sent: it lacks what follows.
    pub(super) async fn telemetry_answered(&mut self, upto: u64) {
        let effects = vec![Effect::TelemetryAcked(upto)];
        let events = Vec::new();
        if let Err(error) = self.gateway.record(Commit { events, effects }).await {
            return tracing::warn!(%error, "an answer to measurements could not be stored");
        }
        let now = self.mono();
        let measured = &mut self.session.measured;
        let Some(acked) = measured.acked else { return };
        if upto > measured.sent {
            // Of another connection; the file knows better.
            measured.acked = None;
        } else if upto > acked {
            measured.acked = Some(upto);
            measured.progress_at = now;
            measured.unanswered = 0;
        } else if upto == acked
            && upto < measured.sent
            && now.saturating_sub(measured.progress_at) >= REASK_MS
        {
            measured.sent = acked;
            measured.progress_at = now;
        }
        measured.look = true;
    }

    /// Once a second: whether there is something new, or something without an answer.
    pub(super) fn telemetry_tick(&mut self, now: u64) {
        let measured = &mut self.session.measured;
        measured.look = true;
        let Some(acked) = measured.acked.filter(|acked| *acked < measured.sent) else {
            return;
        };
        let wait = (RESEND_MS << measured.unanswered.min(5)).min(RESEND_MAX_MS);
        if now.saturating_sub(measured.progress_at) >= wait {
            measured.sent = acked;
            measured.progress_at = now;
            measured.unanswered = measured.unanswered.saturating_add(1);
        }
    }
}
