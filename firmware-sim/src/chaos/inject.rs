//! Makes things go wrong, several at a time, and right again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sekisho_bus::tied;

use super::Engine;
use super::processes::children;
use super::site::Site;
use super::weather::{Fault, Thing};
use crate::oracle::{self, What};
use crate::prng::Prng;
use crate::scenario::taps::eventually;

/// How often the injector looks whether something is due.
const TICK: Duration = Duration::from_millis(50);
/// Shortest and longest time between two faults, ms.
const BETWEEN_MS: (u64, u64) = (700, 1_700);
/// Between two turns of a line that flaps.
const FLAP: Duration = Duration::from_millis(700);
/// Room of the gateway when its disk is full, KiB.
const SMALL_KIB: u64 = 12;
/// How much later a read arrives than it was made: older than every beat that is kept.
const READ_LATE: Duration = Duration::from_millis(5_600);
/// How long whatever passes a slow line is held back.
const WAN_LATE: Duration = Duration::from_millis(400);
/// An exit button that has not released the lock after this never did.
const EGRESS_MAX: Duration = Duration::from_secs(5);

/// The injector.
pub(super) struct Injector {
    prng: Prng,
    kinds: Vec<Fault>,
    deck: Vec<Fault>,
    active: Vec<Active>,
    /// Faults so far, by kind.
    pub(super) injected: BTreeMap<Fault, u64>,
    /// For every fault: from the exit button to the released lock, ms.
    pub(super) egress_ms: Vec<f64>,
}

/// A fault that is on.
struct Active {
    fault: Fault,
    ends: Instant,
    /// Of a line that flaps: when it turns next, and whether it is cut.
    turns: Instant,
    down: bool,
    /// Of a lock: which.
    door: usize,
}

impl Injector {
    pub(super) fn new(seed: u64, engine: Engine) -> Self {
        let of_database = |fault: &Fault| fault.acts_on() == Thing::Database;
        let kinds = Fault::ALL
            .into_iter()
            .filter(|fault| engine == Engine::Postgres || !of_database(fault));
        Self {
            prng: Prng::new(seed),
            kinds: kinds.collect(),
            deck: Vec::new(),
            active: Vec::new(),
            injected: BTreeMap::new(),
            egress_ms: Vec::new(),
        }
    }

    /// Injects `count` faults, then makes everything right.
    pub(super) async fn rage(&mut self, site: &mut Site, count: u64) -> anyhow::Result<()> {
        let (mut left, mut next) = (count, Instant::now());
        while left > 0 {
            self.look_after(site).await?;
            if Instant::now() >= next
                && let Some(fault) = self.draw()
            {
                self.start(site, fault).await?;
                left -= 1;
                let pause = self.prng.range(BETWEEN_MS.0, BETWEEN_MS.1);
                next = Instant::now() + Duration::from_millis(pause);
            }
            tokio::time::sleep(TICK).await;
        }
        // What was started last lasts as long as it was to.
        while !self.active.is_empty() {
            self.look_after(site).await?;
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }

    /// The next fault of a shuffled deck of all kinds whose thing is not in trouble already.
    fn draw(&mut self) -> Option<Fault> {
        if self.deck.is_empty() {
            self.deck.clone_from(&self.kinds);
            self.prng.shuffle(&mut self.deck);
        }
        let busy = |thing| {
            self.active
                .iter()
                .any(|it| needs(it.fault).contains(&thing))
        };
        let free = |fault: &Fault| !needs(*fault).iter().any(|thing| busy(*thing));
        if let Some(at) = self.deck.iter().position(free) {
            return Some(self.deck.remove(at));
        }
        // What is left of the deck waits for its thing; meanwhile any other will do.
        let mut others: Vec<_> = self.kinds.iter().copied().filter(free).collect();
        self.prng.shuffle(&mut others);
        others.pop()
    }

    async fn start(&mut self, site: &mut Site, fault: Fault) -> anyhow::Result<()> {
        let (least, most) = fault.lasts_ms();
        let lasts = Duration::from_millis(self.prng.range(least, most));
        let door = usize::try_from(self.prng.range(0, 3))?;
        tracing::info!(?fault, ms = lasts.as_millis(), "fault");
        site.street.weather.begin(fault);
        begin(site, fault, door)?;
        *self.injected.entry(fault).or_default() += 1;
        let now = Instant::now();
        self.active.push(Active {
            fault,
            ends: now + lasts,
            turns: now + FLAP,
            down: true,
            door,
        });
        let exit = usize::try_from(self.prng.range(0, 3))?;
        self.egress_ms.push(press_exit(site, exit).await?);
        Ok(())
    }

    /// Ends what is due, and turns what turns.
    async fn look_after(&mut self, site: &mut Site) -> anyhow::Result<()> {
        let now = Instant::now();
        for active in &mut self.active {
            if active.fault == Fault::WanFlapping && now >= active.turns {
                active.turns = now + FLAP;
                active.down = !active.down;
                if active.down {
                    site.world.wan.cut();
                } else {
                    site.world.wan.restore();
                }
            }
        }
        // A server that starts asks its database first.
        let due = |active: &Active| {
            active.ends <= now
                && (active.fault != Fault::ServerKilled
                    || !self
                        .active
                        .iter()
                        .any(|it| it.fault.acts_on() == Thing::Database))
        };
        let ended: Vec<_> = self
            .active
            .iter()
            .filter(|it| due(it))
            .map(|it| (it.fault, it.door))
            .collect();
        self.active
            .retain(|it| !ended.iter().any(|(fault, _)| *fault == it.fault));
        for (fault, door) in ended {
            end(site, fault, door)
                .await
                .with_context(|| format!("ending {fault:?}"))?;
            site.street.weather.end(fault);
        }
        Ok(())
    }
}

/// What a fault acts on, and what has to be left alone meanwhile.
fn needs(fault: Fault) -> Vec<Thing> {
    match fault {
        Fault::DiskFull => vec![Thing::Gateway, Thing::Wan],
        fault => vec![fault.acts_on()],
    }
}

fn begin(site: &mut Site, fault: Fault, door: usize) -> anyhow::Result<()> {
    let world = &mut site.world;
    match fault {
        Fault::UplinkBrokerKilled => kill_broker(Some(world.server.process.pid())),
        Fault::SiteBrokerKilled => kill_broker(world.gateway.pid()),
        Fault::WanCut | Fault::WanFlapping => world.wan.cut(),
        Fault::WanHalfOpen => world.wan.forget(),
        Fault::WanStalled => world.wan.stall(),
        Fault::WanLate => world.wan.delay(WAN_LATE),
        Fault::GatewayKilled => world.gateway.kill(),
        Fault::ServerKilled => world.server.kill(),
        Fault::ServerFrozen => tied::signal(world.server.process.pid(), "STOP"),
        Fault::DatabaseFrozen => {
            if let Some(postgres) = &mut site.postgres {
                postgres.freeze();
            }
        }
        // Its end begins here and is waited for when it starts again.
        Fault::DatabaseStopped => {
            if let Some(postgres) = &site.postgres {
                postgres.quit();
            }
        }
        Fault::LockSilent => site.gates()[door].lock.mute(true),
        Fault::ReadsTwice => each_reader(site, |reader| reader.twice(true)),
        Fault::ReadsLate => each_reader(site, |reader| reader.late(READ_LATE)),
        Fault::DiskFull => {
            world.wan.cut();
            world.gateway.kill();
            world.gateway.limit_journal(Some(SMALL_KIB))?;
            world.gateway.start()?;
        }
    }
    Ok(())
}

async fn end(site: &mut Site, fault: Fault, door: usize) -> anyhow::Result<()> {
    let world = &mut site.world;
    match fault {
        Fault::UplinkBrokerKilled | Fault::SiteBrokerKilled | Fault::WanHalfOpen => {}
        Fault::WanCut | Fault::WanStalled | Fault::WanLate | Fault::WanFlapping => {
            world.wan.restore();
        }
        Fault::GatewayKilled => world.gateway.start()?,
        Fault::ServerKilled => world.server.start_again().await?,
        Fault::ServerFrozen => tied::signal(world.server.process.pid(), "CONT"),
        Fault::DatabaseFrozen => {
            if let Some(postgres) = &mut site.postgres {
                postgres.thaw();
            }
        }
        Fault::DatabaseStopped => {
            if let Some(postgres) = &mut site.postgres {
                postgres.begin().await?;
            }
        }
        Fault::LockSilent => site.gates()[door].lock.mute(false),
        Fault::ReadsTwice => each_reader(site, |reader| reader.twice(false)),
        Fault::ReadsLate => each_reader(site, |reader| reader.late(Duration::ZERO)),
        Fault::DiskFull => {
            world.gateway.kill();
            world.gateway.limit_journal(None)?;
            world.gateway.start()?;
            world.wan.restore();
        }
    }
    Ok(())
}

fn kill_broker(of: Option<u32>) {
    let brokers = of.map(children).unwrap_or_default();
    for broker in brokers.iter().filter(|child| child.name == "mosquitto") {
        tied::signal(broker.pid, "KILL");
    }
}

fn each_reader(site: &Site, change: impl Fn(&crate::reader::Reader)) {
    for gate in site.gates() {
        change(&gate.inward);
        change(&gate.outward);
    }
}

/// Presses an exit button and reads the lock's own log: ms until it has released.
async fn press_exit(site: &Site, door: usize) -> anyhow::Result<f64> {
    let path = &site.world.oracle;
    let lock = site.gates()[door].lock.clone();
    let count = || {
        let of_lock =
            |line: &&oracle::Line| line.lock == lock.device() && line.what == What::ReleasedByExit;
        oracle::read(path).map(|lines| lines.iter().filter(of_lock).count())
    };
    let before = count()?;
    let pressed = Instant::now();
    lock.press_exit();
    let seen = eventually(EGRESS_MAX, async || {
        count().ok().filter(|now| *now > before)
    })
    .await;
    let ms = pressed.elapsed().as_secs_f64() * 1_000.0;
    Ok(if seen.is_some() { ms } else { f64::INFINITY })
}
