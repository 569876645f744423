//! What must not be reached is not reached; and each time, that it could be reached by somebody who may.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;

use controller::ports::Dataplane;
use netsetup::EdgeClient;

use crate::exec::tool;
use crate::traffic::{LIMIT, SILENCE, Server, inside, open, ping, serve};
use crate::world::{EPOCH, Tenant, World, cloud};

/// Whether a TCP connection comes about.
fn reaches(from: &Path, to: SocketAddr) -> bool {
    inside(from, || TcpStream::connect_timeout(&to, SILENCE).is_ok())
}

/// Whether a TCP connection comes about for one who may.
fn may_reach(from: &Path, to: SocketAddr) -> bool {
    inside(from, || TcpStream::connect_timeout(&to, LIMIT).is_ok())
}

fn who(from: &Path, to: SocketAddr) -> String {
    inside(from, || open(to, LIMIT)).unwrap().answer.name
}

/// A server inside a router, which hears at least itself, by a rule that is not ours: the control.
fn serve_in_router(router: &Path) -> Server {
    let itself = ["-I", "INPUT", "1", "-i", "lo", "-j", "ACCEPT"];
    tool(router, "iptables", &itself);
    serve(router, "router", 9_999)
}

async fn two_tenants(world: &mut World) -> (Tenant, Tenant) {
    (
        world.tenant("one", &[1, 1]).await,
        world.tenant("two", &[1, 2]).await,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_with_the_same_addresses_each_reach_their_own() {
    let mut world = World::new().await;
    let (one, two) = two_tenants(&mut world).await;

    for tenant in [&one, &two] {
        let name = &tenant.plan.tenant;
        let inside = &tenant.instances[0].namespace;
        assert_eq!(who(inside, tenant.direct(1)), format!("{name}-1"));
        let from_outside = who(&world.client(), tenant.public());
        assert!(from_outside.starts_with(name.as_str()), "{from_outside}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_reaches_neither_another_tenant_nor_any_public_address() {
    let mut world = World::new().await;
    let (one, two) = two_tenants(&mut world).await;
    let (stranger, neighbour) = (&one.instances[0].namespace, &two.instances[0].namespace);

    // Only the second tenant has a third instance.
    assert!(may_reach(neighbour, two.direct(2)));
    assert!(!reaches(stranger, two.direct(2)));
    let third = two.plan.endpoints[2].address;
    assert!(ping(neighbour, third, 3, LIMIT));
    assert!(!ping(stranger, third, 3, SILENCE));

    assert!(may_reach(&world.client(), two.public()));
    assert!(!reaches(stranger, two.public()));
    // No hairpin either.
    assert!(may_reach(&world.client(), one.public()));
    assert!(!reaches(stranger, one.public()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_reaches_nothing_of_the_routers_but_an_echo_of_its_gateway() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1, 1]).await;
    let instance = &tenant.instances[0].namespace;
    let gateway = tenant.plan.subnets[0].gateway;
    assert!(ping(instance, gateway, 4, LIMIT));

    for router in [
        world.transit(&tenant),
        world.site(&tenant, 0),
        world.site(&tenant, 1),
    ] {
        let _server = serve_in_router(&router);
        let listed = tool(&router, "ip", &["-o", "-4", "address"]);
        let addresses = listed.lines().filter_map(|line| {
            let address = line.split_whitespace().nth(3)?.split('/').next()?;
            address.parse::<Ipv4Addr>().ok()
        });
        let mut tried = 0;
        for address in addresses.filter(|address| !address.is_loopback()) {
            let target = SocketAddr::from((address, 9_999));
            assert!(may_reach(&router, target), "{address} from itself");
            assert!(!reaches(instance, target), "{address}");
            tried += 1;
        }
        assert!(tried >= 3, "underlay, tunnel, gateway or public: {listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_reaches_neither_the_host_nor_its_cloud() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;
    let instance = &tenant.instances[0].namespace;

    // The host's own address towards the world, found without sending anything; its loopback where it has none.
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    let host = match probe
        .connect("192.0.2.1:9")
        .and_then(|()| probe.local_addr())
    {
        Ok(address) => address.ip(),
        Err(_) => Ipv4Addr::LOCALHOST.into(),
    };
    let listener = TcpListener::bind((host, 0)).unwrap();
    let target = listener.local_addr().unwrap();
    assert!(TcpStream::connect_timeout(&target, LIMIT).is_ok());
    assert!(!reaches(instance, target));

    let metadata = Ipv4Addr::new(169, 254, 169, 254);
    let service = EdgeClient::join(&world.settings.deployment, metadata)
        .await
        .unwrap();
    let server = serve(&service.path(), "metadata", 80);
    let target = SocketAddr::from((metadata, 80));
    assert!(may_reach(&world.client(), target));
    assert!(!reaches(instance, target));
    drop(server);
    service.leave().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_reaches_nothing_but_the_listeners_of_the_public_address() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1, 1]).await;
    let (client, transit) = (world.client(), world.transit(&tenant));
    let public = tenant.plan.public_ip.to_string();
    // The client does its best: it knows the way to the inside.
    for inside in ["19.0.0.0/24", "100.64.0.0/10"] {
        let route = [
            "route", "add", inside, "via", &public, "dev", "eth0", "onlink",
        ];
        tool(&client, "ip", &route);
    }
    assert!(may_reach(&client, tenant.public()));

    assert!(may_reach(&tenant.instances[1].namespace, tenant.direct(0)));
    assert!(!reaches(&client, tenant.direct(0)));

    let _server = serve_in_router(&transit);
    for address in tool(&transit, "ip", &["-o", "-4", "address"])
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3)?.split('/').next())
        .filter_map(|address| address.parse::<Ipv4Addr>().ok())
        .filter(|address| !address.is_loopback())
    {
        let target = SocketAddr::from((address, 9_999));
        assert!(may_reach(&transit, target));
        assert!(!reaches(&client, target), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_ours_speaks_version_six() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;

    for namespace in [world.transit(&tenant), world.site(&tenant, 0)] {
        assert_eq!(tool(&namespace, "ip", &["-6", "address"]), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_lets_nothing_through_before_its_plan_is_applied() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1]).await;
    let gateway = tenant.plan.subnets[0].gateway;
    // Plugged into a site that the applied plan does not have.
    world.add(&mut tenant, 1).await;
    let early = tenant.instances[1].namespace.clone();

    assert!(!ping(&early, gateway, 5, SILENCE));
    assert!(!reaches(&early, tenant.direct(0)));

    tenant.plan.sites.push(cloud(1));
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    assert!(ping(&early, gateway, 6, LIMIT));
    assert!(may_reach(&early, tenant.direct(0)));
}
