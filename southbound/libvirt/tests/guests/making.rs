//! A launch that broke off: at whichever step, nothing is doubled, and nothing stays.

use std::sync::Arc;

use controller::id::ProviderId;
use controller::ports::{CloudErrorKind, CloudState, Launch, Southbound as _};
use southbound::conformance::{launch, tenant};
use southbound::tag;
use southbound_libvirt::SuspendBy;
use virt::domain::Domain;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;

use crate::bed::{LibvirtBed, connected, is_active};
use crate::lab::{self, Lab};

/// What a launch leaves that was killed after it had claimed its place, and after it had made its disk.
fn half_made(bed: &LibvirtBed, launch: &Launch, with_disk: bool) -> String {
    let settings = &bed.settings;
    let ProviderId(name) = tag::provider(
        &settings.deployment,
        &settings.cloud,
        &launch.tenant,
        launch.instance.id,
    );
    let xml = format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>16</memory>
         <metadata><asaas:instance xmlns:asaas='urn:asaas:instance:1' deployment='{}' cloud='{}' tenant='{}' instance='{}'/></metadata>
         <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>",
        settings.deployment, settings.cloud, launch.tenant, launch.instance.id
    );
    connected(&bed.lab, |connection| {
        Domain::define_xml(connection, &xml).unwrap();
        if with_disk {
            let pool = StoragePool::lookup_by_name(connection, &settings.pool).unwrap();
            let disk = format!(
                "<volume><name>{name}.qcow2</name><capacity>1048576</capacity><target><format type='qcow2'/></target></volume>"
            );
            StorageVol::create_xml(&pool, &disk, 0).unwrap();
        }
    });
    name
}

/// The names of what is in the deployment's pool, but for the image.
fn volumes(bed: &LibvirtBed) -> Vec<String> {
    connected(&bed.lab, |connection| {
        let pool = StoragePool::lookup_by_name(connection, &bed.settings.pool).unwrap();
        let mut volumes = pool.list_volumes().unwrap();
        volumes.retain(|name| name != "still.img");
        volumes
    })
}

/// Whether a domain of this name is defined.
fn is_defined(bed: &LibvirtBed, name: &str) -> bool {
    connected(&bed.lab, |connection| {
        Domain::lookup_by_name(connection, name).is_ok()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_that_broke_off_is_taken_back_by_the_next_listing() {
    for with_disk in [false, true] {
        let bed = LibvirtBed::new();
        let wanted = launch(&bed, &tenant("demo"), 1);
        let name = half_made(&bed, &wanted, with_disk);
        assert!(is_defined(&bed, &name));

        assert_eq!(bed.cloud().list(&wanted.tenant).await.unwrap(), []);

        assert!(!is_defined(&bed, &name));
        assert_eq!(volumes(&bed), [""; 0]); // I7
        // It was never there, so it may be made yet.
        bed.cloud().launch(&wanted).await.unwrap();
        assert!(is_active(&bed.lab, &name));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_that_broke_off_is_made_whole_when_it_is_repeated() {
    let bed = LibvirtBed::new();
    let (cloud, wanted) = (bed.cloud(), launch(&bed, &tenant("demo"), 1));
    let name = half_made(&bed, &wanted, true);

    let seen = cloud.launch(&wanted).await.unwrap();

    assert_eq!((&seen.provider.0, seen.state), (&name, CloudState::Running)); // I8
    assert_eq!(cloud.list(&wanted.tenant).await.unwrap(), [seen]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_a_tombstone_is_left_of_an_instance_that_was_terminated() {
    let bed = LibvirtBed::new();
    let (cloud, wanted) = (bed.cloud(), launch(&bed, &tenant("demo"), 1));
    let seen = cloud.launch(&wanted).await.unwrap();
    let name = &seen.provider.0;
    assert_eq!(volumes(&bed), [format!("{name}.qcow2")]);

    cloud
        .terminate(&wanted.tenant, &seen.provider)
        .await
        .unwrap();

    assert!(!is_defined(&bed, name));
    assert_eq!(volumes(&bed), [format!("{name}.gone")]);
}

/// Two services that know nothing of each other, on two hosts: each may be refused for the moment, and neither makes a second one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_services_that_launch_the_same_intent_at_once_make_one_instance() {
    let bed = LibvirtBed::on(vec![lab::shared(), Arc::new(Lab::start())], 8);
    let demo = tenant("demo");
    let mut other = bed.settings.clone();
    // So that they begin at different hosts.
    other.hosts.reverse();
    let (first, second) = (bed.cloud(), bed.cloud_as(other));

    for number in 1..=4 {
        let wanted = launch(&bed, &demo, number);
        let (one, two) = tokio::join!(first.launch(&wanted), second.launch(&wanted));
        let refused = [one, two].into_iter().filter_map(Result::err);
        for error in refused {
            let is_passing = matches!(
                error.kind,
                CloudErrorKind::Throttled | CloudErrorKind::Unreachable
            );
            assert!(is_passing, "{error}");
        }
        let seen = first.launch(&wanted).await.unwrap();
        let places = [&bed.lab, &bed.others[0]].map(|lab| is_active(lab, &seen.provider.0));
        assert_eq!(places.iter().filter(|runs| **runs).count(), 1, "{places:?}"); // I8
    }

    let listed = second.list(&demo).await.unwrap();
    assert_eq!(listed.len(), 4);
    for seen in &listed {
        assert_eq!(seen.state, CloudState::Running);
        second.terminate(&demo, &seen.provider).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_may_be_suspended_by_standing_still() {
    let mut bed = LibvirtBed::new();
    bed.settings.suspend_by = SuspendBy::Pause;
    let (cloud, wanted) = (bed.cloud(), launch(&bed, &tenant("demo"), 1));
    let seen = cloud.launch(&wanted).await.unwrap();
    let pid = Lab::guest_pid(&seen.provider.0);

    cloud.suspend(&wanted.tenant, &seen.provider).await.unwrap();
    let asleep = cloud.list(&wanted.tenant).await.unwrap();
    cloud.resume(&wanted.tenant, &seen.provider).await.unwrap();
    let awake = cloud.list(&wanted.tenant).await.unwrap();

    assert_eq!(asleep[0].state, CloudState::Suspended); // S4-15
    assert_eq!(awake[0].state, CloudState::Running);
    assert_eq!(
        Lab::guest_pid(&seen.provider.0),
        pid,
        "its process has stayed"
    );
}
