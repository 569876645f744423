//! The keys under `policy`.

use controller::history::SPAN;
use jiff::SignedDuration;

use crate::shape::{Entry, Literal, Shape};
use crate::tenant_file::defaults;

use super::signal::{DYNAMIC, RULE, SIGNALS_LIMIT};
use super::window::{WINDOW, WINDOWS_LIMIT};
use super::{DAY, HOUR, INSTANCES_LIMIT, millis, whole};

const PAUSE: Shape = millis(0, DAY);
/// What was wanted is remembered for so long.
const LOOK_BACK: Shape = millis(0, SPAN);

const ABOUT_BUFFER: &str = "The pause after a voluntary action before the next one in its direction (the field says cooldown); \
    nothing with a goal, which brakes by itself.";
const ABOUT_STABILIZATION: &str =
    "A scale-in follows the highest number that was wanted during this long; nothing with a goal.";

pub(super) const BUFFER: Entry = Entry::default(
    "buffer",
    PAUSE,
    Literal::Duration(defaults::BUFFER),
    ABOUT_BUFFER,
);
pub(super) const DRAIN: Entry = Entry::default(
    "drain",
    millis(0, DAY),
    Literal::Duration(defaults::DRAIN),
    "An instance on its way out may finish its connections for this long.",
);
pub(super) const STABILIZATION: Entry = Entry::default(
    "stabilization",
    LOOK_BACK,
    Literal::Duration(defaults::STABILIZATION),
    ABOUT_STABILIZATION,
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
    "half of what runs, at least 4; no limit beside a goal, steps or a formula",
    "At most so many are added at a time.",
);
pub(super) const MAX_STEP_IN: Entry = Entry::optional(
    "max_step_in",
    whole(1, INSTANCES_LIMIT),
    "half of what runs, at least 1; no limit beside a goal, steps or a formula",
    "At most so many are removed at a time.",
);

const RATE: Shape = Shape::Rate {
    most: INSTANCES_LIMIT,
    per: SPAN,
};

pub(super) static POLICY: &[Entry] = &[
    Entry::default(
        "mode",
        Shape::Word(&["auto", "only_scale_out", "off"]),
        Literal::Word("auto"),
        "Whether the number changes: in both directions, upwards only, or not at all. Broken instances are replaced in any case.",
    ),
    Entry::optional(
        "dynamic",
        Shape::OneOrMore {
            of: DYNAMIC,
            most: SIGNALS_LIMIT,
        },
        "no metric is followed",
        "Follow a metric. Of several in a list any may raise the number; all must agree to lower it.",
    ),
    Entry::optional(
        "rules",
        Shape::Sections {
            of: RULE,
            most: SIGNALS_LIMIT,
        },
        "none",
        "Change the number when a metric is in a range. Beside `dynamic` they are signals like any other.",
    ),
    Entry::optional(
        "static",
        Shape::Sections {
            of: WINDOW,
            most: WINDOWS_LIMIT,
        },
        "the time of day does not matter",
        "Times at which a number is needed; they raise `instances.min`. Of those that overlap the highest holds.",
    ),
    Entry::default(
        "buffer",
        Shape::Either {
            plain: &PAUSE,
            keys: &[
                Entry::optional("out", PAUSE, "the default", "After a scale-out."),
                Entry::optional("in", PAUSE, "the default", "After a scale-in."),
            ],
        },
        Literal::Duration(defaults::BUFFER),
        ABOUT_BUFFER,
    ),
    DRAIN,
    Entry::default(
        "stabilization",
        Shape::Either {
            plain: &LOOK_BACK,
            keys: &[
                Entry::optional(
                    "out",
                    LOOK_BACK,
                    "0s",
                    "A scale-out follows the lowest number that was wanted during this long.",
                ),
                Entry::optional("in", LOOK_BACK, "the default", "The same as without keys."),
            ],
        },
        Literal::Duration(defaults::STABILIZATION),
        ABOUT_STABILIZATION,
    ),
    WARM_UP,
    Entry::default(
        "min_lifetime",
        millis(0, DAY),
        Literal::Duration(SignedDuration::ZERO),
        "An instance is not removed by choice before it has been in service for this long.",
    ),
    Entry::default(
        "warm_pool",
        whole(0, INSTANCES_LIMIT),
        Literal::Whole(0),
        "So many instances are kept booted and healthy beside those in service, to come in at once; with them never more than `max`.",
    ),
    MAX_STEP_OUT,
    MAX_STEP_IN,
    Entry::optional(
        "max_rate_out",
        RATE,
        "no limit",
        "At most so many are added within so long, as in `10 per 5m`.",
    ),
    Entry::optional(
        "max_rate_in",
        RATE,
        "no limit",
        "At most so many are removed within so long.",
    ),
];
