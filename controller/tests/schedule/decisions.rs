//! Decisions keep to the bounds, whatever is measured, remembered and ordered, at every seam of every window.

use controller::amount::Amount;
use controller::decide::{self, Question, decide};
use controller::decision::Readings;
use controller::example;
use controller::history::History;
use controller::load::Metric;
use controller::policy::{
    Adjustment, Aggregation, Change, Formula, Goal, Mode, Monitor, PerDirection, Proactive, Rate,
    Response, Rounding, Signal, Target,
};
use controller::ports::Orders;
use controller::schedule::timeline;
use controller::spec::TenantSpec;
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

use super::windows;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// Ticks of one story.
const TICKS: usize = 60;

fn amount() -> impl Strategy<Value = Amount> {
    (1_u64..200_000_000).prop_map(Amount::from_millionths)
}

fn proactive() -> impl Strategy<Value = Proactive> {
    select(vec![Proactive::Off, Proactive::ForecastOnly, Proactive::On])
}

fn response() -> impl Strategy<Value = Response> {
    let target = (amount(), any::<bool>(), proactive()).prop_map(|(threshold, reactive, ahead)| {
        Response::Target(Target {
            threshold,
            tolerance: Amount::from_millionths(100_000),
            reactive,
            proactive: ahead,
        })
    });
    let goal = (prop::option::of(amount()), any::<bool>(), proactive());
    let goal = goal.prop_map(|(capacity, reactive, proactive)| {
        Response::Goal(Goal {
            goal: Amount::from_millionths(990_000),
            capacity,
            reactive,
            proactive,
        })
    });
    let change = prop_oneof![
        (-30..30).prop_map(Change::By),
        (-100..1_000, 1_u32..9)
            .prop_map(|(percent, at_least)| Change::Percent { percent, at_least }),
        (0_u32..50).prop_map(Change::To),
    ];
    let steps = (amount(), change.clone(), change).prop_map(|(edge, low, high)| {
        let step = |from, to, change| Adjustment { from, to, change };
        Response::Steps(vec![
            step(None, Some(edge), low),
            step(Some(edge), None, high),
        ])
    });
    let rounding = select(vec![Rounding::Down, Rounding::Up]);
    let formula = (amount(), rounding, 0_u32..9).prop_map(|(per, rounding, plus)| {
        Response::Formula(Formula {
            per,
            rounding,
            plus,
        })
    });
    prop_oneof![target, goal, steps, formula]
}

fn signal() -> impl Strategy<Value = Signal> {
    let metric = select(vec![
        Metric::Cpu,
        Metric::ResponseTime,
        Metric::RequestsPerSecond,
    ]);
    let aggregation = select(vec![
        Aggregation::Average,
        Aggregation::Minimum,
        Aggregation::Maximum,
        Aggregation::Total,
        Aggregation::Last,
        Aggregation::Count,
    ]);
    (metric, aggregation, 1_i64..3_600, response()).prop_map(
        |(metric, aggregation, window, response)| Signal {
            monitor: Monitor {
                metric,
                aggregation,
                window: SignedDuration::from_secs(window),
            },
            response,
        },
    )
}

fn brakes() -> impl Strategy<Value = PerDirection<SignedDuration>> {
    let seconds = || prop_oneof![Just(0), 0_i64..3_600].prop_map(SignedDuration::from_secs);
    (seconds(), seconds()).prop_map(|(scale_out, scale_in)| PerDirection {
        scale_out,
        scale_in,
    })
}

fn spec() -> impl Strategy<Value = (Timestamp, TenantSpec)> {
    let limit = || prop::option::of(1_u32..5);
    (
        windows::several(),
        prop::collection::vec(signal(), 0..3),
        (0_u32..6, 0_u32..8),
        select(vec![Mode::Auto, Mode::OnlyScaleOut, Mode::Off]),
        (brakes(), brakes()),
        (limit(), limit(), limit()),
    )
        .prop_map(
            |((moment, windows), signals, (min, more), mode, (buffer, stabilization), limits)| {
                let mut spec = example::spec();
                spec.instances.min = min;
                spec.instances.max = min + more;
                let policy = &mut spec.policy;
                (policy.windows, policy.signals, policy.mode) = (windows, signals, mode);
                (policy.buffer, policy.stabilization) = (buffer, stabilization);
                let (scale_out, scale_in, rate) = limits;
                policy.max_step = PerDirection {
                    scale_out,
                    scale_in,
                };
                let per = SignedDuration::from_mins(10);
                policy.max_rate = PerDirection::both(rate.map(|instances| Rate { instances, per }));
                (moment, spec)
            },
        )
}

#[derive(Debug, Clone)]
struct Tick {
    /// From the start, in seconds.
    after: i64,
    current: u32,
    young: u32,
    orders: Orders,
    hold: bool,
    /// What each of so many instances gave, where anything did.
    each: Option<(Amount, u32)>,
}

fn tick() -> impl Strategy<Value = Tick> {
    let orders = (
        prop::bool::weighted(0.05),
        prop::option::weighted(0.1, 0_u32..30),
        prop::bool::weighted(0.02),
    )
        .prop_map(|(is_paused, desired, is_destroyed)| Orders {
            is_paused,
            desired,
            is_destroyed,
        });
    let each = prop_oneof![
        Just(Amount::ZERO),
        amount(),
        Just(Amount::whole(1_000_000_000))
    ];
    let each = prop::option::weighted(0.8, (each, 0_u32..30));
    let current = (0_u32..40, 0_u32..40);
    (0_i64..36 * 3_600, current, orders, any::<bool>(), each).prop_map(
        |(after, (current, young), orders, hold, each)| Tick {
            after,
            current,
            young: young.min(current),
            orders,
            hold,
            each,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // C-16, S4-82, S4-110
    #[test]
    fn a_decision_is_within_the_bounds_of_its_moment(
        (moment, spec) in spec(),
        ticks in prop::collection::vec(tick(), TICKS),
        in_force in prop::option::of(0_u32..30),
        skew in -4_000_i64..4_000,
    ) {
        let from = moment - SignedDuration::from_hours(12);
        let mut ticks = ticks;
        // Half of them at seams: the second before, the seam, the second after.
        let seams = timeline(&spec, from, from + SignedDuration::from_hours(36));
        let at_seams = seams.iter().flat_map(|piece| [-1, 0, 1].map(|second| piece.from + SECOND * second));
        for (tick, seam) in ticks.iter_mut().take(TICKS / 2).zip(at_seams) {
            tick.after = seam.duration_since(from).as_secs();
        }
        ticks.sort_by_key(|tick| tick.after);

        let mut history = History::new(SECOND);
        history.in_force = in_force;
        for Tick { after, current, young, orders, hold, each } in ticks {
            let wall = from + SignedDuration::from_secs(after);
            // What a watch shows says nothing about the steady clock.
            let now = Now { wall, steady: wall + SignedDuration::from_secs(skew) };
            let readings: Readings = each.map_or_else(Readings::new, |(each, count)| {
                let metrics = spec.policy.metrics().into_keys();
                metrics.flat_map(|metric| example::readings(metric, each, count)).collect()
            });
            history.read(&spec.policy, &readings, now);
            let question = Question {
                spec: &spec,
                orders: &orders,
                current,
                hold: hold.then(|| "an instance is unwell".to_owned()),
                young,
                affordable: None,
                readings,
                history: &history,
                now,
            };
            let decision = decide(&question);

            let (min, max) = decide::bounds(&spec, wall);
            let desired = decision.desired;
            if orders.is_destroyed {
                prop_assert_eq!(desired, 0);
            } else if !orders.is_paused {
                prop_assert!((min..=max).contains(&desired), "{} of {} to {}: {:#?}", desired, min, max, decision);
            }
            let again = serde_json::to_vec(&decide(&question)).unwrap();
            prop_assert_eq!(again, serde_json::to_vec(&decision).unwrap());
            history.remember(&decision, now.steady);
        }
    }
}
