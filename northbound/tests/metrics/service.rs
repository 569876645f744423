//! A service with clouds in memory and one tenant that follows a metric.

use std::time::{Duration, Instant};

use controller::amount::Amount;
use controller::load::Metric;

use crate::exec::{Place, Said};
use crate::follow;

const CLOUDS: &str = "clouds: [{ name: sim-a, kind: sim, capacity: 20, boot: 0s }]\n";
const FILE: &str = "version: 1\ntenant: demo\n\
    network: { public_ip: 45.45.45.45, subnets: [{ cidr: 19.0.0.0/24 }] }\n\
    instances: { min: 2, max: 8 }\npolicy: {}\n";
/// Three ticks and the least that a reading may be old, twice.
const LONG_SILENCE: Duration = Duration::from_secs(12);

/// A tenant `demo` of 2 to 8 instances, with 10 of the metric for each.
pub(crate) fn serve(metric: &Metric, more: &str) -> Place {
    let mut place = Place::with(&format!("{CLOUDS}{more}"));
    let metrics = [(metric.clone(), Amount::whole(10))];
    follow::apply(&place.path("state"), CLOUDS, FILE, &metrics);
    place.serve();
    place
}

/// How many are wanted; `None` before the first decision.
pub(crate) fn desired(said: &Said) -> Option<u64> {
    let report: serde_json::Value = serde_json::from_str(&said.out).ok()?;
    report["status"]["decision"]["desired"].as_u64()
}

#[track_caller]
pub(crate) fn until_desired(place: &Place, wanted: u64) {
    place.until(&["status", "demo", "--json"], |said| {
        desired(said) == Some(wanted)
    });
}

#[track_caller]
pub(crate) fn until_alarm(place: &Place, text: &str) {
    place.until(&["status", "demo"], |said| {
        let mut alarms = said.out.lines().filter(|line| line.starts_with("alarm: "));
        alarms.any(|alarm| alarm.contains(text))
    });
}

/// Nothing is heard for long, and the number stays.
#[track_caller]
pub(crate) fn stays_through_silence(place: &Place, wanted: u64) {
    let began = Instant::now();
    while began.elapsed() < LONG_SILENCE {
        let said = place.asaas(&["status", "demo", "--json"]);
        assert_eq!(desired(&said), Some(wanted), "{said:?}");
        std::thread::sleep(Duration::from_millis(250));
    }
}
