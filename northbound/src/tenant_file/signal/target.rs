//! A threshold that is held, and a goal that is met.

use controller::amount::Amount;
use controller::load::{Metric, Unit};
use controller::policy::{Aggregation, Goal, Response, Signal, Target};

use crate::reader::scalar::{Misfit, Scalar};
use crate::reader::{Section, did_you_mean};

use super::super::keys::{GOAL_LEAST, GOAL_MOST, METRICS};
use super::{Monitored, Pace, above_zero};

pub(super) fn read_threshold(
    monitored: &Monitored<'_>,
    tolerance: Option<Amount>,
    pace: Pace,
) -> Option<Signal> {
    let (section, defaults) = (monitored.section, &monitored.known.defaults);
    let metric = monitored.metric()?;
    if metric == Metric::DiskFree {
        section.notes().error(
            section.place_of("metric"),
            "`disk_free` falls while disks fill up: a threshold would do the opposite of what is meant",
            "write a rule: `{ monitor: { metric: disk_free, aggregation: minimum }, trigger: \"< 10%\", action: +1 }`",
        );
        return None;
    }
    if monitored.aggregation == Some(Aggregation::Count) {
        section.notes().warning(
            section.place_of("aggregation"),
            "`count` tells how many readings there were, which no number of instances keeps at a threshold",
            "take another aggregation, or `steps`",
        );
    }
    if !metric.is_share() && !section.has("threshold") {
        let sample = match metric.unit() {
            Unit::Seconds => "250ms",
            _ => "50",
        };
        section.notes().error(
            section.place_of("metric"),
            format!("`{}` is missing", section.path_of("threshold")),
            format!(
                "say how much `{metric}` one instance should have, as in `threshold: {sample}`"
            ),
        );
    }
    let threshold = section.threshold("threshold", metric.unit());
    if section.has("threshold") && threshold.is_none() {
        return None;
    }
    Some(Signal {
        monitor: monitored.of(metric),
        response: Response::Target(Target {
            threshold: threshold.map_or(defaults.threshold, |given| given.value),
            tolerance: tolerance.unwrap_or(defaults.tolerance),
            reactive: pace.reactive,
            proactive: pace.proactive,
        }),
    })
}

/// A share of the load, less than all of it.
pub(super) fn goal(scalar: &Scalar<'_>) -> Result<Amount, Misfit> {
    scalar.share(GOAL_LEAST, GOAL_MOST).map_err(|misfit| {
        let is_all = scalar.text.trim() == "100" || scalar.share(Amount::ONE, Amount::ONE).is_ok();
        if is_all {
            let hint = "all of it cannot be promised; the most is 99.99%".to_owned();
            return Misfit { hint, ..misfit };
        }
        misfit
    })
}

pub(super) fn read_goal(
    monitored: &Monitored<'_>,
    goal: Option<Amount>,
    pace: Pace,
) -> Option<Signal> {
    let section = monitored.section;
    let given = monitored.metric.as_ref().ok()?.as_ref();
    let capacity = section.read("capacity", |scalar| {
        capacity(scalar, given.map(|given| &given.value))
    });
    if section.has("capacity") && capacity.is_none() {
        return None;
    }
    let (named, capacity) = capacity
        .map(|given| given.value)
        .map_or((None, None), |(named, amount)| (named, Some(amount)));
    if let (Some(named), Some(given)) = (&named, given)
        && *named != given.value
    {
        section.notes().error(
            section.place_of("capacity"),
            format!(
                "`capacity` is one of {named}, and `metric` (line {}) is {}",
                given.place.line, given.value
            ),
            "take `metric` away, or name the same in both",
        );
        return None;
    }
    let metric = named
        .or_else(|| given.map(|given| given.value.clone()))
        .unwrap_or(Metric::Cpu);
    check_goal(section, &metric, monitored.aggregation)?;
    Some(Signal {
        monitor: monitored.of(metric),
        response: Response::Goal(Goal {
            goal: goal?,
            capacity,
            reactive: pace.reactive,
            proactive: pace.proactive,
        }),
    })
}

/// A goal follows a load that instances share.
fn check_goal(
    section: &Section<'_>,
    metric: &Metric,
    aggregation: Option<Aggregation>,
) -> Option<()> {
    if matches!(metric, Metric::DiskFree | Metric::ResponseTime) {
        section.notes().error(
            section.place_of("metric"),
            format!("`{metric}` is no load that instances share, so no forecast of it tells how many are needed"),
            "take cpu, requests_per_second, or another metric that adds up",
        );
        return None;
    }
    if aggregation.is_some_and(|aggregation| aggregation != Aggregation::Average) {
        section.notes().warning(
            section.place_of("aggregation"),
            "`aggregation` changes nothing beside `goal`, which follows the total load",
            "take it away",
        );
    }
    Some(())
}

/// `200`, `80%`, `200 requests_per_second`.
fn capacity(
    scalar: &Scalar<'_>,
    given: Option<&Metric>,
) -> Result<(Option<Metric>, Amount), Misfit> {
    let text = scalar.text.trim();
    let last = text.split_whitespace().next_back().unwrap_or(text);
    let is_word = last.starts_with(|c: char| c.is_ascii_lowercase());
    let named = if is_word {
        let metric = Metric::NAMED
            .into_iter()
            .find(|metric| metric.name() == last)
            .or_else(|| given.filter(|given| given.name() == last).cloned());
        Some(metric.ok_or_else(|| {
            Misfit::new(
                "a number and a metric, as in `200 requests_per_second`",
                did_you_mean(last, METRICS),
            )
        })?)
    } else {
        None
    };
    let amount = Scalar {
        text: if is_word {
            text.strip_suffix(last).unwrap_or(text).trim_end()
        } else {
            text
        },
        is_quoted: scalar.is_quoted && !is_word,
    };
    let unit = named.as_ref().or(given).unwrap_or(&Metric::Cpu).unit();
    let amount = above_zero(&amount, unit).map_err(|misfit| {
        if named.is_none() && given.is_none() {
            let hint = "say of what, as in `200 requests_per_second`; of cpu in percent, as in 80%"
                .to_owned();
            return Misfit { hint, ..misfit };
        }
        misfit
    })?;
    Ok((named, amount))
}
