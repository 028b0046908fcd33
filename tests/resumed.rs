//! Programs that are killed in the middle of their work go on at the last committed record.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use sekisho_bus::tied;
use sekisho_domain::ids::{BookingId, Correlation};
use sekisho_domain::time::Timestamp;
use sekisho_domain::wire::bus::Answer;
use sekisho_sim::api::{Kind, Want};
use sekisho_sim::oracle::{self, What};
use sekisho_sim::programs::Program;
use sekisho_sim::reader::{NoAnswer, Reader};
use sekisho_sim::{ambient, arguments};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::at_work::Traces;
use crate::site::{Site, in_time};

/// Between two reads.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the readers are busy between two faults.
const BUSY: Duration = Duration::from_secs(1);
/// So many refusals of one reader are recorded one by one in any minute.
const SINGLE_MIN: usize = 120;
const NONCE: &str = "00112233445566778899aabbccddeeff";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_programs_lose_nothing_and_do_nothing_twice() {
    let mut site = Site::boot().await;
    let [first, second, third, fourth] = site.passes().await;
    let mut granted = BTreeSet::from([site.enters(&first).await.answer.correlation]);
    // From here on the first pass is a replay at every read: a record each time, and no release.
    let knocking = Knocking::start(site.world.front.inward.clone(), first);

    for _ in 0..2 {
        sleep(BUSY).await;
        let before = site.world.gateway.status().await.unwrap();
        site.world.gateway.kill();
        let dead = site.world.gateway.status().await.unwrap();
        assert!(dead.last_seq >= before.last_seq && dead.stream == before.stream);
        site.world.gateway.start().unwrap();
        site.world.devices_ready().await.unwrap();
        let after = site.world.gateway.status().await.unwrap();
        assert!(after.last_seq > dead.last_seq && after.stream == dead.stream);
    }
    granted.insert(site.enters(&second).await.answer.correlation);

    sleep(BUSY).await;
    let booked = book(&site).await;
    site.kill_server();
    sleep(BUSY).await;
    granted.insert(site.enters(&third).await.answer.correlation);
    site.start_server().await;
    let pass = site.world.api.issue_pass(booked, Kind::Static).await;
    assert!(
        pass.is_ok(),
        "what the server had answered is there: {pass:?}"
    );

    sleep(BUSY).await;
    kill_brokers(&site).await;
    site.world.devices_ready().await.unwrap();
    granted.insert(site.enters(&fourth).await.answer.correlation);

    let answers = knocking.stop().await;
    assert!(answers.len() > 50, "{} reads", answers.len());
    one_record_each(&site, &granted, &answers).await;
    one_release_each(&site, &granted);
    evidence_passes(&site).await;
}

/// Books a seat for somebody.
async fn book(site: &Site) -> BookingId {
    let (api, seat) = (&site.world.api, site.world.open_seats[5]);
    let person = api
        .create_person("最後の人", "last@sekisho.example", "ja")
        .await
        .unwrap();
    let now = ambient::now_ms().div_euclid(1000) * 1000;
    let (start, end) = (Timestamp(now + 60_000), Timestamp(now + 120_000));
    api.book(Want {
        person,
        seat,
        start,
        end,
    })
    .await
    .unwrap()
}

/// Kills both brokers; their supervisors start them again.
async fn kill_brokers(site: &Site) {
    let brokers = || brokers_of(site.world.dir.path());
    let before = brokers();
    assert_eq!(before.len(), 2);
    for pid in &before {
        tied::signal(*pid, "KILL");
    }
    let fresh = async || {
        let now = brokers();
        now.len() == 2 && now.is_disjoint(&before)
    };
    assert!(in_time(fresh).await, "{before:?}, now {:?}", brokers());
}

fn brokers_of(run: &Path) -> BTreeSet<u32> {
    let processes = Traces::of(run).processes.into_iter();
    let brokers =
        processes.filter(|(_, line)| line.split(' ').next().unwrap().ends_with("/mosquitto"));
    brokers.map(|(pid, _)| pid).collect()
}

/// No read stands in the log twice, none that was not answered, and all do up to the number a minute above which a reader's
/// refusals are only counted.
async fn one_record_each(site: &Site, granted: &BTreeSet<Correlation>, answers: &[Answer]) {
    let events = site.recorded().await;
    let of = |names: &[&str]| {
        let found = events
            .iter()
            .filter(|event| names.contains(&event.name.as_str()));
        found
            .filter_map(|event| event.correlation)
            .collect::<Vec<_>>()
    };
    let told: BTreeSet<_> = answers.iter().map(|answer| answer.correlation).collect();
    assert_eq!(told.len(), answers.len(), "a decision for each read");
    assert!(answers.iter().all(|answer| !answer.granted));
    let refused = of(&["access.denied", "credential.stale_read"]);
    let once: BTreeSet<_> = refused.iter().copied().collect();
    assert_eq!(once.len(), refused.len(), "a record twice");
    assert!(once.is_subset(&told), "a record that nobody was told of");
    assert!(once.len() >= told.len().min(SINGLE_MIN), "{}", once.len());
    let entries = of(&["access.granted"]);
    assert_eq!(entries.len(), granted.len());
    assert_eq!(&entries.into_iter().collect::<BTreeSet<_>>(), granted);
}

/// The lock released once for each grant, and for nothing else.
fn one_release_each(site: &Site, granted: &BTreeSet<Correlation>) {
    let lines = oracle::read(&site.world.oracle).unwrap();
    let releases = lines
        .iter()
        .filter(|line| line.what == What::ReleasedByUnlock);
    let releases: Vec<_> = releases.filter_map(|line| line.correlation).collect();
    assert_eq!(releases.len(), granted.len());
    assert_eq!(&releases.into_iter().collect::<BTreeSet<_>>(), granted);
}

async fn evidence_passes(site: &Site) {
    let (server, out) = (&site.world.server, site.world.dir.path().join("after.evb"));
    let trust = server.export(site.world.site, &out, NONCE).await.unwrap();
    let arguments = arguments![
        &out, "--trust", &trust, "--nonce", NONCE, "--strict", "--lang", "en"
    ];
    let verified = site
        .programs
        .run(Program::Verify, &arguments)
        .await
        .unwrap();
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

/// Somebody who shows the same code again and again.
struct Knocking {
    stop: CancellationToken,
    task: JoinHandle<Result<Vec<Answer>, NoAnswer>>,
}

impl Knocking {
    fn start(reader: Reader, code: String) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(knock(reader, code, stop.clone()));
        Self { stop, task }
    }

    /// Every read was answered in the end; the answers.
    async fn stop(self) -> Vec<Answer> {
        self.stop.cancel();
        self.task.await.unwrap().expect("every read gets an answer")
    }
}

async fn knock(
    reader: Reader,
    code: String,
    stop: CancellationToken,
) -> Result<Vec<Answer>, NoAnswer> {
    let mut answers = Vec::new();
    while !stop.is_cancelled() {
        answers.push(reader.show(&code).await?.answer);
        sleep(PAUSE).await;
    }
    Ok(answers)
}
