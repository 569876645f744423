//! What tenants wish for, at first and when they change their minds.

use std::net::Ipv4Addr;

use controller::amount::Amount;
use controller::id::CloudName;
use controller::load::Metric;
use controller::policy::{
    Adjustment, Aggregation, Change, Formula, Goal, Mode, Monitor, PerDirection, Policy, Proactive,
    Rate, Response, Rounding, Signal, Target,
};
use controller::spec::{CloudPreference, TenantSpec};
use fastrand::Rng;
use jiff::SignedDuration;

use super::name;

/// The wish of a new tenant.
pub(crate) fn spec(chance: &mut Rng, index: usize, clouds: &[CloudName]) -> TenantSpec {
    let mut spec = controller::example::spec();
    spec.tenant = name(&format!("tenant-{}", ["a", "b", "c"][index % 3]));
    let last = u8::try_from(index + 1).unwrap_or(u8::MAX);
    spec.network.public_ip = Ipv4Addr::new(45, 45, 45, last);
    let health = &mut spec.service.health;
    health.every = SignedDuration::from_secs(chance.i64(1..=5));
    health.unhealthy_after = chance.u32(2..=3);
    spec.instances.boot_timeout = SignedDuration::from_secs(chance.i64(240..=600));
    spec.instances.min = chance.u32(1..=3);
    spec.instances.max = spec.instances.min + chance.u32(1..=7);
    spec.instances.surge = u32::from(chance.f64() < 0.3);
    spec.clouds = preferences(chance, clouds);
    spec.policy = policy(chance);
    spec
}

/// The wish of a tenant that has changed its mind: another maximum, another order of clouds, another policy.
pub(crate) fn changed(chance: &mut Rng, spec: &TenantSpec, clouds: &[CloudName]) -> TenantSpec {
    let mut spec = spec.clone();
    match chance.u32(..4) {
        0 => {
            spec.instances.min = chance.u32(1..=4);
            spec.instances.max = spec.instances.min + chance.u32(1..=6);
        }
        1 => spec.clouds = preferences(chance, clouds),
        2 => spec.policy = policy(chance),
        _ => spec.policy.drain = SignedDuration::from_secs(chance.i64(5..=120)),
    }
    spec
}

fn preferences(chance: &mut Rng, clouds: &[CloudName]) -> Vec<CloudPreference> {
    let mut names = clouds.to_vec();
    chance.shuffle(&mut names);
    let kept = chance.usize(1..=names.len());
    names.truncate(kept);
    let last = names.len() - 1;
    let of = |(index, name)| CloudPreference {
        name,
        max: (index < last && chance.f64() < 0.4).then(|| chance.u32(1..=4)),
    };
    names.into_iter().enumerate().map(of).collect()
}

fn policy(chance: &mut Rng) -> Policy {
    let seconds = |from, to, chance: &mut Rng| SignedDuration::from_secs(chance.i64(from..=to));
    let rate = (chance.f64() < 0.3).then(|| Rate {
        instances: chance.u32(1..=3),
        per: SignedDuration::from_secs(chance.i64(60..=600)),
    });
    let step = (chance.f64() < 0.5).then(|| chance.u32(1..=3));
    Policy {
        mode: if chance.f64() < 0.05 {
            Mode::OnlyScaleOut
        } else {
            Mode::Auto
        },
        signals: signals(chance),
        windows: Vec::new(),
        buffer: PerDirection::both(seconds(10, 180, chance)),
        stabilization: PerDirection {
            scale_out: SignedDuration::ZERO,
            // Some want no waiting, and have only what guards everybody.
            scale_in: if chance.f64() < 0.25 {
                SignedDuration::ZERO
            } else {
                seconds(0, 300, chance)
            },
        },
        max_step: PerDirection::both(step),
        max_rate: PerDirection::both(rate),
        warm_up: seconds(0, 30, chance),
        min_lifetime: if chance.f64() < 0.2 {
            seconds(60, 300, chance)
        } else {
            SignedDuration::ZERO
        },
        warm_pool: if chance.f64() < 0.25 {
            chance.u32(1..=2)
        } else {
            0
        },
        drain: seconds(5, 120, chance),
    }
}

fn signals(chance: &mut Rng) -> Vec<Signal> {
    let window = SignedDuration::from_secs(chance.i64(30..=120));
    let signal = |metric, response| Signal {
        monitor: Monitor {
            metric,
            aggregation: Aggregation::Average,
            window,
        },
        response,
    };
    let target = |proactive, chance: &mut Rng| {
        Response::Target(Target {
            threshold: Amount::from_millionths(chance.u64(400_000..=800_000)),
            tolerance: Amount::from_millionths(100_000),
            reactive: true,
            proactive,
        })
    };
    match chance.u32(..20) {
        0 => Vec::new(),
        1 | 2 => vec![signal(Metric::Connections, steps())],
        3 => vec![signal(
            Metric::Connections,
            Response::Formula(Formula {
                per: Amount::whole(12),
                rounding: Rounding::Up,
                plus: 1,
            }),
        )],
        4..=7 => vec![
            signal(Metric::Cpu, target(Proactive::Off, chance)),
            signal(Metric::Connections, steps()),
        ],
        8 => vec![signal(
            Metric::Cpu,
            Response::Goal(Goal {
                goal: Amount::from_millionths(990_000),
                capacity: None,
                reactive: true,
                proactive: Proactive::Off,
            }),
        )],
        _ => vec![signal(Metric::Cpu, target(Proactive::Off, chance))],
    }
}

/// One more from ten connections an instance, one fewer below two.
fn steps() -> Response {
    let whole = |units| Some(Amount::whole(units));
    let step = |from, to, by| Adjustment {
        from,
        to,
        change: Change::By(by),
    };
    Response::Steps(vec![step(None, whole(2), -1), step(whole(10), None, 1)])
}
