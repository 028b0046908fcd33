//! What the gateway really recorded for each person who walked in, and the same again for another visit.

use std::collections::BTreeMap;

use sekisho_domain::crypto::Digest;
use sekisho_domain::evidence::disclosure::{commitment, disclose, read};
use sekisho_domain::evidence::seal::Seal;
use sekisho_domain::ids::Correlation;
use sekisho_domain::time::Reading;
use sekisho_domain::wire::code::EventCode;
use sekisho_domain::wire::event::Event;
use sekisho_sim::ambient;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::office::Office;

/// The events that one tap led to, in order, and what their digests open to.
#[derive(Clone)]
pub(crate) struct Visit {
    /// `access.granted` and what followed under its correlation.
    pub(crate) events: Vec<Event>,
    /// Name and value by digest.
    opened: BTreeMap<Digest, (String, String)>,
}

/// An event of another visit, with its openings.
pub(crate) struct Replica {
    /// The event.
    pub(crate) event: Event,
    /// Texts behind its digests.
    pub(crate) openings: Vec<String>,
}

/// Every visit in the gateway's file so far.
pub(crate) async fn visits(office: &Office) -> anyhow::Result<Vec<Visit>> {
    let path = office.gateway.dir.join("gateway.db");
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut db = SqliteConnection::connect_with(&options).await?;
    let seals: Vec<(Vec<u8>, Option<String>)> =
        sqlx::query_as("SELECT bytes, openings FROM seal ORDER BY no")
            .fetch_all(&mut db)
            .await?;
    db.close().await?;
    let mut visits: BTreeMap<Correlation, Visit> = BTreeMap::new();
    for (bytes, openings) in seals {
        let (_, seal) = Seal::peek(&bytes)?;
        let openings: Vec<String> = openings
            .as_deref()
            .map_or(Ok(Vec::new()), serde_json::from_str)?;
        for bytes in &seal.events {
            let event = Event::from_bytes(bytes)?;
            let Some(correlation) = event.correlation else {
                continue;
            };
            let visit = visits.entry(correlation).or_insert_with(|| Visit {
                events: Vec::new(),
                opened: BTreeMap::new(),
            });
            for opening in &openings {
                let digest = commitment(opening);
                if event.commitments().any(|held| held == digest)
                    && let Some(opened) = read(opening)
                {
                    visit.opened.insert(digest, opened);
                }
            }
            visit.events.push(event);
        }
    }
    let starts_with_entry = |visit: &Visit| {
        visit.events.first().and_then(Event::code) == Some(EventCode::AccessGranted)
    };
    Ok(visits.into_values().filter(starts_with_entry).collect())
}

impl Visit {
    /// The same visit once more: at another time, under another correlation, with fresh salts.
    pub(crate) fn again(&self, at: Reading) -> Vec<Replica> {
        let correlation = Correlation(ambient::random());
        let events = self.events.iter();
        events
            .map(|event| {
                let mut event = Event {
                    at,
                    correlation: Some(correlation),
                    ..event.clone()
                };
                let mut openings = Vec::new();
                for held in [
                    &mut event.subject,
                    &mut event.credential,
                    &mut event.booking,
                    &mut event.actor,
                ] {
                    if let Some((name, value)) = held.and_then(|digest| self.opened.get(&digest)) {
                        let opening = disclose(ambient::random(), name, value);
                        *held = Some(commitment(&opening));
                        openings.push(opening);
                    }
                }
                Replica { event, openings }
            })
            .collect()
    }
}
