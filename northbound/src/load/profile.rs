//! The rate profile: how many requests per second, when. The text is
//!
//! ```text
//! profile  = segment { "," segment }
//! segment  = [ name "=" ] [ "ramp" ] rate [ ".." rate ] ":" duration
//! rate     = number [ "/" ( "s" | "m" | "h" ) ]                  per second where no unit is given
//! duration = number ( "ms" | "s" | "m" | "h" ) { number unit }
//! ```
//!
//! as in `low=10/s:20s,high=50/s:1m` or `ramp 10/s..100/s:30s`. A rate of zero is a pause.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// More than this a generator with these means does not reach; a typing error does.
const MAX_RATE: f64 = 100_000.0;
/// A run is bounded; whoever needs more starts it again.
const MAX_LENGTH: Duration = Duration::from_hours(24);
/// Keeps the summary readable.
const MAX_SEGMENTS: usize = 200;
/// Keeps the marks and the table readable.
const MAX_NAME: usize = 24;

/// How many requests per second, when. Never empty, and never longer than a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    segments: Vec<Segment>,
}

/// One stretch of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// What it is called in marks and summaries: its own name, or its rate.
    pub name: String,
    /// Requests per second at its start.
    pub from: f64,
    /// Requests per second at its end.
    pub to: f64,
    /// How long it lasts.
    pub lasts: Duration,
}

/// A profile that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "segment {number} `{text}`: {problem}\nhint: a profile looks like `low=10/s:20s,high=50/s:1m` or `ramp 10/s..100/s:30s`"
)]
pub struct ProfileError {
    number: usize,
    text: String,
    problem: String,
}

impl Profile {
    /// Its segments, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// How long it lasts as a whole.
    pub fn length(&self) -> Duration {
        self.segments.iter().map(|segment| segment.lasts).sum()
    }

    /// The same, so many times in a row; `None` where that is longer than a day or has too many segments.
    #[must_use]
    pub fn repeated(&self, times: usize) -> Option<Self> {
        let length = self.length().checked_mul(u32::try_from(times).ok()?)?;
        let count = self.segments.len().checked_mul(times)?;
        (times > 0 && length <= MAX_LENGTH && count <= MAX_SEGMENTS).then(|| Self {
            segments: self.segments.iter().cycle().take(count).cloned().collect(),
        })
    }
}

impl Segment {
    /// When, counted from the segment's start, the rate has asked for `count` requests; `None` where it never does.
    ///
    /// A rate that goes evenly from `from` to `to` has asked for `from·t + (to − from)·t²/2·lasts` after `t`.
    pub(super) fn moment_of(&self, count: f64) -> Option<Duration> {
        let bend = (self.to - self.from) / (2.0 * self.lasts.as_secs_f64());
        let inside = self.from * self.from + 4.0 * bend * count;
        if inside < 0.0 {
            return None;
        }
        // The form of the quadratic solution that stays exact where `bend` is nearly zero.
        let below = self.from + inside.sqrt();
        let seconds = match (below > 0.0, count > 0.0) {
            (true, _) => 2.0 * count / below,
            // A ramp from zero asks for its first request at once; a pause asks for none.
            (false, false) if self.to > 0.0 => 0.0,
            (false, _) => return None,
        };
        (seconds < self.lasts.as_secs_f64()).then(|| Duration::from_secs_f64(seconds))
    }
}

impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let fail = |number: usize, text: &str, problem: String| ProfileError {
            number,
            text: text.to_owned(),
            problem,
        };
        if parts.len() > MAX_SEGMENTS {
            let problem = format!("a profile has at most {MAX_SEGMENTS} segments");
            return Err(fail(MAX_SEGMENTS + 1, parts[MAX_SEGMENTS], problem));
        }
        let mut segments = Vec::with_capacity(parts.len());
        let mut length = Duration::ZERO;
        for (index, part) in parts.iter().enumerate() {
            let segment = segment(part).map_err(|problem| fail(index + 1, part, problem))?;
            length = length.saturating_add(segment.lasts);
            if length > MAX_LENGTH {
                let problem = "the profile is longer than a day up to here".to_owned();
                return Err(fail(index + 1, part, problem));
            }
            segments.push(segment);
        }
        Ok(Self { segments })
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}={}/s", segment.name, segment.from)?;
            #[expect(
                clippy::float_cmp,
                reason = "the two are equal where one rate was written"
            )]
            if segment.from != segment.to {
                write!(f, "..{}/s", segment.to)?;
            }
            write!(f, ":{:?}", segment.lasts)?;
        }
        Ok(())
    }
}

fn segment(text: &str) -> Result<Segment, String> {
    let (name, rest) = match text.split_once('=') {
        Some((name, rest)) => (Some(checked_name(name.trim())?), rest.trim()),
        None => (None, text),
    };
    let Some((rates, lasts)) = rest.split_once(':') else {
        return Err("it has no `:` and duration at its end".to_owned());
    };
    let is_ramp = rates.trim_start().starts_with("ramp ");
    let rates = rates.trim_start().trim_start_matches("ramp ").trim();
    let (from, to) = match rates.split_once("..") {
        Some((from, to)) => (rate(from.trim())?, rate(to.trim())?),
        None if is_ramp => return Err("a ramp goes from one rate `..` to another".to_owned()),
        None => {
            let steady = rate(rates)?;
            (steady, steady)
        }
    };
    Ok(Segment {
        name: name.unwrap_or_else(|| rates.to_owned()),
        from,
        to,
        lasts: duration(lasts.trim())?,
    })
}

fn checked_name(name: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_ ".contains(letter);
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_plain) {
        return Err(format!(
            "a name has 1 to {MAX_NAME} letters, digits, `-`, `_` or blanks, found `{name}`"
        ));
    }
    Ok(name.to_owned())
}

/// Requests per second.
fn rate(text: &str) -> Result<f64, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        other => {
            return Err(format!(
                "the unit of a rate is `/s`, `/m` or `/h`, found `/{other}`"
            ));
        }
    };
    let rate = positive_number(number.trim())
        .ok_or_else(|| format!("a rate is a number such as `50/s`, found `{text}`"))?
        / seconds;
    if rate > MAX_RATE {
        return Err(format!("a rate is at most {MAX_RATE}/s, found `{text}`"));
    }
    Ok(rate)
}

/// A duration such as `20s`, `1m30s`, `500ms`; between a millisecond and a day.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let problem = || format!("a duration is a number and a unit such as `20s`, found `{text}`");
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .ok_or_else(problem)?;
        let number = positive_number(&rest[..digits]).ok_or_else(problem)?;
        rest = &rest[digits..];
        let letters = rest
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(rest.len());
        total += number
            * match rest[..letters].trim() {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return Err(problem()),
            };
        rest = &rest[letters..];
    }
    if !(0.001..=MAX_LENGTH.as_secs_f64()).contains(&total) {
        return Err(format!("a duration is between 1ms and 24h, found `{text}`"));
    }
    Ok(Duration::from_secs_f64(total))
}

fn positive_number(text: &str) -> Option<f64> {
    let is_plain = text
        .chars()
        .all(|letter| letter.is_ascii_digit() || letter == '.');
    text.parse::<f64>()
        .ok()
        .filter(|number| is_plain && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(text: &str) -> Vec<u128> {
        let segment = segment(text).unwrap();
        (0_u32..)
            .map_while(|count| segment.moment_of(f64::from(count)))
            .map(|moment| moment.as_millis())
            .collect()
    }

    #[test]
    fn a_profile_reads_names_rates_and_durations() {
        let profile: Profile = "low=10/s:20s, 120/m:1m30s,ramp 10..100/s:500ms"
            .parse()
            .unwrap();

        let read: Vec<_> = profile
            .segments()
            .iter()
            .map(|s| (s.name.as_str(), s.from, s.to, s.lasts.as_millis()))
            .collect();
        assert_eq!(
            read,
            [
                ("low", 10.0, 10.0, 20_000),
                ("120/m", 2.0, 2.0, 90_000),
                ("10..100/s", 10.0, 100.0, 500),
            ]
        );
        assert_eq!(profile.length(), Duration::from_millis(110_500));
    }

    #[test]
    fn a_bad_profile_names_the_segment_and_what_is_wrong_with_it() {
        for (text, expected) in [
            ("", "segment 1 ``: it has no `:`"),
            ("10/s", "segment 1 `10/s`: it has no `:`"),
            ("10/s:5s,", "segment 2 ``: it has no `:`"),
            ("10/x:5s", "found `/x`"),
            ("-1/s:5s", "a rate is a number such as `50/s`, found `-1/s`"),
            ("NaN/s:5s", "found `NaN/s`"),
            ("1e9/s:5s", "found `1e9/s`"),
            ("100001/s:5s", "a rate is at most 100000/s"),
            (
                "10/s:5",
                "a duration is a number and a unit such as `20s`, found `5`",
            ),
            ("10/s:0s", "a duration is between 1ms and 24h"),
            ("10/s:25h", "a duration is between 1ms and 24h"),
            (
                "1/s:23h,1/s:2h",
                "segment 2 `1/s:2h`: the profile is longer than a day",
            ),
            ("ramp 10/s:5s", "a ramp goes from one rate"),
            ("a\nb=10/s:5s", "a name has"),
        ] {
            let error = text.parse::<Profile>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?} gave {error}");
            assert!(error.contains("hint: a profile looks like"));
        }
    }

    #[test]
    fn a_steady_rate_is_evenly_spaced() {
        assert_eq!(moments("4/s:1s"), [0, 250, 500, 750]);
        assert_eq!(moments("0/s:1s"), [0_u128; 0]);
    }

    #[test]
    fn a_ramp_asks_for_the_area_under_it() {
        assert_eq!(moments("0..100/s:10s").len(), 500);
        assert_eq!(moments("100..0/s:10s").len(), 500);
        assert_eq!(moments("10..30/s:10s").len(), 200);

        let up = moments("0..8/s:1s");
        assert_eq!(up, [0, 500, 707, 866]);
    }

    #[test]
    fn repetition_is_bounded() {
        let profile: Profile = "1/s:1h,2/s:1h".parse().unwrap();

        assert_eq!(profile.repeated(2).unwrap().segments().len(), 4);
        assert_eq!(profile.repeated(13), None);
        assert_eq!(profile.repeated(0), None);
    }
}
