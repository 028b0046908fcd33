//! Which faults there are, and a log of when each was on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Engine;
use crate::ambient;

/// Once everything has been well for so long, the gateway holds what was done before, and answers; ms.
const WELL_MS: i64 = 10_000;

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
    /// The gateway loses power in the very moment in which a lock opens.
    GatewayKilledAtRelease,
    /// The gateway's wall clock is moved, by an hour or a day or back to 1970, and later put right.
    ClockStepped,
    /// The server loses power.
    ServerKilled,
    /// The server stands still (SIGSTOP).
    ServerFrozen,
    /// The database of the server stands still (SIGSTOP). PostgreSQL only.
    DatabaseFrozen,
    /// The database of the server ends at once and starts again. PostgreSQL only.
    DatabaseStopped,
    /// Another program writes to the server's database and does not come to an end. SQLite only.
    DatabaseLocked,
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
    pub const ALL: [Self; 19] = [
        Self::UplinkBrokerKilled,
        Self::SiteBrokerKilled,
        Self::WanCut,
        Self::WanHalfOpen,
        Self::WanStalled,
        Self::WanLate,
        Self::WanFlapping,
        Self::GatewayKilled,
        Self::GatewayKilledAtRelease,
        Self::ClockStepped,
        Self::ServerKilled,
        Self::ServerFrozen,
        Self::DatabaseFrozen,
        Self::DatabaseStopped,
        Self::DatabaseLocked,
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
            Self::DatabaseFrozen | Self::DatabaseStopped | Self::DatabaseLocked => Thing::Database,
            Self::SiteBrokerKilled
            | Self::GatewayKilled
            | Self::GatewayKilledAtRelease
            | Self::ClockStepped
            | Self::DiskFull => Thing::Gateway,
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
            // Until a lock opens, and then as long as it takes to start again.
            Self::GatewayKilledAtRelease => (4_000, 4_001),
            Self::ClockStepped => (2_000, 5_000),
            Self::DatabaseFrozen | Self::DatabaseStopped => (1_000, 5_000),
            // Beyond the patience of the server's own connections, now and then.
            Self::DatabaseLocked => (2_000, 12_000),
            Self::LockSilent => (5_000, 9_000),
            Self::ReadsLate => (7_000, 9_000),
            Self::DiskFull => (7_000, 10_000),
        }
    }

    /// Whether it can happen above this database.
    pub fn is_of(self, engine: Engine) -> bool {
        match self {
            Self::DatabaseFrozen | Self::DatabaseStopped => engine == Engine::Postgres,
            Self::DatabaseLocked => engine == Engine::Sqlite,
            _ => true,
        }
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

/// What happened to the gateway, to the millisecond, by who did it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// The gateway ended, and its broker with it.
    GatewayDied,
    /// It was started.
    GatewayStarted,
    /// Its broker ended.
    BusDied,
    /// Its clock was moved to so many ms from the truth.
    ClockMoved(i64),
}

/// The log of faults.
#[derive(Default)]
pub struct Weather {
    spells: Mutex<Vec<Spell>>,
    moments: Mutex<Vec<(i64, Moment)>>,
}

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

    /// Something happened to the gateway now.
    pub fn note(&self, moment: Moment) {
        self.moments().push((ambient::now_ms(), moment));
    }

    /// How long ago the gateway was started last, ms.
    pub fn runs_for(&self) -> i64 {
        let log = self.moments();
        let started = log.iter().rev().find(|it| it.1 == Moment::GatewayStarted);
        ambient::now_ms() - started.map_or(0, |it| it.0)
    }

    /// Everything that happened to the gateway, in order.
    pub fn history(&self) -> Vec<(i64, Moment)> {
        self.moments().clone()
    }

    /// Whether a fault was on at some time between the two instants.
    pub fn was(&self, fault: Fault, from_ms: i64, to_ms: i64) -> bool {
        let overlaps = |spell: &Spell| {
            spell.from_ms <= to_ms && spell.to_ms.is_none_or(|end_ms| end_ms >= from_ms)
        };
        self.log()
            .iter()
            .any(|spell| spell.fault == fault && overlaps(spell))
    }

    /// Whatever was done before this instant the gateway must have heard of when a code is shown: line, server, database, brokers
    /// and gateway have been well since, for long enough. Before everything when they have not.
    pub fn owed_upto(&self, sent_ms: i64, answered_ms: i64) -> i64 {
        let all = [Thing::Wan, Thing::Server, Thing::Database, Thing::Gateway];
        if self.well_for(&all, sent_ms, answered_ms) >= WELL_MS {
            sent_ms - WELL_MS
        } else {
            i64::MIN
        }
    }

    /// Whether nothing has troubled gateway, site bus and readers for so long that a read has to be answered.
    pub fn owes_an_answer(&self, sent_ms: i64, answered_ms: i64) -> bool {
        self.well_for(&[Thing::Gateway, Thing::Readers], sent_ms, answered_ms) >= WELL_MS
    }

    /// How long none of these had been in trouble when a code was shown, ms; 0 when one came to be before the answer.
    fn well_for(&self, things: &[Thing], sent_ms: i64, answered_ms: i64) -> i64 {
        let began_ms = self.moments().first().map_or(sent_ms, |it| it.0);
        let since_ms = self
            .log()
            .iter()
            .filter(|it| things.contains(&it.fault.acts_on()) && it.from_ms <= answered_ms)
            .map(|it| it.to_ms.unwrap_or(i64::MAX))
            .fold(began_ms, i64::max);
        sent_ms.saturating_sub(since_ms).max(0)
    }

    fn log(&self) -> MutexGuard<'_, Vec<Spell>> {
        self.spells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moments(&self) -> MutexGuard<'_, Vec<(i64, Moment)>> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spell_counts_while_it_is_on() {
        let weather = Weather::default();
        assert_eq!(weather.cut_since(), None);
        weather.begin(Fault::WanCut);
        let now = ambient::now_ms();
        assert!(weather.cut_since().is_some_and(|since| since <= now));
        assert!(weather.was(Fault::WanCut, now, now));
        weather.end(Fault::WanCut);
        assert_eq!(weather.cut_since(), None);
        assert!(!weather.was(Fault::WanCut, now - 9_000, now - 5_000));
        assert!(!weather.was(Fault::WanCut, now + 5_000, now + 6_000));
    }

    #[test]
    fn what_was_done_is_owed_once_everything_has_been_well_for_long_enough() {
        let weather = Weather::default();
        let spell = |fault, from_ms, to_ms| Spell {
            fault,
            from_ms,
            to_ms,
        };
        assert_eq!(weather.owed_upto(90_000, 90_030), i64::MIN, "no world yet");
        weather.moments().push((1_000, Moment::GatewayStarted));
        assert_eq!(weather.owed_upto(10_999, 11_030), i64::MIN);
        assert_eq!(weather.owed_upto(11_000, 11_030), 1_000);
        weather
            .log()
            .push(spell(Fault::WanLate, 20_000, Some(30_000)));
        weather
            .log()
            .push(spell(Fault::LockSilent, 38_000, Some(44_000)));
        assert_eq!(weather.owed_upto(39_999, 40_030), i64::MIN);
        assert_eq!(weather.owed_upto(40_000, 40_030), 30_000);
        assert!(
            weather.owes_an_answer(31_000, 39_000),
            "the line is no excuse"
        );
        weather.log().push(spell(Fault::ReadsLate, 50_000, None));
        assert_eq!(weather.owed_upto(51_000, 51_030), 41_000);
        assert!(!weather.owes_an_answer(51_000, 59_000));
        weather
            .log()
            .push(spell(Fault::GatewayKilled, 51_020, Some(51_100)));
        assert_eq!(weather.owed_upto(51_000, 51_030), i64::MIN);
    }

    #[test]
    fn each_engine_has_faults_of_its_own() {
        let of = |engine| Fault::ALL.into_iter().filter(move |it| it.is_of(engine));
        assert_eq!(of(Engine::Sqlite).count(), 17);
        assert_eq!(of(Engine::Postgres).count(), 18);
    }
}
