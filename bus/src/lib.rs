//! MQTT for Sekisho: a watched MQTT 5 client and a supervised Mosquitto.
//!
//! The broker is a stateless relay. QoS 1, clean start, session expiry 0: whatever must survive lives in the two databases,
//! and the only acknowledgement that frees anything is one of ours (a receipt, a result), never a PUBACK.
//!
//! How the programs use it:
//!
//! - *server*: [`Broker::start`] with [`Acl::uplink`] (embedded default), then [`Client::start`] as `srv-…`, subscribed to
//!   its partitions. Ingest stores a message and calls [`Client::ack`] after COMMIT. Hourly: [`Broker::set_crl`] with
//!   [`Sessions::Keep`]; after a revocation with [`Sessions::Cut`].
//! - *gateway*: [`Broker::start`] with [`Acl::site_bus`] and one [`Client`] as `gw-…` on it; a second [`Client`] towards the
//!   uplink. On [`Event::Connected`] it publishes its birth and resends from its database; on [`Event::Disconnected`] it
//!   does nothing but wait. Issuing or ending an observer is [`Broker::set_acl`].
//! - *simulator*: one [`Client`] per device with its own certificate.
//!
//! # Architecture invariants
//!
//! - rumqttc appears in `client/` and nowhere else in the workspace; Mosquitto is run in `broker/` and nowhere else.
//! - A connection is one rumqttc event loop, used once. Any fault, stall or take-over drops it whole; nothing that a caller
//!   handed over is carried into the next connection, so what `publish` accepted may be lost: callers own durable outboxes.
//! - Every event loop has an outer watchdog (2.5 × keep-alive without an inbound packet), because a stalled peer with a full
//!   send buffer is invisible from inside.
//! - Every queue is bounded.
//! - This crate knows topics only as text; it never reads a payload.

mod acl;
mod broker;
mod client;
#[cfg(test)]
mod tests;
pub mod tied;

pub use acl::Acl;
pub use broker::find_program;
pub use broker::{Broker, BrokerConfig, BrokerError, BrokerTls, Sessions};
pub use client::{
    AckToken, Client, ClientConfig, Delivery, Event, Message, PublishError, Published, Retry, Why,
    Will,
};
