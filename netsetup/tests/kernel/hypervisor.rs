//! What a hypervisor plugs into the host's bridge is in its tenant's site, and not on the host.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};

use controller::ports::Dataplane;

use crate::exec::{attempt, tool};
use crate::traffic::{SILENCE, count_tcp, inside, serve};
use crate::world::{EPOCH, HOST_IS_QUIET, PORT, Tenant, World, cloud, endpoint};

/// The namespace that the tests were started in: the hypervisor's.
const HOST: &str = "/proc/self/ns/net";
/// An address of the host that no tenant uses; it is on a link of the test's own.
const HOST_ADDRESS: &str = "192.0.2.77";

fn host(arguments: &[&str]) -> String {
    tool(Path::new(HOST), "ip", arguments)
}

fn is_reached(namespace: &Path, address: &str) -> bool {
    let arguments = ["ping", "-c", "1", "-W", "1", address];
    let output = attempt(namespace, "busybox", &arguments, "");
    output.status.success()
}

/// What a virtual machine is to the network: something behind a tap device, here a cable.
struct Guest {
    name: String,
    tap: String,
}

impl Guest {
    fn start(bridge: &str, tenant: &Tenant, index: usize) -> Self {
        let number = std::process::id() % 100_000;
        let guest = Self {
            name: format!("guest-{number}-{index}"),
            tap: format!("tap{number}-{index}"),
        };
        let endpoint = &tenant.plan.endpoints[index];
        host(&["netns", "add", &guest.name]);
        host(&[
            "link",
            "add",
            &guest.tap,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            &guest.name,
        ]);
        host(&["link", "set", &guest.tap, "master", bridge, "up"]);
        let address = format!("{}/24", endpoint.address);
        guest.ip(&["link", "set", "eth0", "mtu", "1450", "up"]);
        guest.ip(&["address", "add", &address, "dev", "eth0"]);
        guest.ip(&["route", "add", "default", "via", "19.0.0.1"]);
        guest
    }

    fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    fn ip(&self, arguments: &[&str]) -> String {
        tool(&self.path(), "ip", arguments)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        for arguments in [["link", "del", &self.tap], ["netns", "del", &self.name]] {
            attempt(Path::new(HOST), "ip", &arguments, "");
        }
    }
}

/// A link of the host with an address; gone with the test.
struct HostLink(String);

impl HostLink {
    fn new() -> Self {
        let name = format!("host{}", std::process::id() % 100_000);
        host(&["link", "add", &name, "type", "bridge"]);
        let link = Self(name);
        host(&[
            "address",
            "add",
            &format!("{HOST_ADDRESS}/32"),
            "dev",
            &link.0,
        ]);
        host(&["link", "set", &link.0, "up"]);
        link
    }
}

impl Drop for HostLink {
    fn drop(&mut self) {
        attempt(Path::new(HOST), "ip", &["link", "del", &self.0], "");
    }
}

/// The host does not tell the guest where it is, and does not listen where the guest finds it nevertheless.
fn hears_nothing(guest: &Guest, bridge: &str) {
    let _link = HostLink::new();
    let listener = UdpSocket::bind((HOST_ADDRESS, 0)).unwrap();
    listener.set_read_timeout(Some(SILENCE)).unwrap();
    let to = listener.local_addr().unwrap();
    let hears = || listener.recv(&mut [0; 8]).is_ok();
    let send = || UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"hello", to);
    send().unwrap();
    assert!(hears(), "the control");

    guest.ip(&["route", "add", HOST_ADDRESS, "dev", "eth0"]);
    inside(&guest.path(), send).unwrap();
    assert!(!hears(), "by ARP");
    let links = host(&["-o", "link", "show", bridge]);
    let mac = links.split("link/ether ").nth(1).unwrap();
    let mac = mac.split(' ').next().unwrap();
    // The site may say that it knows the way; it lets nothing through.
    let asked = guest.ip(&["neigh", "show", HOST_ADDRESS]);
    assert!(!asked.contains(mac), "{asked}");
    guest.ip(&[
        "neigh",
        "replace",
        HOST_ADDRESS,
        "lladdr",
        mac,
        "dev",
        "eth0",
    ]);
    inside(&guest.path(), send).unwrap();
    assert!(!hears(), "by the bridge's own address");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_on_the_host_s_bridge_serves_its_tenant_and_does_not_reach_the_host() {
    // S3-04
    let _alone = HOST_IS_QUIET.lock().await;
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1]).await;
    let name = tenant.plan.tenant.clone();
    let subnet = tenant.plan.subnets[0].clone();
    tenant.plan.endpoints.push(endpoint(&tenant, 0));

    let bridge = world
        .plane
        .host_bridge(&name, &cloud(0), &subnet)
        .await
        .unwrap();
    let again = world
        .plane
        .host_bridge(&name, &cloud(0), &subnet)
        .await
        .unwrap();
    let guest = Guest::start(&bridge, &tenant, 1);
    let server = serve(&guest.path(), "guest", PORT);
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    let answers = count_tcp(&world.client(), tenant.public(), 20);

    assert_eq!(again, bridge);
    assert!(answers["guest"] > 0 && answers["demo-0"] > 0, "{answers:?}");
    let neighbour = tenant.plan.endpoints[0].address.to_string();
    assert!(is_reached(&guest.path(), &neighbour), "the control");
    hears_nothing(&guest, &bridge);
    drop((server, guest));

    world
        .plane
        .destroy(crate::world::LAST, &name)
        .await
        .unwrap();
    let left = host(&["-o", "link"]);
    assert!(!left.contains(&bridge), "{left}");
}
