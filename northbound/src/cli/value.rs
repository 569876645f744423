//! From the text of an argument to its value, or to what could be given instead.

use controller::amount::Amount;
use controller::id::Generation;
use controller::schedule::LONGEST_TIMELINE;
use jiff::{SignedDuration, Span, SpanRelativeTo};

use super::Number;

pub(super) fn generation(text: &str) -> Result<Generation, String> {
    text.parse()
        .map(Generation)
        .map_err(|_| "a generation is a whole number, as `asaas status` shows it".to_owned())
}

pub(super) fn number(text: &str) -> Result<Number, String> {
    if text == "auto" {
        return Ok(Number::Auto);
    }
    text.parse()
        .map(Number::Exactly)
        .map_err(|_| "give a whole number, or `auto`".to_owned())
}

pub(super) fn amount(text: &str) -> Result<Amount, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .and_then(Amount::measured)
        .ok_or_else(|| "give a number from 0 to a billion, such as `12` or `0.5`".to_owned())
}

pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
    match text.parse::<SignedDuration>() {
        Ok(duration) if duration.is_positive() => Ok(duration),
        _ => Err("give a time with its unit, such as `30s` or `5m`".to_owned()),
    }
}

/// A length of time in which a day has 24 hours.
pub(super) fn span(text: &str) -> Result<SignedDuration, String> {
    let day = SpanRelativeTo::days_are_24_hours();
    let span = text.parse::<Span>().ok();
    match span.and_then(|span| span.to_duration(day).ok()) {
        Some(span) if span > LONGEST_TIMELINE => Err("at most `31d` are told at once".to_owned()),
        Some(span) if span.is_positive() => Ok(span),
        _ => Err("give a time with its unit, such as `24h` or `3d`".to_owned()),
    }
}
