//! Sites whose logs wait after a start: nothing is signed there until each enrolled gateway has shown its birth, because a
//! database that was rolled back (an image of the disk, a snapshot of the machine) does not know it, and a gateway may.
//!
//! The wait is bounded: a gateway that is switched off must not keep its site's log from going on. One that comes later and
//! has seen more still stops it (`log_hold`). Held in memory: each start waits anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use sekisho_domain::ids::{GatewayId, SiteId};

/// Who is waited for.
#[derive(Debug, Default)]
pub struct Waits(Mutex<HashMap<SiteId, Wait>>);

#[derive(Debug)]
struct Wait {
    gateways: BTreeSet<GatewayId>,
    /// On the monotonic clock, ms.
    until: u64,
}

impl Waits {
    /// From now on a site waits for this gateway, at most until `until` (ms of the monotonic clock).
    pub fn begin(&self, site: SiteId, gateway: GatewayId, until: u64) {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = waits.entry(site).or_insert_with(|| Wait {
            gateways: BTreeSet::new(),
            until,
        });
        wait.gateways.insert(gateway);
        wait.until = wait.until.max(until);
    }

    /// The gateway was heard, or will never be. True when its site waits for nobody any more.
    pub fn forget(&self, site: SiteId, gateway: GatewayId) -> bool {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wait) = waits.get_mut(&site) else {
            return false;
        };
        wait.gateways.remove(&gateway);
        let over = wait.gateways.is_empty();
        if over {
            waits.remove(&site);
        }
        over
    }

    /// Whether a site waits at `now` (ms of the monotonic clock).
    pub fn holds(&self, site: Option<SiteId>, now: u64) -> bool {
        let Some(site) = site else { return false };
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wait) = waits.get(&site) else {
            return false;
        };
        if now < wait.until {
            return true;
        }
        for gateway in &wait.gateways {
            tracing::warn!(site.id = %site, gateway.id = %gateway, "not heard since this server started; its site's log goes on. If it has seen more than this database holds, the log stops when it comes");
        }
        waits.remove(&site);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId([1; 16]);
    const ONE: GatewayId = GatewayId([1; 16]);
    const TWO: GatewayId = GatewayId([2; 16]);

    #[test]
    fn a_site_waits_for_each_gateway_or_until_its_time_is_up() {
        let waits = Waits::default();
        assert!(!waits.holds(Some(SITE), 0));
        waits.begin(SITE, ONE, 10);
        waits.begin(SITE, TWO, 10);
        assert!(waits.holds(Some(SITE), 9));
        assert!(!waits.holds(Some(SiteId([2; 16])), 9) && !waits.holds(None, 9));
        assert!(!waits.forget(SITE, ONE));
        assert!(!waits.forget(SITE, ONE), "the birth came again");
        assert!(waits.holds(Some(SITE), 9));
        assert!(waits.forget(SITE, TWO));
        assert!(!waits.holds(Some(SITE), 9));
        waits.begin(SITE, ONE, 10);
        assert!(!waits.holds(Some(SITE), 10));
        assert!(!waits.holds(Some(SITE), 9), "over is over");
    }
}
