//! The keys under `placement` and `budget`.

use controller::amount::Amount;

use crate::shape::{Entry, Literal, Shape};

use super::{INSTANCES_LIMIT, whole};

/// More than that an hour is a slip of the pen.
const MOST_MONEY: Amount = Amount::whole(1_000_000);

pub(super) const PLACEMENT_ENTRY: Entry = Entry::optional(
    "placement",
    Shape::Section(PLACEMENT),
    "the order of `clouds` decides, all are on demand, the newest goes first",
    "By which rules a place is chosen, and who goes first.",
);

pub(super) const BUDGET_ENTRY: Entry = Entry::optional(
    "budget",
    Shape::Section(BUDGET),
    "whatever it costs",
    "What the instances may cost, at the operator's prices; above `instances.min` nothing is launched that costs more.",
);

static PLACEMENT: &[Entry] = &[
    Entry::default(
        "order",
        Shape::Word(&["preference", "cost", "reliability"]),
        Literal::Word("preference"),
        "Which cloud is filled first: the one that is listed first, the cheapest, or the one that has failed least in the last hour.",
    ),
    Entry::optional(
        "on_demand",
        Shape::Section(ON_DEMAND),
        "all are on demand",
        "How many are on demand; the others are spot where a cloud has that, which costs less and may be taken back at any time.",
    ),
    Entry::default(
        "termination",
        Shape::Word(&["newest", "oldest", "oldest_template", "closest_to_hour"]),
        Literal::Word("newest"),
        "Who goes first of those of the least preferred cloud: the newest, the oldest, those of the oldest template, or whoever is \
         closest to the end of an hour since its launch.",
    ),
];

static ON_DEMAND: &[Entry] = &[
    Entry::default(
        "base",
        whole(0, INSTANCES_LIMIT),
        Literal::Whole(0),
        "The first so many are on demand.",
    ),
    Entry::default(
        "percentage",
        whole(0, 100),
        Literal::Whole(100),
        "Of those beyond them so many in a hundred, rounded up.",
    ),
];

static BUDGET: &[Entry] = &[Entry::required(
    "per_hour",
    Shape::Decimal {
        least: Amount::from_millionths(1),
        most: MOST_MONEY,
    },
    "So much an hour, in the operator's money.",
)];
