//! Commands and what they do.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks on stdout and stderr"
)]

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use sekisho_domain::authority::Role;
use sekisho_domain::evidence::bundle::parse_nonce;
use sekisho_domain::ids::{GatewayId, OrganisationId, PersonId, SiteId};
use sekisho_server::app::App;
use sekisho_server::config::{Config, EXAMPLE, LogFormat};
use sekisho_server::flows::add_gateway::add_gateway;
use sekisho_server::flows::create_setup_link::create_setup_link;
use sekisho_server::flows::create_token::{CreateToken, create_token};
use sekisho_server::flows::request_sign_in::sign_in_link_for;
use sekisho_server::flows::revoke_gateway::revoke_gateway;
use sekisho_server::flows::{Actor, FlowError};
use sekisho_server::serve::{self, Running};
use sekisho_server::store::{Scope, organisations};
use tokio_util::sync::CancellationToken;

use crate::system::surroundings;
use crate::upkeep;

/// The Sekisho server: bookings, passes, gateways and their evidence.
#[derive(Debug, Parser)]
#[command(name = "sekisho", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        default_value = "sekisho.toml",
        value_name = "FILE"
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  sekisho config-example > sekisho.toml      a commented configuration
  sekisho serve                              run everything
  sekisho setup-link                         the link of the first administrator
  sekisho gateway add --site sit_01j…        a code for `sekisho-gateway enrol`
  sekisho gateway revoke --gateway gwy_01j… --reason 盗難    it is believed no more
  sekisho token create --name demo           a token for the API
  sekisho evidence export --site sit_01j… --out 2026.evb
  sekisho backup --out /srv/backup/$(date +%F).sekisho
  sekisho restore /srv/backup/2026-11-20.sekisho
  sekisho restore --reconcile --site sit_01j… --approve 'Hanako Izumo'
  sekisho doctor                             what is wrong, and what to do
  sekisho witness --dir w1 --name witness.example/w1 --logs trust.policy

Data goes to stdout, progress to stderr. Exit codes: 0 done, 1 refused, 2 wrong usage or configuration, 3 failed.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: broker, listeners and jobs, until SIGTERM or SIGINT.
    ///
    /// A SQLite database is migrated first. DATA_DIR/run.json says where everything listens, and is there while it does.
    Serve,
    /// Bring the database up to date (PostgreSQL: before each new version; SQLite: `serve` does it by itself).
    Migrate,
    /// Print a commented configuration with every key at its default.
    ConfigExample,
    /// Print the OpenAPI document of the API.
    Openapi,
    /// Print the link with which the first administrator sets the system up. Works for an hour, once.
    SetupLink,
    /// Print a link that signs a person in, e.g. when mail does not work. Works for 15 minutes, once.
    SignInLink {
        /// Who, as `per_…`.
        #[arg(long)]
        person: PersonId,
    },
    /// Gateways.
    #[command(subcommand)]
    Gateway(GatewayCommand),
    /// Tokens for programs that use the API.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Evidence.
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Write everything that cannot be made again into one file, while the server runs.
    ///
    /// The database, the keys, the uplink's root, published heads and the configuration without its password. THE FILE HOLDS
    /// EVERY KEY OF THIS SERVER: it gets mode 0600; keep it like the keys themselves. It is read again before it gets its
    /// name, and never replaces another. PostgreSQL: pg_dump does the copying (package postgresql-client).
    Backup {
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Restore a backup into an empty data_dir (and an empty PostgreSQL database).
    ///
    /// Every digest is compared before anything is written. Afterwards a site's log is not signed until its gateway was
    /// heard: one that has seen more than the backup holds keeps the site from being signed and granted (see `doctor`).
    ///
    /// `--reconcile` is for the day when no newer backup exists. It never continues the log that was seen further: it opens a
    /// successor that names both heads, and every later export says FINDINGS. Records of the server after the backup are
    /// lost, revocations among them. Two people approve, each with a run of their own.
    Restore {
        /// The backup.
        #[arg(required_unless_present = "reconcile")]
        file: Option<PathBuf>,
        /// Only read it and compare every digest.
        #[arg(long)]
        check: bool,
        /// Go on with the older database at one site. The server may run.
        #[arg(long, requires_all = ["site", "approve"], conflicts_with_all = ["file", "check"])]
        reconcile: bool,
        /// With --reconcile: the site, as `sit_…`.
        #[arg(long, requires = "reconcile")]
        site: Option<SiteId>,
        /// With --reconcile: the name of who approves.
        #[arg(long, requires = "reconcile", value_name = "NAME")]
        approve: Option<String>,
    },
    /// Run a witness: cosign the heads of logs, each only if it extends the one cosigned before (C2SP tlog-witness).
    ///
    /// For logs of others, and best on a machine of its own: a witness next to the log that it watches proves little. Plain
    /// HTTP; put TLS in front of it. Its verifier key goes to stdout, for the `witness` line of a trust file.
    Witness {
        /// Where its key and its database lie; made when it is not there.
        #[arg(long)]
        dir: PathBuf,
        /// Its name in cosignatures, by custom a URL without scheme, e.g. witness.example/w1.
        #[arg(long)]
        name: String,
        /// A trust file (C2SP tlog-policy) whose `log` lines name the logs to watch; read again at each request.
        #[arg(long, value_name = "FILE")]
        logs: PathBuf,
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:8410", value_name = "ADDRESS")]
        listen: std::net::SocketAddr,
    },
    /// Look for what is wrong: each finding with its cause and cure. Changes nothing. Exit code 1 when something fails.
    Doctor {
        /// One JSON object instead of lines.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum GatewayCommand {
    /// Add a gateway to a site and print the code with which the box enrols (once, within 24 hours).
    Add {
        /// The site, as `sit_…`.
        #[arg(long)]
        site: SiteId,
    },
    /// Revoke a gateway: stolen, broken or to be replaced. It is cut off within a second, what it still sends is refused, and
    /// its site may get another with `gateway add`.
    ///
    /// Its doors go on with what the box knows until they are given to the next gateway: a box in strange hands has to be
    /// taken off its site bus by hand (see OPERATING, "A gateway is stolen").
    Revoke {
        /// The gateway, as `gwy_…`; `doctor` names them.
        #[arg(long)]
        gateway: GatewayId,
        /// Why, 1 to 200 characters. Kept beside the record, never in the log.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it. It is shown this once.
    Create {
        /// What it is for.
        #[arg(long)]
        name: String,
        /// What it may do.
        #[arg(long, value_enum, default_value = "owner")]
        role: RoleName,
        /// How long it works.
        #[arg(long, default_value_t = 30)]
        days: u32,
        /// Whose, as `org_…`; not needed where there is only one organisation.
        #[arg(long)]
        organisation: Option<OrganisationId>,
    },
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Write the evidence of a site as one bundle, and beside it the trust file (OUT.trust.policy).
    ///
    /// Every gateway of the site is asked for a cut; the server should be running. What cannot be reached in 15 s becomes a
    /// finding, printed on stderr, and the bundle is made all the same. Verify with: sekisho-verify OUT --trust OUT.trust.policy
    Export {
        /// The site, as `sit_…`.
        #[arg(long)]
        site: SiteId,
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
        /// The auditor's nonce, 32 hexadecimal digits; default: one of ours.
        #[arg(long, value_parser = nonce)]
        nonce: Option<[u8; 16]>,
        /// A log that has ended: of the fiscal year that began in April of this year. No cut is asked for.
        #[arg(long, conflicts_with = "nonce")]
        year: Option<i64>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    Owner,
    Manager,
    Member,
    Auditor,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Owner => Self::Owner,
            RoleName::Manager => Self::Manager,
            RoleName::Member => Self::Member,
            RoleName::Auditor => Self::Auditor,
        }
    }
}

fn nonce(text: &str) -> Result<[u8; 16], String> {
    parse_nonce(text).ok_or_else(|| "32 hexadecimal digits".to_owned())
}

/// Runs one command.
pub(crate) fn run(cli: Cli) -> ExitCode {
    if matches!(cli.command, Command::ConfigExample) {
        print!("{EXAMPLE}");
        return ExitCode::SUCCESS;
    }
    if matches!(cli.command, Command::Openapi) {
        print!("{}", sekisho_server::http::api::document::document());
        return ExitCode::SUCCESS;
    }
    if let Command::Doctor { json } = cli.command {
        return examine(&cli.config, json);
    }
    if let Command::Witness {
        dir,
        name,
        logs,
        listen,
    } = &cli.command
    {
        return crate::witness::run(dir, name, logs, *listen);
    }
    let config = match Config::load(&cli.config) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = log_to_stderr(&config) {
        eprintln!("{error}");
        return ExitCode::from(2);
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start: {error}");
            return ExitCode::from(3);
        }
    };
    let outcome = runtime.block_on(execute(cli.command, config, &cli.config));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(FlowError::Refused(refusal)) => {
            eprintln!("refused ({}): {}", refusal.code.name(), refusal.code.en());
            refusal
                .data
                .iter()
                .for_each(|(name, value)| eprintln!("  {name}: {value}"));
            ExitCode::from(1)
        }
        Err(FlowError::Failed(error)) => {
            eprintln!("failed: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

/// `doctor` needs no configuration that works: that one does not is its first finding.
fn examine(config: &Path, json: bool) -> ExitCode {
    let around = surroundings(&Config::default());
    match runtime() {
        Ok(runtime) if runtime.block_on(upkeep::doctor(config, &around, json)) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("cannot start: {error}");
            ExitCode::from(3)
        }
    }
}

/// Fails with the sentence that names the key, its value and the cure.
fn log_to_stderr(config: &Config) -> Result<(), String> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.level).map_err(|_| {
        format!(
            "log.level = {:?} cannot work: write error, warn, info, debug or trace, or one per module as in \"warn,sekisho_server=debug\"",
            config.log.level
        )
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

async fn execute(command: Command, config: Config, path: &Path) -> Result<(), FlowError> {
    match command {
        Command::ConfigExample
        | Command::Openapi
        | Command::Doctor { .. }
        | Command::Witness { .. } => {}
        Command::Serve => run_server(config).await?,
        Command::Migrate => migrate(&config).await?,
        Command::SetupLink => println!("{}", create_setup_link(&*open(config).await?).await?),
        Command::SignInLink { person } => {
            println!("{}", sign_in_link_for(&*open(config).await?, person).await?);
        }
        Command::Gateway(command) => gateway(command, config).await?,
        Command::Token(TokenCommand::Create {
            name,
            role,
            days,
            organisation,
        }) => {
            let app = open(config).await?;
            let organisation = match organisation {
                Some(organisation) => organisation,
                None => only_organisation(&app).await?,
            };
            let role = role.into();
            new_token(
                &app,
                CreateToken {
                    organisation,
                    name,
                    role,
                    days,
                },
            )
            .await?;
        }
        Command::Evidence(EvidenceCommand::Export {
            site,
            out,
            nonce,
            year,
        }) => {
            upkeep::export(&*open(config).await?, site, &out, nonce, year).await?;
        }
        Command::Backup { out } => {
            let around = surroundings(&config);
            upkeep::backup(path, &config, &around, &out).await?;
        }
        Command::Restore {
            file: Some(file),
            check,
            ..
        } => {
            let around = surroundings(&config);
            upkeep::restore(&config, &around, &file, check).await?;
        }
        Command::Restore { site, approve, .. } => {
            let (site, name) = site.zip(approve).context("--site and --approve")?;
            upkeep::reconcile(&*open(config).await?, site, &name).await?;
        }
    }
    Ok(())
}

async fn gateway(command: GatewayCommand, config: Config) -> Result<(), FlowError> {
    let app = open(config).await?;
    match command {
        GatewayCommand::Add { site } => {
            let added = add_gateway(&app, &Actor::system(), site).await?;
            eprintln!(
                "{} can enrol until {} with this code, once:",
                added.gateway,
                added.expires_at.rfc3339()
            );
            println!("{}", added.code);
        }
        GatewayCommand::Revoke { gateway, reason } => {
            let revoked = revoke_gateway(&app, &Actor::system(), gateway, &reason).await?;
            eprintln!(
                "revoked; `sekisho gateway add --site {}` gives the site another",
                revoked.site
            );
            println!("{gateway}");
        }
    }
    Ok(())
}

async fn migrate(config: &Config) -> anyhow::Result<()> {
    sekisho_certs::files::create_private_dir(&config.data_dir).context("making data_dir")?;
    let url = config.database_url().context("database")?;
    let db = sekisho_server::store::Db::open(&url).await?;
    db.migrate().await?;
    eprintln!("the {} database is up to date", db.engine());
    Ok(())
}

async fn new_token(app: &App, want: CreateToken) -> Result<(), FlowError> {
    let made = create_token(app, &Actor::system(), want).await?;
    let until = made.token.expires_at.rfc3339();
    eprintln!("{} works until {until}", made.token.id);
    println!("{}", made.secret);
    Ok(())
}

/// The state that a command works on. Links name the address at which the running server really listens.
async fn open(mut config: Config) -> anyhow::Result<Arc<App>> {
    if let Some(running) = Running::read(&config) {
        config.http.listen = running.http;
    }
    let around = surroundings(&config);
    serve::open(config, around).await
}

async fn only_organisation(app: &App) -> anyhow::Result<OrganisationId> {
    let mut tx = app.db.read().await?;
    let operators: Vec<_> = organisations::list(&mut tx, Scope::System)
        .await?
        .into_iter()
        .filter(|it| it.kind != organisations::OrganisationKind::Company)
        .collect();
    match operators.as_slice() {
        [] => anyhow::bail!(
            "there is no organisation yet; set the system up first (sekisho setup-link)"
        ),
        [one] => Ok(one.id),
        _ => anyhow::bail!("there are several operators; say which with --organisation"),
    }
}

async fn run_server(config: Config) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let asked = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        asked.cancel();
    });
    let around = surroundings(&config);
    serve::serve(config, around, stop).await
}
