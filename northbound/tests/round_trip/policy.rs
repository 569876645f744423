//! Any policy that a tenant file can say.

use controller::amount::Amount;
use controller::load::{Metric, Unit};
use controller::policy::{
    Adjustment, Aggregation, Change, Formula, Goal, Mode, Monitor, PerDirection, Policy, Proactive,
    Rate, Response, Rounding, Signal, Target,
};
use controller::schedule::{Closes, Opens, Window};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::select;

use crate::spec::{duration, name};

fn metric() -> impl Strategy<Value = Metric> {
    prop_oneof![
        4 => select(Metric::NAMED.to_vec()),
        1 => name().prop_map(|name| Metric::Pushed(name.parse().unwrap())),
        1 => select(vec!["null", "value", "cpu", "requests"])
            .prop_map(|name| Metric::Pushed(name.parse().unwrap())),
        1 => "[!-~]([ -~äß→]{0,998}[!-~])?".prop_map(Metric::Prometheus),
    ]
}

fn monitor() -> impl Strategy<Value = Monitor> {
    let aggregations = vec![
        Aggregation::Average,
        Aggregation::Minimum,
        Aggregation::Maximum,
        Aggregation::Total,
        Aggregation::Last,
        Aggregation::Count,
    ];
    (metric(), select(aggregations), duration(1_000, 3_600_000)).prop_map(
        |(metric, aggregation, window)| Monitor {
            metric,
            aggregation,
            window,
        },
    )
}

/// From one millionth to a billion, small ones and round ones as likely as any.
fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        1_u64..=2_000_000,
        (1_u64..=2_000_000_000).prop_map(|thousandths| thousandths * 1_000),
        1_u64..=1_000_000_000_000_000,
    ]
    .prop_map(Amount::from_millionths)
}

fn proactive() -> impl Strategy<Value = Proactive> {
    select(vec![Proactive::On, Proactive::Off, Proactive::ForecastOnly])
}

fn target() -> impl Strategy<Value = Signal> {
    (
        monitor().prop_filter("it would do the opposite", |monitor| {
            monitor.metric != Metric::DiskFree
        }),
        [
            10_000_u64..=1_000_000,
            1_u64..=3_600_000,
            1_u64..=1_000_000_000_000,
        ],
        any::<bool>(),
        proactive(),
        0_u64..=500_000,
    )
        .prop_map(
            |(monitor, [share, millis, number], reactive, proactive, tolerance)| {
                let threshold = Amount::from_millionths(match monitor.metric.unit() {
                    Unit::Share => share,
                    Unit::Seconds => millis * 1_000,
                    Unit::PerSecond | Unit::Number => number,
                });
                Signal {
                    monitor,
                    response: Response::Target(Target {
                        threshold,
                        tolerance: Amount::from_millionths(tolerance),
                        reactive,
                        proactive,
                    }),
                }
            },
        )
}

fn goal() -> impl Strategy<Value = Signal> {
    (
        monitor().prop_filter("no load that is shared", |monitor| {
            !matches!(monitor.metric, Metric::DiskFree | Metric::ResponseTime)
        }),
        500_000_u64..=999_900,
        proptest::option::of(amount()),
        any::<bool>(),
        proactive(),
    )
        .prop_map(|(monitor, goal, capacity, reactive, proactive)| Signal {
            monitor,
            response: Response::Goal(Goal {
                goal: Amount::from_millionths(goal),
                capacity,
                reactive,
                proactive,
            }),
        })
}

/// More, or fewer: `+1`, `-50%`. The third way, `=4`, is neither.
fn change(is_more: bool) -> impl Strategy<Value = Change> {
    let sign = if is_more { 1 } else { -1 };
    let percent_most = if is_more { 10_000 } else { 100 };
    prop_oneof![
        (1_i32..=1_000).prop_map(move |by| Change::By(sign * by)),
        (1_i32..=percent_most, 1_u32..=1_000).prop_map(move |(percent, at_least)| {
            Change::Percent {
                percent: sign * percent,
                at_least,
            }
        }),
        (0_u32..=1_000).prop_map(Change::To),
    ]
}

/// Shrinking steps from below, growing ones to above, and a gap between: all touching but there. One or the other may be
/// missing; a metric that is bad when it is low has them the other way round.
fn steps() -> impl Strategy<Value = Response> {
    let changes = |is_more| proptest::collection::vec(change(is_more), 0..4);
    (
        proptest::collection::btree_set(amount(), 9),
        changes(false),
        changes(true),
        any::<[bool; 3]>(),
    )
        .prop_filter("a step at least", |(_, fewer, more, _)| {
            !fewer.is_empty() || !more.is_empty()
        })
        .prop_map(|(cuts, fewer, more, [has_gap, is_explicit, is_reversed])| {
            let mut cuts = cuts.into_iter();
            let (low, high) = if is_reversed {
                (more, fewer)
            } else {
                (fewer, more)
            };
            let has_gap = has_gap || low.is_empty() || high.is_empty();
            let mut from = is_explicit.then_some(Amount::ZERO);
            let mut steps = Vec::new();
            for change in low {
                let to = cuts.next();
                steps.push(Adjustment { from, to, change });
                from = to;
            }
            if has_gap {
                from = cuts.next();
            }
            let last = high.len();
            for (change, number) in high.into_iter().zip(1..) {
                let to = if number == last { None } else { cuts.next() };
                steps.push(Adjustment { from, to, change });
                from = to;
            }
            Response::Steps(steps)
        })
}

fn formula() -> impl Strategy<Value = Response> {
    (
        amount(),
        select(vec![Rounding::Down, Rounding::Up]),
        0_u32..=1_000,
    )
        .prop_map(|(per, rounding, plus)| {
            Response::Formula(Formula {
                per,
                rounding,
                plus,
            })
        })
}

fn signal() -> impl Strategy<Value = Signal> {
    let with = |(monitor, response)| Signal { monitor, response };
    prop_oneof![
        target(),
        goal(),
        (monitor(), steps()).prop_map(with),
        (monitor(), formula()).prop_map(with),
    ]
}

fn time() -> impl Strategy<Value = jiff::civil::Time> {
    (0_i8..24, 0_i8..60, 0_i8..60)
        .prop_map(|(hour, minute, second)| jiff::civil::time(hour, minute, second, 0))
}

fn opens_and_closes() -> impl Strategy<Value = (Opens, Closes)> {
    let days = any::<[bool; 7]>().prop_filter("a day at least", |days| days.contains(&true));
    let crons = vec![
        "0 8 * * mon-fri",
        "*/15 * * * *",
        "30 22 1 * *",
        "0 0 24,25 dec *",
    ];
    let again = prop_oneof![
        (time(), days).prop_map(|(at, days)| Opens::Weekly { at, days }),
        select(crons).prop_map(|text| Opens::Cron(text.parse().unwrap())),
    ];
    let length = || duration(60_000, 7 * 86_400_000);
    let once = || {
        (2020_i16..2100, 1_i8..=12, 1_i8..=28, time()).prop_map(|(year, month, day, time)| {
            jiff::civil::date(year, month, day).to_datetime(time)
        })
    };
    prop_oneof![
        (
            again,
            prop_oneof![
                length().prop_map(Closes::After),
                time().prop_map(Closes::At),
            ]
        ),
        (
            once(),
            prop_oneof![
                length().prop_map(Closes::After),
                time().prop_map(Closes::At),
            ]
        )
            .prop_map(|(on, closes)| (Opens::Once(on), closes)),
        (once(), 1_i64..=7 * 86_400).prop_map(|(on, seconds)| {
            let end = on.checked_add(SignedDuration::from_secs(seconds)).unwrap();
            (Opens::Once(on), Closes::On(end))
        }),
    ]
}

fn window(max: u32) -> impl Strategy<Value = Window> {
    (
        opens_and_closes(),
        1..=max,
        select(vec![
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+8",
        ]),
    )
        .prop_map(|((opens, closes), instances, zone)| Window {
            opens,
            closes,
            instances,
            zone: zone.to_owned(),
        })
}

fn both<T: std::fmt::Debug>(
    one: impl Fn() -> BoxedStrategy<T>,
) -> impl Strategy<Value = PerDirection<T>> {
    (one(), one()).prop_map(|(scale_out, scale_in)| PerDirection {
        scale_out,
        scale_in,
    })
}

fn brakes() -> impl Strategy<Value = Policy> {
    let rate = || {
        proptest::option::of(
            (1_u32..=1_000, duration(1_000, 3_600_000))
                .prop_map(|(instances, per)| Rate { instances, per }),
        )
        .boxed()
    };
    (
        select(vec![Mode::Auto, Mode::OnlyScaleOut, Mode::Off]),
        both(|| duration(0, 86_400_000).boxed()),
        both(|| prop_oneof![Just(SignedDuration::ZERO), duration(0, 3_600_000)].boxed()),
        both(|| proptest::option::of(1_u32..=1_000).boxed()),
        both(rate),
        [
            duration(0, 3_600_000).boxed(),
            prop_oneof![Just(SignedDuration::ZERO), duration(0, 86_400_000)].boxed(),
            duration(0, 86_400_000).boxed(),
        ],
        prop_oneof![Just(0), 0_u32..=1_000],
    )
        .prop_map(
            |(mode, buffer, stabilization, max_step, max_rate, durations, warm_pool)| {
                let [warm_up, min_lifetime, drain] = durations;
                Policy {
                    mode,
                    signals: Vec::new(),
                    windows: Vec::new(),
                    buffer,
                    stabilization,
                    max_step,
                    max_rate,
                    warm_up,
                    min_lifetime,
                    warm_pool,
                    drain,
                }
            },
        )
}

pub(crate) fn policy(min: u32, max: u32) -> impl Strategy<Value = Policy> {
    let fewest = usize::from(min == 0);
    (
        brakes(),
        proptest::collection::vec(signal(), 0..4),
        proptest::collection::vec(window(max), fewest..4),
    )
        .prop_map(|(policy, signals, windows)| Policy {
            signals,
            windows,
            ..policy
        })
}
