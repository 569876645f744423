//! Instances of one tenant reach each other over all sites.

use std::net::IpAddr;

use controller::ports::Dataplane;

use crate::exec::tool;
use crate::traffic::{LIMIT, connect, ping};
use crate::world::{EPOCH, World};

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
async fn the_gateway_keeps_its_address_on_the_wire_while_instances_come_and_go() {
    // A bridge left to itself takes the lowest address of its ports: neighbours would talk to somebody who is gone.
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1]).await;
    let site = world.site(&tenant, 0);
    let bridge = || tool(&site, "ip", &["-br", "link", "show", "type", "bridge"]);
    let wire = || bridge().split_whitespace().nth(2).map(str::to_owned);
    let before = wire();
    let mut old = connect(&world.client(), tenant.public()).unwrap();

    for _ in 0..3 {
        world.add(&mut tenant, 0).await;
    }
    let leaving = &tenant.plan.endpoints[1];
    let unplug = world
        .plane
        .unplug(&tenant.plan.tenant, &leaving.cloud, leaving.instance);
    unplug.await.unwrap();

    assert_eq!(before, wire());
    old.exchange(1_000).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_moves_to_another_site_is_found_there_by_its_old_neighbours() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[2, 0]).await;
    let neighbour = tenant.instances[0].namespace.clone();
    let moving = tenant.direct(1);
    assert_eq!(connect(&neighbour, moving).unwrap().answer.name, "demo-1");

    let gone = tenant.plan.endpoints.remove(1);
    drop(tenant.instances.remove(1));
    let name = tenant.plan.tenant.clone();
    let plane = &world.plane;
    plane
        .unplug(&name, &gone.cloud, gone.instance)
        .await
        .unwrap();
    plane
        .forget(EPOCH, &name, &gone.cloud, gone.address)
        .await
        .unwrap();
    // The lowest free address is the one that has just become free.
    world.add(&mut tenant, 1).await;
    assert_eq!(tenant.direct(1), moving);
    plane.apply(EPOCH, &tenant.plan).await.unwrap();

    let answer = connect(&neighbour, moving).unwrap().answer;
    assert_eq!(answer.name, "demo-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_hears_its_gateway() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;
    let gateway = tenant.plan.subnets[0].gateway;

    assert!(ping(&tenant.instances[0].namespace, gateway, 9, LIMIT));
}
