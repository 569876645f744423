//! The data plane of a Linux host: makes the kernel what a plan says, tells what it is, and takes it down again.
//!
//! Everything is found again by name after a restart, so nothing but the epoch of the last change is kept elsewhere. What is kept in memory is what the kernel
//! last showed: it makes an unchanged plan cost nothing, and is thrown away after [`Settings::resync`], on any error, and with
//! the process.

mod apply;
mod cable;
mod meter;
mod observe;
mod remove;
mod table;

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use controller::id::{CloudName, Epoch, InstanceId, TenantName};
use controller::network::{NetworkPlan, NetworkSeen};
use controller::ports::{Dataplane, DataplaneError};
use controller::spec::Subnet;
use tokio::sync::{OnceCell, Semaphore};

use crate::fence;
use crate::link;
use crate::name::{Names, NamespaceName};
use crate::namespace::{self, Workers};
use crate::probe::{AT_ONCE, Prober, Probes};
use crate::reception::{Gateways, Receive, Reception};
use crate::rules::{Seen, Tunnel};
use crate::settings::{Settings, TunnelChoice, Wake};
use crate::topology::{Plug, Topology};

pub use meter::LoadBalancerMeter;

/// The data plane of this Linux host. Cheap to clone: clones are the same data plane.
#[derive(Clone)]
pub struct LinuxDataplane {
    host: Arc<Host>,
}

impl fmt::Debug for LinuxDataplane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinuxDataplane")
            .field("settings", &self.host.settings)
            .finish_non_exhaustive()
    }
}

/// What all tenants share.
struct Host {
    settings: Settings,
    names: Names,
    workers: Workers,
    prober: Prober,
    reception: Reception,
    /// What this kernel can do, once it was tried.
    tunnel: OnceCell<Tunnel>,
    tenants: Mutex<BTreeMap<TenantName, Arc<Tenant>>>,
    /// Held while the edge is made or removed.
    edge: tokio::sync::Mutex<()>,
}

/// What is known of one tenant's network. The lock is held while its kernel state is changed, so one thing happens to a
/// tenant at a time, and tenants do not wait for each other.
#[derive(Default)]
struct Tenant {
    known: tokio::sync::Mutex<Known>,
    probes: Mutex<Probes>,
    gateways: Mutex<Gateways>,
}

/// What the kernel last showed.
#[derive(Default)]
struct Known {
    /// What was last applied in full.
    plan: Option<NetworkPlan>,
    /// The namespaces as they were last made.
    topology: Option<Topology>,
    /// The rules as they were last read back.
    rules: BTreeMap<NamespaceName, Seen>,
    /// When everything was last read back.
    verified: Option<Instant>,
}

impl LinuxDataplane {
    /// One that has touched nothing yet. `wake` is called when an instance's health has changed.
    pub fn new(settings: Settings, wake: Wake) -> Self {
        let workers = Workers::start(settings.tools.as_deref());
        let host = Host {
            names: Names::new(&settings.deployment),
            prober: Prober {
                workers: workers.clone(),
                wake,
                permits: Arc::new(Semaphore::new(AT_ONCE)),
            },
            settings,
            reception: Reception::default(),
            workers,
            tunnel: OnceCell::new(),
            tenants: Mutex::default(),
            edge: tokio::sync::Mutex::default(),
        };
        Self {
            host: Arc::new(host),
        }
    }

    /// Hands on what instances have to say, from the next change of their tenant's network on. The first call counts.
    pub fn hear(&self, receive: Receive) {
        if !self.host.reception.open(receive) {
            tracing::warn!("somebody else hears the instances already");
        }
    }

    /// Makes the namespace of an instance, with one interface `eth0` that has the instance's addresses and is joined to its
    /// site, and returns the namespace's path. Makes the site where it does not exist yet. Idempotent.
    pub async fn plug(&self, plug: &Plug) -> Result<PathBuf, DataplaneError> {
        self.host
            .plug(plug)
            .await
            .map_err(failed(&plug.tenant, "joined by an instance"))
    }

    /// Makes a bridge in the host's own namespace that leads into a tenant's site, for what a hypervisor plugs in, and returns its
    /// name. Makes the site where it does not exist yet. Idempotent; it goes with the site.
    pub async fn host_bridge(
        &self,
        tenant: &TenantName,
        cloud: &CloudName,
        subnet: &Subnet,
    ) -> Result<String, DataplaneError> {
        let made = self.host.host_bridge(tenant, cloud, subnet).await;
        made.map_err(failed(tenant, "joined by a hypervisor"))
    }

    /// Removes an instance's namespace and cable. `Ok` where they are gone already.
    pub async fn unplug(
        &self,
        tenant: &TenantName,
        cloud: &CloudName,
        instance: InstanceId,
    ) -> Result<(), DataplaneError> {
        self.host
            .unplug(tenant, cloud, instance)
            .await
            .map_err(failed(tenant, "left by an instance"))
    }

    /// Forgets what is known of a tenant, and asks its instances no more: somebody else looks after it. The kernel is left as it
    /// is.
    pub fn let_go(&self, tenant: &TenantName) {
        let mut tenants = self
            .host
            .tenants
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        tenants.remove(tenant);
    }

    /// The path of a tenant's site, for a look into it with `ip netns exec`.
    pub fn site_path(&self, tenant: &TenantName, cloud: &CloudName) -> PathBuf {
        namespace::path(&self.host.names.site(tenant, cloud))
    }

    /// The path of a tenant's transit, for a look into it with `ip netns exec`.
    pub fn transit_path(&self, tenant: &TenantName) -> PathBuf {
        namespace::path(&self.host.names.transit(tenant))
    }

    /// The file that says under which epoch a tenant's network was last changed.
    pub fn fence_path(&self, tenant: &TenantName) -> PathBuf {
        fence::path(&self.host.names, tenant)
    }

    /// A meter that reads connections from the load balancer's own counters.
    pub fn meter(&self) -> LoadBalancerMeter {
        LoadBalancerMeter::new(Arc::clone(&self.host))
    }
}

/// What went wrong, in words. Kinds are of no use here: whatever it is, the next tick asks again.
type Detail = String;

fn failed(tenant: &TenantName, operation: &'static str) -> impl FnOnce(Detail) -> DataplaneError {
    let tenant = tenant.clone();
    move |detail| DataplaneError {
        tenant,
        operation,
        detail,
    }
}

/// An error with everything that caused it, joined by colons.
fn said(error: impl Display) -> Detail {
    error.to_string()
}

impl Host {
    /// What is known of a tenant; nothing at first.
    fn tenant(&self, name: &TenantName) -> Arc<Tenant> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.entry(name.clone()).or_default())
    }

    /// Changes a tenant's network, unless somebody has changed it under a higher epoch (I9).
    async fn fenced(
        &self,
        epoch: Epoch,
        tenant: &TenantName,
        change: impl Future<Output = Result<(), Detail>>,
    ) -> Result<(), Detail> {
        let patience = self.settings.lock_wait;
        let _passage = fence::pass(&self.names, tenant, epoch, patience)
            .await
            .map_err(said)?;
        // Told while the lock is held, so that the times are in the order of the changes.
        tracing::debug!(target: "asaas::fence", %tenant, %epoch, "its network may be changed");
        change.await
    }

    /// What carries the traffic, tried once.
    async fn tunnel(&self) -> Result<Tunnel, Detail> {
        let tunnel = self.tunnel.get_or_try_init(async || {
            let tried = match self.settings.tunnel {
                TunnelChoice::Auto => [Tunnel::Gre, Tunnel::Vxlan].as_slice(),
                TunnelChoice::Gre => &[Tunnel::Gre],
                TunnelChoice::Vxlan => &[Tunnel::Vxlan],
            };
            for &tunnel in tried {
                if link::can_make(tunnel).await {
                    return Ok(tunnel);
                }
            }
            Err(match self.settings.tunnel {
                TunnelChoice::Gre => {
                    "this kernel cannot make GRE tunnels; load the module ip_gre, or set `tunnel: vxlan`"
                }
                TunnelChoice::Auto | TunnelChoice::Vxlan => {
                    "no tunnel could be made; this needs root, and the kernel's module vxlan"
                }
            }
            .to_owned())
        });
        tunnel.await.copied()
    }

    /// Makes namespaces; each answer says whether it was made just now.
    async fn create_namespaces(&self, names: Vec<NamespaceName>) -> Result<Vec<bool>, Detail> {
        let create = move || -> Result<Vec<bool>, Detail> {
            let create = |name: &NamespaceName| {
                namespace::create(name)
                    .map_err(|error| format!("making the namespace {name}: {error}"))
            };
            names.iter().map(create).collect()
        };
        tokio::task::spawn_blocking(create).await.map_err(said)?
    }
}

#[async_trait]
impl Dataplane for LinuxDataplane {
    async fn apply(&self, epoch: Epoch, plan: &NetworkPlan) -> Result<(), DataplaneError> {
        let change = self.host.apply(plan);
        self.host
            .fenced(epoch, &plan.tenant, change)
            .await
            .map_err(failed(&plan.tenant, "applied"))
    }

    async fn observe(&self, tenant: &TenantName) -> Result<NetworkSeen, DataplaneError> {
        self.host
            .observe(tenant)
            .await
            .map_err(failed(tenant, "observed"))
    }

    async fn forget(
        &self,
        epoch: Epoch,
        tenant: &TenantName,
        cloud: &CloudName,
        address: Ipv4Addr,
    ) -> Result<(), DataplaneError> {
        let change = self.host.forget(tenant, cloud, address);
        self.host
            .fenced(epoch, tenant, change)
            .await
            .map_err(failed(tenant, "cleared of old flows"))
    }

    async fn destroy(&self, epoch: Epoch, tenant: &TenantName) -> Result<(), DataplaneError> {
        let change = self.host.destroy(tenant);
        self.host
            .fenced(epoch, tenant, change)
            .await
            .map_err(failed(tenant, "removed"))
    }
}
