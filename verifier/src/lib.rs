//! Checks a bundle of evidence offline, believing a trust file and nothing else.
//!
//! # Architecture invariants
//!
//! - Depends on `sekisho-domain` only: the verifier shares the formats with the server and none of its code.
//! - No network, no clock, no randomness: the same bundle, trust file and options give the same report.
//! - Memory does not grow with the log: one entry bundle, one held seal a stream, the digests of shipped openings, counters.
//! - No key inside a bundle is believed but those that leaf 0 and later enrolments name, and those only as far as the log
//!   key vouches for them.
//! - What was not shown to hold is never reported as passed: skipped and unknown checks give CANNOT-VERIFY at best.
//! - No bytes can make it panic.

mod check;
mod end;
mod events;
mod head;
mod leaves;
mod openings;
mod package;
mod problem;
mod registry;
mod report;
mod seals;
mod stream;
pub mod text;
mod zip;

use std::io::{Read, Seek};

use sekisho_domain::evidence::trust::TrustPolicy;

pub use check::{CANNOT_PROVE_EN, CANNOT_PROVE_JA, Check, NOT_IN_THIS_VERSION};
pub use events::Observed;
pub use problem::{Problem, Status};
pub use report::{CheckReport, Counts, EndBefore, Failure, Place, Report, StreamReport, Verdict};

use end::Claims;
use events::Events;
use openings::Openings;
use package::Package;
use report::Notes;
use seals::Seals;

/// What the auditor asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// The nonce that the auditor gave for this export: everyone who may seal must have answered it in the log.
    pub nonce: Option<[u8; 16]>,
    /// Check every signature singly.
    pub strict: bool,
    /// Chooses the sample of signatures; without it the root of the log does.
    pub seed: Option<String>,
}

/// Verifies a bundle. `observe` gets every readable event in the order of the log, before anything is known about it.
pub fn verify<R: Read + Seek>(
    bundle: R,
    trust: &TrustPolicy,
    options: &Options,
    observe: &mut dyn FnMut(&Observed),
) -> Report {
    let mut notes = Notes::new();
    let Some((mut package, manifest)) = Package::open(bundle, &mut notes) else {
        return Report::of(notes);
    };
    let Some(head) = head::end(&mut package, trust, &mut notes) else {
        package.compare_rest(&mut notes);
        return Report::of(notes);
    };
    let start = head::start(&mut package, trust, &mut notes);
    package.compare_head(&manifest, &head.checkpoint, &mut notes);
    let claims = Claims {
        site: end::site_of(&head, &manifest, &mut notes),
        manifest,
        head,
        start,
    };

    let checkpoint = &claims.head.checkpoint;
    let seed = options
        .seed
        .clone()
        .unwrap_or_else(|| checkpoint.root.hex());
    let wanted = options.nonce.or_else(|| claims.manifest.nonce_bytes());
    let openings = Openings::load(&mut package, &mut notes);
    let mut seals = Seals::new(
        claims.site,
        options.strict,
        &seed,
        Events::new(wanted, openings, observe),
    );
    let mark = claims.own_start().map(|start| start.size);
    let walked = leaves::walk(&mut package, checkpoint, mark, &mut notes, |leaf, notes| {
        seals.leaf(leaf, notes);
    });
    package.compare_rest(&mut notes);

    seals.finish(&mut notes);
    end::check_keyring(&claims, seals.registry.as_ref(), &mut notes);
    let mut up_to = None;
    if walked.complete {
        end::check_start(&claims, seals.registry.as_ref(), &walked, &mut notes);
        up_to = end::check_cuts(&seals, wanted, options.nonce.is_some(), &mut notes);
    }
    let (streams, ends_before) = (seals.reports(), seals.ends_before());
    let counts = seals.events.finish(seals.read, walked.complete, &mut notes);
    Report {
        origin: Some(checkpoint.origin.to_string()),
        site: claims.site,
        size: Some(checkpoint.size),
        root: Some(checkpoint.root),
        up_to,
        witnessed: claims.head.witnessed.clone(),
        events: counts.events,
        counts,
        streams,
        ends_before,
        signatures_checked: seals.signatures_checked,
        seed,
        ..Report::of(notes)
    }
}
