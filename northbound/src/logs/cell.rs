//! Single cells: what a spreadsheet, a program and a person all read alike.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

/// A text longer than this is cut; whole errors of programs go into the service's own log.
const TEXT_LIMIT: usize = 2_000;
/// A cell that begins with one of these is a formula to a spreadsheet.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Somebody's text: one line, harmless to a spreadsheet, and given back as it was by [`text::deserialize`], but for line
/// breaks, which become spaces, so that a line is always a row.
pub(super) mod text {
    use super::{Deserialize, Deserializer, FORMULA, Serializer, TEXT_LIMIT};

    pub(in super::super) fn serialize<S: Serializer>(
        text: &str,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let quote = text.starts_with(FORMULA) || text.starts_with('\'');
        let mut cell = String::with_capacity(text.len() + 1);
        if quote {
            cell.push('\'');
        }
        cell.extend(
            text.chars()
                .take(TEXT_LIMIT)
                .map(|c| if c.is_control() { ' ' } else { c }),
        );
        serializer.serialize_str(&cell)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<String, D::Error> {
        let cell = String::deserialize(deserializer)?;
        Ok(match cell.strip_prefix('\'') {
            Some(text) => text.to_owned(),
            None => cell,
        })
    }
}

/// A moment in UTC to the millisecond: `2026-01-15T08:00:00.000Z`.
pub(super) mod time {
    use super::{Deserialize, Deserializer, Serializer, Timestamp, de};

    pub(in super::super) fn serialize<S: Serializer>(
        time: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{time:.3}"))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let cell = String::deserialize(deserializer)?;
        cell.parse().map_err(de::Error::custom)
    }
}

/// An amount as a decimal number with all its digits: `0.8`, `12`.
pub(super) mod amount {
    use controller::amount::Amount;

    use super::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn shown(amount: Amount) -> String {
        let millionths = amount.millionths();
        let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the shape that serde asks for"
    )]
    pub(in super::super) fn serialize<S: Serializer>(
        amount: &Amount,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&shown(*amount))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Amount, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Amount::measured(number).ok_or_else(|| de::Error::custom("not an amount"))
    }
}

/// An amount, or an empty cell.
pub(super) mod maybe_amount {
    use controller::amount::Amount;

    use super::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::ref_option, reason = "the shape that serde asks for")]
    pub(in super::super) fn serialize<S: Serializer>(
        amount: &Option<Amount>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => super::amount::serialize(amount, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Amount>, D::Error> {
        let number = Option::<f64>::deserialize(deserializer)?;
        number
            .map(|number| {
                Amount::measured(number).ok_or_else(|| de::Error::custom("not an amount"))
            })
            .transpose()
    }
}
