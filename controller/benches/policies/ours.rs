//! Our policies, as a tenant's file has them with its defaults, and the settings that are swept.

use controller::amount::Amount;
use controller::example;
use controller::load::Metric;
use controller::policy::{
    Aggregation, Goal, Monitor, PerDirection, Policy, Proactive, Response, Signal, Target,
};
use controller::spec::TenantSpec;
use jiff::SignedDuration;

/// A policy, or one setting of it.
#[derive(Debug, Clone)]
pub(crate) struct Ours {
    pub(crate) name: &'static str,
    pub(crate) knob: Option<f64>,
    pub(crate) spec: TenantSpec,
}

/// A policy: its name, what it is in a tenant's file, what its knob is called, and where that is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) yaml: &'static str,
    pub(crate) knob: &'static str,
    usual: f64,
    sweep: &'static [f64],
    signal: fn(f64) -> Signal,
}

/// The goal, from loose to strict.
const GOALS: [f64; 13] = [
    0.94, 0.96, 0.97, 0.975, 0.98, 0.985, 0.99, 0.9925, 0.995, 0.997, 0.998, 0.999, 0.9995,
];
/// The threshold, in shares of the processor.
const THRESHOLDS: [f64; 9] = [0.16, 0.24, 0.32, 0.4, 0.48, 0.56, 0.6, 0.64, 0.72];

/// All of them, in the order of the tables.
pub(crate) const KINDS: [Kind; 4] = [
    Kind {
        name: "goal",
        yaml: "{ goal: 99%, proactive: true }",
        knob: "goal",
        usual: 0.99,
        sweep: &GOALS,
        signal: |goal| with_goal(goal, Proactive::On),
    },
    Kind {
        name: "goal_reactive",
        yaml: "{ goal: 99%, proactive: false }",
        knob: "goal",
        usual: 0.99,
        sweep: &GOALS,
        signal: |goal| with_goal(goal, Proactive::Off),
    },
    Kind {
        name: "threshold",
        yaml: "{ threshold: 60%, proactive: false }",
        knob: "threshold",
        usual: 0.6,
        sweep: &THRESHOLDS,
        signal: |threshold| with_threshold(threshold, Proactive::Off),
    },
    Kind {
        name: "threshold_trend",
        yaml: "{ threshold: 60%, proactive: true }",
        knob: "threshold",
        usual: 0.6,
        sweep: &THRESHOLDS,
        signal: |threshold| with_threshold(threshold, Proactive::On),
    },
];

/// Each as it is, then each with its knob turned.
pub(crate) fn all() -> Vec<Ours> {
    let of = |kind: &Kind, knob: Option<f64>| Ours {
        name: kind.name,
        knob,
        spec: spec((kind.signal)(knob.unwrap_or(kind.usual))),
    };
    let usual = KINDS.iter().map(|kind| of(kind, None));
    let swept = KINDS
        .iter()
        .flat_map(|kind| kind.sweep.iter().map(move |knob| of(kind, Some(*knob))));
    usual.chain(swept).collect()
}

fn monitor() -> Monitor {
    Monitor {
        metric: Metric::Cpu,
        aggregation: Aggregation::Average,
        window: SignedDuration::from_mins(5),
    }
}

fn with_goal(goal: f64, proactive: Proactive) -> Signal {
    Signal {
        monitor: monitor(),
        response: Response::Goal(Goal {
            goal: Amount::measured(goal).unwrap(),
            capacity: None,
            reactive: true,
            proactive,
        }),
    }
}

fn with_threshold(threshold: f64, proactive: Proactive) -> Signal {
    Signal {
        monitor: monitor(),
        response: Response::Target(Target {
            threshold: Amount::measured(threshold).unwrap(),
            tolerance: Amount::measured(0.1).unwrap(),
            reactive: true,
            proactive,
        }),
    }
}

fn spec(signal: Signal) -> TenantSpec {
    let mut spec = example::spec();
    (spec.instances.min, spec.instances.max) = (1, 1_000);
    // A goal brakes by itself.
    let is_goal = matches!(signal.response, Response::Goal(_));
    let unless_goal = |minutes| {
        let pause = if is_goal { 0 } else { minutes };
        SignedDuration::from_mins(pause)
    };
    spec.policy = Policy {
        signals: vec![signal],
        buffer: PerDirection::both(unless_goal(2)),
        stabilization: PerDirection {
            scale_out: SignedDuration::ZERO,
            scale_in: unless_goal(5),
        },
        warm_up: SignedDuration::from_mins(1),
        ..spec.policy
    };
    spec
}
