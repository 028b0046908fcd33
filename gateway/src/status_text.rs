//! The status as text for a person.

use std::fmt::{Display, Write};

use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::Direction;

use crate::status::{DeviceLine, Running, Status};

impl Status {
    /// One line per fact, name first.
    pub fn text(&self) -> String {
        let mut out = Lines(String::new());
        out.line("gateway", self.gateway);
        out.line("site", self.site);
        out.line("stream", self.stream);
        match &self.live {
            None => out.line("running", "no"),
            Some(running) => out.running(running),
        }
        let durable = &self.durable;
        let made = self
            .live
            .as_ref()
            .and_then(|live| Some(live.at.since_ms(live.snapshot_issued_at?) / 1000));
        let age = made.map_or(String::new(), |s| format!(", made {s} s ago"));
        out.line(
            "snapshot",
            format_args!("epoch {}{age}", durable.snapshot_epoch),
        );
        out.line(
            "revocation list",
            format_args!("epoch {}", durable.revocation_epoch),
        );
        out.line(
            "last seal",
            format_args!("{} (last event {})", durable.last_seal, durable.last_seq),
        );
        out.line(
            "freed",
            format_args!(
                "{} ({} wait for a receipt)",
                durable.freed, durable.unacknowledged
            ),
        );
        for door in &durable.doors {
            let since = door.since.rfc3339();
            out.line(
                "door",
                format_args!("{} in {} since {since}", door.door, door.mode),
            );
        }
        for alarm in &durable.alarms {
            out.line(
                "alarm",
                format_args!(
                    "{} at {} (event {})",
                    alarm.alarm.name(),
                    alarm.place,
                    alarm.seq
                ),
            );
        }
        out.line(
            "measurements",
            format_args!(
                "{} ({} wait for the server)",
                durable.telemetry_seq,
                durable
                    .telemetry_seq
                    .saturating_sub(durable.telemetry_acked)
            ),
        );
        for device in &self.devices {
            out.device(device);
        }
        for (name, n) in &durable.events {
            out.line("events", format_args!("{n:>8} {name}"));
        }
        out.0.trim_end().to_owned()
    }
}

struct Lines(String);

impl Lines {
    fn line(&mut self, name: &str, value: impl Display) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "{name:<18}{value}");
    }

    fn running(&mut self, running: &Running) {
        self.line("running", format_args!("yes, process {}", running.pid));
        self.line(
            "site bus",
            format_args!("{}:{}", running.site_bus_host, running.site_bus_port),
        );
        self.line(
            "uplink",
            if running.uplink_connected {
                "connected"
            } else {
                "not connected"
            },
        );
        let age = running
            .stale_s
            .map_or("never matched".to_owned(), |s| format!("{s} s old"));
        self.line("freshness", format_args!("{}, {age}", running.tier));
        self.line(
            "clock",
            format_args!(
                "{}, error at most {} ms",
                running.clock, running.clock_err_ms
            ),
        );
        let latency = &running.latency_ms;
        self.line(
            "tap to unlock",
            format_args!(
                "p50 {} ms, p99 {} ms, {} taps",
                latency["p50"], latency["p99"], latency["n"]
            ),
        );
    }

    fn device(&mut self, device: &DeviceLine) {
        let kind = match (device.kind, device.direction) {
            (DeviceKind::Lock, _) => "lock",
            (DeviceKind::Reader, Some(Direction::Out)) => "reader out",
            (DeviceKind::Reader, _) => "reader in",
            (DeviceKind::SeatSensor, _) => "seat sensor",
            (DeviceKind::PeopleCounter, _) => "people counter",
        };
        let online = if device.online { ", online" } else { "" };
        self.line(
            "device",
            format_args!(
                "{} {kind} at {}: {}{online}",
                device.id, device.door, device.state
            ),
        );
    }
}
