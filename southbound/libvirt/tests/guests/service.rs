//! Guests that serve: how long they take, cold and warm, what they are told at boot, and what is measured of them from outside.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use controller::load::Metric;
use controller::ports::{
    CloudState, InstanceSeen, Launch, Measurement, Meter as _, Southbound as _,
};
use controller::time::Now;
use jiff::Timestamp;
use southbound::conformance::{launch, tenant};
use southbound_libvirt::Seed;

use crate::bed::LibvirtBed;
use crate::lab::wait_until;

/// The address of a launch with this number. Tests share a host and its network, so each has a number of its own.
fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(19, 0, 0, 10 + number)
}

/// A launch of tenant `demo`, from the small guest.
fn small(bed: &LibvirtBed, number: u8) -> Launch {
    let mut launch = launch(bed, &tenant("demo"), number);
    launch.instance.template = "small".parse().unwrap();
    launch
}

/// Waits until the guest with this number serves.
fn wait_for_service(bed: &LibvirtBed, number: u8) {
    let serves = || {
        bed.lab
            .get(address(number), "/health")
            .is_some_and(|head| head.contains(" 200 "))
    };
    wait_until("the guest serves", serves);
}

async fn state(bed: &LibvirtBed) -> CloudState {
    bed.cloud().list(&tenant("demo")).await.unwrap()[0].state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_guest_is_back_in_a_fraction_of_the_time_that_a_new_one_takes() {
    let bed = LibvirtBed::new().with_small_guest();
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    // QEMU is looked at by libvirtd before its first guest, once for a host.
    let still = cloud.launch(&launch(&bed, &demo, 2)).await.unwrap();
    cloud.terminate(&demo, &still.provider).await.unwrap();

    let begun = Instant::now();
    let seen = cloud.launch(&small(&bed, 11)).await.unwrap();
    let launched = begun.elapsed();
    wait_for_service(&bed, 11);
    let cold = begun.elapsed();
    let saving = Instant::now();
    cloud.suspend(&demo, &seen.provider).await.unwrap();
    let saved = saving.elapsed();
    assert_eq!(state(&bed).await, CloudState::Suspended); // S4-15
    let resuming = Instant::now();
    cloud.resume(&demo, &seen.provider).await.unwrap();
    let resumed = resuming.elapsed();
    wait_for_service(&bed, 11);
    let warm = resuming.elapsed();

    eprintln!(
        "launch {launched:.2?} of {cold:.2?} to the first answer; saved in {saved:.2?}, resumed in {resumed:.2?} of {warm:.2?} to the next answer"
    );
    // The bars are 1 s of our own and a fifth of the time, on a machine that does nothing else.
    assert!(launched < Duration::from_secs(10), "{launched:?}");
    assert!(warm < cold, "{warm:?} against {cold:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_gets_its_address_from_its_seed() {
    let mut bed = LibvirtBed::new().with_small_guest();
    let template = bed
        .settings
        .templates
        .get_mut(&"small".parse().unwrap())
        .unwrap();
    template.seed = Some(Seed {
        user_data: "#cloud-config\n".to_owned(),
        ssh_keys: vec!["ssh-ed25519 AAAA o'neill@home".to_owned()],
    });
    // What the small guest is told so, it prefers to its command line.
    let kernel = template.kernel.as_mut().unwrap();
    kernel.cmdline += " SEED=1";

    bed.cloud().launch(&small(&bed, 12)).await.unwrap();

    wait_for_service(&bed, 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_guest_does_is_measured_from_outside() {
    let bed = LibvirtBed::new().with_small_guest();
    let (cloud, wanted) = (bed.cloud(), small(&bed, 13));
    let InstanceSeen { id, .. } = cloud.launch(&wanted).await.unwrap();
    wait_for_service(&bed, 13);
    let (meter, demo, instances) = (cloud.meter(), tenant("demo"), [wanted.instance.clone()]);
    let mut measured: BTreeSet<Metric> = BTreeSet::new();
    let wanted = [
        Metric::Cpu,
        Metric::Memory,
        Metric::NetworkIn,
        Metric::NetworkOut,
    ];

    let end = Instant::now() + crate::lab::LIMIT;
    while !wanted.iter().all(|metric| measured.contains(metric)) {
        assert!(Instant::now() < end, "only {measured:?}");
        let asked = Measurement {
            tenant: &demo,
            instances: &instances,
            metrics: &wanted,
            now: Now {
                wall: Timestamp::now(),
                steady: Timestamp::now(),
            },
        };
        for sample in meter.sample(&asked).await.unwrap() {
            assert_eq!(sample.instance, Some(id));
            measured.insert(sample.metric);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
