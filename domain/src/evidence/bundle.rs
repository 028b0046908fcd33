//! evidence/bundle
