//! More than one host: a second libvirtd, as on another machine.

use std::sync::Arc;

use controller::ports::{CloudErrorKind, CloudState, Southbound as _};
use southbound::conformance::{launch, tenant};

use crate::bed::{LibvirtBed, is_active};
use crate::lab::{self, Lab};

/// Two hosts; the second is this test's own.
fn two_hosts(capacity: u32) -> LibvirtBed {
    LibvirtBed::on(vec![lab::shared(), Arc::new(Lab::start())], capacity)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_host_passes_to_the_next_within_the_same_launch() {
    let bed = two_hosts(1);
    let (cloud, demo) = (bed.cloud(), tenant("demo"));

    let first = cloud.launch(&launch(&bed, &demo, 1)).await.unwrap();
    let second = cloud.launch(&launch(&bed, &demo, 2)).await.unwrap();
    let refused = cloud.launch(&launch(&bed, &demo, 3)).await.unwrap_err();
    let again = cloud.launch(&launch(&bed, &demo, 2)).await.unwrap();

    assert!(is_active(&bed.lab, &first.provider.0));
    assert!(is_active(&bed.others[0], &second.provider.0)); // S3-24
    assert!(!is_active(&bed.lab, &second.provider.0)); // I8
    assert_eq!(again, second);
    assert_eq!(refused.kind, CloudErrorKind::NoCapacity);
    assert_eq!(cloud.list(&demo).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_refuses_passes_to_the_next_and_keeps_nothing() {
    let bed = two_hosts(2);
    std::fs::remove_file(
        bed.lab
            .path(&format!("pool-{}/still.img", bed.settings.deployment)),
    )
    .unwrap();
    let (cloud, demo) = (bed.cloud(), tenant("demo"));

    let made = cloud.launch(&launch(&bed, &demo, 1)).await.unwrap();

    assert!(is_active(&bed.others[0], &made.provider.0));
    let left = crate::bed::connected(&bed.lab, |connection| {
        virt::domain::Domain::lookup_by_name(connection, &made.provider.0).is_ok()
    });
    assert!(!left, "the host that refused keeps a domain"); // I7
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_are_filled_one_after_the_other_where_some_are_to_become_empty() {
    let mut bed = two_hosts(2);
    bed.settings.consolidate = true;
    let (cloud, demo) = (bed.cloud(), tenant("demo"));

    let mut made = Vec::new();
    for number in 1..=3 {
        made.push(cloud.launch(&launch(&bed, &demo, number)).await.unwrap());
    }
    let victims = cloud.on_emptiest_host(&demo).await.unwrap();

    assert!(
        made[..2]
            .iter()
            .all(|seen| is_active(&bed.lab, &seen.provider.0))
    );
    assert_eq!(victims, [made[2].id]); // S3-25
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_has_failed_makes_a_listing_an_error_and_never_a_shorter_one() {
    let bed = two_hosts(1);
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let near = cloud.launch(&launch(&bed, &demo, 1)).await.unwrap();
    let far = cloud.launch(&launch(&bed, &demo, 2)).await.unwrap();
    let kind = |error: controller::ports::CloudError| {
        assert!(error.detail.contains("hint: "), "{error}");
        error.kind
    };

    bed.others[0].crash();

    assert_eq!(
        kind(cloud.list(&demo).await.unwrap_err()),
        CloudErrorKind::Unreachable
    ); // I3
    // Whether it is there, nobody can know; so nothing is made in its place.
    let launched = cloud.launch(&launch(&bed, &demo, 2)).await;
    assert_eq!(kind(launched.unwrap_err()), CloudErrorKind::Unreachable); // I8
    // What is found needs nobody else's answer.
    assert_eq!(cloud.launch(&launch(&bed, &demo, 1)).await.unwrap(), near);
    cloud.terminate(&demo, &near.provider).await.unwrap();
    let ended = cloud.terminate(&demo, &far.provider).await;
    assert_eq!(kind(ended.unwrap_err()), CloudErrorKind::Unreachable);

    bed.others[0].start_daemon();

    let listed = cloud.list(&demo).await.unwrap();
    let shown: Vec<_> = listed.iter().map(|seen| (seen.id, seen.state)).collect();
    assert_eq!(
        shown,
        [(far.id, CloudState::Stopped)],
        "its guests failed with the host"
    );
    cloud.terminate(&demo, &far.provider).await.unwrap();
}
