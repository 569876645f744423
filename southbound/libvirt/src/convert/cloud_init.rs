//! What cloud-init reads from an instance's seed. Pure.

use std::fmt::Write as _;

use controller::id::{InstanceId, TenantName};
use controller::ports::Launch;

use super::mac;

/// What cloud-init is told of the instance's network, in the second version of its format.
pub(crate) fn network_config(launch: &Launch) -> String {
    let (instance, subnet) = (&launch.instance, &launch.subnet);
    let address = instance.address;
    format!(
        "version: 2
ethernets:
  eth0:
    match:
      macaddress: \"{mac}\"
    set-name: eth0
    addresses:
      - \"{address}/{prefix}\"
    routes:
      - to: 0.0.0.0/0
        via: {gateway}
",
        mac = mac(instance.mac()),
        prefix = subnet.cidr.prefix_len(),
        gateway = subnet.gateway,
    )
}

/// What cloud-init is told of who the instance is.
pub(crate) fn meta_data(tenant: &TenantName, id: InstanceId, ssh_keys: &[String]) -> String {
    let mut text = format!("instance-id: {id}\nlocal-hostname: {id}\nasaas-tenant: {tenant}\n");
    if !ssh_keys.is_empty() {
        text += "public-keys:\n";
        for key in ssh_keys {
            // A key's comment may hold anything; in single quotes only the quote itself has to be doubled.
            let _ = writeln!(text, "  - '{}'", key.trim().replace('\'', "''"));
        }
    }
    text
}
