use proptest::prelude::*;

use super::turns::{Need, Turns};
use super::*;

const MINUTE: i64 = 60;

fn setup() -> Setup {
    Setup {
        goal: 0.99,
        step_s: 60,
        horizon: 2,
        capacity: Some(1.0),
        mode: Mode::PROACTIVE,
    }
}

/// Hears one load a minute, from `from` (minutes) on.
fn hear(forecast: &mut Forecast, from: i64, loads: impl IntoIterator<Item = f64>) -> i64 {
    let mut minute = from;
    for load in loads {
        forecast.hear(minute * MINUTE, Some(load), None);
        minute += 1;
    }
    minute
}

/// About ten, give or take two, from a fixed seed.
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(move || 8.0 + 2.0 * (random.f64() + random.f64()))
}

/// Ten, and forty for ten minutes from 03:30, 09:30, 15:30 and 21:30 on.
fn batches(minute: i64) -> f64 {
    let noise = f64::from(u8::try_from(minute * 7 % 5).unwrap()) * 0.1;
    noise + if minute % 360 / 10 == 21 { 40.0 } else { 10.0 }
}

#[test]
fn without_history_it_goes_by_the_present_load_and_says_so() {
    let mut forecast = Forecast::new(setup());
    assert_eq!(forecast.outlook(), None);

    hear(&mut forecast, 100, [10.0]);

    let outlook = forecast.outlook().unwrap();
    assert_eq!(outlook.expert, Expert::Start);
    assert_eq!(outlook.since, 6_000);
    assert!(outlook.upper > 11.0 && outlook.upper < 30.0, "{outlook:?}");
}

#[test]
fn headroom_grows_with_its_own_errors() {
    let (mut calm, mut rough) = (Forecast::new(setup()), Forecast::new(setup()));

    hear(
        &mut calm,
        0,
        noise(1).take(3_000).map(|load| 9.0 + 0.1 * load),
    );
    hear(&mut rough, 0, noise(1).take(3_000));

    let (calm, rough) = (calm.outlook().unwrap(), rough.outlook().unwrap());
    assert!(calm.upper <= 11.0, "{calm:?}");
    assert!(rough.upper >= 12.0, "{rough:?}");
    assert_eq!(rough.expert, Expert::Lately);
}

#[test]
fn the_goal_holds_over_a_noisy_week() {
    let mut forecast = Forecast::new(setup());
    let mut promised = VecDeque::from([f64::MAX; 3]);
    let (mut all, mut missed) = (0.0, 0.0);

    for (minute, load) in (0..7 * 1_440).zip(noise(2)) {
        all += load;
        missed += if load > promised.pop_front().unwrap() {
            load
        } else {
            0.0
        };
        forecast.hear(minute * MINUTE, Some(load), None);
        promised.push_back(forecast.outlook().unwrap().upper);
    }

    let share = missed / all;
    assert!(share <= 0.01, "{share} missed");
}

#[test]
fn a_batch_is_met_before_it_comes() {
    let mut forecast = Forecast::new(setup());

    let minute = hear(&mut forecast, 0, (0..5 * 1_440 + 208).map(batches));

    assert!(forecast.seasons().any(|period| period == DAY_S));
    let outlook = forecast.outlook().unwrap();
    assert!(batches(minute - 1) < 11.0, "the batch is still to come");
    assert!(outlook.upper >= 40.0, "{outlook:?}");
    assert!(matches!(outlook.expert, Expert::Season(_)), "{outlook:?}");
}

#[test]
fn a_reactive_forecast_hears_no_season() {
    let mut forecast = Forecast::new(Setup {
        mode: Mode::REACTIVE,
        ..setup()
    });

    hear(&mut forecast, 0, (0..5 * 1_440 + 208).map(batches));

    assert_eq!(forecast.seasons().count(), 0);
    let outlook = forecast.outlook().unwrap();
    assert_eq!(outlook.expert, Expert::Lately);
}

#[test]
fn no_season_is_found_where_there_is_none() {
    let mut forecast = Forecast::new(setup());

    hear(&mut forecast, 0, noise(3).take(7 * 1_440));

    assert_eq!(forecast.seasons().count(), 0);
}

#[test]
fn a_line_is_followed() {
    let mut forecast = Forecast::new(setup());

    // Up and down by one a minute, an hour each: three minutes ahead is three more.
    hear(
        &mut forecast,
        0,
        (0..1_470).map(|m| 100.0 + f64::from((m % 120 - 60_i32).abs())),
    );

    let outlook = forecast.outlook().unwrap();
    assert!(
        (outlook.expected - (100.0 + 31.0 - 3.0)).abs() < 0.5,
        "{outlook:?}"
    );
}

#[test]
fn silence_is_not_an_outlook_and_not_a_load() {
    let mut silent = Forecast::new(setup());
    let at = hear(&mut silent, 0, noise(4).take(500));
    let mut odd = silent.clone();
    let mut absent = silent.clone();

    for (minute, load) in [f64::NAN, f64::INFINITY, -1.0, 1e16]
        .into_iter()
        .enumerate()
    {
        let minute = (at + i64::try_from(minute).unwrap()) * MINUTE;
        silent.hear(minute, None, None);
        odd.hear(minute, Some(load), Some(f64::NAN));
        assert_eq!(odd.outlook(), None);
    }
    for forecast in [&mut silent, &mut odd, &mut absent] {
        hear(forecast, at + 4, [10.0]);
    }

    assert_eq!(format!("{silent:?}"), format!("{odd:?}"));
    assert_eq!(silent.outlook(), absent.outlook());
    assert!(silent.outlook().unwrap().upper >= 10.0);
}

#[test]
fn a_bin_that_was_heard_is_not_heard_again() {
    let mut forecast = Forecast::new(setup());
    hear(&mut forecast, 0, noise(5).take(50));
    let before = format!("{forecast:?}");

    forecast.hear(49 * MINUTE, Some(1_000.0), None);
    forecast.hear(0, Some(1_000.0), None);

    assert_eq!(format!("{forecast:?}"), before);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut forecast = Forecast::new(setup());
    hear(&mut forecast, 0, noise(6).take(2_000));
    let early = size(&forecast);

    hear(&mut forecast, 2_000, noise(7).take(20_000));

    assert_eq!(size(&forecast), early);
    assert!(early < 1 << 20, "{early} bytes");
}

/// Bytes of all that may grow, and of the forecast itself.
fn size(forecast: &Forecast) -> usize {
    let places: usize = forecast.seasons.iter().map(Season::places).sum();
    size_of::<Forecast>()
        + (forecast.states.len() + places) * size_of::<Count>()
        + forecast.open.capacity() * size_of::<Open>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_is_heard_the_outlook_is_finite_and_covers(
        loads in prop::collection::vec(prop_oneof![
            4 => (0.0..100.0_f64).prop_map(Some),
            1 => Just(Some(0.0)),
            1 => prop::option::of(prop::num::f64::ANY),
        ], 1..300),
        horizon in 0..12_u32,
        capacity in prop::option::of(1e-3..1e3_f64),
        goal in prop::num::f64::ANY,
    ) {
        let mut forecast = Forecast::new(Setup { goal, horizon, capacity, ..setup() });
        for (minute, load) in (0..).zip(&loads) {
            forecast.hear(minute * MINUTE, *load, None);
            if let Some(outlook) = forecast.outlook() {
                for value in [outlook.expected, outlook.upper, outlook.keep, outlook.price, outlook.spent] {
                    prop_assert!(value.is_finite() && value >= 0.0, "{:?}", outlook);
                }
                prop_assert!(outlook.keep >= outlook.upper.max(load.unwrap_or(0.0)));
            }
        }
    }

    #[test]
    fn equal_loads_give_equal_bytes(seed: u64) {
        let mut one = Forecast::new(setup());
        let mut other = Forecast::new(setup());

        hear(&mut one, 0, noise(seed).take(400));
        hear(&mut other, 0, noise(seed).take(400));

        prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn a_higher_goal_never_asks_for_less(seed: u64, low in 0.5..0.9999_f64, high in 0.5..0.9999_f64) {
        let (low, high) = (low.min(high), low.max(high));
        let uppers = [low, high].map(|goal| {
            let mut forecast = Forecast::new(Setup { goal, ..setup() });
            for (minute, load) in (0..300).zip(noise(seed)) {
                forecast.hear(minute * MINUTE, Some(load), Some(f64::MAX));
            }
            forecast.outlook().unwrap().upper
        });

        prop_assert!(uppers[0] <= uppers[1], "{:?}", uppers);
    }

    #[test]
    fn turns_cover_the_need_and_never_flap(needs in prop::collection::vec(prop::option::of((0..40_u32, 0..10_u32)), 1..400)) {
        let mut turns = Turns::new();
        let mut have = 5;
        let mut last = None;
        let mut turned: Vec<i64> = Vec::new();
        for (minute, need) in (0..).zip(needs) {
            let at = minute * MINUTE;
            let need = need.map(|(need, more)| Need { need, keep: need + more });
            let total = turns.total(at, have, need);
            prop_assert!(total >= need.map_or(have, |need| need.need));
            if total != have && last.replace(total > have).is_some_and(|grew| grew != (total > have)) {
                turned.push(at);
            }
            turned.retain(|turn| turn + 3_600 > at);
            prop_assert!(turned.len() <= 6);
            have = total;
        }
    }
}

#[test]
fn a_load_that_stands_still_at_a_whole_number_of_instances_costs_none_more() {
    let mut forecast = Forecast::new(setup());

    hear(&mut forecast, 0, std::iter::repeat_n(10.0, 1_500));

    let outlook = forecast.outlook().unwrap();
    assert!((outlook.upper - 10.0).abs() < 1e-9, "{outlook:?}");
}

#[test]
fn a_step_after_a_quiet_week_is_followed_at_once() {
    let mut forecast = Forecast::new(setup());
    let week = hear(&mut forecast, 0, noise(4).take(10_080));

    hear(&mut forecast, week, [100.0]);

    let outlook = forecast.outlook().unwrap();
    assert!(outlook.upper >= 95.0, "{outlook:?}");
}

/// Ten, and a hundred for an hour from 02:00 on.
fn nightly(minute: i64) -> f64 {
    let noise = f64::from(u8::try_from(minute * 7 % 5).unwrap()) * 0.1;
    noise
        + if minute % 1_440 / 60 == 2 {
            100.0
        } else {
            10.0
        }
}

#[test]
fn a_job_once_a_day_is_found() {
    let mut forecast = Forecast::new(setup());
    let before_it = 20 * 1_440 + 118;

    hear(&mut forecast, 0, (0..before_it).map(nightly));

    let outlook = forecast.outlook().unwrap();
    assert!(matches!(outlook.expert, Expert::Season(_)), "{outlook:?}");
    assert!(outlook.upper > 90.0, "{outlook:?}");
}
