//! A gateway that is broken, as seen from outside: somebody who stands between the devices and the gateway, or between the
//! evidence and the score, and does what no gateway may do. The product is the same; the score has to notice.

use std::time::Duration;

use sekisho_domain::access::Reason;
use sekisho_domain::ids::Correlation;
use serde::{Deserialize, Serialize};

use super::street::Door;
use crate::ambient;
use crate::lock::Lock;
use crate::reader::{NoAnswer, Presented};
use crate::summary::{Inputs, Record};

/// How late a broken exit button works.
const SLUGGISH: Duration = Duration::from_millis(1_600);

/// How long a reader waits for an answer that does not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why somebody is refused whose pass, booking or person was taken back.
const TAKEN_BACK: [&str; 3] = ["credential_revoked", "no_grant", "booking_cancelled"];

/// What the liar does, all the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    /// After a refusal the lock opens all the same.
    ReleasesWithoutRecord,
    /// A refusal for what the pass is reaches the reader as a grant, and the lock opens.
    AdmitsTheRefused,
    /// A grant reaches the reader as a refusal that would be excused in bad weather.
    CriesStale,
    /// Answers do not reach the reader.
    SaysNothing,
    /// The exit button works late.
    DelaysEgress,
    /// The records of a seal with a grant are missing.
    DropsSeal,
    /// An event is in the evidence twice.
    DoublesEvent,
    /// The record of a refusal names another reason than the answer.
    RecordsAnotherReason,
    /// What is taken back never reaches the rules: whoever holds such a pass enters, the records agree, and nothing is said
    /// about which snapshot or list is held.
    ForgetsRevocations,
}

/// Who lies, if anybody does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Liar(pub(super) Option<Lie>);

impl Liar {
    pub(super) fn lies(self) -> bool {
        self.0.is_some()
    }

    /// On the bus, when an answer comes.
    pub(super) async fn answers(self, presented: &mut Presented, door: &Door, out: bool) {
        let Ok(shown) = &mut presented.result else {
            return;
        };
        let answer = &mut shown.answer;
        let of_pass = |code: &u8| ![Reason::StaleRead as u8, Reason::Other as u8].contains(code);
        let taken_back = |code: &u8| TAKEN_BACK.contains(&Reason::from_u8(*code).name());
        match self.0 {
            _ if out => {}
            Some(Lie::ReleasesWithoutRecord) if !answer.granted => {
                let invented = Correlation::new(ambient::now_ms(), ambient::random());
                door.lock.unlock_forged(invented);
            }
            Some(Lie::AdmitsTheRefused)
                if answer.reasons.iter().all(of_pass) && !answer.granted =>
            {
                (answer.granted, answer.reasons) = (true, Vec::new());
                door.lock.unlock_forged(answer.correlation);
            }
            Some(Lie::CriesStale) if answer.granted => {
                (answer.granted, answer.reasons) = (false, vec![Reason::StaleRead as u8]);
            }
            Some(Lie::ForgetsRevocations) if !answer.granted => {
                answer.reasons.retain(|code| !taken_back(code));
                if answer.reasons.is_empty() {
                    answer.granted = true;
                    door.lock.unlock_forged(answer.correlation);
                }
            }
            Some(Lie::SaysNothing) => {
                tokio::time::sleep(PATIENCE).await;
                presented.result = Err(NoAnswer::Silent);
            }
            _ => {}
        }
    }

    /// Whether the gateway's word about what it holds is withheld.
    pub(super) fn forgets(self) -> bool {
        self.0 == Some(Lie::ForgetsRevocations)
    }

    /// At a lock.
    pub(super) fn fits(self, lock: &Lock) {
        if self.0 == Some(Lie::DelaysEgress) {
            lock.sluggish(SLUGGISH);
        }
    }

    /// In the evidence.
    pub(super) fn reports(self, inputs: &mut Inputs) {
        let records = &mut inputs.verified.records;
        let grant = |record: &&Record| record.name == "access.granted";
        match self.0 {
            Some(Lie::DropsSeal) => {
                let seal = records.iter().find(grant).map(|it| (it.stream, it.seal_no));
                records.retain(|record| Some((record.stream, record.seal_no)) != seal);
            }
            Some(Lie::DoublesEvent) => {
                let twice = records.iter().find(grant).cloned();
                records.extend(twice);
            }
            Some(Lie::RecordsAnotherReason) => {
                let refused = |record: &&mut Record| record.name == "access.denied";
                if let Some(record) = records.iter_mut().find(refused) {
                    record.reasons = vec!["zone_not_granted".to_owned(), "no_grant".to_owned()];
                }
            }
            Some(Lie::ForgetsRevocations) => records.iter_mut().for_each(forget),
            _ => {}
        }
    }
}

fn forget(record: &mut Record) {
    (record.snapshot, record.list) = (None, None);
    if record.name == "access.denied" {
        let kept = |reason: &String| !TAKEN_BACK.contains(&reason.as_str());
        record.reasons.retain(kept);
        if record.reasons.is_empty() {
            "access.granted".clone_into(&mut record.name);
        }
    }
}
