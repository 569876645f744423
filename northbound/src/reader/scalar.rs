//! One word of a file → one value. Strict, with a hint for every habit that other tools have taught.

mod address;

use std::str::FromStr;

use controller::amount::Amount;
use controller::id::{NameError, TenantName};
use jiff::SignedDuration;
use jiff::civil::Time;

use crate::shape::{decimal_text, duration_text, percent_text, size_text};

use super::did_you_mean;

/// A value as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scalar<'a> {
    pub(crate) text: &'a str,
    pub(crate) is_quoted: bool,
}

/// Why a word is not such a value: completes "expected … , found `word`".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) expected: String,
    pub(crate) hint: String,
}

impl Misfit {
    pub(crate) fn new(expected: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            hint: hint.into(),
        }
    }
}

/// Longer numbers are no numbers of ours.
const DIGITS_LIMIT: usize = 12;

impl Scalar<'_> {
    /// Any text that could be an argument of a command.
    pub(crate) fn text(&self) -> Result<String, Misfit> {
        if self
            .text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t')
        {
            return Err(Misfit::new("printable text", "take the escapes away"));
        }
        Ok(self.text.to_owned())
    }

    pub(crate) fn whole(&self, least: u32, most: u32) -> Result<u32, Misfit> {
        let expected = if least == most {
            format!("the number {least}")
        } else {
            format!("a whole number from {least} to {most}")
        };
        let text = self.text;
        let is_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let hint = if is_digits && self.is_quoted {
            format!("take the quotes away: {text}")
        } else if is_digits && text.len() > 1 && text.starts_with('0') {
            "take the leading zero away: some programs read such numbers as octal".to_owned()
        } else if is_digits {
            match text.parse::<u32>() {
                Ok(number) if (least..=most).contains(&number) => return Ok(number),
                Ok(number) if number < least => format!("the least is {least}"),
                _ => format!("the most is {most}"),
            }
        } else if text.starts_with('-') {
            format!("the least is {least}")
        } else {
            as_digits(text, least, most)
        };
        Err(Misfit::new(expected, hint))
    }

    pub(crate) fn decimal(&self, least: Amount, most: Amount) -> Result<Amount, Misfit> {
        let expected = format!(
            "a number from {} to {}",
            decimal_text(least.millionths()),
            decimal_text(most.millionths())
        );
        if self.is_quoted && decimal(self.text).is_some() {
            return Err(Misfit::new(
                expected,
                format!("take the quotes away: {}", self.text),
            ));
        }
        match decimal(self.text) {
            Some(amount) if (least..=most).contains(&amount) => Ok(amount),
            _ => Err(Misfit::new(
                expected,
                "write digits, a point and at most six decimals, as in 0.5",
            )),
        }
    }

    pub(crate) fn share(&self, least: Amount, most: Amount) -> Result<Amount, Misfit> {
        let expected = format!(
            "a share from {} to {}",
            percent_text(least),
            percent_text(most)
        );
        let Some(read) = self.share_text() else {
            if let Some(number) = decimal(self.text) {
                let hint = if number > Amount::ONE {
                    format!("did you mean {}%?", self.text)
                } else {
                    format!("take the quotes away: {}", self.text)
                };
                return Err(Misfit::new(expected, hint));
            }
            return Err(Misfit::new(expected, "write it as 60% or as 0.6"));
        };
        if (least..=most).contains(&read) {
            return Ok(read);
        }
        Err(Misfit::new(
            expected,
            format!("that is {}, out of these limits", percent_text(read)),
        ))
    }

    /// `60%`, or a plain number up to 1.
    fn share_text(&self) -> Option<Amount> {
        if let Some(percent) = self.text.strip_suffix('%') {
            // Of a percentage two more decimals are exact than of a share; more than four are refused.
            let hundredfold = decimal(percent.trim_end())?.millionths();
            return (hundredfold % 100 == 0).then(|| Amount::from_millionths(hundredfold / 100));
        }
        decimal(self.text).filter(|number| *number <= Amount::ONE && !self.is_quoted)
    }

    pub(crate) fn threshold(&self, is_share: bool) -> Result<Amount, Misfit> {
        const LEAST: Amount = Amount::from_millionths(1);
        const MOST: Amount = Amount::whole(1_000_000_000);
        if is_share {
            return self.share(Amount::from_millionths(10_000), Amount::ONE);
        }
        if self.text.ends_with('%') {
            return Err(Misfit::new(
                "a number of connections for each instance",
                "a percentage goes with `metric: cpu` and `metric: memory`",
            ));
        }
        self.decimal(LEAST, MOST)
    }

    pub(crate) fn duration(
        &self,
        least: SignedDuration,
        most: SignedDuration,
    ) -> Result<SignedDuration, Misfit> {
        let expected = format!(
            "a time from {} to {}",
            duration_text(least),
            duration_text(most)
        );
        let read = duration(self.text).map_err(|hint| Misfit::new(expected.clone(), hint))?;
        if (least..=most).contains(&read) {
            return Ok(read);
        }
        let hint = if read < least {
            format!("the least is {}", duration_text(least))
        } else {
            format!("the most is {}", duration_text(most))
        };
        Err(Misfit::new(expected, hint))
    }

    pub(crate) fn size(&self, least: u64, most: u64) -> Result<u64, Misfit> {
        let expected = format!("a size from {} to {}", size_text(least), size_text(most));
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
        let read = units.iter().find_map(|(unit, shift)| {
            let number = self.text.strip_suffix(unit)?.trim_end();
            let is_digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            (is_digits && number.len() <= DIGITS_LIMIT)
                .then(|| number.parse::<u64>().ok()?.checked_mul(1 << shift))?
        });
        match read {
            Some(bytes) if (least..=most).contains(&bytes) => Ok(bytes),
            _ => Err(Misfit::new(
                expected,
                "write a whole number with KiB, MiB or GiB, as in 64MiB",
            )),
        }
    }

    pub(crate) fn switch(&self) -> Result<bool, Misfit> {
        let expected = "true or false";
        match (self.text, self.is_quoted) {
            ("true", false) => Ok(true),
            ("false", false) => Ok(false),
            ("true" | "false", true) => Err(Misfit::new(
                expected,
                format!("take the quotes away: {}", self.text),
            )),
            (text, _) => {
                let hint = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "1" | "y" | "true" => "write true",
                    "no" | "off" | "0" | "n" | "false" => "write false",
                    _ => "write true or false",
                };
                Err(Misfit::new(expected, hint))
            }
        }
    }

    pub(crate) fn word(&self, words: &'static [&'static str]) -> Result<&'static str, Misfit> {
        words
            .iter()
            .copied()
            .find(|word| *word == self.text)
            .ok_or_else(|| {
                Misfit::new(
                    format!("one of {}", words.join(", ")),
                    did_you_mean(self.text, words),
                )
            })
    }

    /// A name as `controller::id` has it.
    pub(crate) fn name<T: FromStr<Err = NameError>>(&self) -> Result<T, Misfit> {
        self.text.parse().map_err(|error| {
            let hint = match error {
                NameError::TooLong { length, limit, .. } => {
                    format!("it has {length} characters, at most {limit} are allowed")
                }
                NameError::Empty | NameError::Malformed { .. } => format!(
                    "use lower-case letters, digits, `-` and `_`, and begin with a letter, as in `{}`",
                    likely_name(self.text)
                ),
            };
            Misfit::new("a name", hint)
        })
    }

    pub(crate) fn time(&self) -> Result<Time, Misfit> {
        let refused = || {
            Misfit::new(
                "a time of day",
                "hours and minutes from \"00:00\" to \"23:59\", as in \"08:00\"",
            )
        };
        let parts: Vec<&str> = self.text.split(':').collect();
        let number = |text: &str| -> Option<i8> {
            (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
                .then(|| text.parse().ok())?
        };
        let (hour, minute, second) = match parts.as_slice() {
            [hour, minute] => (number(hour), number(minute), Some(0)),
            [hour, minute, second] => (number(hour), number(minute), number(second)),
            _ => (None, None, None),
        };
        let (Some(hour), Some(minute), Some(second)) = (hour, minute, second) else {
            return Err(refused());
        };
        Time::new(hour, minute, second, 0).map_err(|_| refused())
    }
}

/// A name near to what somebody wrote: `Demo Tenant` → `demo-tenant`.
fn likely_name(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let plain = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    match plain.parse::<TenantName>() {
        Ok(name) => name.to_string(),
        Err(_) => "demo".to_owned(),
    }
}

/// What somebody may have meant by `1e3`, `2.0` or `two`.
fn as_digits(text: &str, least: u32, most: u32) -> String {
    let meant = text.parse::<f64>().ok().filter(|number| {
        number.fract() == 0.0 && (f64::from(least)..=f64::from(most)).contains(number)
    });
    match meant {
        Some(number) => format!("write {number}"),
        None if most == 1 => "1 for yes, 0 for no".to_owned(),
        None => format!("write digits only, as in {}", least.max(2).min(most)),
    }
}

/// Digits, and after a point at most six more, as millionths.
fn decimal(text: &str) -> Option<Amount> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || whole.len() > DIGITS_LIMIT || fraction.len() > 6
    {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    Some(Amount::from_millionths(
        whole.checked_mul(1_000_000)? + fraction,
    ))
}

/// `1h30m`: whole numbers with units from large to small, each at most once. The error is a hint.
fn duration(text: &str) -> Result<SignedDuration, String> {
    const UNITS: [(&str, i64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    const HINT: &str =
        "write whole numbers with d, h, m, s or ms, largest first, as in 30s, 2m or 1h30m";
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("give the unit: {text}s, or {text}m?"));
    }
    let mut rest = text;
    let mut millis: i64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_lowercase())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let at = UNITS
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or(HINT)?;
        if at < next_unit || number.is_empty() || number.len() > DIGITS_LIMIT {
            return Err(HINT.to_owned());
        }
        next_unit = at + 1;
        let number: i64 = number.parse().map_err(|_| HINT)?;
        millis = number
            .checked_mul(UNITS[at].1)
            .and_then(|part| millis.checked_add(part))
            .ok_or(HINT)?;
        rest = tail;
    }
    if next_unit == 0 {
        return Err(HINT.to_owned());
    }
    Ok(SignedDuration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Scalar<'_> {
        Scalar {
            text,
            is_quoted: false,
        }
    }

    #[test]
    fn durations_are_whole_numbers_with_units_from_large_to_small() {
        let good = [
            "30s", "2m", "1h30m", "500ms", "10h", "7d", "1d12h", "0s", "1s500ms", "90m",
        ];
        for text in good {
            assert!(duration(text).is_ok(), "{text}");
        }
        let bad = [
            "",
            "s",
            "30",
            "1.5h",
            "-1s",
            "1m1h",
            "1s1s",
            "1 h",
            "1H",
            "1w",
            "2min",
            "1e3s",
            "ms",
            "99999999999999999999s",
            "999999999999d",
            "1h-30m",
            "١s",
        ];
        for text in bad {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("1h30m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(duration("1s5ms"), Ok(SignedDuration::from_millis(1_005)));
    }

    #[test]
    fn a_share_is_the_same_in_percent_and_as_a_number() {
        let read = |text| plain(text).share(Amount::ZERO, Amount::ONE).ok();
        for (percent, number) in [
            ("60%", "0.6"),
            ("12.5%", "0.125"),
            ("100%", "1"),
            ("0%", "0.0"),
        ] {
            assert_eq!(read(percent), read(number), "{percent}");
            assert!(read(percent).is_some(), "{percent}");
        }
        for text in [
            "60",
            "1.1",
            "101%",
            "%",
            ".5",
            "1.",
            "0.0000001",
            "0.00001%",
            "-1%",
            "+1%",
            "1_0%",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_have_one_spelling() {
        let read = |text| plain(text).whole(0, u32::MAX).ok();
        assert_eq!(
            [read("0"), read("7"), read("4294967295")],
            [Some(0), Some(7), Some(u32::MAX)]
        );
        for text in [
            "00",
            "07",
            "+7",
            "7.0",
            "7e0",
            "0x7",
            "0o7",
            "7_0",
            "4294967296",
            "",
            "٧",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_would_do_is_suggested() {
        assert_eq!(likely_name("Demo Tenant"), "demo-tenant");
        assert_eq!(likely_name("9 lives"), "demo");
        assert_eq!(likely_name(""), "demo");
    }
}
