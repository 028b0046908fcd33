//! A reader: takes a code, asks the gateway, shows the answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sekisho_domain::cbor;
use sekisho_domain::ids::DeviceId;
use sekisho_domain::wire::bus::{
    Answer, BEAT_EVERY_MS, DeviceBeat, GatewayBeat, MESSAGE_MAX, Read,
};
use sekisho_domain::wire::topic::Leg;
use sekisho_domain::wire::{Bytes8, VERSION};
use tokio::sync::{mpsc, oneshot, watch};

use crate::ambient;
use crate::mqtt::{DeviceIdentity, Inbound, Link};

/// How long an unanswered read waits before it is sent again.
const RESEND: Duration = Duration::from_millis(700);
/// After this a reader gives up and shows "please try again".
const GIVE_UP: Duration = Duration::from_secs(8);

/// Beats of the gateway that are remembered for whoever looks for causes.
const BEATS_REMEMBERED: usize = 256;
/// Answers that are.
const ANSWERS_REMEMBERED: usize = 4_096;

/// A running reader. Clones share it.
#[derive(Clone)]
pub struct Reader {
    device: DeviceId,
    link: Link,
    shared: Arc<Shared>,
}

/// What became of one code.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Number of the read.
    pub n: u64,
    /// When the read was first sent.
    pub sent: Instant,
    /// What the gateway said.
    pub answer: Answer,
}

/// A code that was shown, with what this side measured.
#[derive(Clone, Debug)]
pub struct Presented {
    /// Number of the read.
    pub n: u64,
    /// Every copy that was sent before the end.
    pub copies: Vec<Copy>,
    /// The end.
    pub result: Result<Shown, NoAnswer>,
}

/// One sending of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Copy {
    /// When the beat that it quotes was heard, ms since 1970.
    pub heard_ms: i64,
    /// When it was handed to the line, ms since 1970.
    pub sent_ms: i64,
}

/// Why a code got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No beat of the gateway was heard: a read could not quote anything.
    #[error("the gateway is not heard")]
    NoBeat,
    /// The read was sent again and again without an answer.
    #[error("the gateway does not answer")]
    Silent,
}

struct Shared {
    boot: Bytes8,
    /// The gateway's last beat, and when it was heard, ms since 1970.
    beat: watch::Sender<Option<(Bytes8, i64)>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    n: u64,
    twice: bool,
    late: Duration,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    beats: VecDeque<i64>,
    answers: VecDeque<Answer>,
}

impl Reader {
    /// Starts a reader with a fresh boot id.
    pub fn start(identity: &DeviceIdentity) -> anyhow::Result<Self> {
        let (link, inbound) = Link::start(identity)?;
        let shared = Arc::new(Shared {
            boot: ambient::random().into(),
            beat: watch::Sender::new(None),
            state: Mutex::default(),
        });
        tokio::spawn(listen(Arc::clone(&shared), inbound));
        tokio::spawn(live(Arc::clone(&shared), link.clone()));
        Ok(Self {
            device: identity.device,
            link,
            shared,
        })
    }

    /// Which device this is.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Shows a code to this reader and waits for the answer.
    pub async fn show(&self, text: &str) -> Result<Shown, NoAnswer> {
        self.present(text).await.result
    }

    /// The same, with what was measured on this side.
    pub async fn present(&self, text: &str) -> Presented {
        self.ask(self.shared.next(), text).await
    }

    /// Sends an earlier read again, as a reader does that missed the answer.
    pub async fn repeat(&self, n: u64, text: &str) -> Result<Shown, NoAnswer> {
        self.ask(n, text).await.result
    }

    /// Sends every read twice from now on (true), as a line does that repeats what it carries.
    pub fn twice(&self, twice: bool) {
        self.shared.state().twice = twice;
    }

    /// Reads leave this much after they were made, with the beat that was heard then.
    pub fn late(&self, late: Duration) {
        self.shared.state().late = late;
    }

    /// When the last beats of the gateway were heard, ms since 1970, oldest first.
    pub fn beats(&self) -> Vec<i64> {
        self.shared.state().beats.iter().copied().collect()
    }

    /// The last answers, also those that nobody waited for any more, oldest first.
    pub fn answers(&self) -> Vec<Answer> {
        self.shared.state().answers.iter().cloned().collect()
    }

    /// Waits until a fresh beat of the gateway is heard.
    pub async fn ready(&self, within: Duration) -> bool {
        let mut beat = self.shared.beat.subscribe();
        beat.mark_unchanged();
        tokio::time::timeout(within, beat.changed())
            .await
            .is_ok_and(|changed| changed.is_ok())
    }

    async fn ask(&self, n: u64, text: &str) -> Presented {
        let (sender, mut answer) = oneshot::channel();
        self.shared.state().waiting.insert(n, sender);
        let sent = Instant::now();
        let mut sent_copies = Vec::new();
        let result = loop {
            let quote = *self.shared.beat.borrow();
            if let Some((quote, heard_ms)) = quote {
                let read = Read {
                    version: VERSION,
                    boot: self.shared.boot,
                    n,
                    text: text.to_owned(),
                    quote,
                };
                // The answer can be faster than the broker's acknowledgement; neither waits for the other.
                let (link, (copies, late)) = (self.link.clone(), self.shared.weather());
                sent_copies.push(Copy {
                    heard_ms,
                    sent_ms: ambient::now_ms() + i64::try_from(late.as_millis()).unwrap_or(0),
                });
                tokio::spawn(async move {
                    // A timer of nothing takes a millisecond, which would be counted as the product's.
                    if !late.is_zero() {
                        tokio::time::sleep(late).await;
                    }
                    for _ in 0..copies {
                        link.send(Leg::Read, &read).await;
                    }
                });
            }
            match tokio::time::timeout(RESEND, &mut answer).await {
                Ok(Ok(answer)) => break Ok(Shown { n, sent, answer }),
                Ok(Err(_)) => break Err(NoAnswer::Silent),
                Err(_) if sent.elapsed() >= GIVE_UP => {
                    break Err(if sent_copies.is_empty() {
                        NoAnswer::NoBeat
                    } else {
                        NoAnswer::Silent
                    });
                }
                Err(_) => {}
            }
        };
        self.shared.state().waiting.remove(&n);
        Presented {
            n,
            copies: sent_copies,
            result,
        }
    }

    /// Says goodbye.
    pub async fn stop(&self) {
        self.link.stop().await;
    }
}

impl Shared {
    fn next(&self) -> u64 {
        let mut state = self.state();
        state.n += 1;
        state.n
    }

    /// How often a read is sent, and how late.
    fn weather(&self) -> (usize, Duration) {
        let state = self.state();
        (1 + usize::from(state.twice), state.late)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says once a second that this reader lives. Nobody quotes a reader's beat.
async fn live(shared: Arc<Shared>, link: Link) {
    let mut every = tokio::time::interval(Duration::from_millis(BEAT_EVERY_MS));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let beat = DeviceBeat {
            version: VERSION,
            boot: shared.boot,
            n: shared.next(),
            beat: ambient::random().into(),
            levels: None,
        };
        link.send(Leg::UpBeat, &beat).await;
    }
}

async fn listen(shared: Arc<Shared>, mut inbound: mpsc::Receiver<Inbound>) {
    while let Some(message) = inbound.recv().await {
        match message.leg {
            Leg::DownBeat => {
                if let Ok(beat) = cbor::decode::<GatewayBeat>(&message.payload, MESSAGE_MAX) {
                    let now_ms = ambient::now_ms();
                    push(&mut shared.state().beats, now_ms, BEATS_REMEMBERED);
                    shared.beat.send_replace(Some((beat.beat, now_ms)));
                }
            }
            Leg::Answer => match cbor::decode::<Answer>(&message.payload, MESSAGE_MAX) {
                Ok(answer) if answer.boot == shared.boot => {
                    push(
                        &mut shared.state().answers,
                        answer.clone(),
                        ANSWERS_REMEMBERED,
                    );
                    let waiting = shared.state().waiting.remove(&answer.n);
                    if let Some(waiting) = waiting {
                        let _ = waiting.send(answer);
                    }
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "an answer that cannot be read"),
            },
            _ => {}
        }
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, kept: usize) {
    queue.push_back(item);
    if queue.len() > kept {
        queue.pop_front();
    }
}
