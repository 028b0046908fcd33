//! What is judged after the last leaf: the beginning against what was signed before (V04), the names (V15), the cuts (V13).

use sekisho_domain::crypto::hex;
use sekisho_domain::evidence::bundle::{Manifest, Part, origin_site};
use sekisho_domain::evidence::checkpoint::Checkpoint;
use sekisho_domain::ids::{GatewayId, SiteId};
use sekisho_domain::time::Timestamp;

use crate::check::Check;
use crate::head::Head;
use crate::leaves::Walked;
use crate::problem::Problem;
use crate::registry::{NotSaid, Registry, Revoked};
use crate::report::{Notes, Place};
use crate::seals::{Seals, check_alone};
use crate::stream::Stream;

/// What a bundle says about itself before its leaves are read.
pub(crate) struct Claims {
    /// The packing list, without its files.
    pub(crate) manifest: Manifest,
    /// The signed head.
    pub(crate) head: Head,
    /// The signed head at the start of the period, if there is one.
    pub(crate) start: Option<Checkpoint>,
    /// The site that the name of the log names.
    pub(crate) site: Option<SiteId>,
}

impl Claims {
    /// The head at the start of the period, when it is one of this log.
    pub(crate) fn own_start(&self) -> Option<&Checkpoint> {
        let origin = &self.head.checkpoint.origin;
        self.start.as_ref().filter(|start| start.origin == *origin)
    }
}

/// V15: the site that the name of the log and the manifest agree on. `None` when the name names none.
pub(crate) fn site_of(head: &Head, manifest: &Manifest, notes: &mut Notes) -> Option<SiteId> {
    let origin = head.checkpoint.origin.as_str();
    let site = origin_site(origin);
    if site.is_none() {
        notes.problem(Problem::OriginForm, Place::default().detail(origin));
    } else if site != Some(manifest.site) {
        notes.problem(Problem::OtherSite, Place::part(Part::Manifest));
    }
    site
}

/// V15, continued: the keyring in leaf 0 is that of the same site.
pub(crate) fn check_keyring(claims: &Claims, registry: Option<&Registry>, notes: &mut Notes) {
    let (Some(registry), Some(site)) = (registry, claims.site) else {
        return;
    };
    if registry.site != site {
        notes.problem(Problem::OtherSite, Place::leaf(0).detail("keyring"));
    }
}

/// V04: the opening names this log, and the log continues the head at the start of its period.
pub(crate) fn check_start(
    claims: &Claims,
    registry: Option<&Registry>,
    walked: &Walked,
    notes: &mut Notes,
) {
    let head = &claims.head;
    if head.checkpoint.size == 0 {
        notes.problem(Problem::NotOpened, Place::default());
    }
    let Some(registry) = registry else { return };
    if registry.origin != head.checkpoint.origin.as_str() {
        let detail = format!("opened as {:?}", registry.origin);
        notes.problem(Problem::NotOpened, Place::leaf(0).detail(detail));
    }
    if let (Some(seen), Some(previous)) = (&registry.seen, &registry.previous) {
        let detail = format!(
            "{} was restored with {} of at least {} records",
            previous.origin, previous.head.size, seen.size
        );
        notes.problem(Problem::Restored, Place::leaf(0).detail(detail));
    } else if replaces_another(head.checkpoint.origin.as_str()) {
        notes.problem(Problem::ReplacedUnsaid, Place::leaf(0));
    }
    if registry.seen.is_some() {
        check_alone(registry, notes);
    }
    let other_key = |key| !head.keys.is_empty() && !head.keys.contains(&key);
    if registry.log_key.is_some_and(other_key) {
        notes.problem(Problem::LogKeyDiffers, Place::leaf(0));
    }
    if claims.manifest.from != claims.own_start().map_or(0, |start| start.size) {
        notes.problem(Problem::ManifestDisagrees, Place::part(Part::Manifest));
    }
    let Some(start) = &claims.start else { return };
    notes.made(Check::V04, 1);
    let place = || Place::part(Part::CheckpointStart).detail(start.origin.as_str());
    if claims.own_start().is_some() {
        if walked.root_at_mark != Some(start.root) {
            notes.problem(Problem::StartDiffers, place());
        }
        return;
    }
    let named = registry.previous.as_ref();
    match named
        .filter(|previous| previous.origin == start.origin.as_str())
        .map(|previous| previous.head)
    {
        Some(head) if (head.size, head.root) == (start.size, start.root) => {}
        // The log before went on after this one was opened, with its closing record at least.
        Some(head) if head.size < start.size => notes.problem(Problem::StartLater, place()),
        _ => notes.problem(Problem::StartDiffers, place()),
    }
}

/// Whether the name of a log says that it is not the first of its year.
fn replaces_another(origin: &str) -> bool {
    let year = origin.rsplit('/').next().unwrap_or_default();
    let first = |year: &str| year.bytes().all(|byte| byte.is_ascii_digit());
    !year.strip_prefix("fy").is_some_and(first)
}

/// V13: everyone who may seal has closed with the cut of this export. The earliest of the cuts, when none is missing.
///
/// The cuts must carry `wanted` (the auditor's nonce, else the manifest's) or, without one, what the server's last cut
/// carries. What is missing is unproven; where the auditor `asked` it is a failure.
pub(crate) fn check_cuts(
    seals: &Seals<'_>,
    wanted: Option<[u8; 16]>,
    asked: bool,
    notes: &mut Notes,
) -> Option<Timestamp> {
    let registry = seals.registry.as_ref()?;
    let service = seals
        .streams
        .get(&(GatewayId::NIL, registry.service_stream));
    let nonce = wanted.or_else(|| service.and_then(|stream| stream.cut).map(|cut| cut.nonce));
    let mut up_to = Some(Timestamp(i64::MAX));
    for sealer in std::iter::once(GatewayId::NIL).chain(registry.gateways()) {
        notes.made(Check::V13, 1);
        check_left(seals, registry, sealer, nonce, notes);
        if let Some(revoked) = registry.revoked(sealer) {
            check_end(seals, registry, sealer, revoked, notes);
            continue;
        }
        let stream = if sealer == GatewayId::NIL {
            service
        } else {
            last_stream(seals, sealer)
        };
        let cut = stream
            .and_then(|stream| stream.cut)
            .filter(|cut| Some(cut.nonce) == nonce);
        if let Some(cut) = cut {
            up_to = up_to.map(|at| at.min(cut.at));
        } else if sealer == GatewayId::NIL && seals.is_closed() && !asked {
            // Its closing record ends the server's own stream.
            let last = stream.and_then(|stream| stream.last_at);
            up_to = up_to.zip(last).map(|(up_to, last)| up_to.min(last));
        } else {
            up_to = None;
            let problem = if asked {
                Problem::NonceAbsent
            } else if seals.is_closed() {
                Problem::ClosedUncut
            } else {
                Problem::CutMissing
            };
            let place = Place {
                gateway: Some(sealer),
                stream: stream.map(|stream| stream.report().stream),
                at: stream.and_then(|stream| stream.last_at),
                detail: nonce.map(|nonce| format!("nonce {}", hex(&nonce))),
                ..Place::default()
            };
            notes.problem(problem, place);
        }
    }
    up_to
}

/// V13: a gateway that begins a new stream has lost the file of the one before, and with it all that it never sent. The
/// cut of this very export, as the last event of the older stream, shows that nothing was lost.
fn check_left(
    seals: &Seals<'_>,
    registry: &Registry,
    gateway: GatewayId,
    nonce: Option<[u8; 16]>,
    notes: &mut Notes,
) {
    let own = seals.streams.iter().filter(|(key, _)| key.0 == gateway);
    let mut own: Vec<_> = own.map(|(key, stream)| (key.1, stream)).collect();
    own.sort_by_key(|(_, stream)| stream.first_leaf);
    let place = |stream, at| Place {
        gateway: Some(gateway),
        stream: Some(stream),
        at,
        ..Place::default()
    };
    // Its first stream here is a new one, although it had others in the log before.
    let began = own.first().map(|(id, _)| *id);
    let mut before = registry.streams_before(gateway);
    if let Some(last) = before.next()
        && began.is_some_and(|id| id != last.stream && before.all(|end| end.stream != id))
    {
        notes.problem(Problem::StreamLeft, place(last.stream, None));
    }
    own.pop();
    for (id, stream) in own {
        let ended = stream
            .cut
            .is_some_and(|cut| Some(cut.nonce) == nonce && cut.seq + 1 == stream.next_seq);
        if !ended {
            notes.problem(Problem::StreamLeft, place(id, stream.last_at));
        }
    }
}

/// V13, for a gateway that was revoked: nobody can ask it for a cut. Its streams end where the server knew them to.
fn check_end(
    seals: &Seals<'_>,
    registry: &Registry,
    gateway: GatewayId,
    revoked: Revoked,
    notes: &mut Notes,
) {
    let stream = last_stream(seals, gateway);
    let place = Place {
        gateway: Some(gateway),
        stream: revoked.last.map(|last| last.stream),
        seal_no: revoked.last.map(|last| last.seal_no),
        at: stream.and_then(|stream| stream.last_at),
        ..Place::default()
    };
    let is_short = revoked.last.is_some_and(|last| {
        if let Some(stream) = seals.streams.get(&(gateway, last.stream)) {
            return stream.next_no <= last.seal_no;
        }
        // A stream that ended in the log before has no seal here.
        match registry.end_before(gateway, last.stream) {
            Ok(ended) => ended.is_none_or(|end| end.seal_no < last.seal_no),
            Err(NotSaid) => !registry.may_continue(gateway),
        }
    });
    if is_short {
        notes.problem(Problem::RevokedShort, place.clone());
    }
    notes.problem(Problem::GatewayRevoked, place);
}

/// The stream that a gateway began last: the one that a cut must close.
fn last_stream<'s>(seals: &'s Seals<'_>, gateway: GatewayId) -> Option<&'s Stream> {
    let own = seals
        .streams
        .iter()
        .filter(|((sealer, _), _)| *sealer == gateway);
    own.map(|(_, stream)| stream)
        .max_by_key(|stream| stream.first_leaf)
}
