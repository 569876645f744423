//! Windows against a second opinion: an oracle that watches the clocks of a zone minute by minute and knows no search, no
//! calendar arithmetic and no shortcut; and what must hold of bounds at every moment whatever the windows are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod schedule {
    mod decisions;
    pub(crate) mod oracle;
    pub(crate) mod windows;
}

use controller::decide;
use controller::example;
use controller::schedule::{Closes, Opens, Window, timeline};
use controller::spec::TenantSpec;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use schedule::oracle::Watch;
use schedule::windows::{self, Asked, Begins, ZONES};

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn with(windows: Vec<Window>) -> TenantSpec {
    let mut spec = example::spec();
    spec.instances.min = 0;
    spec.instances.max = 8;
    spec.policy.windows = windows;
    spec
}

/// The minimum that the windows ask for, one by one.
fn highest_open(spec: &TenantSpec, moment: Timestamp) -> u32 {
    let open = spec
        .policy
        .windows
        .iter()
        .filter(|window| window.is_open(moment));
    let highest = open.map(|window| window.instances).max().unwrap_or(0);
    highest.max(spec.instances.min).min(spec.instances.max)
}

/// Every minute of the hours around every jump, for windows whose starts and ends lie among those that the clocks skip or repeat.
#[test]
fn a_window_is_open_when_the_clocks_say_so_around_every_jump() {
    let opens = [
        Begins::weekly(15),
        Begins::weekly(75),
        Begins::weekly(120),
        Begins::weekly(150),
        Begins::cron("0", "*"),
        Begins::cron("*/15", "*"),
        Begins::cron("*/50", "1,2"),
        Begins::cron("20,40", "0,1,2"),
    ];
    let closes = [
        Closes::After(SignedDuration::from_mins(15)),
        Closes::After(SignedDuration::from_mins(60)),
        Closes::At(windows::time_of_day(30, 0)),
        Closes::At(windows::time_of_day(115, 0)),
        Closes::At(windows::time_of_day(150, 0)),
    ];
    for zone in [
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "America/Havana",
        "Antarctica/Troll",
    ] {
        for jump in windows::jumps(zone).into_iter().take(2) {
            for (opens, closes) in opens
                .iter()
                .flat_map(|opens| closes.iter().map(move |closes| (opens, closes)))
            {
                let asked = Asked {
                    opens: opens.clone(),
                    closes: closes.clone(),
                    zone,
                };
                let window = asked.window();
                let mut watch = Watch::new(&asked, jump - 4 * HOUR);
                for minute in 0..8 * 60 {
                    let moment = jump - 4 * HOUR + SignedDuration::from_mins(minute);
                    let is_open = watch.is_open_at(moment);
                    assert_eq!(window.is_open(moment), is_open, "{window} at {moment}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // S4-71
    #[test]
    fn a_window_is_open_when_somebody_who_watches_the_clocks_says_so(
        (moment, asked) in windows::with_a_moment(),
    ) {
        let window = asked.window();
        let mut watch = Watch::new(&asked, moment - DAY / 2);
        for minute in 0..24 * 60 {
            // All that these windows are made of are whole minutes.
            let moment = moment - DAY / 2 + SignedDuration::from_mins(minute);
            let last = moment + SECOND * i32::try_from(minute % 60).unwrap();
            let is_open = watch.is_open_at(moment);
            prop_assert_eq!(window.is_open(last), is_open, "{} at {}", window, last);
        }
    }

    // S4-82, C-16, C-19
    #[test]
    fn the_bounds_are_those_of_the_timeline_and_never_below_an_open_window(
        (moment, windows) in windows::several(),
        min in 0_u32..4,
        odd in prop::collection::vec(0_i64..2 * 24 * 3600, 64),
    ) {
        let mut spec = with(windows);
        spec.instances.min = min;
        let (from, to) = (moment - DAY, moment + DAY);
        let pieces = timeline(&spec, from, to);

        prop_assert_eq!(pieces.first().unwrap().from, from);
        prop_assert_eq!(pieces.last().unwrap().until, to);
        for pair in pieces.windows(2) {
            prop_assert_eq!(pair[0].until, pair[1].from);
            prop_assert!(pair[0].min != pair[1].min || pair[0].because != pair[1].because);
        }
        for piece in &pieces {
            prop_assert!(piece.from < piece.until);
            for moment in [piece.from, piece.from + SECOND, piece.until - SECOND] {
                let moment = moment.clamp(piece.from, piece.until - SignedDuration::from_nanos(1));
                prop_assert_eq!(decide::bounds(&spec, moment), (piece.min, piece.max));
                prop_assert_eq!(piece.min, highest_open(&spec, moment), "at {}", moment);
            }
            for window in &piece.because {
                prop_assert!(window.is_open(piece.from) && window.instances.min(8) <= piece.min);
            }
        }
        for second in odd {
            let moment = from + SignedDuration::from_secs(second);
            let piece = pieces.iter().rfind(|piece| piece.from <= moment).unwrap();
            prop_assert_eq!(decide::bounds(&spec, moment), (piece.min, piece.max), "at {}", moment);
        }
    }

    // C-21
    #[test]
    fn windows_that_meet_leave_no_moment_between_them(
        zone in prop::sample::select(ZONES.to_vec()),
        jump in any::<prop::sample::Index>(),
        cuts in prop::collection::btree_set(prop_oneof![0_i16..300, 0_i16..1440], 1..6),
        as_cron in any::<[bool; 6]>(),
    ) {
        let cuts: Vec<i16> = cuts.into_iter().collect();
        let windows = cuts.iter().enumerate().map(|(number, cut)| {
            let next = cuts[(number + 1) % cuts.len()];
            let opens = if as_cron[number] {
                Opens::Cron(format!("{} {} * * *", cut % 60, cut / 60).parse().unwrap())
            } else {
                Opens::Weekly { at: windows::time_of_day(*cut, 0), days: [true; 7] }
            };
            let closes = Closes::At(windows::time_of_day(next, 0));
            Window { opens, closes, instances: 3, zone: zone.to_owned() }
        });
        let spec = with(windows.collect());
        let jumps = windows::jumps(zone);
        let moment = if jumps.is_empty() { windows::FIRST } else { *jump.get(&jumps) };

        for piece in timeline(&spec, moment - DAY - DAY, moment + DAY + DAY) {
            prop_assert_eq!(piece.min, 3, "from {} until {}", piece.from, piece.until);
        }
    }
}
