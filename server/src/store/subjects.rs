//! People as single sites know them: pseudonyms. Which person is behind one is for the system alone; no request asks this
//! with a scope of its own.

use sekisho_domain::ids::{PersonId, SiteId, SubjectId};

use super::Tx;
use super::columns::read;
use crate::on;

/// The pseudonym of a person at a site; `candidate` becomes it when there is none yet.
pub async fn ensure(
    tx: &mut Tx,
    candidate: SubjectId,
    site: SiteId,
    person: PersonId,
) -> sqlx::Result<SubjectId> {
    let (id,): (String,) = on!(tx, c => sqlx::query_as(
        "INSERT INTO subject (id, site_id, person_id)
         VALUES ($1, $2, $3)
         ON CONFLICT (site_id, person_id) DO UPDATE SET person_id = excluded.person_id
         RETURNING id")
        .bind(candidate.text())
        .bind(site.text())
        .bind(person.text())
        .fetch_one(c).await)?;
    read(SubjectId::parse_text, &id)
}

/// The person behind a pseudonym of a site.
pub async fn person_of(
    tx: &mut Tx,
    site: SiteId,
    subject: SubjectId,
) -> sqlx::Result<Option<PersonId>> {
    let row: Option<(String,)> = on!(tx, c => sqlx::query_as(
        "SELECT person_id
           FROM subject
          WHERE id = $1
            AND site_id = $2")
        .bind(subject.text())
        .bind(site.text())
        .fetch_optional(c).await)?;
    row.map(|(person,)| read(PersonId::parse_text, &person))
        .transpose()
}

/// Every pseudonym of a person, by site.
pub async fn of_person(tx: &mut Tx, person: PersonId) -> sqlx::Result<Vec<(SiteId, SubjectId)>> {
    let rows: Vec<(String, String)> = on!(tx, c => sqlx::query_as(
        "SELECT site_id, id
           FROM subject
          WHERE person_id = $1
          ORDER BY site_id")
        .bind(person.text())
        .fetch_all(c).await)?;
    rows.into_iter()
        .map(|(site, id)| {
            Ok((
                read(SiteId::parse_text, &site)?,
                read(SubjectId::parse_text, &id)?,
            ))
        })
        .collect()
}
