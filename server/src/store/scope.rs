//! On whose behalf a row is read or written.

use sekisho_domain::ids::OrganisationId;

/// Which tenant's rows a store function may touch. Another tenant's rows do not exist to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// One organisation's.
    Organisation(OrganisationId),
    /// All: ingest, jobs and the command line of the installation's owner; never a request.
    System,
}

impl Scope {
    /// For `($n IS NULL OR owner = $n)`.
    pub fn bind(self) -> Option<String> {
        match self {
            Self::Organisation(id) => Some(id.text()),
            Self::System => None,
        }
    }
}
