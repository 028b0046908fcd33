//! Worlds with real keys, and ways to take their bundles apart and put them together again.

pub(crate) mod cases;
pub(crate) mod repack;
pub(crate) mod world;
