//! `policy.dynamic` and `policy.rules`: what is followed, and what follows from it.

mod formula;
mod rule;
mod steps;
mod target;

use controller::load::{Metric, Unit};
use controller::policy::{Aggregation, Monitor, Proactive, Signal};

use crate::reader::scalar::{Misfit, Scalar};
use crate::reader::{Placed, Section, did_you_mean};

use super::Known;
use super::keys::{METRICS, SIGNALS_LIMIT};

pub(super) use formula::{COUNTED, VALUE};

/// What a signal does with its metric: the keys of which each has one.
const RESPONSES: [&str; 4] = ["threshold", "goal", "steps", "formula"];

/// Keys that mean something beside some responses only.
const BESIDE: [(&str, &[&str]); 4] = [
    ("tolerance", &["threshold"]),
    ("reactive", &["threshold", "goal"]),
    ("proactive", &["threshold", "goal"]),
    ("capacity", &["goal"]),
];

/// What stands there is wrong, and has been noted.
#[derive(Debug, Clone, Copy)]
struct Noted;

/// Every signal, those of `rules` last; `None` after noting what is wrong with one.
pub(super) fn read_all(policy: &Section<'_>, known: &Known) -> Option<Vec<Signal>> {
    let of = |name, sections: Option<Vec<Section<'_>>>, read: fn(&Section<'_>, &Known) -> _| {
        if !policy.has(name) {
            return Some(Vec::new());
        }
        let sections = sections?;
        let signals: Vec<Signal> = sections
            .iter()
            .filter_map(|section| read(section, known))
            .collect();
        (signals.len() == sections.len()).then_some(signals)
    };
    let dynamic = of("dynamic", policy.one_or_more("dynamic"), read_dynamic);
    let rules = of("rules", policy.sections("rules"), rule::read);
    let mut signals = dynamic?;
    signals.extend(rules?);
    if signals.len() > SIGNALS_LIMIT {
        policy.notes().error(
            policy.key_place("rules"),
            format!(
                "`dynamic` and `rules` are {} signals together, at most {SIGNALS_LIMIT} are allowed",
                signals.len()
            ),
            "take some away",
        );
    }
    Some(signals)
}

fn read_dynamic(section: &Section<'_>, known: &Known) -> Option<Signal> {
    let metric = read_metric(section);
    let response = read_response(section);
    // What can be read without knowing more is read at once, so that no problem hides another.
    let monitored = Monitored {
        section,
        metric,
        aggregation: read_aggregation(section),
        known,
    };
    let pace = Pace::read(section);
    let tolerance = section.share("tolerance").map(|given| given.value);
    let goal = section.read("goal", target::goal);
    let signal = match response? {
        "goal" => target::read_goal(&monitored, goal.map(|given| given.value), pace),
        "steps" => steps::read(&monitored),
        "formula" => formula::read(&monitored),
        _ => target::read_threshold(&monitored, tolerance, pace),
    };
    let _ = section.duration("window");
    signal
}

/// Which response the signal has; a threshold where nothing is said.
fn read_response(section: &Section<'_>) -> Option<&'static str> {
    let given: Vec<&'static str> = RESPONSES
        .into_iter()
        .filter(|name| section.has(name))
        .collect();
    let response = match given.as_slice() {
        [one] => one,
        [] if section.has("capacity") => {
            section.refuse(
                "capacity",
                "`capacity` goes with a goal, and there is none",
                "add `goal: 99%`: the share of the load that must meet enough capacity",
            );
            return None;
        }
        [] => "threshold",
        [first, second, ..] => {
            section.notes().error(
                section.key_place(second),
                format!(
                    "`{second}` stands beside `{first}` (line {}), and a signal has one response",
                    section.key_place(first).line
                ),
                "keep one of them; `dynamic` may be a list, of one signal for each",
            );
            return None;
        }
    };
    for (key, responses) in BESIDE {
        if section.has(key) && !responses.contains(&response) {
            section.notes().warning(
                section.place_of(key),
                format!("`{key}` changes nothing beside `{response}`"),
                "take it away",
            );
        }
    }
    Some(response)
}

/// On what a threshold or a goal acts.
#[derive(Debug, Clone, Copy)]
struct Pace {
    reactive: bool,
    proactive: Proactive,
}

impl Pace {
    fn read(section: &Section<'_>) -> Self {
        let pace = Self {
            reactive: section.switch("reactive").is_none_or(|given| given.value),
            proactive: match section.switch_or_word("proactive") {
                None | Some(Ok(true)) => Proactive::On,
                Some(Ok(false)) => Proactive::Off,
                Some(Err(_)) => Proactive::ForecastOnly,
            },
        };
        if !pace.reactive && pace.proactive != Proactive::On {
            section.notes().warning(
                section.place_of("reactive"),
                "neither `reactive` nor `proactive`: the metric is measured and nothing follows from it",
                "set one of them to true, or take `dynamic` away",
            );
        }
        pace
    }
}

/// What is looked at, as far as it is said.
#[derive(Debug)]
struct Monitored<'a> {
    section: &'a Section<'a>,
    metric: Result<Option<Placed<Metric>>, Noted>,
    aggregation: Option<Aggregation>,
    known: &'a Known,
}

impl Monitored<'_> {
    /// The metric, cpu where nothing is said; `None` where it is wrong.
    fn metric(&self) -> Option<Metric> {
        let given = self.metric.as_ref().ok()?.as_ref();
        Some(given.map_or(Metric::Cpu, |given| given.value.clone()))
    }

    /// Whole, for this metric.
    fn of(&self, metric: Metric) -> Monitor {
        let window = self.section.duration("window");
        Monitor {
            metric,
            aggregation: self.aggregation.unwrap_or_default(),
            window: window.map_or(self.known.defaults.window, |given| given.value),
        }
    }
}

/// What an aggregation of a metric is an amount of.
pub(super) fn unit_of(metric: &Metric, aggregation: Aggregation) -> Unit {
    match aggregation {
        Aggregation::Count => Unit::Number,
        _ => metric.unit(),
    }
}

fn read_aggregation(section: &Section<'_>) -> Option<Aggregation> {
    Some(match section.word("aggregation")?.value {
        "minimum" => Aggregation::Minimum,
        "maximum" => Aggregation::Maximum,
        "total" => Aggregation::Total,
        "last" => Aggregation::Last,
        "count" => Aggregation::Count,
        _ => Aggregation::Average,
    })
}

/// A word, or where else the value comes from.
fn read_metric(section: &Section<'_>) -> Result<Option<Placed<Metric>>, Noted> {
    if !section.has("metric") {
        return Ok(None);
    }
    let place = section.place_of("metric");
    if !section.holds_keys("metric") {
        return section.read("metric", named).map(Some).ok_or(Noted);
    }
    let source = section.section("metric");
    let pushed = source
        .name("pushed")
        .map(|given| Metric::Pushed(given.value));
    let query = source
        .line("prometheus")
        .map(|given| Metric::Prometheus(given.value));
    if source.has("pushed") == source.has("prometheus") {
        // Without keys of ours there is an unknown one, which has been noted.
        section.refuse(
            "metric",
            "a metric is either `pushed` by the application or asked of `prometheus`",
            "write one of `{ pushed: queue_length }` and `{ prometheus: 'sum(rate(x[1m]))' }`",
        );
        return Err(Noted);
    }
    let value = pushed.or(query).ok_or(Noted)?;
    Ok(Some(Placed { value, place }))
}

/// A metric with a name of its own.
fn named(scalar: &Scalar<'_>) -> Result<Metric, Misfit> {
    Metric::NAMED
        .into_iter()
        .find(|metric| metric.name() == scalar.text)
        .ok_or_else(|| {
            let hint = did_you_mean(scalar.text, METRICS);
            let hint = if hint.starts_with("did") {
                hint
            } else {
                format!("{hint}; a value that the application pushes is `{{ pushed: its_name }}`")
            };
            Misfit::new("a metric", hint)
        })
}

/// An amount of something that must not be nothing.
fn above_zero(scalar: &Scalar<'_>, unit: Unit) -> Result<controller::amount::Amount, Misfit> {
    let amount = scalar.quantity(unit)?;
    if amount == controller::amount::Amount::ZERO {
        return Err(Misfit::new(
            "more than zero",
            "say how much one instance carries, as in 20",
        ));
    }
    Ok(amount)
}
