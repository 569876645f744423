//! Instances leave without a connection being lost.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use controller::ports::Dataplane;
use netsetup::Settings;

use crate::load::{Load, Tally};
use crate::traffic::{Connection, LIMIT, ask_udp, connect, count_tcp};
use crate::world::{EPOCH, Tenant, World, cloud};

/// So many connections at a time are made by a load.
const CLIENTS: usize = 4;

/// Connects until it is this instance that answers.
fn connect_to(world: &World, tenant: &Tenant, index: usize) -> Connection {
    let mut tries = (0..200).map(|_| connect(&world.client(), tenant.public()).unwrap());
    let name = &tenant.instances[index].name;
    tries
        .find(|connection| connection.answer.name == *name)
        .expect("each instance is met in 200 tries")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_instance_gets_no_new_connection_and_keeps_its_old_ones() {
    // I10
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1, 1]).await;
    let mut old = connect_to(&world, &tenant, 0);

    tenant.plan.endpoints[0].is_backend = false;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    let counts = count_tcp(&world.client(), tenant.public(), 100);
    assert_eq!(counts.get("demo-1"), Some(&100));
    old.exchange(100_000).unwrap();
    let seen = world.observe(&tenant).await.endpoints[&tenant.id(0)].clone();
    assert!(!seen.is_routed);
    assert_eq!(seen.flows, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flows_of_an_instance_reach_zero_when_its_last_connection_ends() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1, 1]).await;
    let old = connect_to(&world, &tenant, 0);
    tenant.plan.endpoints[0].is_backend = false;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    assert_eq!(
        world.observe(&tenant).await.endpoints[&tenant.id(0)].flows,
        Some(1)
    );

    drop(old);

    let id = tenant.id(0);
    world
        .until(&tenant, "no flow is left", |seen| {
            seen.endpoints[&id].flows == Some(0)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_network_refuses_new_connections_and_keeps_the_old_ones() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1, 1]).await;
    let mut old = connect_to(&world, &tenant, 0);

    tenant.plan.is_open = false;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    let refused = connect(&world.client(), tenant.public()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let datagrams = SocketAddr::from((tenant.plan.public_ip, 53));
    let refused = ask_udp(&world.client(), datagrams, LIMIT).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    old.exchange(100_000).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_backends_refuses_at_once_and_serves_when_it_has_one() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[0]).await;

    let refused = connect(&world.client(), tenant.public()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    world.add(&mut tenant, 0).await;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    assert!(connect(&world.client(), tenant.public()).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_an_address_removes_its_flows_alone() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1, 1]).await;
    let _one = connect_to(&world, &tenant, 0);
    let mut other = connect_to(&world, &tenant, 1);
    let endpoint = &tenant.plan.endpoints[0];
    let forget = || {
        world.plane.forget(
            EPOCH,
            &tenant.plan.tenant,
            &endpoint.cloud,
            endpoint.address,
        )
    };

    forget().await.unwrap();

    let seen = world.observe(&tenant).await;
    assert_eq!(seen.endpoints[&tenant.id(0)].flows, Some(0));
    other.exchange(1_000).unwrap();
    forget().await.expect("forgetting twice is forgetting once");
}

/// A folder with a `conntrack` that gives up at its first removal, as the real one does where a flow ends meanwhile.
fn tools_that_give_up_once() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (tool, done) = (folder.path().join("conntrack"), folder.path().join("done"));
    let script = format!(
        "#!/bin/sh\n\
         if [ \"$1\" = -D ] && /bin/mkdir {done} 2>/dev/null; then\n\
         echo \"Operation failed: such conntrack doesn't exist\" >&2; exit 1\n\
         fi\n\
         exec /usr/sbin/conntrack \"$@\"\n",
        done = done.display()
    );
    fs::write(&tool, script).unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_ends_while_an_address_is_forgotten_does_not_save_the_others() {
    let tools = tools_that_give_up_once();
    let mut world = World::with(Settings {
        tools: Some(tools.path().to_owned()),
        ..Settings::new("")
    })
    .await;
    let tenant = world.tenant("demo", &[1]).await;
    let _one = connect_to(&world, &tenant, 0);
    let endpoint = &tenant.plan.endpoints[0];
    let (name, cloud, address) = (&tenant.plan.tenant, &endpoint.cloud, endpoint.address);

    let forgotten = world.plane.forget(EPOCH, name, cloud, address).await;

    assert!(forgotten.is_ok(), "{forgotten:?}");
    assert!(tools.path().join("done").exists(), "the tool gave up once");
    let seen = world.observe(&tenant).await;
    assert_eq!(seen.endpoints[&tenant.id(0)].flows, Some(0));
}

fn start_load(world: &World, tenant: &Tenant) -> Vec<Load> {
    (0..CLIENTS)
        .map(|_| Load::start(world.client(), tenant.public()))
        .collect()
}

fn stop_load(loads: Vec<Load>) -> Tally {
    let mut sum = Tally::default();
    for tally in loads.into_iter().map(Load::stop) {
        sum.broken += tally.broken;
        sum.first_error = sum.first_error.or(tally.first_error);
        for (name, count) in tally.answered {
            *sum.answered.entry(name).or_default() += count;
        }
    }
    sum
}

/// Ends an instance: server, cable and all.
async fn kill(world: &World, tenant: &mut Tenant, index: usize) {
    let endpoint = &tenant.plan.endpoints[index];
    tenant.instances[index].server = None;
    world
        .plane
        .unplug(&tenant.plan.tenant, &endpoint.cloud, endpoint.instance)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_out_then_flows_gone_then_instance_loses_no_connection() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1, 1]).await;
    let loads = start_load(&world, &tenant);

    for cycle in 0..8 {
        world.add(&mut tenant, cycle % 2).await;
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        let newest = tenant.id(tenant.instances.len() - 1);
        world
            .until(&tenant, "the new instance serves", |seen| {
                seen.endpoints[&newest].flows.is_some_and(|flows| flows > 0)
            })
            .await;
        let leaving = cycle;
        tenant.plan.endpoints[leaving].is_backend = false;
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        let id = tenant.id(leaving);
        world
            .until(&tenant, "the drained instance has no flows", |seen| {
                seen.endpoints[&id].flows == Some(0)
            })
            .await;
        kill(&world, &mut tenant, leaving).await;
    }

    let tally = stop_load(loads);
    assert_eq!(tally.broken, 0, "{tally:?}");
    assert!(tally.answered.len() >= 8, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_first_and_rule_after_loses_connections() {
    // The control of the test above: the harness sees what a wrong order breaks.
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1, 1]).await;
    let loads = start_load(&world, &tenant);

    kill(&world, &mut tenant, 0).await;

    let end = Instant::now() + 2 * LIMIT;
    while loads.iter().all(|load| load.broken() == 0) {
        assert!(Instant::now() < end, "no connection was lost");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tenant.plan.endpoints[0].is_backend = false;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    assert!(stop_load(loads).broken > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_come_and_go_under_load_and_no_connection_is_lost() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1]).await;
    let loads = start_load(&world, &tenant);

    for _ in 0..4 {
        let index = tenant.instances.len();
        tenant.plan.sites.push(cloud(1));
        world.add(&mut tenant, 1).await;
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        let id = tenant.id(index);
        world
            .until(&tenant, "the new site has served", |seen| {
                seen.endpoints[&id].flows.is_some_and(|flows| flows > 0)
            })
            .await;

        tenant.plan.endpoints[index].is_backend = false;
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        world
            .until(&tenant, "the site has no flows", |seen| {
                seen.endpoints[&id].flows == Some(0)
            })
            .await;
        kill(&world, &mut tenant, index).await;
        let gone = tenant.plan.endpoints.remove(index);
        tenant.plan.sites.retain(|site| *site != gone.cloud);
        tenant.instances.remove(index);
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
        assert!(!world.site(&tenant, 1).exists());
    }

    let tally = stop_load(loads);
    assert_eq!(tally.broken, 0, "{tally:?}");
}
