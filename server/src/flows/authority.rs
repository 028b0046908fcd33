//! How an actor is related to a thing, and whether that is enough.

use sekisho_domain::authority::{Action, Relation, allowed_by_any};
use sekisho_domain::booking::ApprovalKind;
use sekisho_domain::ids::OrganisationId;
use sekisho_domain::refusal::{Code, Refusal};

use super::{Actor, Who};
use crate::store::bookings::Booking;
use crate::store::groups::Group;
use crate::store::people::Person;
use crate::store::sites::Site;
use crate::store::visits::Visit;
use crate::store::{Scope, Tx, site_access};

/// Refuses unless one of `relations` allows the action. A thing without any relation does not exist to the actor. The
/// installation itself may everything.
pub fn require(actor: &Actor, action: Action, relations: &[Relation]) -> Result<(), Refusal> {
    if actor.who == Who::System || allowed_by_any(actor.role, action, relations) {
        return Ok(());
    }
    if relations.iter().all(|relation| *relation == Relation::None) {
        return Err(Code::NotFound.into());
    }
    Err(Refusal::new(Code::NotAllowed).with("action", action))
}

/// To an organisation.
pub async fn to_organisation(
    tx: &mut Tx,
    actor: &Actor,
    organisation: OrganisationId,
) -> crate::store::SqlResult<Vec<Relation>> {
    let mut relations = Vec::new();
    if let Some(own) = actor.organisation {
        if own == organisation {
            relations.push(Relation::SameOrganisation);
        }
        if site_access::serves(tx, own, organisation).await? {
            relations.push(Relation::OperatedSite);
        }
        if site_access::serves(tx, organisation, own).await? {
            relations.push(Relation::AccessibleSite);
        }
    }
    Ok(relations)
}

/// To a site, and to what belongs to it.
pub async fn to_site(
    tx: &mut Tx,
    actor: &Actor,
    site: &Site,
) -> crate::store::SqlResult<Vec<Relation>> {
    let mut relations = Vec::new();
    if let Some(own) = actor.organisation {
        if own == site.operator {
            relations.push(Relation::OperatedSite);
        }
        if site_access::get(tx, Scope::Organisation(own), site.id, own)
            .await?
            .is_some()
        {
            relations.push(Relation::AccessibleSite);
        }
    }
    Ok(relations)
}

/// To a person.
pub async fn to_person(
    tx: &mut Tx,
    actor: &Actor,
    person: &Person,
) -> crate::store::SqlResult<Vec<Relation>> {
    let mut relations = Vec::new();
    if actor.who == Who::Person(person.id) {
        relations.push(Relation::Own);
    }
    if let Some(own) = actor.organisation {
        if own == person.organisation {
            relations.push(Relation::SameOrganisation);
        }
        if site_access::serves(tx, own, person.organisation).await? {
            relations.push(Relation::OperatedSite);
        }
    }
    Ok(relations)
}

/// To a booking and its passes.
pub fn to_booking(actor: &Actor, booking: &Booking) -> Vec<Relation> {
    let mut relations = Vec::new();
    if actor.who == Who::Person(booking.person) {
        relations.push(Relation::Own);
    }
    if actor.organisation == Some(booking.company) {
        relations.push(Relation::SameOrganisation);
    }
    if actor.organisation == Some(booking.operator) {
        relations.push(Relation::OperatedSite);
    }
    relations
}

/// To a group: one's own is the one that one made.
pub fn to_group(actor: &Actor, group: &Group) -> Vec<Relation> {
    let mut relations = Vec::new();
    if group.organiser == actor.text() {
        relations.push(Relation::Own);
    }
    if actor.organisation == Some(group.company) {
        relations.push(Relation::SameOrganisation);
    }
    if actor.organisation == Some(group.operator) {
        relations.push(Relation::OperatedSite);
    }
    relations
}

/// To an approval: only the organisation whose approval it is has anything to do with it.
pub fn to_approval(actor: &Actor, booking: &Booking, kind: ApprovalKind) -> Vec<Relation> {
    let (organisation, relation) = match kind {
        ApprovalKind::Site => (booking.operator, Relation::OperatedSite),
        ApprovalKind::Company => (booking.company, Relation::SameOrganisation),
    };
    if actor.organisation == Some(organisation) {
        vec![relation]
    } else {
        Vec::new()
    }
}

/// To a visit: one's own is the one that one receives.
pub fn to_visit(actor: &Actor, visit: &Visit) -> Vec<Relation> {
    let mut relations = Vec::new();
    if actor.who == Who::Person(visit.host) {
        relations.push(Relation::Own);
    }
    if actor.organisation == Some(visit.company) {
        relations.push(Relation::SameOrganisation);
    }
    if actor.organisation == Some(visit.operator) {
        relations.push(Relation::OperatedSite);
    }
    relations
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use sekisho_domain::authority::Role;
    use sekisho_domain::ids::PersonId;

    #[test]
    fn what_is_not_related_does_not_exist_and_what_is_not_allowed_is_refused() {
        let actor = Actor {
            who: Who::Person(PersonId([1; 16])),
            organisation: Some(OrganisationId([2; 16])),
            role: Role::Member,
        };
        assert_eq!(
            require(&actor, Action::WriteSite, &[]).unwrap_err().code,
            Code::NotFound
        );
        assert_eq!(
            require(&actor, Action::WriteSite, &[Relation::None])
                .unwrap_err()
                .code,
            Code::NotFound
        );
        assert_eq!(
            require(&actor, Action::WriteSite, &[Relation::OperatedSite])
                .unwrap_err()
                .code,
            Code::NotAllowed
        );
        assert!(require(&actor, Action::WriteBooking, &[Relation::Own]).is_ok());
        assert!(require(&Actor::system(), Action::WriteSite, &[]).is_ok());
    }
}
