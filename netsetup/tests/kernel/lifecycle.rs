//! A tenant's network comes, survives its service, and goes without a trace.

use std::collections::BTreeSet;
use std::path::Path;

use controller::network::NetworkSeen;
use controller::ports::Dataplane;
use netsetup::{EdgeClient, Settings, TunnelChoice};

use crate::exec::tool;
use crate::traffic::{connect, count_tcp};
use crate::world::{CLIENT, EPOCH, Tenant, World, plane};

/// Everything that would show that something was made anew: numbers of links, addresses, routes, rules, and the counters of
/// the load balancer, which start from zero in a chain that is written again.
fn fingerprint(world: &World, tenant: &Tenant) -> Vec<String> {
    let state = |namespace: &Path| -> Vec<String> {
        let links = tool(namespace, "ip", &["-o", "link"]);
        let numbers = links.lines().filter_map(|line| line.split('<').next());
        let rules = tool(namespace, "iptables-save", &["-c"]);
        let rules = rules
            .lines()
            .filter(|line| line.contains("ASAAS-"))
            .map(|line| match line.split_once("] ") {
                // Other rules also count what comes by itself: ARP, probes, answers.
                Some((_, rule)) if !line.contains("--to-destination") => rule,
                _ => line,
            });
        let others = ["address", "route"].map(|what| tool(namespace, "ip", &["-o", "-4", what]));
        let addresses = others.iter().flat_map(|text| text.lines());
        addresses
            .chain(numbers)
            .chain(rules)
            .map(str::to_owned)
            .collect()
    };
    let (transit, one, two) = (
        world.transit(tenant),
        world.site(tenant, 0),
        world.site(tenant, 1),
    );
    [transit, one, two].iter().flat_map(|n| state(n)).collect()
}

/// Both lists are the same; says only what differs.
fn assert_unchanged(before: &[String], after: &[String]) {
    let lost: Vec<_> = before.iter().filter(|l| !after.contains(l)).collect();
    let new: Vec<_> = after.iter().filter(|l| !before.contains(l)).collect();
    assert!(
        lost.is_empty() && new.is_empty(),
        "lost {lost:?}, new {new:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_service_finds_its_network_and_changes_nothing() {
    // I15
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[2, 1]).await;
    let mut old = connect(&world.client(), tenant.public()).unwrap();
    count_tcp(&world.client(), tenant.public(), 20);
    let before = fingerprint(&world, &tenant);

    world.plane = plane(&world.settings, &world.woken);
    let seen = world.observe(&tenant).await;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    assert_unchanged(&before, &fingerprint(&world, &tenant));
    old.exchange(10_000).unwrap();
    let routed: BTreeSet<_> = tenant.plan.endpoints.iter().map(|e| e.instance).collect();
    assert_eq!(
        seen.endpoints.keys().copied().collect::<BTreeSet<_>>(),
        routed
    );
    assert!(seen.endpoints.values().all(|endpoint| endpoint.is_routed));
    let flows: u32 = seen.endpoints.values().filter_map(|e| e.flows).sum();
    assert!(flows >= 1, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn applying_the_same_plan_again_changes_nothing() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[2, 1]).await;
    let before = fingerprint(&world, &tenant);

    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    assert_unchanged(&before, &fingerprint(&world, &tenant));
}

fn namespaces() -> BTreeSet<String> {
    let entries = std::fs::read_dir("/run/netns").unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_tenant_leaves_nothing_behind() {
    let mut world = World::new().await;
    let stays = world.tenant("stays", &[1]).await;
    let tenant = world.tenant("demo", &[2, 1]).await;
    let transit = world.transit(&tenant);
    let name = transit.file_name().unwrap().to_str().unwrap().to_owned();
    let prefix = name.strip_suffix('t').unwrap();
    let mine = || {
        let all = namespaces().into_iter();
        all.filter(|name| name.starts_with(prefix)).count()
    };
    assert_eq!(mine(), 6, "transit, two sites, three instances");
    assert!(connect(&world.client(), tenant.public()).is_ok());

    world
        .plane
        .destroy(EPOCH, &tenant.plan.tenant)
        .await
        .unwrap();

    assert_eq!(mine(), 0);
    assert_eq!(world.observe(&tenant).await, NetworkSeen::default());
    assert!(connect(&world.client(), stays.public()).is_ok());
    let again = world.plane.destroy(EPOCH, &tenant.plan.tenant).await;
    assert!(again.is_ok(), "gone is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_goes_with_the_last_who_uses_it() {
    let mut world = World::new().await;
    let before = namespaces();
    let other = EdgeClient::join(&world.settings.deployment, [198, 51, 100, 8].into())
        .await
        .unwrap();
    let tenant = world.tenant("demo", &[1]).await;

    world
        .plane
        .destroy(EPOCH, &tenant.plan.tenant)
        .await
        .unwrap();
    other.leave().await.unwrap();
    let left: Vec<_> = namespaces().difference(&before).cloned().collect();
    let ours = |name: &&String| world.transit(&tenant).ends_with(name.as_str());
    assert_eq!(left.iter().filter(ours).count(), 0, "{left:?}");

    // The world's own client is the last one.
    let again = EdgeClient::join(&world.settings.deployment, CLIENT)
        .await
        .unwrap();
    let path = again.path();
    again.leave().await.unwrap();
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_built_is_refused_with_a_reason() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1]).await;
    tenant.plan.subnets[0].cidr = "100.64.0.0/24".parse().unwrap();

    let refused = world.plane.apply(EPOCH, &tenant.plan).await.unwrap_err();

    assert!(refused.detail.contains("overlaps"), "{refused}");
    assert!(connect(&world.client(), tenant.public()).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_plugged_twice_is_plugged_once() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;
    let endpoint = &tenant.plan.endpoints[0];
    let plug = netsetup::Plug {
        tenant: tenant.plan.tenant.clone(),
        cloud: endpoint.cloud.clone(),
        instance: endpoint.instance,
        address: endpoint.address,
        mac: endpoint.mac,
        subnet: tenant.plan.subnets[0].clone(),
    };
    let mut old = connect(&world.client(), tenant.public()).unwrap();

    let path = world.plane.plug(&plug).await.unwrap();

    assert_eq!(path, tenant.instances[0].namespace);
    old.exchange(1_000).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_a_namespace_that_a_crash_left_is_made_one() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;
    let transit = world.transit(&tenant);
    world
        .plane
        .destroy(EPOCH, &tenant.plan.tenant)
        .await
        .unwrap();
    std::fs::write(&transit, "").unwrap();

    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    assert!(tool(&transit, "ip", &["link", "show", "edge"]).contains("UP"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_half_gone_is_built_again_and_destroyed_all_the_same() {
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[1, 0]).await;
    let remove = |name: &Path| {
        nix::mount::umount2(name, nix::mount::MntFlags::MNT_DETACH).unwrap();
        std::fs::remove_file(name).unwrap();
    };

    remove(&world.transit(&tenant));
    remove(&world.site(&tenant, 1));
    // What changes is noticed to be impossible, and the attempt after that begins with a full look.
    tenant.plan.endpoints[0].is_backend = false;
    let _ = world.plane.apply(EPOCH, &tenant.plan).await;
    tenant.plan.endpoints[0].is_backend = true;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    assert!(connect(&world.client(), tenant.public()).is_ok());

    // L8: the same plan again, long before the next full look.
    remove(&world.transit(&tenant));
    let _ = world.plane.apply(EPOCH, &tenant.plan).await;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    assert!(connect(&world.client(), tenant.public()).is_ok());

    remove(&world.transit(&tenant));
    world
        .plane
        .destroy(EPOCH, &tenant.plan.tenant)
        .await
        .unwrap();
    assert!(!world.site(&tenant, 0).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tunnel_is_what_was_asked_for_or_the_refusal_says_what_to_do() {
    let settings = |tunnel| Settings {
        tunnel,
        ..Settings::new("")
    };
    let mut world = World::with(settings(TunnelChoice::Vxlan)).await;
    let tenant = world.tenant("demo", &[1]).await;
    assert_eq!(world.observe(&tenant).await.tunnel, "vxlan");
    let site = world.site(&tenant, 0);
    assert!(tool(&site, "ip", &["-d", "link", "show", "tunnel"]).contains("vxlan"));

    // Not every kernel has GRE.
    let other = World::with(settings(TunnelChoice::Gre)).await;
    let applied = other.plane.apply(EPOCH, &tenant.plan).await;
    match applied {
        Ok(()) => assert_eq!(other.observe(&tenant).await.tunnel, "gre"),
        Err(refused) => assert!(refused.detail.contains("tunnel: vxlan"), "{refused}"),
    }
    other
        .plane
        .destroy(EPOCH, &tenant.plan.tenant)
        .await
        .unwrap();
}
