//! V18, in part: every opening that the bundle ships belongs to a digest in some leaf.

use std::collections::HashMap;
use std::io::{Read, Seek};

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::bundle::Part;
use sekisho_domain::evidence::disclosure::{OPENING_MAX, commitment, read};

use crate::check::Check;
use crate::package::Package;
use crate::problem::Problem;
use crate::report::{Notes, Place};

/// Most openings that are read: they are the one thing kept in memory, 40 bytes each.
const OPENINGS_MAX: usize = 2_000_000;

/// Digests of openings that no leaf has accounted for yet, with the line each stands on.
pub(crate) struct Openings {
    waiting: HashMap<Digest, u64>,
}

impl Openings {
    /// Reads `openings/openings.txt`; an absent file holds none.
    pub(crate) fn load<R: Read + Seek>(package: &mut Package<R>, notes: &mut Notes) -> Self {
        let mut lines = Lines {
            waiting: HashMap::new(),
            rest: Vec::new(),
            line: 0,
            bad: None,
        };
        package.stream(Part::Openings, notes, |piece| lines.take(piece));
        lines.finish();
        notes.made(Check::V18, lines.line);
        if let Some(line) = lines.bad {
            notes.problem(Problem::OpeningBad, place(line));
        }
        Self {
            waiting: lines.waiting,
        }
    }

    /// A leaf holds this digest.
    pub(crate) fn seen(&mut self, digest: &Digest) {
        self.waiting.remove(digest);
    }

    /// What is left belongs to nothing.
    pub(crate) fn finish(self, notes: &mut Notes) {
        let mut lines: Vec<u64> = self.waiting.into_values().collect();
        lines.sort_unstable();
        for line in lines {
            notes.problem(Problem::OpeningUnmatched, place(line));
        }
    }
}

struct Lines {
    waiting: HashMap<Digest, u64>,
    rest: Vec<u8>,
    line: u64,
    bad: Option<u64>,
}

impl Lines {
    fn take(&mut self, piece: &[u8]) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            // One byte more than allowed is kept, so that the line is seen to be too long.
            let room = (OPENING_MAX + 2).saturating_sub(self.rest.len());
            self.rest.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                if self.rest.len() > OPENING_MAX + 1 {
                    self.rest.clear();
                }
                let line = std::mem::take(&mut self.rest);
                self.line(line.strip_suffix(b"\n").unwrap_or(&line));
            }
        }
    }

    /// The last line ends like every other; bytes behind it are none.
    fn finish(&mut self) {
        if !self.rest.is_empty() {
            self.line += 1;
            self.bad.get_or_insert(self.line);
        }
    }

    fn line(&mut self, line: &[u8]) {
        self.line += 1;
        let opening = std::str::from_utf8(line)
            .ok()
            .filter(|text| read(text).is_some());
        match opening {
            Some(opening) if self.waiting.len() < OPENINGS_MAX => {
                self.waiting.entry(commitment(opening)).or_insert(self.line);
            }
            _ => {
                self.bad.get_or_insert(self.line);
            }
        }
    }
}

fn place(line: u64) -> Place {
    Place::part(Part::Openings).detail(format!("line {line}"))
}
