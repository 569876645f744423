//! The keys of what is followed: `policy.dynamic` and `policy.rules`.

use controller::amount::Amount;
use controller::history::SPAN;

use crate::shape::{Entry, Literal, Shape};
use crate::tenant_file::defaults;

use super::{INSTANCES_LIMIT, SECOND, whole};

/// More than a person can keep apart.
pub(in crate::tenant_file) const SIGNALS_LIMIT: usize = 16;
const STEPS_LIMIT: usize = 32;
/// Longer queries belong into a recording rule.
const QUERY_LIMIT: usize = 1_000;

/// Of the load, from half of it to less than all of it.
pub(in crate::tenant_file) const GOAL_LEAST: Amount = Amount::from_millionths(500_000);
pub(in crate::tenant_file) const GOAL_MOST: Amount = Amount::from_millionths(999_900);

/// As [`controller::load::Metric::NAMED`] has them.
pub(in crate::tenant_file) const METRICS: &[&str] = &[
    "cpu",
    "memory",
    "disk_read",
    "disk_write",
    "disk_free",
    "network_in",
    "network_out",
    "connections_per_second",
    "connections",
    "requests_per_second",
    "response_time",
];

const METRIC: Entry = Entry::default(
    "metric",
    Shape::Either {
        plain: &Shape::Word(METRICS),
        keys: &[
            Entry::optional(
                "pushed",
                Shape::Name,
                "the metric is another",
                "A value that the application pushes, by its name.",
            ),
            Entry::optional(
                "prometheus",
                Shape::Line {
                    most: QUERY_LIMIT,
                    sample: "'sum(rate(x[1m]))'",
                },
                "the metric is another",
                "What this query answers, asked of the operator's Prometheus.",
            ),
        ],
    },
    Literal::Word("cpu"),
    "What is measured: shares of one (cpu, memory, disk_free), megabytes per second (disk, network), numbers per second, open \
     connections, seconds (response_time), a pushed value, or a query.",
);
const AGGREGATION: Entry = Entry::default(
    "aggregation",
    Shape::Word(&["average", "minimum", "maximum", "total", "last", "count"]),
    Literal::Word("average"),
    "How the readings of all instances in the window become one value. In a formula the default is `total`.",
);
pub(super) const AVERAGED_OVER: Entry = Entry::default(
    "window",
    Shape::Duration {
        least: SECOND,
        most: SPAN,
    },
    Literal::Duration(defaults::WINDOW),
    "The value is taken over this long.",
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
const AT_LEAST: Entry = Entry::optional(
    "at_least",
    whole(1, INSTANCES_LIMIT),
    "1",
    "With a change in percent: by so many at least.",
);
const ABOUT_CHANGE: &str =
    "How the number changes: `+1`, `-1`, `+50%`, `-50%`, exactly `=4`, or by a factor, `x2`.";

pub(super) static DYNAMIC: &[Entry] = &[
    METRIC,
    AGGREGATION,
    AVERAGED_OVER,
    Entry::optional(
        "threshold",
        Shape::Quantity,
        "60% for cpu and memory; the others have no default",
        "As many instances as keep the metric there: a share for cpu and memory, `250ms` or 0.25 for response_time, else a number \
         for each instance.",
    ),
    Entry::optional(
        "goal",
        Shape::Share {
            least: GOAL_LEAST,
            most: GOAL_MOST,
        },
        "another of `threshold`, `steps` and `formula` says what follows",
        "As many instances as carry this share of the load; headroom comes from the tenant's own forecast errors.",
    ),
    Entry::optional(
        "capacity",
        Shape::Capacity,
        "it is learned",
        "With a goal: what one instance carries, and perhaps of what, as in `200 requests_per_second`.",
    ),
    Entry::optional(
        "steps",
        Shape::Sections {
            of: STEP,
            most: STEPS_LIMIT,
        },
        "another of `threshold`, `goal` and `formula` says what follows",
        "A change by how high the value is. Without gaps and overlaps, but for one gap, in which nothing changes.",
    ),
    Entry::optional(
        "formula",
        Shape::Formula,
        "another of `threshold`, `goal` and `steps` says what follows",
        "The number itself: `requests // 20 + 1`. `requests` and `new_connections` are those in the window, `value` is the metric; \
         `//` rounds down, `/` up.",
    ),
    Entry::default(
        "reactive",
        Shape::Switch,
        Literal::Switch(true),
        "Act on what is measured.",
    ),
    Entry::default(
        "proactive",
        Shape::SwitchOrWord(&["forecast_only"]),
        Literal::Switch(true),
        "Act on what is forecast; `forecast_only` shows it and does nothing.",
    ),
    TOLERANCE,
];

static STEP: &[Entry] = &[
    Entry::optional(
        "from",
        Shape::Quantity,
        "every lower value",
        "From this value on.",
    ),
    Entry::optional(
        "to",
        Shape::Quantity,
        "every higher value",
        "Below this value.",
    ),
    Entry::required("change", Shape::Change, ABOUT_CHANGE),
    AT_LEAST,
];

pub(super) static RULE: &[Entry] = &[
    Entry::required(
        "monitor",
        Shape::Section(&[METRIC, AGGREGATION, AVERAGED_OVER]),
        "What is looked at.",
    ),
    Entry::required(
        "trigger",
        Shape::Trigger,
        "Which values: `\">= 80%\"`, `\"< 10%\"`, also with > and <=.",
    ),
    Entry::required("action", Shape::Change, ABOUT_CHANGE),
    AT_LEAST,
];
