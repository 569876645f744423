//! Instances are asked how they are, from inside their site.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use controller::network::Health;
use controller::ports::Dataplane;
use controller::spec::Probe;
use jiff::SignedDuration;

use crate::traffic::{LIMIT, serve, serve_http};
use crate::world::{EPOCH, PORT, Tenant, World};

fn probe_all(tenant: &mut Tenant) {
    tenant.plan.health.every = SignedDuration::from_millis(50);
    // A busy machine is not an unhealthy instance.
    tenant.plan.health.timeout = SignedDuration::from_secs(5);
    for endpoint in &mut tenant.plan.endpoints {
        endpoint.is_probed = true;
    }
}

/// The verdict is there a moment before the call that tells of it.
async fn until_woken(world: &World, times: usize) {
    let end = Instant::now() + LIMIT;
    while world.woken.load(Ordering::SeqCst) < times {
        assert!(Instant::now() < end, "woken fewer than {times} times");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(world.woken.load(Ordering::SeqCst), times);
}

async fn until_health(world: &World, tenant: &Tenant, health: Health) {
    let id = tenant.id(0);
    world
        .until(tenant, &format!("{health:?}"), |seen| {
            seen.endpoints[&id].health == health
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_healthy_while_it_answers_and_every_change_wakes_its_tenant() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1]).await;
    probe_all(&mut tenant);
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    until_health(&world, &tenant, Health::Healthy).await;
    until_woken(&world, 1).await;

    tenant.instances[0].server = None;
    until_health(&world, &tenant, Health::Unhealthy).await;
    // By its first failure too, so that its cloud is asked at once.
    until_woken(&world, 3).await;

    let namespace = &tenant.instances[0].namespace;
    tenant.instances[0].server = Some(serve(namespace, "back", PORT));
    until_health(&world, &tenant, Health::Healthy).await;
    until_woken(&world, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_instance_is_healthy_only_with_a_two_hundred() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1]).await;
    let page = serve_http(&tenant.instances[0].namespace, 81, 503);
    tenant.plan.health.probe = Probe::Http {
        port: 81,
        path: "/health".to_owned(),
    };
    probe_all(&mut tenant);
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    until_health(&world, &tenant, Health::Unhealthy).await;
    page.status.store(204, Ordering::SeqCst);
    until_health(&world, &tenant, Health::Healthy).await;
    page.status.store(500, Ordering::SeqCst);
    until_health(&world, &tenant, Health::Unhealthy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_accepts_and_says_nothing_is_not_healthy() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1]).await;
    let quiet = serve_http(&tenant.instances[0].namespace, 81, 0);
    tenant.plan.health.probe = Probe::Http {
        port: 81,
        path: "/".to_owned(),
    };
    probe_all(&mut tenant);
    tenant.plan.health.timeout = SignedDuration::from_millis(50);
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    until_health(&world, &tenant, Health::Unhealthy).await;
    quiet.status.store(200, Ordering::SeqCst);
    until_health(&world, &tenant, Health::Healthy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_after_the_tenant_is_gone() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1]).await;
    probe_all(&mut tenant);
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    until_health(&world, &tenant, Health::Healthy).await;

    world
        .plane
        .destroy(EPOCH, &tenant.plan.tenant)
        .await
        .unwrap();

    let woken = world.woken.load(Ordering::SeqCst);
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let end = Instant::now() + LIMIT;
    while tasks() > 0 {
        assert!(Instant::now() < end, "a task lives on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.woken.load(Ordering::SeqCst), woken);
}
