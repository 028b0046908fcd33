//! The trust file of a site: what an auditor needs beside a bundle, and should have from somebody else than the exporter.

use sekisho_domain::evidence::checkpoint::Vkey;
use sekisho_domain::evidence::trust::TrustPolicy;
use sekisho_domain::ids::SiteId;

use crate::store::{self, Scope, SqlResult, Tx};

/// Text of a trust file (C2SP tlog-policy) that believes the logs of a site; `None` where there is none.
pub async fn trust_policy(tx: &mut Tx, scope: Scope, site: SiteId) -> SqlResult<Option<String>> {
    let logs = store::log::of_site(tx, scope, Some(site)).await?;
    let vkeys: Vec<Vkey> = logs
        .iter()
        .filter_map(|log| log.vkey.parse().ok())
        .collect();
    Ok((!vkeys.is_empty()).then(|| TrustPolicy::text_of_logs(&vkeys)))
}
