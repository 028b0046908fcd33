//! Who may write and read what on a broker, as Mosquitto's `acl_file`.

use std::fmt::Write as _;

use sekisho_domain::ids::{GatewayId, Identity};

/// The text of an ACL file. What it does not allow is denied.
///
/// Names come from typed identities, so no name can carry a wildcard or a line break. Patterns (`%u`) hold for *every*
/// identity, whatever its class: that is safe only because the broker's one root issues no class that does not belong there
/// (`sekisho_certs::RootKind`). Mosquitto checks reads at delivery, so a subscription to a foreign topic succeeds and stays
/// silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    text: String,
}

impl Acl {
    /// The uplink: each server reads and writes all of `sekisho/v1/#`; a gateway writes its own `up/…` and `state` and reads
    /// its own `dn/…`, in whatever partition.
    pub fn uplink(servers: &[[u8; 16]]) -> Self {
        let mut text = String::from(HEADER);
        for server in servers {
            let _ = write!(
                text,
                "user {}\ntopic readwrite sekisho/v1/#\n\n",
                Identity::Server(*server)
            );
        }
        text.push_str("pattern write sekisho/v1/+/%u/up/#\npattern write sekisho/v1/+/%u/state\npattern read sekisho/v1/+/%u/dn/#\n");
        Self { text }
    }

    /// A site bus: its gateway reads and writes all of `bus/v1/#`, a device writes its own `up/…` and reads its own `dn/…`,
    /// and each observer named here reads everything.
    ///
    /// An observer's certificate dies by itself within the hour; its line dies when this ACL is next generated. It is denied
    /// the topics that carry its own name, which the device patterns would otherwise open to it.
    pub fn site_bus(gateway: GatewayId, observers: &[[u8; 16]]) -> Self {
        let mut text = format!(
            "{HEADER}user {}\ntopic readwrite bus/v1/#\n\n",
            Identity::Gateway(gateway)
        );
        for observer in observers {
            let name = Identity::Observer(*observer);
            let _ = write!(
                text,
                "user {name}\ntopic deny bus/v1/{name}/#\ntopic read bus/v1/#\n\n"
            );
        }
        text.push_str("pattern write bus/v1/%u/up/#\npattern read bus/v1/%u/dn/#\n");
        Self { text }
    }

    /// The file's content.
    pub fn text(&self) -> &str {
        &self.text
    }
}

const HEADER: &str = "# Generated; a change here is lost at the next start.\n\n";

#[cfg(test)]
mod tests {
    use sekisho_domain::ids::DeviceId;
    use sekisho_domain::wire::topic;

    use super::*;

    #[test]
    fn the_roots_are_those_of_the_protocol() {
        // Topics are defined in the domain; a second spelling here must not drift from it.
        assert!(
            topic::server_filters()
                .iter()
                .all(|filter| filter.starts_with("sekisho/v1/+/+/"))
        );
        let gateway = topic::gateway_filter(GatewayId([1; 16]));
        assert!(
            gateway.starts_with("sekisho/v1/")
                && gateway.ends_with(&format!("/{}/dn/#", Identity::Gateway(GatewayId([1; 16]))))
        );
        assert_eq!(topic::bus_gateway_filter(), "bus/v1/+/up/#");
        assert_eq!(topic::bus_observer_filter(), "bus/v1/#");
        let device = DeviceId([1; 16]);
        assert_eq!(
            topic::bus_device_filter(device),
            format!("bus/v1/{}/dn/#", Identity::Device(device))
        );
    }

    #[test]
    fn only_named_identities_have_lines_of_their_own() {
        let text = Acl::site_bus(GatewayId([1; 16]), &[[2; 16], [3; 16]]).text;
        let users: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("user "))
            .collect();
        assert_eq!(users.len(), 3);
        assert!(
            users[0].starts_with("gw-")
                && users[1].starts_with("obs-")
                && users[2].starts_with("obs-")
        );
        assert_eq!(text.matches("readwrite").count(), 1);
        assert_eq!(Acl::uplink(&[]).text.matches("readwrite").count(), 0);
    }
}
