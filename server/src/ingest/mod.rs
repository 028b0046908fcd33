//! What gateways send, and the connection over which they are heard and told.

pub mod dispatch;
pub mod mqtt;
