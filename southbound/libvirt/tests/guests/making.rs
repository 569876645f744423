//! A launch that broke off: at whichever step, nothing is doubled, and nothing stays.

use controller::id::ProviderId;
use controller::ports::{CloudState, Launch, Southbound as _};
use southbound::conformance::{launch, tenant};
use southbound::tag;
use virt::domain::Domain;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;

use crate::bed::{LibvirtBed, connected, is_active};

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
