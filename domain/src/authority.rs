//! Who may do what: one pure table.
//!
//! A caller finds out how the actor is related to the object and asks [`allowed`]. `docs/authority.golden.txt` is the checked-in
//! copy of every answer; a test compares. What the table refuses under [`Relation::None`] does not exist to the actor (404).

use std::fmt;

/// A person's place in an organisation, or a token's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the organisation.
    Owner,
    /// Runs its sites.
    Manager,
    /// Works in sites.
    Member,
    /// Reads evidence.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Manager, Self::Member, Self::Auditor];

    /// The stable name, as in the databases.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Member => "member",
            Self::Auditor => "auditor",
        }
    }

    /// The role of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// How an actor is related to the object of an action. For what does not exist yet: to what it will belong to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Relation {
    /// It is the actor, or is about the actor: their person, booking, pass, holder key.
    Own,
    /// It is the actor's organisation, or belongs to it: its people, their bookings and passes, its tokens.
    SameOrganisation,
    /// It is or belongs to a site that the actor's organisation operates, or to a company that such a site is open to.
    OperatedSite,
    /// It is or belongs to a site that is open to the actor's organisation (`site_access`).
    AccessibleSite,
    /// None of these.
    None,
}

impl Relation {
    /// Every relation.
    pub const ALL: [Self; 5] = [
        Self::Own,
        Self::SameOrganisation,
        Self::OperatedSite,
        Self::AccessibleSite,
        Self::None,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::SameOrganisation => "same_organisation",
            Self::OperatedSite => "operated_site",
            Self::AccessibleSite => "accessible_site",
            Self::None => "none",
        }
    }
}

/// Whether `role` may do `action` to an object that stands in `relation` to it.
///
/// Where an object stands in several relations, one that is allowed is enough ([`allowed_by_any`]).
pub fn allowed(role: Role, action: Action, relation: Relation) -> bool {
    action.roles(relation).contains(&role)
}

/// Whether one of `relations` allows `role` to do `action`.
pub fn allowed_by_any(role: Role, action: Action, relations: &[Relation]) -> bool {
    relations
        .iter()
        .any(|relation| allowed(role, action, *relation))
}

const NOBODY: &[Role] = &[];
const OWNER: &[Role] = &[Role::Owner];
const RUNS: &[Role] = &[Role::Owner, Role::Manager];
const WORKS: &[Role] = &[Role::Owner, Role::Manager, Role::Member];
const READS: &[Role] = &[Role::Owner, Role::Manager, Role::Auditor];
const ALL: &[Role] = &Role::ALL;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident $name:literal own $own:ident same $same:ident operated $operated:ident accessible $accessible:ident;)*) => {
        /// What can be done, over the API, on pages and on the command line.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name: thing and verb.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The roles that may, in one relation. [`Relation::None`] never allows anything.
            fn roles(self, relation: Relation) -> &'static [Role] {
                let [own, same, operated, accessible] = match self {
                    $(Self::$variant => [$own, $same, $operated, $accessible],)*
                };
                match relation {
                    Relation::Own => own,
                    Relation::SameOrganisation => same,
                    Relation::OperatedSite => operated,
                    Relation::AccessibleSite => accessible,
                    Relation::None => NOBODY,
                }
            }
        }
    };
}

actions! {
    /// See an organisation. A company's people see who operates the sites that they use.
    ReadOrganisation "organisation.read" own NOBODY same ALL operated READS accessible ALL;
    /// Add a company in the name of an operator; the flow checks that the actor's organisation operates sites.
    AddOrganisation "organisation.add" own NOBODY same OWNER operated NOBODY accessible NOBODY;
    /// Change an organisation's name.
    WriteOrganisation "organisation.write" own NOBODY same OWNER operated NOBODY accessible NOBODY;
    /// See a site with its opening hours.
    ReadSite "site.read" own NOBODY same NOBODY operated ALL accessible ALL;
    /// Add a site to the actor's organisation.
    AddSite "site.add" own NOBODY same OWNER operated NOBODY accessible NOBODY;
    /// Change a site: name, opening hours, margins, grid, state.
    WriteSite "site.write" own NOBODY same NOBODY operated RUNS accessible NOBODY;
    /// Close a site or a zone of it for a time, with what becomes of the bookings that it meets; see closures.
    CloseSite "site.close" own NOBODY same NOBODY operated RUNS accessible NOBODY;
    /// See which companies a site is open to.
    ReadSiteAccess "site_access.read" own NOBODY same RUNS operated READS accessible NOBODY;
    /// Open a site to a company, or close it again.
    WriteSiteAccess "site_access.write" own NOBODY same NOBODY operated OWNER accessible NOBODY;
    /// See limits, plans and what is used of them; own: of oneself.
    ReadQuota "quota.read" own ALL same RUNS operated NOBODY accessible NOBODY;
    /// Set, change and end limits and plans of the actor's organisation.
    WriteQuota "quota.write" own NOBODY same RUNS operated NOBODY accessible NOBODY;
    /// See a company's conditions for sites and seats; they explain refusals, so everybody there sees them.
    ReadCompanyPolicy "company_policy.read" own NOBODY same ALL operated NOBODY accessible NOBODY;
    /// Set them.
    WriteCompanyPolicy "company_policy.write" own NOBODY same RUNS operated NOBODY accessible NOBODY;
    /// See a zone.
    ReadZone "zone.read" own NOBODY same NOBODY operated ALL accessible ALL;
    /// Add or change a zone.
    WriteZone "zone.write" own NOBODY same NOBODY operated RUNS accessible NOBODY;
    /// See a door.
    ReadDoor "door.read" own NOBODY same NOBODY operated ALL accessible ALL;
    /// Add or change a door.
    WriteDoor "door.write" own NOBODY same NOBODY operated RUNS accessible NOBODY;
    /// See a seat and when it is free.
    ReadSeat "seat.read" own NOBODY same NOBODY operated ALL accessible ALL;
    /// Add or change a seat.
    WriteSeat "seat.write" own NOBODY same NOBODY operated RUNS accessible NOBODY;
    /// See a person's name, address and state.
    ReadPerson "person.read" own ALL same RUNS operated RUNS accessible NOBODY;
    /// Add or change a person; an operator's owner sets up the first people of a company.
    WritePerson "person.write" own NOBODY same RUNS operated OWNER accessible NOBODY;
    /// Suspend a person everywhere, or lift it.
    SuspendPerson "person.suspend" own NOBODY same RUNS operated NOBODY accessible NOBODY;
    /// Give a person a role.
    WriteRole "role.write" own NOBODY same OWNER operated OWNER accessible NOBODY;
    /// See a booking.
    ReadBooking "booking.read" own ALL same RUNS operated RUNS accessible NOBODY;
    /// Make or cancel a booking. Whether the company reaches the site is a rule of booking, not of authority.
    WriteBooking "booking.write" own WORKS same RUNS operated RUNS accessible NOBODY;
    /// See who is in a group and where they sit.
    ReadGroup "group.read" own ALL same RUNS operated RUNS accessible NOBODY;
    /// Book for a group, change or cancel it; own: as its organiser.
    WriteGroup "group.write" own WORKS same RUNS operated RUNS accessible NOBODY;
    /// See what waits for an approval and how it was answered.
    ReadApproval "approval.read" own NOBODY same RUNS operated RUNS accessible NOBODY;
    /// Approve or decline a booking; the flow sees to it that nobody does so for themselves.
    AnswerApproval "approval.answer" own NOBODY same RUNS operated RUNS accessible NOBODY;
    /// See which bookings need an approval.
    ReadApprovalRule "approval_rule.read" own NOBODY same READS operated READS accessible NOBODY;
    /// Say which bookings need an approval.
    WriteApprovalRule "approval_rule.write" own NOBODY same RUNS operated RUNS accessible NOBODY;
    /// See a visit: the visitor's name, the purpose, the state.
    ReadVisit "visit.read" own ALL same RUNS operated RUNS accessible NOBODY;
    /// Invite a visitor or cancel the visit, and hold the visitor's pass; own: as the host.
    WriteVisit "visit.write" own WORKS same RUNS operated RUNS accessible NOBODY;
    /// Say at the desk that a visitor has come or gone.
    ReceiveVisitor "visit.receive" own WORKS same NOBODY operated RUNS accessible NOBODY;
    /// See that a pass exists, its kind, times and state.
    ReadPass "pass.read" own ALL same RUNS operated RUNS accessible NOBODY;
    /// Have a pass issued and handed out.
    IssuePass "pass.issue" own WORKS same RUNS operated RUNS accessible NOBODY;
    /// Revoke a pass.
    RevokePass "pass.revoke" own WORKS same RUNS operated RUNS accessible NOBODY;
    /// Register or replace a phone's key: nobody can do it for somebody else.
    WriteHolderKey "holder_key.write" own WORKS same NOBODY operated NOBODY accessible NOBODY;
    /// See a site's gateway.
    ReadGateway "gateway.read" own NOBODY same NOBODY operated READS accessible NOBODY;
    /// Add or revoke a gateway.
    WriteGateway "gateway.write" own NOBODY same NOBODY operated RUNS accessible NOBODY;
    /// See a site's devices.
    ReadDevice "device.read" own NOBODY same NOBODY operated READS accessible NOBODY;
    /// See events without whom they were about.
    ReadEvent "event.read" own ALL same NOBODY operated READS accessible NOBODY;
    /// See whom an event was about; itself recorded.
    ReadOpening "opening.read" own ALL same NOBODY operated RUNS accessible NOBODY;
    /// See who is inside.
    ReadPresence "presence.read" own ALL same NOBODY operated RUNS accessible NOBODY;
    /// Release a door from afar; itself recorded, with a reason.
    UnlockDoor "door.unlock" own NOBODY same NOBODY operated RUNS accessible NOBODY;
    /// Put a door into a mode from afar; itself recorded, with a reason.
    SetDoorMode "door.mode" own NOBODY same NOBODY operated RUNS accessible NOBODY;
    /// Say that somebody has seen to an alarm; itself recorded, with a reason.
    AcknowledgeAlarm "alarm.acknowledge" own NOBODY same NOBODY operated RUNS accessible NOBODY;
    /// Export the evidence of a site.
    ExportEvidence "evidence.export" own NOBODY same NOBODY operated READS accessible NOBODY;
    /// List tokens; secrets are never shown again.
    ReadToken "token.read" own NOBODY same OWNER operated NOBODY accessible NOBODY;
    /// Make or revoke a token.
    WriteToken "token.write" own NOBODY same OWNER operated NOBODY accessible NOBODY;
    /// Make or end the calendar feed of oneself (nobody can for somebody else) or of a seat; see that there is one.
    WriteFeed "feed.write" own WORKS same NOBODY operated RUNS accessible NOBODY;
    /// See, add or change the addresses that are told of the organisation's events.
    WriteWebhook "webhook.write" own NOBODY same OWNER operated NOBODY accessible NOBODY;
    /// Add a screen at a site or switch it off; see which there are.
    WriteDisplay "display.write" own NOBODY same NOBODY operated RUNS accessible NOBODY;
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::fmt::Write;

    /// Every answer, one line an action and relation: the roles that may.
    fn table() -> String {
        let mut text = String::new();
        for action in Action::ALL {
            for relation in Relation::ALL {
                let roles: Vec<_> = Role::ALL
                    .into_iter()
                    .filter(|role| allowed(*role, *action, relation))
                    .map(Role::name)
                    .collect();
                let roles = if roles.is_empty() {
                    "-".to_owned()
                } else {
                    roles.join(" ")
                };
                writeln!(text, "{action} {} {roles}", relation.name()).unwrap();
            }
        }
        text
    }

    #[test]
    fn the_table_is_the_checked_in_one() {
        let golden = include_str!("../../docs/authority.golden.txt");
        assert_eq!(
            table(),
            golden,
            "a change of authority is a change of docs/authority.golden.txt"
        );
    }

    #[test]
    fn a_stranger_may_nothing() {
        for action in Action::ALL {
            for role in Role::ALL {
                assert!(!allowed(role, *action, Relation::None), "{role:?} {action}");
                assert!(!allowed_by_any(role, *action, &[]), "{role:?} {action}");
            }
        }
    }

    #[test]
    fn an_auditor_changes_nothing() {
        for action in Action::ALL {
            let reads = action
                .name()
                .split_once('.')
                .is_some_and(|(_, verb)| verb == "read")
                || *action == Action::ExportEvidence;
            for relation in Relation::ALL {
                assert!(
                    reads || !allowed(Role::Auditor, *action, relation),
                    "{action} {relation:?}"
                );
            }
        }
    }

    #[test]
    fn an_owner_may_what_a_manager_may_and_a_manager_what_a_member_may() {
        for action in Action::ALL {
            for relation in Relation::ALL {
                assert!(
                    allowed(Role::Owner, *action, relation)
                        >= allowed(Role::Manager, *action, relation),
                    "{action} {relation:?}"
                );
                assert!(
                    allowed(Role::Manager, *action, relation)
                        >= allowed(Role::Member, *action, relation),
                    "{action} {relation:?}"
                );
            }
        }
    }

    #[test]
    fn names_are_unique_and_roles_have_theirs() {
        let mut names: Vec<_> = Action::ALL.iter().map(|action| action.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Action::ALL.len());
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
        assert_eq!(Role::from_name("root"), None);
    }
}
