//! Makes things go wrong, several at a time, and right again.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sekisho_bus::tied;
use tokio::task::JoinHandle;

use super::processes::kill_broker;
use super::site::Site;
use super::weather::{Fault, Moment, Thing};
use crate::ambient;
use crate::oracle::{self, What};
use crate::prng::Prng;
use crate::scenario::taps::eventually;

/// The server's database below the directory of a run.
const DATABASE: &str = "server/sekisho.db";
/// A gateway that was started has read its clocks after this, ms.
const SETTLES_MS: i64 = 2_000;
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

/// Where the gateway's clock is moved to, s: and back to the first hours of 1970.
const CLOCKS_S: [i64; 3] = [3_600, -3_600, -86_400];
/// Takes the write lock of the database file that it is told, and keeps it until its input ends.
const LOCKS: &str = "import sqlite3, sys\n\
    held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)\n\
    held.execute('BEGIN IMMEDIATE')\n\
    sys.stdin.read()\n";

/// The injector.
pub(super) struct Injector {
    prng: Prng,
    kinds: Vec<Fault>,
    deck: Vec<Fault>,
    active: Vec<Active>,
    /// Faults so far, by kind.
    pub(super) injected: BTreeMap<Fault, u64>,
    /// Of each kind, from the exit button to the released lock, the slowest, ms.
    pub(super) egress_ms: BTreeMap<Fault, f64>,
    /// Exit buttons pressed.
    pub(super) exits: u64,
    told: Box<dyn Fn(u64) + Send>,
}

/// A fault that is on.
struct Active {
    fault: Fault,
    ends: Instant,
    /// Of a line that flaps: when it turns next, and whether it is cut.
    turns: Instant,
    down: bool,
    /// Of a lock: which. Of a clock: where to.
    which: usize,
    /// Whoever waits for the right moment.
    waits: Option<JoinHandle<()>>,
    /// Another program that does the damage.
    foreign: Option<Child>,
}

impl Injector {
    /// `told` hears after each fault how many there were.
    pub(super) fn new(seed: u64, kinds: Vec<Fault>, told: Box<dyn Fn(u64) + Send>) -> Self {
        Self {
            prng: Prng::new(seed),
            kinds,
            deck: Vec::new(),
            active: Vec::new(),
            injected: BTreeMap::new(),
            egress_ms: BTreeMap::new(),
            exits: 0,
            told,
        }
    }

    /// Injects `count` faults, then makes everything right.
    pub(super) async fn rage(&mut self, site: &mut Site, count: u64) -> anyhow::Result<()> {
        let (mut left, mut next) = (count, Instant::now());
        while left > 0 {
            self.look_after(site).await?;
            if Instant::now() >= next
                && let Some(fault) = self.draw(site.street.weather.runs_for() > SETTLES_MS)
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
    fn draw(&mut self, settled: bool) -> Option<Fault> {
        if self.deck.is_empty() {
            self.deck.clone_from(&self.kinds);
            self.prng.shuffle(&mut self.deck);
        }
        let busy = |thing| {
            self.active
                .iter()
                .any(|it| needs(it.fault).contains(&thing))
        };
        // A clock that is wrong when a gateway starts is wrong for all that it can know.
        let free = |fault: &Fault| {
            !needs(*fault).iter().any(|thing| busy(*thing))
                && (*fault != Fault::ClockStepped || settled)
        };
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
        let which = usize::try_from(self.prng.range(0, 12))?;
        tracing::info!(?fault, ms = lasts.as_millis(), "fault");
        site.street.weather.begin(fault);
        let (waits, foreign) = begin(site, fault, which)?;
        *self.injected.entry(fault).or_default() += 1;
        let now = Instant::now();
        self.active.push(Active {
            fault,
            ends: now + lasts,
            turns: now + FLAP,
            down: true,
            which,
            waits,
            foreign,
        });
        let exit = usize::try_from(self.prng.range(0, 3))?;
        let ms = press_exit(site, exit).await?;
        let slowest = self.egress_ms.entry(fault).or_default();
        *slowest = slowest.max(ms);
        self.exits += 1;
        (self.told)(self.injected.values().sum());
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
        let ended: Vec<_> = self.active.iter().map(due).collect();
        let mut ended = ended.into_iter();
        let over: Vec<_> = self
            .active
            .extract_if(.., |_| ended.next().unwrap_or(false))
            .collect();
        for active in over {
            let fault = active.fault;
            end(site, active)
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

/// Whoever waits for the right moment, and a program that does the damage.
type Helpers = (Option<JoinHandle<()>>, Option<Child>);

fn begin(site: &mut Site, fault: Fault, which: usize) -> anyhow::Result<Helpers> {
    let weather = Arc::clone(&site.street.weather);
    let world = &mut site.world;
    match fault {
        Fault::UplinkBrokerKilled => {
            kill_broker(Some(world.server.process.pid()));
        }
        Fault::SiteBrokerKilled => {
            weather.note(Moment::BusDied);
            kill_broker(world.gateway.pid());
        }
        Fault::WanCut | Fault::WanFlapping => world.wan.cut(),
        Fault::WanHalfOpen => world.wan.forget(),
        Fault::WanStalled => world.wan.stall(),
        Fault::WanLate => world.wan.delay(WAN_LATE),
        Fault::GatewayKilled => power_off(site),
        Fault::GatewayKilledAtRelease => return Ok((Some(at_release(site)), None)),
        Fault::ClockStepped => {
            let since_1970 = -ambient::now_ms() / 1_000 + 7_200;
            let by_s = CLOCKS_S.get(which % 4).copied().unwrap_or(since_1970);
            weather.note(Moment::ClockMoved(by_s * 1_000));
            world.gateway.move_clock(by_s)?;
        }
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
        Fault::DatabaseLocked => {
            let mut python = tied::command("python3")?;
            let file = site.world.dir.path().join(DATABASE);
            python.args(["-c", LOCKS]).arg(file).stdin(Stdio::piped());
            return Ok((None, Some(tied::spawn(python)?)));
        }
        Fault::LockSilent => site.gates()[which % 3].lock.mute(true),
        Fault::ReadsTwice => each_reader(site, |reader| reader.twice(true)),
        Fault::ReadsLate => each_reader(site, |reader| reader.late(READ_LATE)),
        Fault::DiskFull => {
            world.wan.cut();
            power_off(site);
            site.world.gateway.limit_journal(Some(SMALL_KIB))?;
            power_on(site)?;
        }
    }
    Ok((None, None))
}

async fn end(site: &mut Site, active: Active) -> anyhow::Result<()> {
    if let Some(mut foreign) = active.foreign {
        let _ = foreign.kill();
        foreign.wait()?;
    }
    if let Some(waits) = active.waits {
        waits.abort();
        let _ = waits.await;
    }
    let world = &mut site.world;
    match active.fault {
        Fault::UplinkBrokerKilled
        | Fault::SiteBrokerKilled
        | Fault::WanHalfOpen
        | Fault::DatabaseLocked => {}
        Fault::WanCut | Fault::WanStalled | Fault::WanLate | Fault::WanFlapping => {
            world.wan.restore();
        }
        Fault::GatewayKilled => power_on(site)?,
        // If no lock opened in all this time it goes off now.
        Fault::GatewayKilledAtRelease => {
            power_off(site);
            power_on(site)?;
        }
        Fault::ClockStepped => {
            world.gateway.move_clock(0)?;
            site.street.weather.note(Moment::ClockMoved(0));
        }
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
        Fault::LockSilent => site.gates()[active.which % 3].lock.mute(false),
        Fault::ReadsTwice => each_reader(site, |reader| reader.twice(false)),
        Fault::ReadsLate => each_reader(site, |reader| reader.late(Duration::ZERO)),
        Fault::DiskFull => {
            power_off(site);
            site.world.gateway.limit_journal(None)?;
            power_on(site)?;
            site.world.wan.restore();
        }
    }
    Ok(())
}

fn power_off(site: &mut Site) {
    site.street.weather.note(Moment::GatewayDied);
    site.world.gateway.kill();
}

fn power_on(site: &mut Site) -> anyhow::Result<()> {
    site.street.weather.note(Moment::GatewayStarted);
    site.world.gateway.start()
}

/// Kills the gateway as soon as any lock takes an unlock: what released it has to be durable by then.
fn at_release(site: &Site) -> JoinHandle<()> {
    let [mut a, mut b, mut c] = site.gates().map(|gate| gate.lock.unlocks());
    let (pid, weather) = (site.world.gateway.pid(), Arc::clone(&site.street.weather));
    tokio::spawn(async move {
        tokio::select! {
            _ = a.changed() => {}
            _ = b.changed() => {}
            _ = c.changed() => {}
        }
        weather.note(Moment::GatewayDied);
        if let Some(pid) = pid {
            tied::signal(pid, "KILL");
        }
    })
}

/// Whether there is a program that can lock a database file as another program would.
pub(super) fn has_python() -> bool {
    let asked = Command::new("python3")
        .args(["-c", "import sqlite3"])
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
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
