//! Whoever was deposed changes nothing any more, and nobody changes what somebody else is changing (I9).

use std::time::Duration;

use controller::id::Epoch;
use controller::ports::Dataplane;
use netsetup::Settings;

use crate::exec::tool;
use crate::fence_exec::Holder;
use crate::traffic::count_tcp;
use crate::world::{EPOCH, World, cloud, plane};

/// Of whoever comes after [`EPOCH`].
const LATER: Epoch = Epoch(2);

// I9
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_deposed_changes_nothing_of_the_network_any_more() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;
    let successor = plane(&world.settings, &world.woken);
    successor.apply(LATER, &tenant.plan).await.unwrap();
    let mut closed = tenant.plan.clone();
    closed.is_open = false;
    let (name, address) = (&tenant.plan.tenant, tenant.plan.endpoints[0].address);
    let rules = || tool(&world.transit(&tenant), "iptables-save", &[]);
    let before = rules();

    let refusals = [
        world.plane.apply(EPOCH, &closed).await,
        // Also where it has nothing to change.
        world.plane.apply(EPOCH, &tenant.plan).await,
        world.plane.forget(EPOCH, name, &cloud(0), address).await,
        world.plane.destroy(EPOCH, name).await,
    ];

    for refused in refusals {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("another service looks after"), "{refused}");
    }
    assert_eq!(without_counters(&rules()), without_counters(&before));
    assert_eq!(count_tcp(&world.client(), tenant.public(), 1)["demo-0"], 1);
    // The same calls do something under the later epoch.
    successor
        .forget(LATER, name, &cloud(0), address)
        .await
        .unwrap();
    successor.apply(LATER, &closed).await.unwrap();
    assert_ne!(without_counters(&rules()), without_counters(&before));
}

// I9
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_slept_through_the_end_of_a_tenant_does_not_build_it_anew() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;
    let successor = plane(&world.settings, &world.woken);
    successor.destroy(LATER, &tenant.plan.tenant).await.unwrap();

    assert!(world.plane.apply(EPOCH, &tenant.plan).await.is_err());

    assert!(!world.transit(&tenant).exists());
    successor.apply(LATER, &tenant.plan).await.unwrap();
    assert!(world.transit(&tenant).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_somebody_else_is_making_is_waited_for_only_so_long() {
    let mut world = World::with(Settings {
        lock_wait: Duration::from_millis(200),
        ..Settings::new("")
    })
    .await;
    let tenant = world.tenant("demo", &[1]).await;
    let holder = Holder::of(&world.plane.fence_path(&tenant.plan.tenant));

    let refused = world.plane.apply(LATER, &tenant.plan).await.unwrap_err();
    let served = count_tcp(&world.client(), tenant.public(), 1);
    drop(holder);

    assert!(
        refused.to_string().contains("has been changing it"),
        "{refused}"
    );
    assert_eq!(served["demo-0"], 1);
    world.plane.apply(LATER, &tenant.plan).await.unwrap();
}

/// Rules without what traffic alone changes.
fn without_counters(rules: &str) -> Vec<&str> {
    let is_rule = |line: &&str| line.starts_with("-A");
    rules.lines().filter(is_rule).collect()
}
