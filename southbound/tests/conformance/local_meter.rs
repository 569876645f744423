//! What the local meter reads of real instances.

use std::cell::RefCell;
use std::fs;
use std::time::Instant;

use controller::id::TenantName;
use controller::instance::Instance;
use controller::load::{Metric, Sample};
use controller::ports::{Launch, Measurement, Meter as _, Southbound as _};
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};
use southbound::local::LocalMeter;

use crate::local_bed::{LocalBed, launch_of, wait_until};
use crate::local_only::printed;
use southbound::conformance::tenant;

fn meter(bed: &LocalBed) -> LocalMeter {
    LocalMeter::new(&bed.deployment, &bed.state.join("state")).unwrap()
}

/// Samples until something is said of a metric of every instance: a rate takes its time.
async fn until_said(meter: &LocalMeter, asked: &Measurement<'_>, metric: &Metric) -> Vec<Sample> {
    let said = RefCell::new(Vec::new());
    wait_until("the meter says it of all", async || {
        let samples = meter.sample(asked).await.unwrap();
        let mut instances = asked.instances.iter();
        let is_of_all = instances.all(|instance| value(&samples, metric, instance).is_some());
        said.replace(samples);
        is_of_all
    })
    .await;
    said.into_inner()
}

fn value(samples: &[Sample], metric: &Metric, instance: &Instance) -> Option<f64> {
    let of = samples
        .iter()
        .find(|sample| sample.metric == *metric && sample.instance == Some(instance.id));
    of.map(|sample| sample.value.as_f64())
}

#[tokio::test]
async fn a_busy_instance_is_measured_as_busy_and_an_idle_one_as_idle() {
    let grow =
        "busybox dd if=/dev/zero of=/dev/shm/x bs=1M count=24; echo grown; exec busybox sleep 1000";
    let bed = LocalBed::new()
        .with("busy", &["sh", "-c", "while :; do :; done"])
        .with("grows", &["sh", "-c", grow]);
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let launches = ["web", "busy", "grows"];
    let launches: Vec<Launch> = (1..)
        .zip(launches)
        .map(|(number, template)| launch_of(&bed, template, number))
        .collect();
    let mut seen = Vec::new();
    for launch in &launches {
        seen.push(cloud.launch(launch).await.unwrap());
    }
    printed(&cloud, &seen[2], "grown").await;
    let instances: Vec<Instance> = launches
        .iter()
        .map(|launch| launch.instance.clone())
        .collect();
    let meter = meter(&bed);
    let start = Now::at(Timestamp::UNIX_EPOCH);
    let later = start.after(SignedDuration::from_secs(1));

    let first = meter
        .sample(&asked(&demo, &instances, start))
        .await
        .unwrap();
    let soon = meter
        .sample(&asked(&demo, &instances, later))
        .await
        .unwrap();
    let second = until_said(&meter, &asked(&demo, &instances, later), &Metric::Cpu).await;

    let value =
        |samples: &[Sample], metric, index: usize| value(samples, &metric, &instances[index]);
    for samples in [&first, &soon] {
        assert!((0..3).all(|index| value(samples, Metric::Cpu, index).is_none()));
    }
    // How much the busy one gets is in the hands of whatever else runs on this machine.
    let (idle, busy) = (
        value(&second, Metric::Cpu, 0),
        value(&second, Metric::Cpu, 1),
    );
    let (idle, busy) = (idle.unwrap(), busy.unwrap());
    assert!(busy > 0.05 && idle * 3.0 < busy, "idle {idle}, busy {busy}");
    assert!(value(&second, Metric::Memory, 0).unwrap() < 0.1);
    let grown = value(&second, Metric::Memory, 2).unwrap();
    assert!((0.15..0.5).contains(&grown), "24 of 128 MiB are {grown}");

    cloud.terminate(&demo, &seen[1].provider).await.unwrap();
    let after = meter
        .sample(&asked(&demo, &instances, later))
        .await
        .unwrap();
    assert_eq!(value(&after, Metric::Cpu, 1), None);
    assert_eq!(value(&after, Metric::Memory, 1), None);
}

// S4-52
#[tokio::test]
async fn an_instance_that_writes_is_measured_by_what_it_writes() {
    const PIECE: f64 = 2.097_152;
    let writes = "while :; do busybox dd if=/dev/zero of=/shared/x bs=1M count=2 conv=fsync 2>/dev/null; \
                  echo; busybox usleep 50000; done";
    let idles = "busybox df -P / | busybox awk 'END { print $5 }'; exec busybox sleep 1000";
    let bed = LocalBed::new()
        .with("idles", &["sh", "-c", idles])
        .with("writes", &["sh", "-c", writes]);
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let launches = [launch_of(&bed, "idles", 1), launch_of(&bed, "writes", 2)];
    let resting = cloud.launch(&launches[0]).await.unwrap();
    let used = printed(&cloud, &resting, "%").await;
    let busy = cloud.launch(&launches[1]).await.unwrap();
    let instances = launches.map(|launch| launch.instance);
    let log = bed.directory(&busy).join("log");
    let pieces = || fs::metadata(&log).map_or(0, |log| u32::try_from(log.len()).unwrap());
    wait_until("it writes", async || pieces() > 0).await;
    let meter = meter(&bed);
    let start = Now::at(Timestamp::UNIX_EPOCH);
    let asked = asked(&demo, &instances, start);

    let (began, before) = (Instant::now(), pieces());
    let first = meter.sample(&asked).await.unwrap();
    wait_until("it writes on", async || pieces() > before + 5).await;
    let second = until_said(&meter, &asked, &Metric::DiskWrite).await;
    let written = f64::from(pieces() - before) * PIECE / began.elapsed().as_secs_f64();

    assert_eq!(value(&first, &Metric::DiskWrite, &instances[1]), None);
    let measured = value(&second, &Metric::DiskWrite, &instances[1]).unwrap();
    let is_plausible = (written / 10.0..written * 10.0).contains(&measured);
    assert!(is_plausible, "{measured} MB/s, should be {written}");
    let idle = value(&second, &Metric::DiskWrite, &instances[0]).unwrap();
    assert!(idle < measured / 10.0, "idle {idle}, writes {measured}");
    let measured = value(&second, &Metric::DiskFree, &instances[0]).unwrap();
    let used = used.trim().trim_end_matches('%').parse::<f64>().unwrap() / 100.0;
    assert!(
        (measured + used - 1.0).abs() < 0.05,
        "{measured} is free, {used} is used"
    );
    // Its namespace here has no wire: that is not the same as nothing sent.
    assert_eq!(value(&second, &Metric::NetworkOut, &instances[0]), None);
}

fn asked<'a>(tenant: &'a TenantName, instances: &'a [Instance], now: Now) -> Measurement<'a> {
    Measurement {
        tenant,
        instances,
        metrics: &[],
        now,
    }
}
