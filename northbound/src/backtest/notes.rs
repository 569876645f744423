//! What a person should know of a run: what was assumed, and what kept the policy from its number.

use controller::backtest::Curve;
use controller::load::{Metric, Unit};
use controller::policy::{Mode, Response};
use controller::spec::TenantSpec;

/// `max` is worth a note where it is reached in more than this share of the ticks, in percent.
const AT_MAX_PERCENT: f64 = 1.0;

/// What to know of a policy and what came of it.
pub fn notes(spec: &TenantSpec, curve: &Curve) -> Vec<String> {
    let assumed = spec.policy.metrics();
    let assumed = assumed
        .keys()
        .filter_map(|metric| Some(format!("`{metric}` is {}", assumed_as(metric, spec)?)));
    assumed
        .chain(off(spec))
        .chain(at_max(spec, curve))
        .collect()
}

/// How the readings of a metric are made up of the load; `None` where they follow from it.
fn assumed_as(metric: &Metric, spec: &TenantSpec) -> Option<&'static str> {
    let is_of_goal = spec.policy.signals.iter().any(|signal| {
        signal.monitor.metric == *metric && matches!(signal.response, Response::Goal(_))
    });
    match metric {
        Metric::Cpu
        | Metric::Connections
        | Metric::ConnectionsPerSecond
        | Metric::RequestsPerSecond => None,
        // A goal follows what is offered.
        _ if is_of_goal => Some("taken as the load"),
        Metric::DiskFree => Some(
            "taken as 1 - load over capacity: 20 % are free where an instance carries its capacity",
        ),
        Metric::ResponseTime => Some(
            "taken from a model of the load, M/M/1 with processor sharing: 80 % busy where an instance carries its capacity",
        ),
        metric if metric.unit() == Unit::Share => Some(
            "taken as load over capacity, as `cpu` is: 80 % where an instance carries its capacity",
        ),
        _ => Some("taken as the load"),
    }
}

fn off(spec: &TenantSpec) -> Option<String> {
    (spec.policy.mode == Mode::Off).then(|| {
        "the mode is off: the number stays as the first tick needs it, within the bounds".to_owned()
    })
}

/// Where the number may change, and is as high as it may be.
fn at_max(spec: &TenantSpec, curve: &Curve) -> Option<String> {
    let (min, max) = (spec.instances.min, spec.instances.max);
    let is_free = min < max && spec.policy.mode != Mode::Off;
    let ticks = curve.decided.len().max(1);
    let reached = curve.decided.iter().filter(|number| **number >= max);
    #[expect(clippy::cast_precision_loss, reason = "ten million is exact in an f64")]
    let percent = 100.0 * reached.count() as f64 / ticks as f64;
    (is_free && percent > AT_MAX_PERCENT)
        .then(|| format!("max {max} is the limit for {percent:.1} % of the time"))
}
