//! The keys of a window under `policy.static`.

use controller::schedule::LONGEST_WINDOW;
use jiff::SignedDuration;

use crate::shape::{Entry, Literal, Shape};

use super::{INSTANCES_LIMIT, whole};

pub(super) const WINDOWS_LIMIT: usize = 64;

pub(super) static WINDOW: &[Entry] = &[
    Entry::optional(
        "at",
        Shape::Time,
        "`cron` or `on` says when",
        "When it begins, by the clocks of `zone`.",
    ),
    Entry::optional(
        "days",
        Shape::Days,
        "daily",
        "With `at`: on which days it begins: `mon-fri`, `[mon, wed]`, `daily`.",
    ),
    Entry::optional(
        "cron",
        Shape::Cron,
        "`at` or `on` says when",
        "When it begins: minute, hour, day of the month, month, day of the week.",
    ),
    Entry::optional(
        "on",
        Shape::Moment,
        "`at` or `cron` says when",
        "When it begins, once: 2026-12-24 08:00.",
    ),
    Entry::optional(
        "for",
        Shape::Duration {
            least: SignedDuration::from_mins(1),
            most: LONGEST_WINDOW,
        },
        "`until` says when it ends",
        "How long it lasts, in real time.",
    ),
    Entry::optional(
        "until",
        Shape::TimeOrMoment,
        "`for` says when it ends",
        "When the clocks of `zone` next show this; with `on` also a date and a time. At most 7d after the start.",
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
