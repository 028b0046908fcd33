//! Proves to a gateway that its seals are in the log.

use sekisho_domain::cbor;
use sekisho_domain::evidence::tree::{Frontier, Tree};
use sekisho_domain::ids::GatewayId;
use sekisho_domain::wire::VERSION;
use sekisho_domain::wire::topic::Channel;
use sekisho_domain::wire::uplink::{Head, Receipt, ReceiptProof};

use super::FlowError;
use super::sequence::catch_up;
use super::tell_gateway::CREDIT;
use crate::app::App;
use crate::store::{self, Tx};
use crate::uplink::Session;

/// Sends a receipt for the highest logged seal of a gateway's stream, with the way from the head that the gateway holds.
/// Nothing is sent when there is nothing new, unless `again`: then the gateway has shown that it did not get the last one.
pub async fn send_receipt(app: &App, gateway: GatewayId, again: bool) -> Result<(), FlowError> {
    let Some(session) = app.uplink.session(gateway) else {
        return Ok(());
    };
    let mut tx = app.db.read().await?;
    let Some((log, seal_no)) = store::log::last_logged(&mut tx, gateway, session.stream).await?
    else {
        return Ok(());
    };
    if seal_no <= session.receipted && !again {
        return Ok(());
    }
    let Some(log) = store::log::get(&mut tx, log).await? else {
        return Ok(());
    };
    let Some((proof, head)) = prove(&mut tx, app, &log, gateway, &session, seal_no).await? else {
        return Ok(());
    };
    let receipt = Receipt {
        version: VERSION,
        stream: session.stream,
        resend_from: None,
        proof: Some(proof),
        credit: CREDIT,
        telemetry: None,
    };
    app.uplink.update_session(gateway, |live| {
        live.held = Some((log.id, head));
        live.receipted = live.receipted.max(seal_no);
    });
    app.uplink
        .send(gateway, Channel::Receipt, cbor::encode(&receipt));
    Ok(())
}

async fn prove(
    tx: &mut Tx,
    app: &App,
    log: &store::log::Log,
    gateway: GatewayId,
    session: &Session,
    seal_no: u64,
) -> Result<Option<(ReceiptProof, Head)>, FlowError> {
    let Some((index, _)) =
        store::log::leaf_of_seal(tx, log.id, gateway, session.stream, seal_no).await?
    else {
        return Ok(None);
    };
    catch_up(tx, app, log.id).await?;
    let from_size = match session.held {
        Some((of, head)) if of == log.id => head.size,
        _ => 0,
    };
    let paths = app.trees.read(log.id, |tree| {
        Some((
            tree.inclusion(index, log.size)?,
            tree.consistency(from_size, log.size)?,
        ))
    });
    let Some((inclusion, consistency)) = paths else {
        return Ok(None);
    };
    let frontier = Frontier::decode(&log.frontier).map_err(anyhow::Error::new)?;
    let head = Head {
        size: log.size,
        root: frontier.root(),
    };
    Ok(Some((
        ReceiptProof {
            seal_no,
            checkpoint: log.checkpoint.clone(),
            index,
            inclusion,
            from_size,
            consistency,
        },
        head,
    )))
}

/// Root that a log's tree had at a size.
pub fn root_at(
    app: &App,
    log: sekisho_domain::ids::LogId,
    size: u64,
) -> Option<sekisho_domain::crypto::Digest> {
    app.trees.read(log, |tree: &Tree| tree.root_at(size))
}
