//! A rule in three parts (S2-15, S2-16): what is looked at, which values it is about, what is done then.

use controller::amount::Amount;
use controller::load::Unit;
use controller::policy::{Adjustment, Response, Signal};

use crate::reader::Section;
use crate::reader::scalar::{Misfit, Scalar};

use super::super::Known;
use super::{Monitored, read_aggregation, read_metric, steps, unit_of};

pub(super) fn read(section: &Section<'_>, known: &Known) -> Option<Signal> {
    let monitor = section.section("monitor");
    let monitored = Monitored {
        section: &monitor,
        metric: read_metric(&monitor),
        aggregation: read_aggregation(&monitor),
        known,
    };
    let change = steps::read_change(section, "action");
    let metric = monitored.metric();
    let unit = metric
        .as_ref()
        .map(|metric| unit_of(metric, monitored.aggregation.unwrap_or_default()));
    let trigger = section.read("trigger", |scalar| trigger(scalar, unit));
    let monitor = metric.map(|metric| monitored.of(metric));
    let (from, to) = trigger?.value;
    Some(Signal {
        monitor: monitor?,
        response: Response::Steps(vec![Adjustment {
            from,
            to,
            change: change?,
        }]),
    })
}

/// `< 10%`, `>= 80%`. Values are kept in millionths, so that `> 80%` is from 80.0001 % on and `<= 80%` below that. Without
/// the unit only the form is judged.
fn trigger(
    scalar: &Scalar<'_>,
    unit: Option<Unit>,
) -> Result<(Option<Amount>, Option<Amount>), Misfit> {
    const NEXT: Amount = Amount::from_millionths(1);
    let expected = "a range of values";
    let text = scalar.text.trim();
    let split = text
        .find(|c: char| !matches!(c, '<' | '>' | '='))
        .unwrap_or(text.len());
    let (sign, amount) = text.split_at(split);
    let sample = match text.find(['<', '>']) {
        Some(begin) if text.starts_with(|c: char| c.is_ascii_lowercase()) => format!(
            "the metric stands under `monitor`: write \"{}\"",
            &text[begin..]
        ),
        _ => "write a comparison and a value, as in \"< 10%\" or \">= 80%\"".to_owned(),
    };
    if !matches!(sign, "<" | "<=" | ">" | ">=") {
        return Err(Misfit::new(expected, sample));
    }
    let amount = Scalar {
        text: amount.trim_start(),
        is_quoted: false,
    };
    if !amount.text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Misfit::new(expected, sample));
    }
    let Some(unit) = unit else {
        return Ok((None, None));
    };
    let amount = amount.quantity(unit)?;
    if amount == Amount::ZERO && sign == "<" {
        return Err(Misfit::new(expected, "nothing is below zero"));
    }
    Ok(match sign {
        "<" => (None, Some(amount)),
        "<=" => (None, Some(amount + NEXT)),
        ">" => (Some(amount + NEXT), None),
        _ => (Some(amount), None),
    })
}
