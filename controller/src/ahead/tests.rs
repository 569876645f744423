//! What is told of the hours to come.

use jiff::SignedDuration;

use super::*;
use crate::example;
use crate::policy::Proactive;
use crate::schedule::{Closes, Opens, Window};
use crate::time::Now;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn berlin(hours: i64) -> Window {
    Window {
        opens: Opens::Weekly {
            at: "08:00".parse().unwrap(),
            days: [true; 7],
        },
        closes: Closes::After(SignedDuration::from_hours(hours)),
        instances: 4,
        zone: "Europe/Berlin".to_owned(),
    }
}

// C-21
#[test]
fn the_seams_of_a_new_tenant_are_exact_and_nothing_is_expected() {
    let mut spec = example::spec();
    spec.policy.windows = vec![berlin(10)];

    let day = ahead(
        &spec,
        None,
        at("2026-01-15T06:59:30Z"),
        at("2026-01-16T06:59:30Z"),
    );

    let rows: Vec<(String, u32, Option<u32>)> = day
        .pieces
        .iter()
        .map(|piece| (piece.until.to_string(), piece.min, piece.expected))
        .collect();
    let row = |until: &str, min| (until.to_owned(), min, None);
    assert_eq!(
        rows,
        [
            row("2026-01-15T07:00:00Z", 2),
            row("2026-01-15T17:00:00Z", 4),
            row("2026-01-16T06:59:30Z", 2),
        ]
    );
    assert!(day.pieces[1].because.contains("08:00"), "{day:?}");
    assert!(day.expects.contains("nothing is known yet"), "{day:?}");
}

#[test]
fn a_static_policy_is_expected_to_have_its_minimum() {
    let mut spec = example::spec();
    spec.policy.signals.clear();
    spec.policy.windows = vec![berlin(1)];

    let day = ahead(
        &spec,
        None,
        at("2026-01-15T06:00:00Z"),
        at("2026-01-15T09:00:00Z"),
    );

    let sizes: Vec<Option<u32>> = day.pieces.iter().map(|piece| piece.expected).collect();
    assert_eq!(sizes, [Some(2), Some(4), Some(2)]);
}

/// The sizes that are expected around a window of an hour that asks for four, with this number in force, and why.
fn hours(spec: &TenantSpec, in_force: u32, orders: &Orders) -> (Vec<Option<u32>>, String) {
    let mut spec = spec.clone();
    spec.policy.windows = vec![berlin(1)];
    let mut history = History::new(SignedDuration::from_mins(1));
    history.in_force = Some(in_force);
    let known = Known {
        history: &history,
        orders,
    };
    let day = ahead(
        &spec,
        Some(known),
        at("2026-01-15T06:00:00Z"),
        at("2026-01-15T09:00:00Z"),
    );
    let sizes = day.pieces.iter().map(|piece| piece.expected);
    (sizes.collect(), day.expects)
}

#[test]
fn what_keeps_the_number_is_what_is_expected() {
    let auto = Orders::default();
    let mut off = example::spec();
    off.policy.mode = Mode::Off;
    let (sizes, why) = hours(&off, 3, &auto);
    assert_eq!(sizes, [Some(3), Some(4), Some(4)], "raised, and it stays");
    assert!(why.contains("the mode is off"), "{why}");

    let by_hand = Orders {
        desired: Some(3),
        ..Orders::default()
    };
    let (sizes, why) = hours(&off, 2, &by_hand);
    assert_eq!(sizes, [Some(3), Some(4), Some(3)]);
    assert!(why.contains("3 ordered by hand"), "{why}");

    let paused = Orders {
        is_paused: true,
        ..by_hand
    };
    let (sizes, _) = hours(&example::spec(), 2, &paused);
    assert_eq!(sizes, [Some(2); 3], "not even a window launches one");

    let mut upwards = example::spec();
    upwards.policy.mode = Mode::OnlyScaleOut;
    upwards.policy.signals.clear();
    let (sizes, _) = hours(&upwards, 3, &auto);
    assert_eq!(sizes, [Some(3), Some(4), Some(4)]);
}

#[test]
fn of_an_aggregation_that_no_past_load_gives_only_the_bounds_are_told() {
    let mut spec = example::spec();
    example::target(&mut spec).0.aggregation = Aggregation::Maximum;

    let (sizes, why) = hours(&spec, 3, &Orders::default());

    assert_eq!(sizes, [None; 3]);
    assert!(why.contains("only the bounds are told"), "{why}");
}

#[test]
fn what_was_there_yesterday_is_expected_today_within_the_bounds() {
    let mut spec = example::spec();
    example::target(&mut spec).1.proactive = Proactive::On;
    let minute = SignedDuration::from_mins(1);
    let mut history = History::new(minute);
    let mut now = Now::at(at("2026-01-15T00:00:00Z"));
    // Two days: 1.2 instances' worth of load, and 9 from noon to one.
    for tick in 0..2 * 1_440 {
        let is_noon = (tick % 1_440) / 60 == 12;
        let each = Amount::from_millionths(if is_noon { 900_000 } else { 120_000 });
        let readings = example::readings(Metric::Cpu, each, 10);
        history.read(&spec.policy, &readings, now);
        now = now.after(minute);
    }

    let known = Known {
        history: &history,
        orders: &Orders::default(),
    };
    let day = ahead(&spec, Some(known), now.wall, at("2026-01-18T00:00:00Z"));

    let expected = |time: &str| {
        let moment = at(time);
        let piece = day.pieces.iter().find(|piece| piece.until > moment);
        piece.and_then(|piece| piece.expected)
    };
    assert_eq!(expected("2026-01-17T03:00:00Z"), Some(2));
    assert_eq!(expected("2026-01-17T12:30:00Z"), Some(5), "the maximum");
    assert!(day.expects.contains("over 2 days"), "{}", day.expects);
    let seams = day
        .pieces
        .windows(2)
        .all(|pair| pair[0].until == pair[1].from && pair[0] != pair[1]);
    assert!(seams);
}
