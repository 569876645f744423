//! A number of instances in one line: `requests // 20 + 1` (S2-13).

use controller::amount::Amount;
use controller::load::{Metric, Unit};
use controller::policy::{Aggregation, Formula, Response, Rounding, Signal};

use crate::reader::did_you_mean;
use crate::reader::scalar::{Misfit, Scalar};

use super::super::keys::{INSTANCES_LIMIT, METRICS};
use super::{Monitored, above_zero, unit_of};

/// What is counted in the window: the word, and the rate that it is the total of.
pub(in crate::tenant_file) const COUNTED: [(&str, Metric); 2] = [
    ("requests", Metric::RequestsPerSecond),
    ("new_connections", Metric::ConnectionsPerSecond),
];

/// The metric that `metric` says.
pub(in crate::tenant_file) const VALUE: &str = "value";

/// The parts of the line.
struct Parts<'a> {
    subject: &'a str,
    rounding: Rounding,
    per: &'a str,
    plus: u32,
}

/// What a line comes to.
struct Line {
    metric: Metric,
    aggregation: Aggregation,
    /// Whether the word itself says that all in the window are counted.
    is_counted: bool,
    formula: Formula,
}

pub(super) fn read(monitored: &Monitored<'_>) -> Option<Signal> {
    let section = monitored.section;
    let Ok(given) = &monitored.metric else {
        // Its form can be told without the metric.
        let _ = section.read("formula", |scalar| parts(scalar).map(|_| ()));
        return None;
    };
    let line = section
        .read("formula", |scalar| {
            let metric = given.as_ref().map(|given| &given.value);
            line(&parts(scalar)?, metric, monitored.aggregation)
        })?
        .value;
    if let Some(given) = given
        && given.value != line.metric
    {
        section.notes().error(
            section.place_of("formula"),
            format!(
                "`formula` is of {}, and `metric` (line {}) is {}",
                line.metric, given.place.line, given.value
            ),
            format!("take `metric` away, or write `{VALUE}` in the formula, which is the metric"),
        );
        return None;
    }
    check_aggregation(monitored, &line)?;
    let mut monitor = monitored.of(line.metric);
    monitor.aggregation = line.aggregation;
    Some(Signal {
        monitor,
        response: Response::Formula(line.formula),
    })
}

fn check_aggregation(monitored: &Monitored<'_>, line: &Line) -> Option<()> {
    let section = monitored.section;
    if line.is_counted && line.aggregation != Aggregation::Total {
        section.refuse(
            "aggregation",
            "the formula counts all in the window, and `aggregation` says otherwise",
            format!(
                "take `aggregation` away, or write `{}` in the formula",
                line.metric
            ),
        );
        return None;
    }
    let is_rate = line.metric.unit() == Unit::PerSecond;
    if is_rate && !line.is_counted && monitored.aggregation.is_none() {
        section.notes().warning(
            section.place_of("formula"),
            format!(
                "the formula adds up `{}` over the window: as many as there were in it",
                line.metric
            ),
            "say so with `aggregation: total`, or take another aggregation",
        );
    }
    Some(())
}

/// The text in its parts, whatever they mean.
fn parts<'a>(scalar: &Scalar<'a>) -> Result<Parts<'a>, Misfit> {
    let refused = |hint: &str| Misfit::new("a formula", hint);
    let sample = "write a metric, `//` or `/`, a number, and perhaps `+` and a number, as in `requests // 20 + 1`";
    let (subject, rest) = scalar.text.split_once('/').ok_or_else(|| refused(sample))?;
    let (rounding, rest) = match rest.strip_prefix('/') {
        Some(rest) => (Rounding::Down, rest),
        None => (Rounding::Up, rest),
    };
    let (per, plus) = rest.split_once('+').unwrap_or((rest, "0"));
    let (subject, per) = (subject.trim(), per.trim());
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if subject.is_empty() || per.is_empty() || !subject.chars().all(is_word) {
        return Err(refused(sample));
    }
    let plus = Scalar {
        text: plus.trim(),
        is_quoted: false,
    };
    let plus = plus
        .whole(0, INSTANCES_LIMIT)
        .map_err(|misfit| refused(&format!("of what is added: {}", misfit.hint)))?;
    let is_amount = per.starts_with(|c: char| c.is_ascii_digit());
    if !is_amount || per.contains(char::is_whitespace) {
        return Err(refused(sample));
    }
    Ok(Parts {
        subject,
        rounding,
        per,
        plus,
    })
}

fn line(
    parts: &Parts<'_>,
    given: Option<&Metric>,
    aggregation: Option<Aggregation>,
) -> Result<Line, Misfit> {
    let counted = COUNTED.into_iter().find(|(word, _)| *word == parts.subject);
    let is_counted = counted.is_some();
    let metric = match counted {
        Some((_, metric)) => metric,
        None => subject(parts.subject, given)?,
    };
    let aggregation = aggregation.unwrap_or(Aggregation::Total);
    let per = Scalar {
        text: parts.per,
        is_quoted: false,
    };
    let per: Amount = above_zero(&per, unit_of(&metric, aggregation))?;
    Ok(Line {
        metric,
        aggregation,
        is_counted,
        formula: Formula {
            per,
            rounding: parts.rounding,
            plus: parts.plus,
        },
    })
}

/// The metric that a word stands for.
fn subject(word: &str, given: Option<&Metric>) -> Result<Metric, Misfit> {
    if let Some(given) = given.filter(|given| word == VALUE || word == given.name()) {
        return Ok(given.clone());
    }
    if word == VALUE {
        return Ok(Metric::Cpu);
    }
    let named = Metric::NAMED
        .into_iter()
        .find(|metric| metric.name() == word);
    named.ok_or_else(|| {
        let mut words: Vec<&str> = COUNTED.iter().map(|(word, _)| *word).collect();
        words.extend(METRICS);
        let hint = did_you_mean(word, &words);
        let hint = if hint.starts_with("did") {
            hint
        } else {
            format!(
                "{hint}; of a value that the application pushes, say `metric: {{ pushed: {word} }}` beside it"
            )
        };
        Misfit::new(format!("a formula of a metric, and `{word}` is none"), hint)
    })
}
