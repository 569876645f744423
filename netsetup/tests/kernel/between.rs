//! Instances of one tenant reach each other over all sites.

use std::net::IpAddr;

use crate::traffic::{LIMIT, connect, ping};
use crate::world::World;

/// What fits into a segment behind the smallest tunnel (VXLAN): 1450 less the headers of IP and TCP.
const SEGMENT: u32 = 1410;

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_different_sites_reach_each_other_by_their_own_addresses() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[2, 1]).await;

    for (from, to) in [(0, 1), (0, 2), (2, 0)] {
        let namespace = &tenant.instances[from].namespace;
        let target = tenant.plan.endpoints[to].address;
        assert!(ping(namespace, target, 7, LIMIT), "{from} to {to}");
        let mut connection = connect(namespace, tenant.direct(to)).unwrap();
        assert_eq!(connection.answer.name, tenant.instances[to].name);
        let source = tenant.plan.endpoints[from].address;
        assert_eq!(connection.answer.client, IpAddr::V4(source));
        connection.exchange(1 << 20).unwrap();
        assert!(connection.segment() <= SEGMENT, "{}", connection.segment());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_sends_no_larger_segments_than_the_tunnel_carries() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;

    let mut connection = connect(&world.client(), tenant.public()).unwrap();

    connection.exchange(1 << 20).unwrap();
    assert!(connection.segment() <= SEGMENT, "{}", connection.segment());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_hears_its_gateway() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;
    let gateway = tenant.plan.subnets[0].gateway;

    assert!(ping(&tenant.instances[0].namespace, gateway, 9, LIMIT));
}
