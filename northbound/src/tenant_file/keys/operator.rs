//! What an operator may set for all tenants: keys of the long spelling, under the same names.

use controller::amount::Amount;

use crate::shape::{Entry, Literal, Shape};
use crate::tenant_file::defaults;

use super::policy::{BUFFER, DRAIN, MAX_STEP_IN, MAX_STEP_OUT, STABILIZATION, WARM_UP};
use super::signal::{AVERAGED_OVER, TOLERANCE};
use super::{
    BOOT_TIMEOUT, EVERY, HEALTHY_AFTER, HTTP, SURGE_ENTRY, TEMPLATE, TIMEOUT, UNHEALTHY_AFTER,
};

/// The section `defaults` of his file.
pub(crate) static DEFAULTS: &[Entry] = &[
    Entry::optional(
        "instances",
        Shape::Section(&[TEMPLATE, SURGE_ENTRY, BOOT_TIMEOUT]),
        "as a tenant's file says",
        "Of what instances are made.",
    ),
    Entry::optional(
        "health",
        Shape::Section(&[HTTP, EVERY, TIMEOUT, UNHEALTHY_AFTER, HEALTHY_AFTER]),
        "as a tenant's file says",
        "How instances are asked whether they are well.",
    ),
    Entry::optional(
        "policy",
        Shape::Section(&[
            Entry::optional(
                "dynamic",
                Shape::Section(&[
                    Entry::default(
                        "threshold",
                        Shape::Share {
                            least: Amount::from_millionths(10_000),
                            most: Amount::ONE,
                        },
                        Literal::Share(defaults::THRESHOLD),
                        "Where the average of cpu and memory should be.",
                    ),
                    AVERAGED_OVER,
                    TOLERANCE,
                ]),
                "as a tenant's file says",
                "How a metric is followed.",
            ),
            BUFFER,
            DRAIN,
            STABILIZATION,
            WARM_UP,
            MAX_STEP_OUT,
            MAX_STEP_IN,
        ]),
        "as a tenant's file says",
        "When the number changes.",
    ),
];
