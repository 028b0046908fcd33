//! The broker's life and death.

use std::fs;
use std::process::{Command, Stdio};

use super::*;
use crate::BrokerError;

fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

fn kill(pid: u32) {
    assert!(
        Command::new("sh")
            .args(["-c", &format!("kill -KILL {pid}")])
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn a_killed_broker_comes_back_and_so_do_its_clients() {
    let world = World::uplink().await;
    let mut gateway = world.gateway(GATEWAY).await;
    let (pid, port) = (world.broker.pid(), world.broker.port());
    kill(pid);
    assert!(matches!(gateway.disconnected().await, Why::Lost(_)));
    assert_eq!(gateway.connected().await, 2);
    assert_eq!((world.broker.port(), world.broker.starts()), (port, 2));
    assert_ne!(world.broker.pid(), pid);
}

#[tokio::test]
async fn stopping_and_dropping_leave_nothing_behind() {
    let world = World::uplink().await;
    let (pid, port) = (world.broker.pid(), world.broker.port());
    assert!(alive(pid));
    world.broker.restart().await.unwrap();
    let second = world.broker.pid();
    assert!(!alive(pid) && alive(second));
    let pid_file = world.broker.dir().join("mosquitto.pid");
    assert!(pid_file.exists());
    world.broker.stop().await;
    assert!(!alive(second) && !pid_file.exists());
    assert!(
        std::net::TcpListener::bind(("127.0.0.1", port)).is_ok(),
        "the port is still taken"
    );

    let world = World::uplink().await;
    let pid = world.broker.pid();
    drop(world);
    assert!(!alive(pid));
}

#[tokio::test]
async fn a_directory_has_one_broker() {
    let world = World::uplink().await;
    let config = BrokerConfig::new(
        world.broker.dir(),
        broker_tls(&world.root),
        Acl::uplink(&[]),
    );
    assert!(
        matches!(Broker::start(config).await, Err(BrokerError::Running(pid)) if pid == std::process::id())
    );
    assert!(alive(world.broker.pid()), "the running broker was harmed");
    world.gateway(GATEWAY).await;
}

#[tokio::test]
async fn an_orphan_of_a_killed_run_is_ended_and_a_reused_pid_is_not() {
    let world = World::uplink().await;
    let dir = world.broker.dir().to_owned();
    let (tls, port) = (broker_tls(&world.root), world.broker.port());
    world.broker.stop().await;
    let mut orphan = Command::new("/usr/sbin/mosquitto")
        .arg("-c")
        .arg(dir.join("mosquitto.conf"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut bystander = Command::new("sleep").arg("60").spawn().unwrap();
    let start = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .nth(19)
            .unwrap()
            .to_owned()
    };
    let start_on = |port| BrokerConfig {
        port,
        ..BrokerConfig::new(&dir, tls.clone(), Acl::uplink(&[]))
    };
    // A supervisor that is dead: this start time belongs to no process.
    fs::write(
        dir.join("mosquitto.pid"),
        format!("{} {} 1 1\n", orphan.id(), start(orphan.id())),
    )
    .unwrap();
    // wait() must run meanwhile, or the killed child stays as a zombie of this test.
    let reaper = std::thread::spawn(move || orphan.wait().unwrap());
    Broker::start(start_on(port)).await.unwrap().stop().await;
    assert!(!reaper.join().unwrap().success());

    fs::write(
        dir.join("mosquitto.pid"),
        format!("{} {} 1 1\n", bystander.id(), start(bystander.id())),
    )
    .unwrap();
    Broker::start(start_on(0)).await.unwrap().stop().await;
    assert!(
        bystander.try_wait().unwrap().is_none(),
        "a process that merely has the noted pid was killed"
    );
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[tokio::test]
async fn a_broker_that_cannot_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::create(RootKind::Uplink).unwrap();
    let mut tls = broker_tls(&root);
    tls.cert_pem = "nonsense".to_owned();
    let result = Broker::start(BrokerConfig::new(dir.path(), tls, Acl::uplink(&[]))).await;
    assert!(
        matches!(&result, Err(BrokerError::Refused(why)) if why.contains("certificate")),
        "{:?}",
        result.err()
    );

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = BrokerConfig {
        port,
        ..BrokerConfig::new(dir.path(), broker_tls(&root), Acl::uplink(&[]))
    };
    let result = Broker::start(config).await;
    assert!(
        matches!(&result, Err(BrokerError::Refused(why)) if why.contains("in use")),
        "{:?}",
        result.err()
    );
}

#[tokio::test]
async fn bad_files_at_run_time_are_reported_and_better_ones_mend_it() {
    let world = World::uplink().await;
    let bad = BrokerTls {
        key_pem: "nonsense".to_owned(),
        ..broker_tls(&world.root)
    };
    assert!(matches!(
        world.broker.set_tls(&bad).await,
        Err(BrokerError::Refused(_))
    ));
    world
        .broker
        .set_tls(&broker_tls(&world.root))
        .await
        .unwrap();
    world.gateway(GATEWAY).await;
}

/// Not a test by itself: the process that [`the_broker_dies_with_its_parent`] starts and kills.
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "how one test process talks to another"
)]
async fn child_that_runs_a_broker() {
    let Ok(report) = std::env::var("SEKISHO_TEST_REPORT") else {
        return;
    };
    let world = World::uplink().await;
    let pending = format!("{report}.new");
    fs::write(&pending, world.broker.pid().to_string()).unwrap();
    fs::rename(&pending, &report).unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    drop(world.dir);
}

#[tokio::test]
async fn the_broker_dies_with_its_parent() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("pid");
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::supervision::child_that_runs_a_broker"])
        .env("SEKISHO_TEST_REPORT", &report)
        .env("TMPDIR", dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the child process starts no broker", || report.exists()).await;
    let pid: u32 = fs::read_to_string(&report).unwrap().parse().unwrap();
    assert!(alive(pid));
    parent.kill().unwrap();
    parent.wait().unwrap();
    until("the broker outlives its parent", || !alive(pid)).await;
}
