//! What each command does: a few steps over the library, and what is printed.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use sekisho_certs::{Certificate, Profile, Root, files};
use sekisho_domain::ids::{CommandId, DeviceId, DoorId};
use sekisho_domain::wire::body::DeviceKind;
use sekisho_domain::wire::bus::Direction;
use tokio_util::sync::CancellationToken;

use crate::cli::{
    Cli, Command, Device, Door, DoorMode, Enrol, Issue, Kind, Revoke, Run, Status, Way,
};
use crate::config::Config;
use crate::env::Env;
use crate::home::Home;
use crate::store::{DoorWish, NewDevice, Store};
use crate::{enrol, run, status};

/// Exit code when the server refused.
const REFUSED: u8 = 3;

/// Does what the command line says.
pub async fn execute(cli: Cli, env: Env) -> ExitCode {
    let done = match cli.command {
        Command::Enrol(args) => enrol(args, &env).await,
        Command::Run(args) => serve(args, env).await,
        Command::Status(args) => show_status(args, &env).await,
        Command::Device(Device::Issue(args)) => issue(args, &env).await,
        Command::Device(Device::Revoke(args)) => revoke(args, &env).await,
        Command::Door(Door::Mode(args)) => door_mode(args, &env).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress(&format!("sekisho-gateway: {error:#}"));
            if error.is::<enrol::Refused>() {
                ExitCode::from(REFUSED)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

async fn enrol(args: Enrol, env: &Env) -> anyhow::Result<()> {
    let home = Home::new(args.dir);
    let code = enrol::Code::parse(&args.code)?;
    let identity = enrol::enrol(&home, env, &code, &args.server, args.site_bus_port).await?;
    progress(&format!(
        "Enrolled at site {}. Next: sekisho-gateway run --dir {}",
        identity.site,
        home.dir().display()
    ));
    data(&identity.gateway.to_string())
}

async fn serve(args: Run, env: Env) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&args.log)
        .with_context(|| format!("--log {:?}", args.log))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let home = Home::new(args.dir);
    let config = Config::load(&args.config.unwrap_or_else(|| home.config()))?;
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    run::run(&home, &config, env, stop).await
}

async fn stop_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be caught; only a kill will end this run");
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("stopping");
    stop.cancel();
}

async fn show_status(args: Status, env: &Env) -> anyhow::Result<()> {
    let home = Home::new(args.dir);
    let store = Store::open(&home.database()).await?;
    let status = status::read(&home, &store, env.clock.wall()).await?;
    store.close().await;
    if args.json {
        data(&serde_json::to_string(&status)?)
    } else {
        data(&status.text())
    }
}

async fn issue(args: Issue, env: &Env) -> anyhow::Result<()> {
    let home = Home::new(&args.dir);
    let store = Store::open(&home.database()).await?;
    let root = home.site_bus_root()?;
    let now = env.clock.wall();
    let (cn, device) = if args.observer {
        let id = env.random();
        let issued = root.issue(
            &Profile::Observer {
                id,
                valid_ms: args.valid_ms,
            },
            now.0,
        )?;
        // Admitted before its files exist: the other order could leave a certificate that nobody listed.
        store.add_observer(id, now.plus_ms(args.valid_ms)).await?;
        (
            issued.certificate.cn.clone(),
            write_files(&home, &args, &root, &issued.certificate, &issued.key_pem)?,
        )
    } else {
        let device = new_device(&args, env)?;
        let issued = root.issue(&Profile::Device(device.0), now.0)?;
        let (door, kind, direction) = device.1;
        let certificate = &issued.certificate;
        let row = NewDevice {
            id: device.0,
            door,
            kind,
            direction,
            seat: args.seat,
            zone: args.zone,
            serial: certificate.serial.clone(),
            fingerprint: certificate.fingerprint,
        };
        store.add_device(&row, now).await?;
        (
            certificate.cn.clone(),
            write_files(&home, &args, &root, certificate, &issued.key_pem)?,
        )
    };
    store.close().await;
    let config = Config::load(&home.config())?;
    let (host, port) = status::site_bus_address(&home, &config, now);
    if port == 0 {
        progress("The site bus takes a free port at each start: see `status` once `run` runs.");
    }
    let [ca, cert, key] = device;
    let id = cn.strip_prefix("dev-").map(|text| format!("dev_{text}"));
    data(&serde_json::json!({ "device": id, "identity": cn, "host": host, "port": port, "ca": ca, "cert": cert, "key": key }).to_string())
}

type DeviceShape = (DoorId, DeviceKind, Option<Direction>);

fn new_device(args: &Issue, env: &Env) -> anyhow::Result<(DeviceId, DeviceShape)> {
    let id = DeviceId::new(env.clock.wall().0, env.random());
    if args.seat.is_some() != (args.kind == Kind::SeatSensor) {
        bail!("--seat is for seat sensors, and they need it");
    }
    if args.zone.is_some() && args.kind != Kind::PeopleCounter {
        bail!("--zone is for people counters");
    }
    let door = match args.door {
        Some(door) => door,
        None if args.seat.is_some() || args.zone.is_some() => DoorId::NIL,
        None => bail!("--door is missing"),
    };
    match (args.kind, args.direction) {
        (Kind::Reader, way) => {
            let direction = if way == Some(Way::Out) {
                Direction::Out
            } else {
                Direction::In
            };
            Ok((id, (door, DeviceKind::Reader, Some(direction))))
        }
        (Kind::Lock, None) => Ok((id, (door, DeviceKind::Lock, None))),
        (Kind::SeatSensor, None) => Ok((id, (door, DeviceKind::SeatSensor, None))),
        (Kind::PeopleCounter, None) => Ok((id, (door, DeviceKind::PeopleCounter, None))),
        (_, Some(_)) => bail!("--direction is for readers"),
    }
}

/// Writes ca, certificate and key and gives their paths.
fn write_files(
    home: &Home,
    args: &Issue,
    root: &Root,
    certificate: &Certificate,
    key_pem: &str,
) -> anyhow::Result<[String; 3]> {
    let dir = args
        .out
        .clone()
        .unwrap_or_else(|| home.devices().join(&certificate.cn));
    files::create_private_dir(&dir)?;
    let dir = dir.canonicalize()?;
    let write = |name: &str, text: &str| -> anyhow::Result<String> {
        let path: &Path = &dir.join(name);
        files::write_private(path, text.as_bytes())?;
        Ok(path.display().to_string())
    };
    Ok([
        write("ca.crt", root.cert_pem())?,
        write("device.crt", &certificate.pem)?,
        write("device.key", key_pem)?,
    ])
}

async fn revoke(args: Revoke, env: &Env) -> anyhow::Result<()> {
    let home = Home::new(args.dir);
    let store = Store::open(&home.database()).await?;
    let asked = store.ask_revoke(args.device, env.clock.wall()).await?;
    store.close().await;
    if !asked {
        bail!(
            "{} is no device of this gateway, or is revoked already: see `sekisho-gateway status`",
            args.device
        );
    }
    data(&args.device.to_string())
}

/// Waits this long for `run` to take a wish up.
const WISH_WAIT: Duration = Duration::from_secs(5);

async fn door_mode(args: DoorMode, env: &Env) -> anyhow::Result<()> {
    let home = Home::new(args.dir);
    let store = Store::open(&home.database()).await?;
    let now = env.clock.wall();
    let wish = DoorWish {
        id: CommandId::new(now.0, env.random()),
        door: args.door,
        mode: args.mode,
        reason: args.reason,
    };
    store.wish(&wish, now).await?;
    let taken_up = async {
        loop {
            if let Some(done) = store.wish_done(wish.id).await? {
                return anyhow::Ok(done);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let done = tokio::time::timeout(WISH_WAIT, taken_up).await;
    store.close().await;
    match done {
        Ok(Ok(true)) => data(&format!("{} {}", wish.door, wish.mode.name())),
        Ok(Ok(false)) => bail!(
            "{} is no door of this gateway: see `sekisho-gateway status`",
            wish.door
        ),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            progress(
                "Written down. `run` does not run, or is busy: it takes this up as soon as it can.",
            );
            data(&format!("{} {}", wish.door, wish.mode.name()))
        }
    }
}

/// One line of data.
fn data(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("standard output")
}

/// One line of progress.
fn progress(text: &str) {
    // Without standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
