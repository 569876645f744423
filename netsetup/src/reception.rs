//! Where instances can say how they are: each site listens on its gateways' addresses, inside its own namespace, and hands what
//! comes to whoever was wired for it. Nothing is read here. One task for each site and gateway; bounded throughout, so that an
//! instance that opens connections without end delays its own site alone.
//!
//! The kernel lets in only what comes from the gateway's own subnet (`rules::site`), and only an endpoint of the tenant's plan is
//! handed on. An address can be forged by a neighbour on the same bridge: it says where an answer goes, and is no proof.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use controller::id::{CloudName, InstanceId, TenantName};
use controller::network::NetworkPlan;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::name::{Names, NamespaceName};
use crate::namespace::{self, Workers};

/// Where a gateway listens.
pub const PORT: u16 = 9125;
/// So many visits of one site may go on at once; the next ones wait in the kernel.
const OF_SITE: usize = 16;
/// … and of all sites together.
const OF_ALL: usize = 256;
/// So many wait in the kernel for each gateway; a monitor whose connection finds no room tries again by itself.
const BACKLOG: u32 = 64;
/// The address may not be there yet, or another service of this host may not have let go of it.
const AGAIN: Duration = Duration::from_millis(500);

/// A connection that an instance has made to its gateway. Whoever has it bounds the time that it takes: it holds a place.
pub struct Visit {
    /// Whose site it came to.
    pub tenant: TenantName,
    /// In which cloud.
    pub cloud: CloudName,
    /// The instance whose address it came from.
    pub instance: InstanceId,
    /// That address.
    pub peer: Ipv4Addr,
    /// The connection.
    pub stream: TcpStream,
    /// Given back with it.
    _places: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit")
            .field("tenant", &self.tenant)
            .field("cloud", &self.cloud)
            .field("instance", &self.instance)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// Takes a visit. Must return at once: what it does, it does in a task of its own.
pub type Receive = Arc<dyn Fn(Visit) + Send + Sync>;

/// What all sites of a host share.
pub(crate) struct Reception {
    receive: OnceLock<Receive>,
    places: Arc<Semaphore>,
}

impl Default for Reception {
    fn default() -> Self {
        Self {
            receive: OnceLock::new(),
            places: Arc::new(Semaphore::new(OF_ALL)),
        }
    }
}

impl Reception {
    /// From the next change of a tenant's network on, its sites listen; `false` where that was so already.
    pub(crate) fn open(&self, receive: Receive) -> bool {
        self.receive.set(receive).is_ok()
    }
}

/// Who has which address in a tenant's sites.
type Endpoints = Arc<Mutex<BTreeMap<(CloudName, Ipv4Addr), InstanceId>>>;

/// One gateway that listens, until it is dropped.
#[derive(Debug)]
struct Listening {
    /// A namespace that was made anew under the same name needs a socket of its own.
    namespace: u64,
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The gateways of one tenant that listen.
#[derive(Debug, Default)]
pub(crate) struct Gateways {
    endpoints: Endpoints,
    listening: BTreeMap<(CloudName, Ipv4Addr), Listening>,
}

impl Gateways {
    /// Listens on exactly the gateways of the plan's sites.
    pub(crate) fn set(
        &mut self,
        reception: &Reception,
        workers: &Workers,
        names: &Names,
        plan: &NetworkPlan,
    ) {
        let Some(receive) = reception.receive.get() else {
            return;
        };
        let endpoints = plan.endpoints.iter();
        let endpoints = endpoints.map(|e| ((e.cloud.clone(), e.address), e.instance));
        *self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = endpoints.collect();
        let is_wanted = |(cloud, gateway): &(CloudName, Ipv4Addr)| {
            let mut subnets = plan.subnets.iter();
            plan.sites.contains(cloud) && subnets.any(|subnet| subnet.gateway == *gateway)
        };
        self.listening.retain(|key, _| is_wanted(key));
        for cloud in &plan.sites {
            let site = names.site(&plan.tenant, cloud);
            let Ok(found) = std::fs::metadata(namespace::path(&site)) else {
                continue;
            };
            let visitors = Arc::new(Semaphore::new(OF_SITE));
            for subnet in &plan.subnets {
                let key = (cloud.clone(), subnet.gateway);
                let old = self.listening.get(&key);
                if old.is_some_and(|old| old.namespace == found.ino() && !old.task.is_finished()) {
                    continue;
                }
                let desk = Desk {
                    tenant: plan.tenant.clone(),
                    cloud: cloud.clone(),
                    site: site.clone(),
                    gateway: subnet.gateway,
                    endpoints: Arc::clone(&self.endpoints),
                    of_site: Arc::clone(&visitors),
                    of_all: Arc::clone(&reception.places),
                    receive: Arc::clone(receive),
                };
                // The old one goes first: two sockets cannot have one address.
                self.listening.remove(&key);
                let listening = Listening {
                    namespace: found.ino(),
                    task: tokio::spawn(desk.serve(workers.clone())),
                };
                self.listening.insert(key, listening);
            }
        }
    }
}

/// One gateway.
struct Desk {
    tenant: TenantName,
    cloud: CloudName,
    site: NamespaceName,
    gateway: Ipv4Addr,
    endpoints: Endpoints,
    of_site: Arc<Semaphore>,
    of_all: Arc<Semaphore>,
    receive: Receive,
}

impl Desk {
    async fn serve(self, workers: Workers) {
        let mut is_told = false;
        loop {
            match self.listen(&workers).await {
                Ok(listener) => return self.accept(&listener).await,
                Err(error) if !is_told => {
                    let (tenant, gateway) = (&self.tenant, self.gateway);
                    tracing::warn!(%tenant, %gateway, %error, "instances cannot be heard yet; tried again until it works");
                    is_told = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn listen(&self, workers: &Workers) -> io::Result<TcpListener> {
        let socket = workers.within(&self.site, TcpSocket::new_v4).await?;
        // A service that was killed a moment ago leaves connections behind that are still closing.
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::V4(SocketAddrV4::new(self.gateway, PORT)))?;
        socket.listen(BACKLOG)
    }

    async fn accept(&self, listener: &TcpListener) {
        loop {
            let Ok((stream, from)) = listener.accept().await else {
                // Out of files, or the other side is gone already.
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            // While there is no place, nothing more is accepted here.
            let of_site = Arc::clone(&self.of_site).acquire_owned().await;
            let of_all = Arc::clone(&self.of_all).acquire_owned().await;
            // Nobody closes them.
            let (Ok(of_site), Ok(of_all)) = (of_site, of_all) else {
                return;
            };
            self.hand_on(stream, from, (of_site, of_all));
        }
    }

    fn hand_on(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        places: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    ) {
        let IpAddr::V4(peer) = from.ip() else { return };
        let key = (self.cloud.clone(), peer);
        let endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let instance = endpoints.get(&key).copied();
        drop(endpoints);
        // One that the plan does not name yet, or no more, is closed on: its monitor tries again.
        if let Some(instance) = instance {
            (self.receive)(Visit {
                tenant: self.tenant.clone(),
                cloud: self.cloud.clone(),
                instance,
                peer,
                stream,
                _places: places,
            });
        }
    }
}
