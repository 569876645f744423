use super::*;
use crate::decide;
use crate::example;
use crate::spec::TenantSpec;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const DAILY: &str = "mon tue wed thu fri sat sun";

fn weekly(time: &str, days: &str) -> Opens {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    Opens::Weekly {
        at: time.parse().unwrap(),
        days: names.map(|day| days.contains(day)),
    }
}

fn cron(text: &str) -> Opens {
    Opens::Cron(text.parse().unwrap())
}

fn minutes(minutes: i64) -> Closes {
    Closes::After(SignedDuration::from_mins(minutes))
}

fn until(time: &str) -> Closes {
    Closes::At(time.parse().unwrap())
}

fn window(opens: Opens, closes: Closes, zone: &str) -> Window {
    Window {
        opens,
        closes,
        instances: 4,
        zone: zone.to_owned(),
    }
}

fn berlin(opens: Opens, closes: Closes) -> Window {
    window(opens, closes, "Europe/Berlin")
}

/// When the windows are open between two moments, as the timeline of a tenant with a minimum of zero tells it.
fn open(windows: &[Window], from: &str, to: &str) -> Vec<String> {
    let spec = with(windows);
    timeline(&spec, at(from), at(to))
        .into_iter()
        .filter(|piece| piece.min > 0)
        .map(|piece| format!("{} {}: {}", piece.from, piece.until, piece.min))
        .collect()
}

fn with(windows: &[Window]) -> TenantSpec {
    let mut spec = example::spec();
    spec.instances.min = 0;
    spec.instances.max = 10;
    spec.policy.windows = windows.to_vec();
    spec
}

/// That a window is open from one moment until another, to the second, and what a decision takes from it.
fn assert_open(window: &Window, from: &str, until: &str) {
    let second = SignedDuration::from_secs(1);
    let (from, until) = (at(from), at(until));
    let expected = [
        (from - second, false),
        (from, true),
        (until - second, true),
        (until, false),
    ];
    for (moment, is_open) in expected {
        assert_eq!(window.is_open(moment), is_open, "{window} at {moment}");
        let floor = is_open.then_some(window.instances);
        assert_eq!(super::floor(std::slice::from_ref(window), moment), floor);
    }
}

// S4-71
#[test]
fn a_window_is_open_from_its_start_until_its_length_has_passed() {
    let window = berlin(weekly("08:00", DAILY), minutes(600));

    assert_open(&window, "2026-01-15T07:00:00Z", "2026-01-15T17:00:00Z");
    assert_open(&window, "2026-07-15T06:00:00Z", "2026-07-15T16:00:00Z");
}

#[test]
fn a_window_goes_on_past_midnight_of_a_day_on_which_it_does_not_begin() {
    for closes in [minutes(600), until("08:00")] {
        let window = berlin(weekly("22:00", "mon"), closes);

        assert_open(&window, "2026-01-12T21:00:00Z", "2026-01-13T07:00:00Z");
        assert!(!window.is_open(at("2026-01-14T03:00:00Z")));
    }
}

#[test]
fn a_window_may_last_a_week_and_no_longer() {
    let week = berlin(weekly("08:00", "mon"), minutes(7 * 24 * 60));
    assert!(week.is_open(at("2026-01-12T06:59:59Z")) && week.is_open(at("2026-01-12T07:00:00Z")));

    let once = Opens::Once("2026-01-12T08:00".parse().unwrap());
    for closes in [
        minutes(i64::MAX / 60),
        Closes::On("2026-12-24T08:00".parse().unwrap()),
    ] {
        let window = berlin(once.clone(), closes);
        assert_open(&window, "2026-01-12T07:00:00Z", "2026-01-19T07:00:00Z");
    }
}

#[test]
fn a_window_that_opens_once_opens_once() {
    let opens = Opens::Once("2026-12-31T18:30".parse().unwrap());
    let closes = Closes::On("2027-01-01T06:00".parse().unwrap());

    assert_eq!(
        open(
            &[berlin(opens, closes)],
            "2026-12-10T00:00:00Z",
            "2027-01-09T00:00:00Z"
        ),
        ["2026-12-31T17:30:00Z 2027-01-01T05:00:00Z: 4"]
    );
}

#[test]
fn a_cron_window_opens_whenever_its_expression_says() {
    let steps = berlin(cron("*/20 8-10/2 * * *"), minutes(5));
    assert_eq!(
        open(&[steps], "2026-01-15T00:00:00Z", "2026-01-16T00:00:00Z"),
        [
            "2026-01-15T07:00:00Z 2026-01-15T07:05:00Z: 4",
            "2026-01-15T07:20:00Z 2026-01-15T07:25:00Z: 4",
            "2026-01-15T07:40:00Z 2026-01-15T07:45:00Z: 4",
            "2026-01-15T09:00:00Z 2026-01-15T09:05:00Z: 4",
            "2026-01-15T09:20:00Z 2026-01-15T09:25:00Z: 4",
            "2026-01-15T09:40:00Z 2026-01-15T09:45:00Z: 4",
        ]
    );
    let list = berlin(cron("30 6,18 * * mon,fri"), until("19:00"));
    assert_eq!(
        open(&[list], "2026-01-15T00:00:00Z", "2026-01-21T00:00:00Z"),
        [
            "2026-01-16T05:30:00Z 2026-01-16T18:00:00Z: 4",
            "2026-01-19T05:30:00Z 2026-01-19T18:00:00Z: 4",
        ]
    );
    let either = berlin(cron("0 0 15 * mon"), minutes(24 * 60));
    assert_eq!(
        open(&[either], "2026-01-13T12:00:00Z", "2026-01-21T00:00:00Z"),
        [
            "2026-01-14T23:00:00Z 2026-01-15T23:00:00Z: 4",
            "2026-01-18T23:00:00Z 2026-01-19T23:00:00Z: 4",
        ]
    );
}

#[test]
fn a_leap_day_and_the_end_of_a_year_are_days_like_others() {
    let leap = window(cron("0 22 29 2 *"), minutes(240), "America/New_York");
    assert_open(&leap, "2028-03-01T03:00:00Z", "2028-03-01T07:00:00Z");
    assert!(!leap.is_open(at("2027-03-01T03:30:00Z")));

    let last = berlin(cron("0 12 L * *"), minutes(60));
    assert_open(&last, "2028-02-29T11:00:00Z", "2028-02-29T12:00:00Z");
    assert_open(&last, "2026-02-28T11:00:00Z", "2026-02-28T12:00:00Z");

    let new_year = berlin(weekly("23:00", "thu"), until("01:00"));
    assert_open(&new_year, "2026-12-31T22:00:00Z", "2027-01-01T00:00:00Z");
}

// Europe/Berlin skips 02:00 to 03:00 on 29 March 2026; they jump at 01:00 UTC.
#[test]
fn a_start_that_the_clocks_skip_is_the_moment_at_which_they_jump() {
    for opens in [
        weekly("02:30", DAILY),
        cron("30 2 * * *"),
        cron("30 2,14 29 3 *"),
        Opens::Once("2026-03-29T02:30".parse().unwrap()),
    ] {
        let real = berlin(opens.clone(), minutes(45));
        assert_open(&real, "2026-03-29T01:00:00Z", "2026-03-29T01:45:00Z");
        let clocks = berlin(opens, until("03:45"));
        assert_open(&clocks, "2026-03-29T01:00:00Z", "2026-03-29T01:45:00Z");
    }
}

#[test]
fn an_end_that_the_clocks_skip_is_the_moment_at_which_they_jump() {
    let window = berlin(weekly("01:00", DAILY), until("02:30"));
    assert_open(&window, "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z");

    let skipped_whole = berlin(weekly("02:15", DAILY), until("02:45"));
    assert_eq!(
        open(
            &[skipped_whole],
            "2026-03-28T12:00:00Z",
            "2026-03-29T12:00:00Z"
        ),
        Vec::<String>::new()
    );
}

// Europe/Berlin shows 02:00 to 03:00 twice on 25 October 2026; it is set back at 01:00 UTC.
#[test]
fn a_start_that_the_clocks_show_twice_is_its_first() {
    for opens in [
        weekly("02:30", DAILY),
        cron("30 2 * * *"),
        cron("30 2,14 25 10 *"),
        Opens::Once("2026-10-25T02:30".parse().unwrap()),
    ] {
        let real = berlin(opens.clone(), minutes(45));
        assert_open(&real, "2026-10-25T00:30:00Z", "2026-10-25T01:15:00Z");
        assert!(!real.is_open(at("2026-10-25T01:30:00Z")));
        let clocks = berlin(opens, until("03:15"));
        assert_open(&clocks, "2026-10-25T00:30:00Z", "2026-10-25T02:15:00Z");
    }
}

#[test]
fn an_end_that_the_clocks_show_twice_is_the_first_after_the_start() {
    let before = berlin(weekly("01:30", DAILY), until("02:30"));
    assert_open(&before, "2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z");

    let again = berlin(cron("*/50 2 * * *"), until("02:55"));
    assert_eq!(
        open(&[again], "2026-10-24T22:00:00Z", "2026-10-25T03:00:00Z"),
        [
            "2026-10-25T00:00:00Z 2026-10-25T00:55:00Z: 4",
            "2026-10-25T01:00:00Z 2026-10-25T01:55:00Z: 4",
        ]
    );
}

#[test]
fn a_length_is_real_time_and_an_end_goes_by_the_clocks() {
    let real = berlin(weekly("20:00", DAILY), minutes(12 * 60));
    let clocks = berlin(weekly("20:00", DAILY), until("08:00"));

    assert_open(&real, "2026-10-24T18:00:00Z", "2026-10-25T06:00:00Z");
    assert_open(&clocks, "2026-10-24T18:00:00Z", "2026-10-25T07:00:00Z");
    assert_open(&real, "2026-03-28T19:00:00Z", "2026-03-29T07:00:00Z");
    assert_open(&clocks, "2026-03-28T19:00:00Z", "2026-03-29T06:00:00Z");

    let over_two_midnights = berlin(weekly("23:40", "sat"), minutes(24 * 60 - 5));
    assert_open(
        &over_two_midnights,
        "2026-03-28T22:40:00Z",
        "2026-03-29T22:35:00Z",
    );
}

#[test]
fn other_zones_jump_at_other_times() {
    let new_york = |opens| window(opens, minutes(30), "America/New_York");
    let spring = new_york(weekly("02:30", DAILY));
    assert_open(&spring, "2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z");
    let autumn = new_york(weekly("01:30", DAILY));
    assert_open(&autumn, "2026-11-01T05:30:00Z", "2026-11-01T06:00:00Z");
    assert!(!autumn.is_open(at("2026-11-01T06:30:00Z")));

    // Half an hour: 01:30 to 02:00 twice on 5 April, 02:00 to 02:30 never on 4 October.
    let lord_howe = |opens| window(opens, until("04:00"), "Australia/Lord_Howe");
    let twice = lord_howe(weekly("01:45", DAILY));
    assert_open(&twice, "2026-04-04T14:45:00Z", "2026-04-04T17:30:00Z");
    let never = lord_howe(weekly("02:15", DAILY));
    assert_open(&never, "2026-10-03T15:30:00Z", "2026-10-03T17:00:00Z");

    let kolkata = window(weekly("02:30", DAILY), until("03:30"), "Asia/Kolkata");
    assert_open(&kolkata, "2026-03-28T21:00:00Z", "2026-03-28T22:00:00Z");
}

// C-21
#[test]
fn an_hour_of_every_hour_leaves_no_gap_when_clocks_jump() {
    let days = [
        ("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"),
        ("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
    ];
    for (text, length) in [
        ("0 * * * *", 60),
        ("*/15 * * * *", 15),
        ("0 */2 * * *", 120),
    ] {
        for (from, to) in days {
            let window = berlin(cron(text), minutes(length));
            let moments = (0..24 * 60).map(|minute| at(from) + SignedDuration::from_mins(minute));
            for moment in moments {
                assert!(window.is_open(moment), "{window} at {moment}");
            }
            assert_eq!(
                open(&[window], from, to),
                [format!("{from} {to}: 4")],
                "{text}"
            );
        }
    }
}

// S4-82
#[test]
fn overlapping_windows_ask_for_the_highest() {
    let low = berlin(weekly("08:00", DAILY), minutes(600));
    let mut high = window(weekly("08:00", DAILY), minutes(60), "UTC");
    high.instances = 7;

    assert_eq!(
        open(
            &[low.clone(), high.clone()],
            "2026-01-15T00:00:00Z",
            "2026-01-16T00:00:00Z"
        ),
        [
            "2026-01-15T07:00:00Z 2026-01-15T08:00:00Z: 4",
            "2026-01-15T08:00:00Z 2026-01-15T09:00:00Z: 7",
            "2026-01-15T09:00:00Z 2026-01-15T17:00:00Z: 4",
        ]
    );
    assert_eq!(floor(&[high, low], at("2026-01-15T08:30:00Z")), Some(7));
    assert_eq!(floor(&[], at("2026-01-15T08:30:00Z")), None);
}

#[test]
fn a_timeline_has_every_moment_once_and_says_why() {
    let day = berlin(weekly("08:00", "thu"), minutes(60));
    let mut few = berlin(weekly("08:30", "thu"), minutes(60));
    few.instances = 1;
    let mut spec = with(&[day.clone(), few.clone()]);
    spec.instances.min = 2;

    let (from, to) = (at("2026-01-15T07:15:00Z"), at("2026-01-16T00:00:00Z"));
    let pieces = timeline(&spec, from, to);

    let seen: Vec<_> = pieces
        .iter()
        .map(|piece| {
            (
                piece.from.to_string(),
                piece.min,
                piece.max,
                piece.because.clone(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("2026-01-15T07:15:00Z".to_owned(), 4, 10, vec![&day]),
            ("2026-01-15T07:30:00Z".to_owned(), 4, 10, vec![&day, &few]),
            ("2026-01-15T08:00:00Z".to_owned(), 2, 10, vec![&few]),
            ("2026-01-15T08:30:00Z".to_owned(), 2, 10, vec![]),
        ]
    );
    for pair in pieces.windows(2) {
        assert_eq!(pair[0].until, pair[1].from);
    }
    assert_eq!(pieces.last().unwrap().until, to);
    assert!(timeline(&spec, to, to).is_empty() && timeline(&spec, to, from).is_empty());
    let cut = timeline(&spec, from, Timestamp::MAX);
    assert_eq!(cut.last().unwrap().until, from + LONGEST_TIMELINE);
}

#[test]
fn no_moment_and_no_number_of_windows_is_too_much() {
    let mut windows: Vec<Window> = Vec::new();
    for number in 0..64_u32 {
        let zone = [
            "Europe/Berlin",
            "Australia/Lord_Howe",
            "Nowhere/Atall",
            "UTC",
        ];
        let opens = match number % 3 {
            0 => weekly("00:00", DAILY),
            1 => cron("*/7 * * * *"),
            _ => Opens::Once(DateTime::MAX),
        };
        let closes = match number % 5 {
            0 => Closes::After(SignedDuration::MAX),
            1 => Closes::After(SignedDuration::MIN),
            2 => Closes::On(DateTime::MIN),
            3 => until("23:59:59.999"),
            _ => minutes(1),
        };
        let mut window = window(opens, closes, zone[number as usize % zone.len()]);
        window.instances = number;
        windows.push(window);
    }
    let spec = with(&windows);
    let day = SignedDuration::from_hours(24);
    for moment in [
        Timestamp::MIN,
        Timestamp::MIN + day,
        Timestamp::UNIX_EPOCH,
        at("2026-03-29T01:00:00Z"),
        Timestamp::MAX - day,
        Timestamp::MAX,
    ] {
        let (min, max) = decide::bounds(&spec, moment);
        assert!(min <= max);
        let to = moment
            .saturating_add(SignedDuration::from_mins(10))
            .unwrap();
        let pieces = timeline(&spec, moment, to);
        assert_eq!(pieces.is_empty(), moment == to, "{moment}");
    }
}

#[test]
fn a_window_outlives_its_writing_down() {
    let window = berlin(cron("0 8 * * mon-fri"), until("18:00"));
    let json = serde_json::to_string(&window).unwrap();

    assert_eq!(
        json,
        r#"{"opens":{"cron":"0 8 * * mon-fri"},"closes":{"at":"18:00:00"},"instances":4,"zone":"Europe/Berlin"}"#
    );
    assert_eq!(serde_json::from_str::<Window>(&json).unwrap(), window);
}
