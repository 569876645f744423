//! A deployment of a test's own: tenants, sites, instances with servers in them, and a client at the edge.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use controller::id::{CloudName, Epoch, InstanceId, TenantName};
use controller::network::{Endpoint, NetworkPlan, NetworkSeen};
use controller::ports::Dataplane;
use controller::spec::{HealthCheck, Listener, Probe, Protocol, Split, Subnet};
use jiff::SignedDuration;
use netsetup::{EdgeClient, LinuxDataplane, Plug, Settings, TunnelChoice};

use crate::traffic::{LIMIT, Server, serve};

/// One service looks after all tenants.
pub(crate) const EPOCH: Epoch = Epoch(1);
/// Nobody comes after whoever cleans up.
pub(crate) const LAST: Epoch = Epoch(u64::MAX);

/// Held by whoever puts something into the host's own namespace, and by whoever looks whether anybody does.
pub(crate) static HOST_IS_QUIET: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Where the servers of the tests listen.
pub(crate) const PORT: u16 = 8080;
/// The client's address.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// One test's deployment. Everything in it is removed with it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) plane: LinuxDataplane,
    pub(crate) woken: Arc<AtomicUsize>,
    client: Option<EdgeClient>,
    tenants: Vec<TenantName>,
}

/// A deployment that no other test of any process has.
fn deployment() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    let moment = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("it is later than 1970");
    format!("test-{}-{number}-{}", std::process::id(), moment.as_nanos())
}

pub(crate) fn plane(settings: &Settings, woken: &Arc<AtomicUsize>) -> LinuxDataplane {
    let woken = Arc::clone(woken);
    let wake = Arc::new(move |_: &TenantName| {
        woken.fetch_add(1, Ordering::SeqCst);
    });
    LinuxDataplane::new(settings.clone(), wake)
}

impl World {
    pub(crate) async fn new() -> Self {
        let settings = Settings {
            tunnel: TunnelChoice::Auto,
            ..Settings::new(deployment())
        };
        Self::with(settings).await
    }

    /// With other settings, but for the deployment.
    pub(crate) async fn with(settings: Settings) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root");
        let settings = Settings {
            deployment: deployment(),
            ..settings
        };
        let woken = Arc::new(AtomicUsize::new(0));
        let client = EdgeClient::join(&settings.deployment, CLIENT)
            .await
            .unwrap();
        Self {
            plane: plane(&settings, &woken),
            settings,
            woken,
            client: Some(client),
            tenants: Vec::new(),
        }
    }

    /// The client's namespace.
    pub(crate) fn client(&self) -> PathBuf {
        self.client
            .as_ref()
            .expect("it is there until the end")
            .path()
    }

    /// A tenant with so many instances in each site, each with a server, all in rotation.
    pub(crate) async fn tenant(&mut self, name: &str, sites: &[usize]) -> Tenant {
        let number = u8::try_from(self.tenants.len()).unwrap();
        assert!(
            number < 200,
            "the documentation's range of addresses is small"
        );
        let mut tenant = Tenant {
            plan: plan(name, Ipv4Addr::new(203, 0, 113, 10 + number), sites.len()),
            instances: Vec::new(),
        };
        self.tenants.push(tenant.plan.tenant.clone());
        for (site, &count) in sites.iter().enumerate() {
            for _ in 0..count {
                self.add(&mut tenant, site).await;
            }
        }
        self.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        tenant
    }

    /// Plugs one more instance in; the plan names it, and is not applied.
    pub(crate) async fn add(&self, tenant: &mut Tenant, site: usize) {
        let endpoint = endpoint(tenant, site);
        let subnet = tenant.plan.subnets[0].clone();
        let plug = Plug {
            tenant: tenant.plan.tenant.clone(),
            cloud: endpoint.cloud.clone(),
            instance: endpoint.instance,
            address: endpoint.address,
            mac: endpoint.mac,
            subnet,
        };
        let namespace = self.plane.plug(&plug).await.unwrap();
        let name = format!("{}-{}", tenant.plan.tenant, tenant.instances.len());
        tenant.instances.push(Instance {
            server: Some(serve(&namespace, &name, PORT)),
            name,
            namespace,
        });
        tenant.plan.endpoints.push(endpoint);
    }

    pub(crate) async fn observe(&self, tenant: &Tenant) -> NetworkSeen {
        self.plane.observe(&tenant.plan.tenant).await.unwrap()
    }

    /// Observes until it is as expected.
    pub(crate) async fn until(
        &self,
        tenant: &Tenant,
        what: &str,
        is_so: impl Fn(&NetworkSeen) -> bool,
    ) -> NetworkSeen {
        let end = Instant::now() + LIMIT;
        loop {
            let seen = self.observe(tenant).await;
            if is_so(&seen) {
                return seen;
            }
            assert!(
                Instant::now() < end,
                "not within {LIMIT:?}: {what}: {seen:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn site(&self, tenant: &Tenant, number: usize) -> PathBuf {
        self.plane.site_path(&tenant.plan.tenant, &cloud(number))
    }

    pub(crate) fn transit(&self, tenant: &Tenant) -> PathBuf {
        self.plane.transit_path(&tenant.plan.tenant)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let plane = self.plane.clone();
        let client = self.client.take();
        let tenants = std::mem::take(&mut self.tenants);
        let deployment = self.settings.deployment.clone();
        // A runtime of its own, since the test's may be unwinding.
        let clean = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made");
            runtime.block_on(async {
                for tenant in tenants {
                    if let Err(error) = plane.destroy(LAST, &tenant).await {
                        eprintln!("cleaning up: {error}");
                    }
                }
                if let Some(client) = client
                    && let Err(error) = client.leave().await
                {
                    eprintln!("cleaning up: {error}");
                }
                if let Err(error) = netsetup::lift_fences(&deployment) {
                    eprintln!("cleaning up: {error}");
                }
            });
        });
        let _ = clean.join();
    }
}

/// One tenant of a world.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) plan: NetworkPlan,
    pub(crate) instances: Vec<Instance>,
}

/// One instance of a tenant.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) namespace: PathBuf,
    pub(crate) server: Option<Server>,
}

impl Tenant {
    /// The public address and the port of the first listener.
    pub(crate) fn public(&self) -> SocketAddr {
        SocketAddr::from((self.plan.public_ip, self.plan.listen[0].port))
    }

    pub(crate) fn id(&self, index: usize) -> InstanceId {
        self.plan.endpoints[index].instance
    }

    /// Where an instance's own server listens.
    pub(crate) fn direct(&self, index: usize) -> SocketAddr {
        SocketAddr::from((self.plan.endpoints[index].address, PORT))
    }
}

/// One more endpoint, with an address and an id that no other one of the tenant ever had.
pub(crate) fn endpoint(tenant: &Tenant, site: usize) -> Endpoint {
    let last = tenant.plan.endpoints.iter().map(|e| e.address).max();
    let start = tenant.plan.subnets[0].dhcp_start;
    let address = last.map_or(start, |last| Ipv4Addr::from_bits(last.to_bits() + 1));
    let [a, b, c, d] = address.octets();
    Endpoint {
        instance: InstanceId::new(1, address.to_bits()),
        cloud: cloud(site),
        address,
        mac: [2, 0, a, b, c, d],
        is_backend: true,
        is_probed: false,
    }
}

pub(crate) fn cloud(number: usize) -> CloudName {
    format!("local-{number}").parse().unwrap()
}

fn plan(tenant: &str, public_ip: Ipv4Addr, sites: usize) -> NetworkPlan {
    let listen = |protocol, port, to| Listener { protocol, port, to };
    NetworkPlan {
        tenant: tenant.parse().unwrap(),
        public_ip,
        is_open: true,
        listen: vec![
            listen(Protocol::Tcp, 80, PORT),
            listen(Protocol::Udp, 53, PORT),
            listen(Protocol::Icmp, 0, 0),
        ],
        split: Split::ByInstances,
        subnets: vec![Subnet {
            name: "demo_nw".parse().unwrap(),
            cidr: "19.0.0.0/24".parse().unwrap(),
            gateway: Ipv4Addr::new(19, 0, 0, 1),
            dhcp_start: Ipv4Addr::new(19, 0, 0, 2),
            dhcp_end: Ipv4Addr::new(19, 0, 0, 254),
        }],
        sites: (0..sites).map(cloud).collect(),
        endpoints: Vec::new(),
        health: HealthCheck {
            probe: Probe::Tcp { port: PORT },
            every: SignedDuration::from_secs(1),
            timeout: SignedDuration::from_millis(500),
            unhealthy_after: 3,
            healthy_after: 1,
        },
    }
}
