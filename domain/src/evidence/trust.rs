//! The trust file: C2SP tlog-policy, the only input that a verifier believes.
//!
//! Every line is read and checked. A quorum counts Ed25519 cosignatures. ML-DSA-44 keys are read and never verified here: a
//! quorum that would need one is not met, which a verifier reports as "cannot verify", never as a pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::checkpoint::{BadVkey, Checkpoint, NoteError, Vkey, open_any};
use super::cosignature::cosigned;
use super::tiles::canonical;

/// Longest trust file that is read, in bytes.
pub const TRUST_BYTES_MAX: usize = 256 * 1024;
/// Most logs, witnesses and groups that are read, each.
pub const TRUST_ITEMS_MAX: usize = 256;

/// A trust file that was read: known logs, known witnesses, and who must have cosigned.
///
/// Names are the file's own and opaque bytes, not necessarily UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    /// Logs whose signature counts.
    pub logs: Vec<Log>,
    /// Witnesses, in the order of the file.
    pub witnesses: Vec<Witness>,
    /// Groups, in the order of the file: members are defined before the group.
    pub groups: Vec<Group>,
    /// Who must have cosigned a checkpoint.
    pub quorum: Quorum,
}

/// A `log` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Key of the log; its name is the log's origin.
    pub vkey: Vkey,
    /// Where the log may be read; not used to verify.
    pub url: Option<Vec<u8>>,
}

/// A `witness` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Name inside this file.
    pub name: Vec<u8>,
    /// Key of its cosignatures.
    pub vkey: Vkey,
    /// Where it may be reached; not used to verify.
    pub url: Option<Vec<u8>>,
}

/// A `group` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name inside this file.
    pub name: Vec<u8>,
    /// How many members must have witnessed, 1 to the number of members.
    pub threshold: usize,
    /// Names of witnesses and groups.
    pub members: Vec<Vec<u8>>,
}

/// The `quorum` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// The log's own signature is enough.
    None,
    /// This witness or group must have cosigned.
    Of(Vec<u8>),
}

impl TrustPolicy {
    /// Reads a trust file.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let whole = |problem| PolicyError { line: 0, problem };
        if bytes.len() > TRUST_BYTES_MAX {
            return Err(whole(Problem::TooMuch));
        }
        let mut parser = Parser::default();
        // Without its last newline a file may have been cut short, and a shorter name may exist.
        let body = match bytes {
            [] => bytes,
            [body @ .., b'\n'] => body,
            _ => return Err(whole(Problem::NotTerminated)),
        };
        for (line, number) in body.split(|byte| *byte == b'\n').zip(1..) {
            parser.line(line).map_err(|problem| PolicyError {
                line: number,
                problem,
            })?;
        }
        parser.finish().map_err(whole)
    }

    /// Reads a signed checkpoint and believes it if this file does: signed by one of the logs, and
    /// cosigned by the quorum.
    pub fn open(&self, note: &[u8]) -> Result<Checkpoint, TrustError> {
        Ok(self.open_witnessed(note)?.0)
    }

    /// Like [`Self::open`]; with it every witness of this file that cosigned, whether the quorum needs it or not.
    pub fn open_witnessed(&self, note: &[u8]) -> Result<(Checkpoint, Vec<Witnessed>), TrustError> {
        let logs: Vec<&Vkey> = self.logs.iter().map(|log| &log.vkey).collect();
        let checkpoint = open_any(note, &logs)?;
        let keys: Vec<&Vkey> = self.witnesses.iter().map(|witness| &witness.vkey).collect();
        let (cosigned, unread) = cosigned(note, &keys)?;
        let name_of = |position: usize| self.witnesses.get(position).map(|it| it.name.as_slice());
        let names: BTreeSet<&[u8]> = cosigned
            .iter()
            .filter_map(|it| name_of(it.witness))
            .collect();
        if let Quorum::Of(quorum) = &self.quorum
            && !self.holds(quorum, &names)
        {
            return Err(TrustError::NeedsWitnesses {
                quorum: String::from_utf8_lossy(quorum).into_owned(),
                cosigned: names.len(),
                unread: unread.len(),
            });
        }
        let mut witnessed: Vec<Witnessed> = cosigned
            .iter()
            .filter_map(|it| {
                let name = String::from_utf8_lossy(name_of(it.witness)?).into_owned();
                Some(Witnessed {
                    name,
                    time_s: it.time_s,
                })
            })
            .collect();
        witnessed.sort_by(|a, b| (a.time_s, &a.name).cmp(&(b.time_s, &b.name)));
        Ok((checkpoint, witnessed))
    }

    /// Whether a witness or group has witnessed, when the witnesses in `cosigned` have.
    fn holds(&self, quorum: &[u8], cosigned: &BTreeSet<&[u8]>) -> bool {
        // Groups stand behind their members, so one pass in the order of the file answers for all of them.
        let mut held = cosigned.clone();
        for group in &self.groups {
            let members = group
                .members
                .iter()
                .filter(|member| held.contains(member.as_slice()));
            if members.count() >= group.threshold {
                held.insert(&group.name);
            }
        }
        held.contains(quorum)
    }

    /// Text of a trust file that believes these logs without witnesses.
    pub fn text_of_logs<'a>(logs: impl IntoIterator<Item = &'a Vkey>) -> String {
        let mut text = String::new();
        for vkey in logs {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "log {vkey}");
        }
        text + "quorum none\n"
    }
}

#[derive(Default)]
struct Parser {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Quorum>,
    /// Every defined name, and whether a group has it as a member already.
    names: BTreeMap<Vec<u8>, bool>,
    log_keys: BTreeSet<Vec<u8>>,
    witness_keys: BTreeSet<Vec<u8>>,
}

impl Parser {
    fn line(&mut self, line: &[u8]) -> Result<(), Problem> {
        let allowed = |byte: u8| byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
        if !line.iter().all(|byte| allowed(*byte)) {
            return Err(Problem::ControlCharacter);
        }
        let items: Vec<&[u8]> = line
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|item| !item.is_empty())
            .collect();
        match items.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", vkey] => self.log(vkey, None),
            [b"log", vkey, url] => self.log(vkey, Some(url)),
            [b"witness", name, vkey] => self.witness(name, vkey, None),
            [b"witness", name, vkey, url] => self.witness(name, vkey, Some(url)),
            [b"group", name, threshold, members @ ..] => self.group(name, threshold, members),
            [b"quorum", name] => self.quorum(name),
            _ => Err(Problem::UnknownLine),
        }
    }

    fn log(&mut self, vkey: &[u8], url: Option<&[u8]>) -> Result<(), Problem> {
        let vkey = parse_vkey(vkey)?;
        if !self.log_keys.insert(vkey.key().to_vec()) {
            return Err(Problem::Duplicate);
        }
        let url = url.map(<[u8]>::to_vec);
        push(&mut self.logs, Log { vkey, url })
    }

    fn witness(&mut self, name: &[u8], vkey: &[u8], url: Option<&[u8]>) -> Result<(), Problem> {
        let vkey = parse_vkey(vkey)?;
        // A plain note signature says nothing about what a witness has seen before.
        if ![Vkey::COSIGNATURE_ED25519, Vkey::COSIGNATURE_ML_DSA_44].contains(&vkey.kind()) {
            return Err(Problem::NotAWitnessKey);
        }
        if !self.witness_keys.insert(vkey.key().to_vec()) {
            return Err(Problem::Duplicate);
        }
        self.define(name)?;
        let (name, url) = (name.to_vec(), url.map(<[u8]>::to_vec));
        push(&mut self.witnesses, Witness { name, vkey, url })
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), Problem> {
        let threshold = match threshold {
            b"any" => 1,
            b"all" => members.len(),
            number => str::from_utf8(number)
                .ok()
                .and_then(canonical)
                .and_then(|number| usize::try_from(number).ok())
                .ok_or(Problem::Threshold)?,
        };
        if !(1..=members.len()).contains(&threshold) {
            return Err(Problem::Threshold);
        }
        for member in members {
            let used = self.names.get_mut(*member).ok_or(Problem::UndefinedName)?;
            // A witness that is in two places would count twice.
            if std::mem::replace(used, true) {
                return Err(Problem::MemberTwice);
            }
        }
        self.define(name)?;
        let group = Group {
            name: name.to_vec(),
            threshold,
            members: members.iter().map(|member| member.to_vec()).collect(),
        };
        push(&mut self.groups, group)
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), Problem> {
        if self.quorum.is_some() {
            return Err(Problem::Duplicate);
        }
        self.quorum = Some(match name {
            b"none" => Quorum::None,
            name if self.names.contains_key(name) => Quorum::Of(name.to_vec()),
            _ => return Err(Problem::UndefinedName),
        });
        Ok(())
    }

    fn define(&mut self, name: &[u8]) -> Result<(), Problem> {
        if name == b"none" || self.names.insert(name.to_vec(), false).is_some() {
            return Err(Problem::Duplicate);
        }
        Ok(())
    }

    fn finish(self) -> Result<TrustPolicy, Problem> {
        Ok(TrustPolicy {
            logs: self.logs,
            witnesses: self.witnesses,
            groups: self.groups,
            quorum: self.quorum.ok_or(Problem::NoQuorum)?,
        })
    }
}

fn push<T>(items: &mut Vec<T>, item: T) -> Result<(), Problem> {
    if items.len() == TRUST_ITEMS_MAX {
        return Err(Problem::TooMuch);
    }
    items.push(item);
    Ok(())
}

fn parse_vkey(bytes: &[u8]) -> Result<Vkey, Problem> {
    let text = str::from_utf8(bytes).map_err(|_| BadVkey::Malformed)?;
    Ok(text.parse()?)
}

/// Why a trust file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trust file, line {line}: {problem}")]
pub struct PolicyError {
    /// Line, from 1; 0 when the file as a whole is wrong.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a line of a trust file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// More than [`TRUST_BYTES_MAX`] bytes or [`TRUST_ITEMS_MAX`] lines of a kind.
    #[error("too long")]
    TooMuch,
    /// The file does not end in a newline.
    #[error("the last line has no newline")]
    NotTerminated,
    /// A control character other than tab (a carriage return, for example).
    #[error("control character")]
    ControlCharacter,
    /// Not `log`, `witness`, `group` or `quorum` with their items.
    #[error("not a log, witness, group or quorum line")]
    UnknownLine,
    /// The key cannot be read.
    #[error("key: {0}")]
    Vkey(#[from] BadVkey),
    /// A key, a name or the quorum appears twice, or a name is `none`.
    #[error("defined twice, or a reserved name")]
    Duplicate,
    /// A witness's key makes no cosignatures.
    #[error("a witness needs a cosignature key")]
    NotAWitnessKey,
    /// Not `any`, `all` or a number from 1 to the number of members.
    #[error("threshold must be any, all or 1 to the number of members")]
    Threshold,
    /// A name that no line above defines.
    #[error("name not defined above")]
    UndefinedName,
    /// A name that is already member of a group.
    #[error("already member of a group")]
    MemberTwice,
    /// The file has no quorum line.
    #[error("no quorum line")]
    NoQuorum,
}

/// A witness of the trust file that cosigned a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Witnessed {
    /// Its name in the trust file.
    pub name: String,
    /// When, by its own clock: seconds since 1970.
    pub time_s: u64,
}

/// Why a checkpoint is not believed under a trust file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The note itself.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The log's signature is good, but the file asks for more witnesses than cosigned.
    #[error(
        "quorum {quorum} is not met: {cosigned} witnesses of the trust file cosigned, {unread} more by an algorithm that this version cannot verify"
    )]
    NeedsWitnesses {
        /// Name of the quorum in the file.
        quorum: String,
        /// Witnesses of the file whose cosignature is good.
        cosigned: usize,
        /// Witnesses of the file that signed with an unknown algorithm.
        unread: usize,
    },
}

impl TrustError {
    /// True when material or ability is missing, false when the checkpoint is wrong.
    pub fn cannot_verify(&self) -> bool {
        matches!(
            self,
            Self::NeedsWitnesses { .. } | Self::Note(NoteError::UnsupportedAlgorithm)
        )
    }
}

#[cfg(test)]
#[path = "tests_trust.rs"]
mod tests;
