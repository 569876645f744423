//! Clients of the edge: namespaces from which every tenant's public address can be reached, and nothing else. The demo, the
//! tests and `asaas load` send their traffic from one.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::link::{Netlink, ensure};
use crate::name::{EDGE_BRIDGE, Names};
use crate::namespace::{self, Workers};
use crate::topology::{client, edge};

/// A client's namespace, joined to the edge of a deployment. Stays when this is dropped; [`Self::leave`] removes it.
#[derive(Debug)]
pub struct EdgeClient {
    address: Ipv4Addr,
    names: Names,
    workers: Workers,
}

impl EdgeClient {
    /// Makes it, or finds it: a namespace with this address, whose every packet goes to the edge. The address may be any
    /// that no tenant uses and that is not [reserved](crate::address::RESERVED).
    pub async fn join(deployment: &str, address: Ipv4Addr) -> Result<Self, EdgeError> {
        let joined = Self {
            address,
            names: Names::new(deployment),
            workers: Workers::start(None),
        };
        let (edge, client) = (edge(&joined.names), client(&joined.names, address));
        let names = [edge.name.clone(), client.name.clone()];
        let created = tokio::task::spawn_blocking(move || {
            names
                .iter()
                .try_for_each(|name| namespace::create(name).map(drop))
        });
        let failed = |detail: String| joined.failed("joined", detail);
        created
            .await
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(format!("making a namespace: {error}")))?;
        for wish in [edge, client] {
            ensure(&joined.workers, &wish)
                .await
                .map_err(|error| failed(error.to_string()))?;
        }
        Ok(joined)
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Its namespace's path, for an OCI bundle or `nsenter`.
    pub fn path(&self) -> PathBuf {
        namespace::path(&self.names.client(self.address))
    }

    /// Moves the calling thread into the client's namespace for good: sockets and processes that it makes from now on are
    /// there. For a runtime's `on_thread_start`.
    pub fn enter(&self) -> Result<(), EdgeError> {
        namespace::enter(&self.names.client(self.address))
            .map_err(|error| self.failed("entered", error.to_string()))
    }

    /// Removes it, and the edge where it was the last one there. `Ok` where it is gone already.
    pub async fn leave(self) -> Result<(), EdgeError> {
        let failed = |detail: String| self.failed("removed", detail);
        let edge = self.names.edge();
        if namespace::exists(&edge) {
            let port = self.names.client_port(self.address);
            let cut = async {
                let netlink = Netlink::connect(&self.workers, &edge).await?;
                netlink.remove(&port).await?;
                netlink.count_ports(EDGE_BRIDGE).await
            };
            let left = cut.await.map_err(|error| failed(error.to_string()))?;
            if left == 0 {
                namespace::delete(&edge).map_err(|error| failed(error.to_string()))?;
            }
        }
        namespace::delete(&self.names.client(self.address))
            .map_err(|error| failed(error.to_string()))
    }

    fn failed(&self, operation: &'static str, detail: String) -> EdgeError {
        EdgeError {
            address: self.address,
            operation,
            detail,
        }
    }
}

/// A client could not be made, entered or removed.
#[derive(Debug, thiserror::Error)]
#[error("the client {address} of the edge could not be {operation}: {detail}")]
pub struct EdgeError {
    /// Its address.
    pub address: Ipv4Addr,
    /// `joined`, `entered`, `removed`.
    pub operation: &'static str,
    /// What was said, and where it helps, what a person can do.
    pub detail: String,
}
