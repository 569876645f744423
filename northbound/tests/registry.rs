//! What nodes rely on of the keys that they share; the same of those in memory and of a real etcd's.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use controller::id::{Epoch, TenantName};
use northbound::node::{Card, NodeName, Registry, Seen};

#[cfg(feature = "etcd")]
#[path = "given/etcd.rs"]
mod etcd;
#[path = "given/registry.rs"]
mod registry;

const TTL: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_mins(1);

fn card(name: &str) -> Card {
    Card {
        name: name.parse().unwrap(),
        host: "here".to_owned(),
        socket: PathBuf::from("/run/asaas.sock"),
        state: PathBuf::from("/var/lib/asaas"),
        process: 7,
    }
}

async fn until(registry: &dyn Registry, what: &str, is_so: impl Fn(&Seen) -> bool) {
    let began = Instant::now();
    let seen = registry.seen();
    while !is_so(&seen.borrow().clone()) {
        assert!(began.elapsed() < LIMIT, "{what}: {:?}", *seen.borrow());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn epoch(seen: &Seen, tenant: &TenantName) -> Option<Epoch> {
    seen.owners.get(tenant).map(|owner| owner.epoch)
}

/// Two ways to the same keys.
async fn keeps_the_contract(one: &dyn Registry, other: &dyn Registry) {
    let (demo, a, b): (TenantName, NodeName, NodeName) = (
        "demo".parse().unwrap(),
        "a".parse().unwrap(),
        "b".parse().unwrap(),
    );
    let (first, second) = (one.lease().await.unwrap(), other.lease().await.unwrap());

    // A name is one node's.
    assert_eq!(one.join(first, &card("a")).await.unwrap(), None);
    let there = other.join(second, &card("a")).await.unwrap();
    assert_eq!(there, Some((card("a"), first)));
    assert_eq!(other.join(second, &card("b")).await.unwrap(), None);

    // I24: a tenant is one node's; asking again is no second claim.
    let since = one.claim(first, &demo, &a).await.unwrap().unwrap();
    assert_eq!(one.claim(first, &demo, &a).await.unwrap(), Some(since));
    assert_eq!(other.claim(second, &demo, &b).await.unwrap(), None);
    until(other, "both nodes and the owner are seen", |seen| {
        seen.nodes.len() == 2 && epoch(seen, &demo) == Some(since)
    })
    .await;

    // I9: what is released was owned since then, and epochs grow.
    one.release(&demo, Epoch(since.0 - 1)).await.unwrap();
    assert_eq!(other.claim(second, &demo, &b).await.unwrap(), None);
    one.release(&demo, since).await.unwrap();
    let later = other.claim(second, &demo, &b).await.unwrap().unwrap();
    assert!(later > since);
    one.release(&demo, since).await.unwrap();
    until(one, "the new owner is seen", |seen| {
        epoch(seen, &demo) == Some(later)
    })
    .await;

    // A lease takes everything under it along, and cannot be renewed then.
    assert!(other.renew(second).await.unwrap());
    other.revoke(second).await.unwrap();
    other.revoke(second).await.unwrap();
    assert!(!other.renew(second).await.unwrap());
    until(one, "b is gone with what it owned", |seen| {
        seen.nodes.len() == 1 && seen.owners.is_empty()
    })
    .await;
    assert!(one.renew(first).await.unwrap());
    one.part(&a).await.unwrap();
    until(other, "a is gone", |seen| seen.nodes.is_empty()).await;

    // One that is not renewed ends by itself.
    let third = other.lease().await.unwrap();
    assert!(other.claim(third, &demo, &b).await.unwrap().is_some());
    until(one, "b owns", |seen| seen.owners.len() == 1).await;
    until(one, "b is forgotten", |seen| seen.owners.is_empty()).await;
    assert!(!other.renew(third).await.unwrap());
}

#[tokio::test]
async fn keys_in_memory_keep_the_contract() {
    let shelf = registry::Shelf::new(TTL);

    keeps_the_contract(&shelf.way(), &shelf.way()).await;
}

#[cfg(feature = "etcd")]
#[tokio::test]
async fn keys_in_etcd_keep_the_contract_and_bear_that_the_member_that_is_asked_dies() {
    let Some(mut etcd) = etcd::Etcd::start().await else {
        return;
    };
    let open = async |member| {
        let connection = etcd::connection(&etcd, "test", member).await;
        northbound::node::EtcdRegistry::new(connection, TTL)
    };
    let (one, other) = (open(0).await, open(1).await);
    keeps_the_contract(&one, &other).await;

    etcd.kill(0);
    keeps_the_contract(&one, &other).await;
}
