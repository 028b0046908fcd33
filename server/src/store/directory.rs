//! The people whom an organisation meets: its own, and those who have a right at a site that it operates.

use sekisho_domain::ids::{OrganisationId, PersonId};

use super::columns::read;
use super::{Scope, Tx};
use crate::on;

/// A person in a list.
#[derive(Clone, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct Known {
    /// Full name.
    pub name: String,
    /// Who.
    pub id: PersonId,
    /// The home organisation.
    pub organisation: OrganisationId,
    /// Its name.
    pub company: String,
    /// Whether this person may use anything.
    pub active: bool,
    /// Address, for the home organisation alone.
    pub email: Option<String>,
}

type Row = (String, String, String, String, String, Option<String>);

fn known((id, name, organisation, company, state, email): Row) -> sqlx::Result<Known> {
    Ok(Known {
        id: read(PersonId::parse_text, &id)?,
        name,
        organisation: read(OrganisationId::parse_text, &organisation)?,
        company,
        active: state == "active",
        email,
    })
}

/// People by name, from the one after `after`, at most `limit`; only those in whose name or company's name `search` occurs
/// (an address: only of the own people). An empty search finds everybody.
pub async fn search(
    tx: &mut Tx,
    scope: Scope,
    search: &str,
    after: Option<PersonId>,
    limit: i64,
) -> sqlx::Result<Vec<Known>> {
    let pattern = format!("%{}%", escaped(search));
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.name, o.id, o.name, p.state, CASE WHEN $1 IS NULL OR p.organisation_id = $1 THEN p.email END
           FROM person p
           JOIN organisation o ON o.id = p.organisation_id
          WHERE ($1 IS NULL OR p.organisation_id = $1
                 OR EXISTS (SELECT 1 FROM subject x JOIN site s ON s.id = x.site_id WHERE x.person_id = p.id AND s.operator_id = $1))
            AND (LOWER(p.name) LIKE LOWER($2) ESCAPE '!' OR LOWER(o.name) LIKE LOWER($2) ESCAPE '!'
                 OR (($1 IS NULL OR p.organisation_id = $1) AND p.email LIKE LOWER($2) ESCAPE '!'))
            AND ($3 IS NULL
                 OR p.name > (SELECT a.name FROM person a WHERE a.id = $3
                                 AND ($1 IS NULL OR a.organisation_id = $1
                                      OR EXISTS (SELECT 1 FROM subject x JOIN site s ON s.id = x.site_id WHERE x.person_id = a.id AND s.operator_id = $1)))
                 OR (p.name = (SELECT a.name FROM person a WHERE a.id = $3
                                  AND ($1 IS NULL OR a.organisation_id = $1
                                       OR EXISTS (SELECT 1 FROM subject x JOIN site s ON s.id = x.site_id WHERE x.person_id = a.id AND s.operator_id = $1)))
                     AND p.id > $3))
          ORDER BY p.name, p.id
          LIMIT $4")
        .bind(scope.bind())
        .bind(pattern)
        .bind(after.map(|id| id.text()))
        .bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(known).collect()
}

/// One of them.
pub async fn get(tx: &mut Tx, scope: Scope, id: PersonId) -> sqlx::Result<Option<Known>> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT p.id, p.name, o.id, o.name, p.state, CASE WHEN $1 IS NULL OR p.organisation_id = $1 THEN p.email END
           FROM person p
           JOIN organisation o ON o.id = p.organisation_id
          WHERE p.id = $2
            AND ($1 IS NULL OR p.organisation_id = $1
                 OR EXISTS (SELECT 1 FROM subject x JOIN site s ON s.id = x.site_id WHERE x.person_id = p.id AND s.operator_id = $1))")
        .bind(scope.bind())
        .bind(id.text())
        .fetch_optional(c).await)?;
    row.map(known).transpose()
}

/// What somebody types is text, not a pattern.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if matches!(c, '%' | '_' | '!') {
            out.push('!');
        }
        out.push(c);
        out
    })
}
