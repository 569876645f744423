//! Makes a namespace forget at which address on the wire a neighbour is.

use std::net::Ipv4Addr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};

use super::connection::{LinkError, Netlink, errno};
use crate::name::NamespaceName;
use crate::namespace::Workers;

/// Removes what the namespace remembers of this neighbour, so that it asks anew. `Ok` where it remembers nothing.
pub(crate) async fn forget_neighbour(
    workers: &Workers,
    namespace: &NamespaceName,
    address: Ipv4Addr,
) -> Result<(), LinkError> {
    let netlink = Netlink::connect(workers, namespace).await?;
    let failed = || netlink.failed(format!("forgetting the neighbour {address}"));
    let request = netlink
        .handle
        .neighbours()
        .get()
        .set_address_family(AddressFamily::Inet);
    let remembered: Vec<NeighbourMessage> = request
        .execute()
        .try_collect()
        .await
        .map_err(|e| failed().with(e))?;
    let it = NeighbourAttribute::Destination(NeighbourAddress::Inet(address));
    for message in remembered
        .into_iter()
        .filter(|m| m.attributes.contains(&it))
    {
        match netlink.handle.neighbours().del(message).execute().await {
            // It was forgotten meanwhile.
            Err(error) if errno(&error) == Some(nix::errno::Errno::ENOENT) => {}
            done => done.map_err(|e| failed().with(e))?,
        }
    }
    Ok(())
}
