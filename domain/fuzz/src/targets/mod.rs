//! What is fuzzed: one function per decoder of bytes from outside, or per family of decoders that read the same kind of bytes.
//!
//! Compiled twice: into the fuzz program (`../main.rs`), and into `tests/corpora.rs`, which runs the committed corpora
//! through the same functions and fails when a decoder has no place here. No function may panic on any bytes; an assertion
//! here says what must hold for whatever is accepted.

mod evidence;
mod log;
mod wire;

/// A target's name and what it does with bytes.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets, in the order in which `tests/fuzz` runs them.
pub(crate) const TARGETS: &[Target] = &[
    ("cbor", wire::canonical),
    ("cose", wire::cose),
    ("seal", evidence::seal),
    ("publish", evidence::publish),
    ("pass", wire::pass),
    ("bundle", log::bundle),
    ("log", log::log),
    ("event", evidence::event),
    ("body", wire::body),
    ("bus", wire::bus),
    ("uplink", wire::uplink),
    ("keyring", wire::keyring),
    ("snapshot", wire::snapshot),
    ("disclosure", evidence::disclosure),
    ("note", evidence::note),
    ("trust", evidence::trust),
    ("witness", evidence::witness),
    ("manifest", evidence::manifest),
    ("tiles", evidence::tiles),
    ("proof", evidence::proof),
    ("text", wire::text),
    ("certificate", evidence::certificate),
];

/// A text, where the bytes are one.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
