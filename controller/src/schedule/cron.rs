//! When a window opens, as a cron expression. The expression says what the clocks show; [`super::clocks`] says when they show
//! it, by the same rule for every kind of window.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use croner::parser::CronParser;
use croner::{CronComponent, CronPattern};
use jiff::civil::{Date, Time, Weekday, date};
use serde::{Deserialize, Serialize};

/// Every minute and every hour, written out one by one, would still fit.
const LONGEST: usize = 512;

/// The fields in their order.
const FIELDS: [Field; 5] = [
    field("minute", 59, "0 to 59"),
    field("hour", 23, "0 to 23"),
    field("day of the month", 31, "1 to 31, or L for the last"),
    field("month", 12, "1 to 12, or jan to dec"),
    field(
        "day of the week",
        7,
        "0 to 7 (0 and 7 are Sunday), or sun to sat",
    ),
];

struct Field {
    name: &'static str,
    most: u32,
    allowed: &'static str,
}

const fn field(name: &'static str, most: u32, allowed: &'static str) -> Field {
    Field {
        name,
        most,
        allowed,
    }
}

/// A cron expression of five fields, `0 8 * * mon-fri`, that comes at least once in 40 years. Each field holds `*`, a number,
/// a range `1-5`, a step `*/15` or `8-18/2`, or a list of these. As with every cron, a day counts that fits the day of the
/// month *or* the day of the week where neither of them is `*`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cron {
    text: String,
    /// Bit n for the minute n.
    minutes: u64,
    /// Bit n for the hour n.
    hours: u32,
    days: Arc<CronPattern>,
    repeats: bool,
}

/// Why an expression was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields.
    #[error("a cron expression has five fields, this has {found}")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// A field that cannot be read.
    #[error("`{text}` is no {field}")]
    Field {
        /// Which.
        field: &'static str,
        /// What it holds.
        text: String,
        /// What it may hold.
        allowed: &'static str,
    },
    /// Longer than any that is meant.
    #[error("a cron expression has at most {LONGEST} characters")]
    TooLong,
    /// Such as 30 February.
    #[error("`{text}` never comes: no month has such a day")]
    Never {
        /// The expression.
        text: String,
    },
}

impl CronError {
    /// What to write instead.
    pub fn hint(&self) -> String {
        match self {
            Self::Count { .. } | Self::TooLong => {
                "write minute, hour, day of the month, month and day of the week, as in \"0 8 * * mon-fri\""
                    .to_owned()
            }
            Self::Field { allowed, .. } => format!(
                "write {allowed}; `*` for every one, `1-5` for a range, `*/15` for every fifteenth, `1,3` for a list"
            ),
            Self::Never { .. } => "take another day of the month, or another month".to_owned(),
        }
    }
}

impl Cron {
    /// The expression, with one space between fields.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it goes by the hour or the minute (one of them begins with `*`), so that an hour that the clocks show twice
    /// has its starts twice.
    pub(super) fn repeats(&self) -> bool {
        self.repeats
    }

    /// Whether it comes on this day.
    pub(super) fn is_on(&self, date: Date) -> bool {
        let part = |number: i8| u32::from(number.unsigned_abs());
        let weekday = weekday(date.weekday());
        let (month, day) = (part(date.month()), part(date.day()));
        self.days.month_match(month).unwrap_or(false)
            && self
                .days
                .day_match(i32::from(date.year()), month, day, weekday)
                .unwrap_or(false)
    }

    /// The times at which it comes on its days, in order.
    pub(super) fn times(&self) -> impl Iterator<Item = Time> {
        (0..24)
            .filter(|hour| self.hours >> hour & 1 == 1)
            .flat_map(|hour| {
                (0..60)
                    .filter(|minute| self.minutes >> minute & 1 == 1)
                    .map(move |minute| at(hour, minute))
            })
    }

    /// The last time of its days that is not after `time`.
    pub(super) fn last_until(&self, time: Time) -> Option<Time> {
        let hour = u32::from(time.hour().unsigned_abs());
        let minute = u32::from(time.minute().unsigned_abs());
        let so_far = self.minutes & (u64::MAX >> (63 - minute));
        if self.hours >> hour & 1 == 1 && so_far != 0 {
            return Some(at(hour, so_far.ilog2()));
        }
        let earlier = self.hours & ((1 << hour) - 1);
        (earlier != 0).then(|| at(earlier.ilog2(), self.minutes.ilog2()))
    }
}

fn at(hour: u32, minute: u32) -> Time {
    let part = |number: u32| i8::try_from(number).unwrap_or_default();
    Time::constant(part(hour), part(minute), 0, 0)
}

fn weekday(day: Weekday) -> croner::Weekday {
    match day {
        Weekday::Sunday => croner::Weekday::Sunday,
        Weekday::Monday => croner::Weekday::Monday,
        Weekday::Tuesday => croner::Weekday::Tuesday,
        Weekday::Wednesday => croner::Weekday::Wednesday,
        Weekday::Thursday => croner::Weekday::Thursday,
        Weekday::Friday => croner::Weekday::Friday,
        Weekday::Saturday => croner::Weekday::Saturday,
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        if text.len() > LONGEST {
            return Err(CronError::TooLong);
        }
        let given: Vec<&str> = text.split_whitespace().collect();
        let found = given.len();
        let fields: [&str; 5] = given.try_into().map_err(|_| CronError::Count { found })?;
        for (number, field) in FIELDS.iter().enumerate() {
            let mut alone = ["*"; 5];
            alone[number] = fields[number];
            let text = fields[number];
            if !is_plain(text, field.most) || CronParser::new().parse(&alone.join(" ")).is_err() {
                return Err(CronError::Field {
                    field: field.name,
                    text: text.to_owned(),
                    allowed: field.allowed,
                });
            }
        }
        let text = fields.join(" ");
        let never = || CronError::Never { text: text.clone() };
        let mut days = CronParser::new().parse(&text).map_err(|_| never())?.pattern;
        // A flag for every year until 5000, none of which a window asks for.
        days.years = CronComponent::default();
        let bits = |count: u32, has: &dyn Fn(u32) -> bool| {
            (0..count)
                .filter(|number| has(*number))
                .fold(0_u64, |bits, number| bits | 1 << number)
        };
        let minutes = bits(60, &|minute| days.minute_match(minute).unwrap_or(false));
        let hours = bits(24, &|hour| days.hour_match(hour).unwrap_or(false));
        let cron = Self {
            minutes,
            hours: u32::try_from(hours).unwrap_or_default(),
            repeats: fields[..2].iter().any(|field| field.starts_with('*')),
            days: Arc::new(days),
            text: text.clone(),
        };
        // Forty years hold every kind of year, leap or not, that begins on every day of the week.
        let comes = date(2000, 1, 1)
            .series(jiff::Span::new().days(1))
            .take_while(|day| day.year() < 2040)
            .any(|day| cron.is_on(day));
        if comes && minutes != 0 && hours != 0 {
            Ok(cron)
        } else {
            Err(never())
        }
    }
}

/// Without what would be read in silence as something else: empty items, marks of other dialects, and steps that reach
/// beyond the field (`*/90` is not every 90 minutes).
fn is_plain(field: &str, most: u32) -> bool {
    let is_mark = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'/' | b'-' | b'#');
    field.split(',').all(|item| {
        let step = item.split_once('/').map(|(_, step)| step.parse::<u32>());
        !item.is_empty()
            && item.bytes().all(is_mark)
            && step.is_none_or(|step| step.is_ok_and(|step| step <= most))
    })
}

impl TryFrom<String> for Cron {
    type Error = CronError;

    fn try_from(text: String) -> Result<Self, CronError> {
        text.parse()
    }
}

impl From<Cron> for String {
    fn from(cron: Cron) -> Self {
        cron.text
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cron").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = text.parse::<Cron>().unwrap_err();
        format!("{error}; {}", error.hint())
    }

    #[test]
    fn an_expression_keeps_its_words_and_reads_back() {
        for text in [
            "0 8 * * mon-fri",
            "*/15 8-18/2 1,15 * *",
            "0 0 L * *",
            "59 23 31 dec *",
            "0 0 29 2 *",
            "0 9 * * mon#1",
            "30 4 * * 7",
        ] {
            let cron: Cron = text.parse().unwrap();

            assert_eq!(cron.as_str(), text);
            let json = serde_json::to_string(&cron).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Cron>(&json).unwrap(), cron);
        }
        let spaced: Cron = " 0  8 * *\tmon-fri ".parse().unwrap();
        assert_eq!(spaced.as_str(), "0 8 * * mon-fri");
    }

    #[test]
    fn a_refusal_names_the_field_and_what_it_may_hold() {
        assert_eq!(
            refused("0 25 * * *"),
            "`25` is no hour; write 0 to 23; `*` for every one, `1-5` for a range, `*/15` for every fifteenth, `1,3` for a list"
        );
        for (text, word) in [
            ("60 * * * *", "`60` is no minute"),
            ("*/90 * * * *", "`*/90` is no minute"),
            ("1,,2 * * * *", "`1,,2` is no minute"),
            ("5/10 * * * *", "`5/10` is no minute"),
            ("0 22-2 * * *", "`22-2` is no hour"),
            ("0 0 32 * *", "`32` is no day of the month"),
            ("0 0 ? * *", "`?` is no day of the month"),
            ("0 0 0 * *", "`0` is no day of the month"),
            ("0 0 * 13 *", "`13` is no month"),
            ("0 0 * foo *", "`foo` is no month"),
            ("0 0 * * 8", "`8` is no day of the week"),
            ("0 0 * * +1", "`+1` is no day of the week"),
            ("0 0 * * é", "`é` is no day of the week"),
            ("0 0 30 2 *", "`0 0 30 2 *` never comes"),
            ("* * * *", "this has 4"),
            ("* * * * * *", "this has 6"),
            ("@daily", "this has 1"),
            ("", "this has 0"),
        ] {
            assert!(refused(text).contains(word), "{text}: {}", refused(text));
        }
        assert!(refused(&"* ".repeat(300)).contains("at most 512"));
    }
}
