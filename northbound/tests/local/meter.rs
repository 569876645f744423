//! What a tenant's instances do is measured, by the kernel and by their own access log.

use controller::amount::Amount;
use controller::load::Metric;
use controller::status::InstanceStatus;

use crate::follow;
use crate::host::{Host, public};
use crate::traffic::{ask, put};

const PIECE: usize = 100_000;

fn value(seen: &InstanceStatus, metric: &Metric) -> Option<f64> {
    seen.metrics.get(metric).map(|value| value.as_f64())
}

// S4-52
#[test]
fn what_an_instance_sends_is_measured_by_what_its_clients_get() {
    let host = Host::new();
    host.write("demo", "45.45.45.45", "min: 1, max: 1", "");
    host.apply("demo");
    let object = put("/objs/piece", &"x".repeat(PIECE));
    assert_eq!(
        ask(&host.client(), (public(45), 80), &object)
            .unwrap()
            .status,
        201
    );

    let load = host.load("http://45.45.45.45/objs/piece", "20/s:10m");

    // Two megabytes a second, and hardly anything back.
    let report = host.until("demo", "what it sends is measured", |report| {
        let sent = value(&report.status.instances[0], &Metric::NetworkOut);
        sent.is_some_and(|sent| (0.2..20.0).contains(&sent))
    });
    let seen = &report.status.instances[0];
    let received = value(seen, &Metric::NetworkIn).unwrap();
    let sent = value(seen, &Metric::NetworkOut).unwrap();
    assert!(
        received > 0.0 && received < sent / 2.0,
        "{received} in, {sent} out"
    );
    assert!(value(seen, &Metric::DiskWrite).is_some());
    let free = value(seen, &Metric::DiskFree).unwrap();
    assert!(free > 0.0 && free < 1.0, "{free}");
    assert!(!load.end().has_failures());
}

// S1-15
#[test]
fn requests_and_their_time_are_read_from_the_instances_access_log() {
    let mut host = Host::new();
    host.write("demo", "45.45.45.45", "min: 1, max: 1", "");
    host.apply("demo");
    host.kill();
    let metrics = [
        (Metric::RequestsPerSecond, Amount::whole(1_000)),
        (Metric::ResponseTime, Amount::whole(10)),
    ];
    follow::change(&host.path("state"), "demo", &metrics);
    host.serve();

    // Nobody asks, and it is known that nobody does.
    host.until("demo", "no requests are measured", |report| {
        let seen = &report.status.instances[0];
        value(seen, &Metric::RequestsPerSecond) == Some(0.0)
            && value(seen, &Metric::ResponseTime).is_none()
    });
    let load = host.load("http://45.45.45.45/slow?ms=30", "20/s:10m");
    host.until("demo", "twenty requests a second are measured", |report| {
        let seen = &report.status.instances[0];
        let rate = value(seen, &Metric::RequestsPerSecond);
        let time = value(seen, &Metric::ResponseTime);
        rate.is_some_and(|rate| (2.0..200.0).contains(&rate))
            && time.is_some_and(|time| (0.03..0.3).contains(&time))
    });
    assert!(!load.end().has_failures());
}
