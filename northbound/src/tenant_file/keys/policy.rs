//! The keys under `policy`.

use controller::amount::Amount;
use controller::schedule::LONGEST_WINDOW;
use jiff::SignedDuration;

use crate::shape::{Entry, Literal, Shape};
use crate::tenant_file::defaults;

use super::{DAY, HOUR, INSTANCES_LIMIT, SECOND, millis, whole};

const WINDOWS_LIMIT: usize = 64;

pub(super) const BUFFER: Entry = Entry::default(
    "buffer",
    millis(0, DAY),
    Literal::Duration(defaults::BUFFER),
    "The pause after a voluntary action before the next one (the field says cooldown).",
);
pub(super) const DRAIN: Entry = Entry::default(
    "drain",
    millis(0, DAY),
    Literal::Duration(defaults::DRAIN),
    "An instance on its way out may finish its connections for this long.",
);
pub(super) const STABILIZATION: Entry = Entry::default(
    "stabilization",
    millis(0, DAY),
    Literal::Duration(defaults::STABILIZATION),
    "A scale-in follows the highest number that was wanted during this long.",
);
pub(super) const WARM_UP: Entry = Entry::default(
    "warm_up",
    millis(0, HOUR),
    Literal::Duration(defaults::WARM_UP),
    "What an instance reports in its first so many seconds does not count.",
);
pub(super) const MAX_STEP_OUT: Entry = Entry::optional(
    "max_step_out",
    whole(1, INSTANCES_LIMIT),
    "half of what runs, at least 4",
    "At most so many are added at a time.",
);
pub(super) const MAX_STEP_IN: Entry = Entry::optional(
    "max_step_in",
    whole(1, INSTANCES_LIMIT),
    "half of what runs, at least 1",
    "At most so many are removed at a time.",
);

pub(super) static POLICY: &[Entry] = &[
    Entry::optional(
        "dynamic",
        Shape::Section(DYNAMIC),
        "no metric is followed",
        "Follow a metric.",
    ),
    Entry::optional(
        "static",
        Shape::Sections {
            of: WINDOW,
            most: WINDOWS_LIMIT,
        },
        "the time of day does not matter",
        "Times at which a number is needed; they raise `instances.min`.",
    ),
    BUFFER,
    DRAIN,
    STABILIZATION,
    WARM_UP,
    MAX_STEP_OUT,
    MAX_STEP_IN,
];

pub(super) const AVERAGED_OVER: Entry = Entry::default(
    "window",
    Shape::Duration {
        least: SECOND,
        most: DAY,
    },
    Literal::Duration(defaults::WINDOW),
    "The average is taken over this long.",
);
pub(super) const TOLERANCE: Entry = Entry::default(
    "tolerance",
    Shape::Share {
        least: Amount::ZERO,
        most: Amount::from_millionths(500_000),
    },
    Literal::Share(defaults::TOLERANCE),
    "A deviation smaller than this share of the threshold is left alone.",
);

static DYNAMIC: &[Entry] = &[
    Entry::default(
        "metric",
        Shape::Word(&["cpu", "memory", "connections_per_second", "connections"]),
        Literal::Word("cpu"),
        "What is measured, per instance.",
    ),
    Entry::optional(
        "threshold",
        Shape::Threshold,
        "60% for cpu and memory; the others have no default",
        "Where the average should be: a share for cpu and memory, a number for connections.",
    ),
    Entry::optional(
        "goal",
        Shape::Share {
            least: Amount::from_millionths(500_000),
            most: Amount::from_millionths(999_900),
        },
        "the threshold is held instead",
        "The share of the load that must meet enough capacity.",
    ),
    Entry::optional(
        "capacity",
        Shape::Threshold,
        "it is learned",
        "What one instance carries, for a goal.",
    ),
    AVERAGED_OVER,
    Entry::default(
        "reactive",
        Shape::Switch,
        Literal::Switch(true),
        "Act when the threshold is crossed.",
    ),
    Entry::default(
        "proactive",
        Shape::Switch,
        Literal::Switch(true),
        "Act when it is about to be crossed.",
    ),
    TOLERANCE,
];

static WINDOW: &[Entry] = &[
    Entry::required(
        "at",
        Shape::Time,
        "When it begins, by the clocks of `zone`.",
    ),
    Entry::optional(
        "days",
        Shape::Days,
        "daily",
        "On which days it begins: `mon-fri`, `[mon, wed]`, `daily`.",
    ),
    Entry::required(
        "for",
        Shape::Duration {
            least: SignedDuration::from_mins(1),
            most: LONGEST_WINDOW,
        },
        "How long it lasts.",
    ),
    Entry::required(
        "instances",
        whole(1, INSTANCES_LIMIT),
        "How many are needed then.",
    ),
    Entry::default(
        "zone",
        Shape::Zone,
        Literal::Word("UTC"),
        "Whose clocks: an IANA name like `Europe/Berlin`.",
    ),
];
