//! What an instance costs on this machine, for real: root, `runc` and a static busybox are needed.
//!
//! `launch` includes a plain namespace made by a fork of `ip`, which takes some milliseconds of it.
#![expect(
    clippy::unwrap_used,
    reason = "a bench that goes wrong has nothing to say"
)]
#![expect(dead_code, reason = "the tests need more of the bed than this")]

#[path = "../tests/conformance/exec.rs"]
mod exec;
#[path = "../tests/conformance/local_bed.rs"]
mod local_bed;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use controller::id::{InstanceId, ProviderId};
use controller::instance::Instance;
use controller::ports::{Launch, Measurement, Meter as _, Southbound as _};
use controller::time::Now;
use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use southbound::local::{LocalCloud, LocalMeter};
use tokio::runtime::Runtime;

use local_bed::{LocalBed, launch_of};
use southbound::conformance::tenant;

/// As many as the figures for listing and measuring are for.
const MANY: u8 = 10;

fn launches(bed: &LocalBed, template: &str) -> Vec<Launch> {
    let numbers = 1..=MANY;
    numbers
        .map(|number| launch_of(bed, template, number))
        .collect()
}

fn terminate(runtime: &Runtime, cloud: &LocalCloud, id: &ProviderId) {
    runtime
        .block_on(cloud.terminate(&tenant("demo"), id))
        .unwrap();
}

/// The same launch for another intent: none is made twice.
fn anew(launch: &Launch) -> Launch {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut launch = launch.clone();
    launch.instance.id = InstanceId::new(0, NEXT.fetch_add(1, Ordering::Relaxed));
    launch
}

/// How long it takes from the launch to `is_up`; the instance is removed again.
fn up_and_down(
    runtime: &Runtime,
    cloud: &LocalCloud,
    wanted: &Launch,
    is_up: impl Fn(&ProviderId) -> bool,
) -> (Duration, Duration) {
    let began = Instant::now();
    let seen = runtime.block_on(cloud.launch(&anew(wanted))).unwrap();
    while !is_up(&seen.provider) {
        std::thread::sleep(Duration::from_micros(200));
    }
    let up = began.elapsed();
    let began = Instant::now();
    terminate(runtime, cloud, &seen.provider);
    (up, began.elapsed())
}

fn local(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let script = "echo up; exec busybox sleep 1000";
    let mut bed = LocalBed::new().with("tells", &["sh", "-c", script]);
    bed.capacity = u32::from(MANY);
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let mut group = criterion.benchmark_group("local");
    group.sample_size(20);

    let (sleeps, tells) = (launches(&bed, "web"), launches(&bed, "tells"));
    group.bench_function("launch", |bencher| {
        bencher.iter_custom(|times| {
            let one = |_| up_and_down(&runtime, &cloud, &sleeps[0], |_| true).0;
            (0..times).map(one).sum()
        });
    });
    group.bench_function("launch to first line of output", |bencher| {
        let has_printed = |id: &ProviderId| cloud.log_tail(&demo, id, 10).starts_with("up");
        bencher.iter_custom(|times| {
            let one = |_| up_and_down(&runtime, &cloud, &tells[0], has_printed).0;
            (0..times).map(one).sum()
        });
    });
    group.bench_function("terminate", |bencher| {
        bencher.iter_custom(|times| {
            let one = |_| up_and_down(&runtime, &cloud, &sleeps[0], |_| true).1;
            (0..times).map(one).sum()
        });
    });

    for wanted in &sleeps {
        runtime.block_on(cloud.launch(wanted)).unwrap();
    }
    group.bench_function("list 10", |bencher| {
        bencher.iter(|| runtime.block_on(cloud.list(&demo)).unwrap());
    });
    let meter = LocalMeter::new(&bed.deployment, &bed.state.join("state")).unwrap();
    let instances: Vec<Instance> = sleeps
        .iter()
        .map(|launch| launch.instance.clone())
        .collect();
    let asked = Measurement {
        tenant: &demo,
        instances: &instances,
        metrics: &[],
        now: Now::at(Timestamp::UNIX_EPOCH),
    };
    group.bench_function("measure 10", |bencher| {
        bencher.iter(|| runtime.block_on(meter.sample(&asked)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, local);
criterion_main!(benches);
