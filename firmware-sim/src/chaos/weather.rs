//! Which faults there are, and a log of when each was on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::ambient;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The uplink broker is killed; the server starts another.
    UplinkBrokerKilled,
    /// The broker of the site bus is killed; the gateway starts another.
    SiteBrokerKilled,
    /// The line between gateway and server is cut.
    WanCut,
    /// Connections over the line are dead without a word; new ones work.
    WanHalfOpen,
    /// The line stops carrying and goes on later: everything on it arrives late.
    WanStalled,
    /// Whatever passes the line is held back.
    WanLate,
    /// The line comes and goes.
    WanFlapping,
    /// The gateway loses power.
    GatewayKilled,
    /// The server loses power.
    ServerKilled,
    /// The server stands still (SIGSTOP).
    ServerFrozen,
    /// The database of the server stands still (SIGSTOP). PostgreSQL only.
    DatabaseFrozen,
    /// The database of the server ends at once and starts again. PostgreSQL only.
    DatabaseStopped,
    /// A lock keeps its beats to itself.
    LockSilent,
    /// Readers send everything twice.
    ReadsTwice,
    /// What a reader sends arrives seconds late.
    ReadsLate,
    /// The gateway has room for some KiB of unacknowledged evidence only, and the line is cut.
    DiskFull,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 16] = [
        Self::UplinkBrokerKilled,
        Self::SiteBrokerKilled,
        Self::WanCut,
        Self::WanHalfOpen,
        Self::WanStalled,
        Self::WanLate,
        Self::WanFlapping,
        Self::GatewayKilled,
        Self::ServerKilled,
        Self::ServerFrozen,
        Self::DatabaseFrozen,
        Self::DatabaseStopped,
        Self::LockSilent,
        Self::ReadsTwice,
        Self::ReadsLate,
        Self::DiskFull,
    ];

    /// What it acts on. Two faults of one thing do not overlap.
    pub fn acts_on(self) -> Thing {
        match self {
            Self::WanCut
            | Self::WanHalfOpen
            | Self::WanStalled
            | Self::WanLate
            | Self::WanFlapping => Thing::Wan,
            Self::UplinkBrokerKilled | Self::ServerKilled | Self::ServerFrozen => Thing::Server,
            Self::DatabaseFrozen | Self::DatabaseStopped => Thing::Database,
            Self::SiteBrokerKilled | Self::GatewayKilled | Self::DiskFull => Thing::Gateway,
            Self::LockSilent => Thing::Lock,
            Self::ReadsTwice | Self::ReadsLate => Thing::Readers,
        }
    }

    /// Shortest and longest time for which it lasts, ms. A kill lasts until what was killed is started again.
    pub fn lasts_ms(self) -> (u64, u64) {
        match self {
            Self::UplinkBrokerKilled | Self::SiteBrokerKilled => (400, 800),
            Self::WanCut | Self::ServerFrozen | Self::WanStalled => (1_500, 7_000),
            // Until both ends have noticed by themselves: 2.5 keep-alives.
            Self::WanHalfOpen => (13_500, 14_500),
            Self::WanLate | Self::ReadsTwice | Self::WanFlapping => (2_000, 6_000),
            Self::GatewayKilled | Self::ServerKilled => (100, 3_000),
            Self::DatabaseFrozen | Self::DatabaseStopped => (1_000, 5_000),
            Self::LockSilent => (5_000, 9_000),
            Self::ReadsLate => (7_000, 9_000),
            Self::DiskFull => (7_000, 10_000),
        }
    }

    /// Whether answers of the gateway may fail to come, or reads quote a beat that it no longer knows.
    fn troubles_the_bus(self) -> bool {
        self.acts_on() == Thing::Gateway
    }
}

/// What faults act on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Thing {
    /// The line between gateway and server.
    Wan,
    /// The server and its broker.
    Server,
    /// The server's database.
    Database,
    /// The gateway and its broker.
    Gateway,
    /// A lock.
    Lock,
    /// All readers.
    Readers,
}

/// A fault that is on, or was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Spell {
    /// Which.
    pub fault: Fault,
    /// Since when, ms since 1970.
    pub from_ms: i64,
    /// Until when; absent while it is on.
    pub to_ms: Option<i64>,
}

/// How long after trouble on the site bus devices may still be behind, ms.
const BUS_SETTLES_MS: i64 = 9_000;

/// The log of faults.
#[derive(Default)]
pub struct Weather(Mutex<Vec<Spell>>);

impl Weather {
    /// A fault begins.
    pub fn begin(&self, fault: Fault) {
        let from_ms = ambient::now_ms();
        self.log().push(Spell {
            fault,
            from_ms,
            to_ms: None,
        });
    }

    /// It ends, with everything that follows from it for what it acts on.
    pub fn end(&self, fault: Fault) {
        let now = ambient::now_ms();
        let mut log = self.log();
        for spell in log.iter_mut().filter(|spell| spell.fault == fault) {
            spell.to_ms.get_or_insert(now);
        }
    }

    /// Every spell so far.
    pub fn spells(&self) -> Vec<Spell> {
        self.log().clone()
    }

    /// Since when the line has been cut without a break; absent when it is not.
    pub fn cut_since(&self) -> Option<i64> {
        let cut = |spell: &&Spell| spell.fault == Fault::WanCut && spell.to_ms.is_none();
        self.log().iter().find(cut).map(|spell| spell.from_ms)
    }

    /// Whether trouble of the gateway or of its broker can have met a read between the two instants.
    pub fn bus_troubled(&self, from_ms: i64, to_ms: i64) -> bool {
        self.any(from_ms - BUS_SETTLES_MS, to_ms, Fault::troubles_the_bus)
    }

    /// Whether a fault was on at some time between the two instants.
    pub fn was(&self, fault: Fault, from_ms: i64, to_ms: i64) -> bool {
        self.any(from_ms, to_ms, |it| it == fault)
    }

    /// Whether a fault was on all the time between the two instants.
    pub fn throughout(&self, fault: Fault, from_ms: i64, to_ms: i64) -> bool {
        let covers = |spell: &Spell| {
            spell.fault == fault
                && spell.from_ms <= from_ms
                && spell.to_ms.is_none_or(|end_ms| end_ms >= to_ms)
        };
        self.log().iter().any(covers)
    }

    fn any(&self, from_ms: i64, to_ms: i64, which: impl Fn(Fault) -> bool) -> bool {
        let overlaps = |spell: &Spell| {
            spell.from_ms <= to_ms && spell.to_ms.is_none_or(|end_ms| end_ms >= from_ms)
        };
        self.log()
            .iter()
            .any(|spell| which(spell.fault) && overlaps(spell))
    }

    fn log(&self) -> MutexGuard<'_, Vec<Spell>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spell_counts_while_it_is_on_and_a_little_longer() {
        let weather = Weather::default();
        assert_eq!(weather.cut_since(), None);
        weather.begin(Fault::WanCut);
        weather.begin(Fault::GatewayKilled);
        let now = ambient::now_ms();
        assert!(weather.cut_since().is_some_and(|since| since <= now));
        assert!(weather.bus_troubled(now, now) && !weather.bus_troubled(now - 9, now - 5_000));
        weather.end(Fault::WanCut);
        weather.end(Fault::GatewayKilled);
        assert_eq!(weather.cut_since(), None);
        assert!(weather.bus_troubled(now + 5_000, now + 6_000));
        assert!(!weather.bus_troubled(now + 20_000, now + 21_000));
        assert!(!weather.was(Fault::WanCut, now + 5_000, now + 6_000));
    }
}
