//! A site that goes on: people come and go until somebody stops it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sekisho_certs::files::write_private;
use sekisho_domain::ids::PersonId;
use serde_json::json;

use super::residents;
use super::rooms::Rooms;
use super::upstairs;
use super::{Kept, Options, asked_to_stop, copy_logs};
use crate::boot::{OWNER, RunDir, World};
use crate::prng::Prng;
use crate::world::{Floor, Scenario};

/// Sign-in links live fifteen minutes; fresh ones are made before that.
const RENEW: Duration = Duration::from_mins(10);
/// From the beginning to the first time that the line is cut, and from one time to the next, s.
const CUT_FIRST_S: (u64, u64) = (120, 150);
const CUT_EVERY_S: (u64, u64) = (150, 260);
/// How long it stays cut, s.
const CUT_LASTS_S: (u64, u64) = (8, 18);
/// From the beginning to the first door that is left open, from one to the next, and how long, s.
const PROP_FIRST_S: u64 = 20;
const PROP_EVERY_S: (u64, u64) = (180, 300);
const PROP_LASTS_S: u64 = 40;
/// Who runs the site from day to day.
const MANAGER: (&str, &str) = ("施設 守", "manager@sekisho.example");

/// Boots a site, says through `say` where to look, and keeps it alive until it is told to stop. Nothing of it remains.
pub async fn endless(
    options: &Options,
    seed: u64,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<()> {
    let dir = Arc::new(RunDir::create(&options.keep)?);
    let [(_, day), ..] = Scenario::built_in();
    let floor = Floor::draw(&day, &mut Prng::new(seed));
    let booted = tokio::select! {
        world = World::boot_floor(&options.programs, Arc::clone(&dir), &floor, None) => world,
        stop = asked_to_stop() => return stop,
    };
    let mut world = booted.or_else(|error| with_logs(options, &dir, error))?;
    let current = options.keep.canonicalize()?.join("current");
    point_to(&current, world.dir.path())?;
    let result = tokio::select! {
        result = live(options, &mut world, (&floor, seed), say) => result,
        stop = asked_to_stop() => stop,
    };
    say("止めています / stopping");
    world.stop().await;
    if fs::read_link(&current).is_ok_and(|target| target == dir.path()) {
        let _ = fs::remove_file(&current);
    }
    result.or_else(|error| with_logs(options, &dir, error))
}

/// Saves the logs from the directory that is about to go.
fn with_logs<T>(options: &Options, dir: &RunDir, error: anyhow::Error) -> anyhow::Result<T> {
    let kept = Kept::create(&options.keep, "failed")?;
    copy_logs(dir.path(), &kept.0)?;
    Err(error.context(format!(
        "the demonstration broke; logs are in {}",
        kept.0.display()
    )))
}

async fn live(
    options: &Options,
    world: &mut World,
    (floor, seed): (&Floor, u64),
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<()> {
    tracing::info!("furnishing the floor above");
    upstairs::build(world).await?;
    tracing::info!("people register their phones");
    let people = residents::settle(world, seed).await?;
    let teleworker = people
        .first()
        .map(residents::Resident::id)
        .context("somebody lives here")?;
    let manager = world.api.create_manager(MANAGER.0, MANAGER.1).await?;
    tracing::info!("fitting sensors and counters");
    let rooms = Arc::new(Rooms::fit(world, floor).await?);
    hand_over(options, world)?;
    let who = [manager, teleworker];
    say(&welcome(options, world, &links(world, who).await?));
    let mut renew = tokio::time::interval(RENEW);
    renew.tick().await;
    let residents = residents::live(Arc::clone(&rooms), people, seed);
    tokio::pin!(residents);
    let mut weather = Weather::new(seed);
    let mut watch = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            result = &mut residents => return result,
            _ = renew.tick() => drop(links(world, who).await?),
            _ = watch.tick() => {
                world.gateway.check()?;
                world.server.process.check()?;
                weather.pass(world, &rooms);
            }
        }
    }
}

/// What happens to the site itself while people come and go.
struct Weather {
    prng: Prng,
    line_changes: Instant,
    cut: bool,
    next_prop: Instant,
}

impl Weather {
    fn new(seed: u64) -> Self {
        let (mut prng, now) = (Prng::new(!seed), Instant::now());
        let first_cut = prng.range(CUT_FIRST_S.0, CUT_FIRST_S.1);
        Self {
            prng,
            line_changes: now + Duration::from_secs(first_cut),
            cut: false,
            next_prop: now + Duration::from_secs(PROP_FIRST_S),
        }
    }

    fn pass(&mut self, world: &World, rooms: &Rooms) {
        let now = Instant::now();
        if now >= self.line_changes {
            self.cut = !self.cut;
            let lasts = if self.cut { CUT_LASTS_S } else { CUT_EVERY_S };
            self.line_changes = now + Duration::from_secs(self.prng.range(lasts.0, lasts.1));
            if self.cut {
                tracing::warn!("the line to the server is cut; doors go on by themselves");
                world.wan.cut();
            } else {
                tracing::warn!("the line to the server is back");
                world.wan.restore();
            }
        }
        if now >= self.next_prop {
            let next = self.prng.range(PROP_EVERY_S.0, PROP_EVERY_S.1);
            self.next_prop = now + Duration::from_secs(next);
            tracing::warn!("whoever comes next by the back door leaves it open");
            rooms.prop_open(Duration::from_secs(PROP_LASTS_S));
        }
    }
}

/// One sign-in link per role. They are written to a file too, renewed as long as the demonstration runs.
async fn links(world: &World, [manager, teleworker]: [PersonId; 2]) -> anyhow::Result<[String; 3]> {
    let owner = world.api.person_by_email(OWNER).await?;
    let link = async |who| world.server.sign_in_link(who).await;
    let links = [
        link(owner).await?,
        link(manager).await?,
        link(teleworker).await?,
    ];
    let [owner, manager, member] = &links;
    fs::write(
        world.dir.path().join("sign-in.txt"),
        format!("owner      {owner}\nmanager    {manager}\nteleworker {member}\n"),
    )?;
    Ok(links)
}

/// What programs from elsewhere need: base URL, token, directories, ids.
fn hand_over(options: &Options, world: &World) -> anyhow::Result<()> {
    let path = world.dir.path();
    write_private(
        &path.join("api-token"),
        format!(
            "{}
",
            world.token
        )
        .as_bytes(),
    )?;
    let gate = |gate: &crate::boot::Gate| json!({"door": gate.door, "zone": gate.zone});
    let about = json!({
        "url": world.server.url,
        "token_file": path.join("api-token"),
        "gateway_dir": world.gateway.dir,
        "server_config": world.server.config,
        "programs": options.programs.dir(),
        "site": world.site,
        "front": gate(&world.front),
        "inner": gate(&world.inner),
        "seats": {"open": world.open_seats, "quiet": world.quiet_seats},
    });
    Ok(fs::write(
        path.join("demo.json"),
        serde_json::to_string_pretty(&about)? + "\n",
    )?)
}

fn welcome(options: &Options, world: &World, [owner, manager, teleworker]: &[String; 3]) -> String {
    let mut text = String::new();
    let dir = options.keep.join("current");
    let _ = write!(
        text,
        "\n関所が動いています / Sekisho is running\n\n\
         \x20 ページ / pages          {url}\n\
         \x20 運営者としてサインイン / sign in as the owner\n    {owner}\n\
         \x20 施設管理者としてサインイン / sign in as the site manager\n    {manager}\n\
         \x20 利用者としてサインイン / sign in as a teleworker\n    {teleworker}\n\n\
         \x20 リンクは一度だけ使えます。新しいリンクは {dir}/sign-in.txt にあります。\n\
         \x20 Each link works once; fresh ones are in {dir}/sign-in.txt (renewed every ten minutes).\n\n\
         \x20 外部のプログラム用 / for programs from elsewhere (docs/PROTOCOL.md):\n\
         \x20   {dir}/demo.json      URL, site, doors, seats\n\
         \x20   {dir}/api-token      API token\n\
         \x20   {dir}/gateway        sekisho-gateway device issue --dir {dir}/gateway …\n\n\
         \x20 止めるには Ctrl-C を押してください。 / Ctrl-C stops everything.\n",
        url = world.server.url,
        dir = dir.display(),
    );
    text
}

/// Makes `link` point to `target`, replacing what it was. The demonstration that was started last is the current one.
fn point_to(link: &Path, target: &Path) -> anyhow::Result<()> {
    let fresh = link.with_extension(std::process::id().to_string());
    let _ = fs::remove_file(&fresh);
    std::os::unix::fs::symlink(target, &fresh)?;
    fs::rename(&fresh, link).with_context(|| format!("making {}", link.display()))
}
