//! Connections are shared out as they should be, and arrive as they were sent.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use controller::ports::Dataplane;
use controller::spec::Split;

use crate::traffic::{LIMIT, ask_udp, connect, count_tcp, echoes, ping};
use crate::world::{CLIENT, EPOCH, World};

/// Each of them got its share of `times`, give or take what chance explains: one in a million goes beyond five sigmas.
fn assert_shares(counts: &BTreeMap<String, usize>, shares: &[(&str, f64)], times: usize) {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    for (name, share) in shares {
        let got = counts.get(*name).copied().unwrap_or(0) as f64;
        let (times, share) = (times as f64, *share);
        let sigma = (times * share * (1.0 - share)).sqrt();
        assert!(
            (got - times * share).abs() <= 5.0 * sigma,
            "{name} got {got} of {times}, not {share}: {counts:?}"
        );
    }
    assert_eq!(counts.len(), shares.len(), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_instance_gets_the_same_share_over_both_levels() {
    // S4-116
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[3, 1]).await;

    let counts = count_tcp(&world.client(), tenant.public(), 800);

    let names = ["demo-0", "demo-1", "demo-2", "demo-3"];
    assert_shares(&counts, &names.map(|name| (name, 0.25)), 800);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_site_gets_the_same_share_where_that_was_asked_for() {
    // S4-115
    let mut world = World::new().await;
    let mut tenant = world.tenant("demo", &[3, 1]).await;
    tenant.plan.split = Split::Equal;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    let counts = count_tcp(&world.client(), tenant.public(), 600);

    let sixth = 1.0 / 6.0;
    assert_shares(
        &counts,
        &[
            ("demo-0", sixth),
            ("demo-1", sixth),
            ("demo-2", sixth),
            ("demo-3", 0.5),
        ],
        600,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_sees_the_address_of_the_client() {
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;

    let connection = connect(&world.client(), tenant.public()).unwrap();

    assert_eq!(connection.answer.client, IpAddr::V4(CLIENT));
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_and_echoes_are_shared_out_too() {
    // S4-114
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1, 1]).await;
    let (client, public) = (world.client(), tenant.plan.public_ip);

    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..100 {
        let answer = ask_udp(&client, SocketAddr::from((public, 53)), LIMIT).unwrap();
        assert_eq!(answer.client, IpAddr::V4(CLIENT));
        *counts.entry(answer.name).or_default() += 1;
    }
    assert_shares(&counts, &[("demo-0", 0.5), ("demo-1", 0.5)], 100);

    for id in 1..=100 {
        assert!(ping(&client, public, id, LIMIT), "echo {id}");
    }
    let heard = tenant.instances.iter().map(|i| {
        (
            i.name.clone(),
            usize::try_from(echoes(&i.namespace)).unwrap(),
        )
    });
    assert_shares(&heard.collect(), &[("demo-0", 0.5), ("demo-1", 0.5)], 100);
}
