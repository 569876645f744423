//! Which keys there are, what each may hold, and what it means when it is left out: said once, as tables. The [reader]
//! checks texts against them, [`schema`] publishes them for editors, tests hold the examples against them.
//!
//! [reader]: crate::reader

pub(crate) mod schema;

use std::fmt;

use controller::amount::Amount;
use controller::load::Unit;
use jiff::SignedDuration;

/// A key.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// One sentence for a person who sees the key for the first time.
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    pub(crate) absence: Absence,
}

/// What it means when a key is left out.
#[derive(Debug)]
pub(crate) enum Absence {
    /// The text is refused.
    Refused,
    /// This value is taken, unless the operator has set another.
    Default(Literal),
    /// What this sentence says.
    Means(&'static str),
}

/// A value in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Literal {
    Duration(SignedDuration),
    Whole(u32),
    Share(Amount),
    Decimal(Amount),
    /// In bytes.
    Size(u64),
    Switch(bool),
    Word(&'static str),
}

/// What a key may hold.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Keys of its own.
    Section(&'static [Entry]),
    /// A list of such, not empty.
    Sections {
        of: &'static [Entry],
        most: usize,
    },
    /// Keys of its own, or a list of such that is not empty.
    OneOrMore {
        of: &'static [Entry],
        most: usize,
    },
    /// One value, or keys of its own that say more.
    Either {
        plain: &'static Shape,
        keys: &'static [Entry],
    },
    /// Such, each under a name that a person chooses.
    Named {
        of: &'static [Entry],
        most: usize,
    },
    Whole {
        least: u32,
        most: u32,
    },
    /// A number with at most six decimals.
    Decimal {
        least: Amount,
        most: Amount,
    },
    /// `10%` or `0.1`.
    Share {
        least: Amount,
        most: Amount,
    },
    /// An amount of a metric: a share, seconds, or a number.
    Quantity,
    /// Such, and perhaps the metric: `200 requests_per_second`.
    Capacity,
    /// A range of such: `>= 80%`.
    Trigger,
    /// How a number changes: `+1`, `-50%`, `=4`, `x2`.
    Change,
    /// `requests // 20 + 1`.
    Formula,
    /// So many instances within so long: `10 per 5m`.
    Rate {
        most: u32,
        per: SignedDuration,
    },
    /// `true` or `false`.
    Switch,
    /// Such, or one of these.
    SwitchOrWord(&'static [&'static str]),
    /// `1` or `0`.
    Bit,
    Duration {
        least: SignedDuration,
        most: SignedDuration,
    },
    /// Bytes, as `64MiB`.
    Size {
        least: u64,
        most: u64,
    },
    /// One line of text.
    Line {
        most: usize,
        /// One that could be written.
        sample: &'static str,
    },
    /// One of these.
    Word(&'static [&'static str]),
    /// A name as `controller::id` has it.
    Name,
    /// A path of a URL.
    UrlPath,
    /// A path of this machine.
    FilePath,
    Address,
    /// A dotted mask.
    Mask,
    /// Addresses in CIDR notation, without host bits.
    Network,
    Networks {
        most: usize,
    },
    /// `19.0.0.2-19.0.0.254`.
    AddressRange,
    /// `08:00`.
    Time,
    /// `2026-12-24 08:00`.
    Moment,
    /// Either of the two.
    TimeOrMoment,
    /// Five fields.
    Cron,
    /// `mon-fri`, `[mon, wed]`, `daily`.
    Days,
    /// An IANA name.
    Zone,
    /// Words of a command.
    Texts {
        most: usize,
    },
    /// Variables.
    Environment {
        most: usize,
    },
}

impl Entry {
    pub(crate) const fn required(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self {
            name,
            about,
            shape,
            absence: Absence::Refused,
        }
    }

    pub(crate) const fn default(
        name: &'static str,
        shape: Shape,
        value: Literal,
        about: &'static str,
    ) -> Self {
        Self {
            name,
            about,
            shape,
            absence: Absence::Default(value),
        }
    }

    pub(crate) const fn optional(
        name: &'static str,
        shape: Shape,
        means: &'static str,
        about: &'static str,
    ) -> Self {
        Self {
            name,
            about,
            shape,
            absence: Absence::Means(means),
        }
    }

    /// A line that could be written, with what is needed below it.
    pub(crate) fn sample(&self) -> String {
        format!("{}: {}", self.name, self.shape.sample())
    }

    /// Keys under this one, if it has any.
    pub(crate) fn inner(&self) -> &'static [Self] {
        match self.shape {
            Shape::Section(of)
            | Shape::Sections { of, .. }
            | Shape::OneOrMore { of, .. }
            | Shape::Named { of, .. }
            | Shape::Either { keys: of, .. } => of,
            _ => &[],
        }
    }
}

impl Shape {
    /// What one value may be, where keys may stand in its place.
    pub(crate) fn plain(&self) -> &Self {
        match self {
            Self::Either { plain, .. } => plain,
            other => other,
        }
    }

    /// A value that could be written.
    fn sample(&self) -> String {
        let needed = |of: &[Entry]| {
            let is_needed = |entry: &&Entry| matches!(entry.absence, Absence::Refused);
            let mut keys: Vec<String> = of.iter().filter(is_needed).map(Entry::sample).collect();
            if keys.is_empty() {
                keys.extend(of.first().map(Entry::sample));
            }
            format!("{{ {} }}", keys.join(", "))
        };
        match self {
            Self::Section(of) | Self::OneOrMore { of, .. } => needed(of),
            Self::Either { plain, .. } => plain.sample(),
            Self::Sections { of, .. } => format!("[{}]", needed(of)),
            Self::Named { of, .. } => format!("{{ web: {} }}", needed(of)),
            Self::Whole { least, most } => (*least).max(2).min(*most).to_string(),
            Self::Decimal { .. } => "0.5".to_owned(),
            Self::Share { .. } | Self::Quantity => "60%".to_owned(),
            Self::Capacity => "200 requests_per_second".to_owned(),
            Self::Trigger => "\">= 80%\"".to_owned(),
            Self::Change => "+1".to_owned(),
            Self::Formula => "requests // 20 + 1".to_owned(),
            Self::Rate { .. } => "2 per 5m".to_owned(),
            Self::Switch | Self::SwitchOrWord(_) => "true".to_owned(),
            Self::Bit => "1".to_owned(),
            Self::Duration { least, most } => {
                duration_text(SignedDuration::from_mins(60).clamp(*least, *most))
            }
            Self::Size { .. } => "64MiB".to_owned(),
            Self::Word(words) => words.first().copied().unwrap_or_default().to_owned(),
            Self::Name => "demo".to_owned(),
            Self::Line { sample, .. } => (*sample).to_owned(),
            Self::UrlPath => "/health".to_owned(),
            Self::FilePath => "/srv/asaas".to_owned(),
            Self::Address => "45.45.45.45".to_owned(),
            Self::Mask => "255.255.255.0".to_owned(),
            Self::Network | Self::Networks { .. } => "19.0.0.0/24".to_owned(),
            Self::AddressRange => "19.0.0.2-19.0.0.254".to_owned(),
            Self::Time | Self::TimeOrMoment => "\"08:00\"".to_owned(),
            Self::Moment => "2026-12-24 08:00".to_owned(),
            Self::Cron => "\"0 8 * * mon-fri\"".to_owned(),
            Self::Days => "mon-fri".to_owned(),
            Self::Zone => "Europe/Berlin".to_owned(),
            Self::Texts { .. } => "[/bin/app]".to_owned(),
            Self::Environment { .. } => "{ MODE: fast }".to_owned(),
        }
    }
}

impl fmt::Display for Literal {
    /// As it is written in a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration(duration) => f.write_str(&duration_text(*duration)),
            Self::Whole(whole) => whole.fmt(f),
            Self::Share(share) => f.write_str(&percent_text(*share)),
            Self::Decimal(number) => f.write_str(&decimal_text(number.millionths())),
            Self::Size(bytes) => f.write_str(&size_text(*bytes)),
            Self::Switch(on) => on.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// `1h30m`: whole units, the largest first, none that is zero.
pub(crate) fn duration_text(duration: SignedDuration) -> String {
    const UNITS: [(&str, i128); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, millis) in UNITS {
        if rest / millis > 0 {
            text.extend([&(rest / millis).to_string(), unit]);
            rest %= millis;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// `60%`, `12.5%`: exactly.
pub(crate) fn percent_text(share: Amount) -> String {
    format!("{}%", decimal_text(share.millionths() * 100))
}

/// An amount of a metric of this unit: `60%`, `250ms`, `0.000001s`, `50`; exactly.
pub(crate) fn quantity_text(amount: Amount, unit: Unit) -> String {
    let millionths = amount.millionths();
    match unit {
        Unit::Share => percent_text(amount),
        Unit::Seconds if millionths.is_multiple_of(1_000) => {
            let millis = i64::try_from(millionths / 1_000).unwrap_or(i64::MAX);
            duration_text(SignedDuration::from_millis(millis))
        }
        Unit::Seconds => format!("{}s", decimal_text(millionths)),
        Unit::PerSecond | Unit::Number => decimal_text(millionths),
    }
}

/// Millionths as a decimal number, exactly.
pub(crate) fn decimal_text(millionths: u64) -> String {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `64MiB`: in the largest unit that holds it exactly.
pub(crate) fn size_text(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];
    UNITS
        .iter()
        .find(|(_, shift)| bytes.trailing_zeros() >= *shift && bytes >> shift > 0)
        .map_or_else(
            || "0B".to_owned(),
            |(unit, shift)| format!("{}{unit}", bytes >> shift),
        )
}
