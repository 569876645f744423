//! What of a deployment is in the kernel, for whoever promises to leave nothing behind.

use std::io;
use std::net::Ipv4Addr;

use controller::id::TenantName;

use crate::name::{Names, NamespaceName};
use crate::namespace;

/// Every namespace of a deployment that exists: those of these tenants, of clients with these addresses, and the edge.
///
/// # Errors
/// Where the namespaces cannot be listed.
pub fn remains(
    deployment: &str,
    tenants: &[TenantName],
    clients: &[Ipv4Addr],
) -> io::Result<Vec<NamespaceName>> {
    let names = Names::new(deployment);
    let mut remains = Vec::new();
    for tenant in tenants {
        remains.extend(namespace::list(&names.tenant_prefix(tenant))?);
    }
    let clients = clients.iter().map(|address| names.client(*address));
    remains.extend(clients.chain([names.edge()]).filter(namespace::exists));
    Ok(remains)
}
