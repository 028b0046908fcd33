//! Evidence: seals, the tree they are leaves of, checkpoints, proofs and bundles.

pub mod bundle;
pub mod checkpoint;
pub mod cosignature;
pub mod disclosure;
pub mod proof;
pub mod seal;
pub mod tiles;
pub mod tree;
pub mod trust;
pub mod witness;
