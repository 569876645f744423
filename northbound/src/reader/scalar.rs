//! One word of a file → one value. Strict, with a hint for every habit that other tools have taught.

mod address;
mod amount;
mod time;

use std::str::FromStr;

use controller::id::{NameError, TenantName};

use crate::problem::is_invisible;
use crate::shape::size_text;

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

    /// One line of text, without what is around it.
    pub(crate) fn line(&self, most: usize) -> Result<String, Misfit> {
        let expected = format!("one line of 1 to {most} characters");
        let text = self.text.trim();
        let hint = if text.is_empty() {
            "write something, or take the line away".to_owned()
        } else if text.chars().any(|c| c.is_control() || is_invisible(c)) {
            "write it on one line; after `>-` YAML joins several".to_owned()
        } else if text.chars().count() > most {
            format!("it has {} characters", text.chars().count())
        } else {
            return Ok(text.to_owned());
        };
        Err(Misfit::new(expected, hint))
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

    pub(crate) fn switch_or_word(
        &self,
        words: &'static [&'static str],
    ) -> Result<Result<bool, &'static str>, Misfit> {
        if let Some(word) = words.iter().find(|word| **word == self.text) {
            return Ok(Err(word));
        }
        self.switch().map(Ok).map_err(|misfit| Misfit {
            expected: format!("true, false or {}", words.join(", ")),
            hint: match did_you_mean(self.text, words) {
                near if near.starts_with("did") => near,
                _ if misfit.hint.contains(" or ") => {
                    format!("write true, false or {}", words.join(", "))
                }
                _ => misfit.hint,
            },
        })
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
                NameError::Empty
                | NameError::Malformed { .. }
                | NameError::NotAnInstance { .. } => format!(
                    "use lower-case letters, digits, `-` and `_`, and begin with a letter, as in `{}`",
                    likely_name(self.text)
                ),
            };
            Misfit::new("a name", hint)
        })
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

#[cfg(test)]
mod tests {
    use controller::amount::Amount;
    use jiff::SignedDuration;

    use super::time::duration;
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
