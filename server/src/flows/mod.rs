//! State changes: one function in one file, named by its verb.

pub mod acknowledge_alarm;
pub mod add_display;
pub mod add_gateway;
pub mod add_webhook;
pub mod answer_approval;
pub mod answer_command;
pub mod answer_offer;
pub mod apply_birth;
mod approval_mail;
mod ask_approval;
pub mod authority;
pub mod book_group;
pub mod book_pool;
pub mod book_seat;
pub mod cancel_booking;
pub mod cancel_group;
pub mod cancel_series;
pub mod cancel_visit;
pub mod change;
pub mod change_booking;
pub mod change_floor;
pub mod change_pool;
pub mod change_quota;
pub mod change_seat;
pub mod change_series;
pub mod change_webhook;
pub mod check_streams;
pub mod close_site;
pub mod complete_setup;
pub mod confirm_booking;
pub mod cosign_checkpoint;
pub mod create_door;
pub mod create_floor;
pub mod create_organisation;
pub mod create_person;
pub mod create_plan;
pub mod create_pool;
pub mod create_seat;
pub mod create_series;
pub mod create_setup_link;
pub mod create_site;
pub mod create_token;
pub mod create_zone;
pub mod deliver_outbox;
pub mod deliver_webhooks;
pub mod draw_plan;
mod end_pass;
pub mod end_quota;
pub mod enrol_gateway;
pub mod except_occurrence;
pub mod export_bookings;
pub mod export_bundle;
pub mod export_closed;
pub mod extend_booking;
mod fold_alarm;
pub mod fold_presence;
pub mod fold_visit;
pub mod follow_zones;
pub mod give_feed;
pub mod give_plan;
pub mod grant_site_access;
pub mod hold_seat;
pub mod input;
pub mod invite_visitor;
pub mod issue_pass;
pub mod issue_visit_pass;
pub mod join_group;
pub mod join_waiting;
pub mod keep_series;
mod locked_booking;
mod locked_seat;
mod offer_freed;
pub mod open_log;
pub mod order_cut;
mod order_door;
pub mod order_mode;
pub mod order_unlock;
pub mod pass_on_offers;
pub mod place_seat;
pub mod plan_group;
pub mod project_events;
pub mod publish_snapshot;
pub mod publish_tiles;
pub mod queue_webhooks;
pub mod read_openings;
pub mod receive_visitor;
pub mod reconcile_log;
pub mod record;
pub mod record_alert;
pub mod record_seal;
pub mod record_telemetry;
pub mod register_holder_key;
pub mod release_booking;
pub mod release_run_out;
pub mod remove_bundles;
pub mod request_sign_in;
pub mod revoke_display;
pub mod revoke_feed;
pub mod revoke_gateway;
pub mod revoke_pass;
pub mod revoke_token;
pub mod save_plan;
pub mod secret;
pub mod send_receipt;
pub mod sequence;
pub mod series;
mod series_mail;
pub mod set_approval_rule;
pub mod set_calendar;
pub mod set_length_max;
pub mod set_parts;
pub mod set_quota;
pub mod set_visitor_policy;
pub mod sign_in;
pub mod sign_out;
pub mod start_export;
pub mod start_fence;
pub mod suspend_person;
pub mod tell_gateway;
pub mod trust_policy;
pub mod undo_cancel;
pub mod undo_cancel_series;
pub mod visitor_mail;
mod visits;
pub mod work_closures;
mod write_bundle;

// Limits: what they are compared with, and what every change of a booking does to them.
mod charge;
pub mod check_quotas;

use sekisho_domain::ids::{OrganisationId, PersonId, TokenId};

use crate::store::Scope;

/// Who asks for a change, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// On behalf of which organisation.
    pub organisation: Option<OrganisationId>,
    /// In which role there.
    pub role: sekisho_domain::authority::Role,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A person with a session.
    Person(PersonId),
    /// A program with a token.
    Token(TokenId),
    /// This installation's own jobs and command line.
    System,
}

impl Actor {
    /// This installation itself.
    pub fn system() -> Self {
        Self {
            who: Who::System,
            organisation: None,
            role: sekisho_domain::authority::Role::Owner,
        }
    }

    /// Whose rows this actor may touch.
    pub fn scope(&self) -> Scope {
        self.organisation.map_or(Scope::System, Scope::Organisation)
    }

    /// A stable text for idempotency keys and for the opening of an event's actor.
    pub fn text(&self) -> String {
        match self.who {
            Who::Person(id) => id.to_string(),
            Who::Token(id) => id.to_string(),
            Who::System => "system".to_owned(),
        }
    }
}

/// Why a flow did not happen: an answer, or a failure.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The answer is no, with code, data, sentence and alternatives.
    #[error("refused: {0}")]
    Refused(sekisho_domain::refusal::Refusal),
    /// Something broke; opaque outside, logged once inside.
    #[error("failed")]
    Failed(#[from] anyhow::Error),
}

impl From<crate::store::SqlError> for FlowError {
    fn from(error: crate::store::SqlError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<sekisho_domain::refusal::Refusal> for FlowError {
    fn from(refusal: sekisho_domain::refusal::Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<sekisho_domain::refusal::Code> for FlowError {
    fn from(code: sekisho_domain::refusal::Code) -> Self {
        Self::Refused(code.into())
    }
}
