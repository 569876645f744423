//! What a line of an access log looks like, in the notation that web servers and load splitters use themselves: `%w %V %T`.
//!
//! A line is read from left to right. What stands between two fields must be in the line; a field is all that comes before
//! it. `%w` is the worker, and the time is one of `%T` (seconds, `0.012`), `%{ms}T` (milliseconds) and `%D` (microseconds).
//! Any other field, as `%V`, is something that is skipped. What comes after the last field and a blank does not matter.

use std::fmt;
use std::str::FromStr;

/// No line of a format is longer than a line of a log could be.
const FORMAT_LIMIT: usize = 500;
/// A request that took longer is a mistake in the format.
const LONGEST_MICROS: u128 = 86_400_000_000;

/// What a line looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Stands in the line as it is here.
    Literal(String),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Worker,
    /// In so many microseconds.
    Time(u32),
    Skipped,
}

/// A text that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It ends in the middle of a field, or is far too long.
    #[error("it does not end as a format does")]
    Torn,
    /// Nobody could tell where one ends and the other begins.
    #[error("two fields stand side by side with nothing between them")]
    Adjacent,
    /// Which of them would count?
    #[error("it has more than one {0}")]
    Twice(&'static str),
    /// Nothing would be measured.
    #[error("it has no field for the time: `%T`, `%{{ms}}T` or `%D`")]
    Timeless,
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// Who answered it; `None` where the format does not have it.
    pub(super) worker: Option<&'a str>,
    /// How long that took, in microseconds.
    pub(super) micros: u64,
}

impl Format {
    /// Whether its lines say who answered.
    pub fn has_worker(&self) -> bool {
        self.pieces.contains(&Piece::Field(Field::Worker))
    }

    /// `None` for a line that is no request.
    pub(super) fn read<'a>(&self, line: &'a str) -> Option<Request<'a>> {
        let (mut rest, mut worker, mut micros) = (line, None, None);
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            let field = match piece {
                Piece::Literal(text) => {
                    rest = rest.strip_prefix(text.as_str())?;
                    continue;
                }
                Piece::Field(field) => field,
            };
            let end = match pieces.peek() {
                Some(Piece::Literal(next)) => rest.find(next.as_str())?,
                _ => rest.find([' ', '\t']).unwrap_or(rest.len()),
            };
            let (value, after) = rest.split_at(end);
            rest = after;
            match field {
                Field::Worker if value.is_empty() => return None,
                Field::Worker => worker = Some(value),
                Field::Time(unit) => micros = Some(time(value, *unit)?),
                Field::Skipped => {}
            }
        }
        Some(Request {
            worker,
            micros: micros?,
        })
    }
}

/// Digits, and after a point more of them, of a unit of so many microseconds.
fn time(text: &str, unit: u32) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let part = part.get(..6).unwrap_or(part);
    let millionths: u128 = format!("{part:0<6}").parse().ok()?;
    let whole = whole.parse::<u64>().ok()?;
    let micros = (u128::from(whole) * 1_000_000 + millionths) * u128::from(unit) / 1_000_000;
    (micros <= LONGEST_MICROS).then(|| u64::try_from(micros).ok())?
}

impl FromStr for Format {
    type Err = FormatError;
    fn from_str(text: &str) -> Result<Self, FormatError> {
        if text.len() > FORMAT_LIMIT {
            return Err(FormatError::Torn);
        }
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if next == '%' && !rest.starts_with("%%") {
                let (field, after) = field(rest).ok_or(FormatError::Torn)?;
                if matches!(pieces.last(), Some(Piece::Field(_))) {
                    return Err(FormatError::Adjacent);
                }
                pieces.push(Piece::Field(field));
                rest = after;
                continue;
            }
            let length = if next == '%' { 2 } else { next.len_utf8() };
            rest = &rest[length..];
            match pieces.last_mut() {
                Some(Piece::Literal(literal)) => literal.push(next),
                _ => pieces.push(Piece::Literal(next.to_string())),
            }
        }
        let count = |is_meant: fn(&Field) -> bool| {
            let fields = pieces.iter();
            let meant = fields.filter(|p| matches!(p, Piece::Field(field) if is_meant(field)));
            meant.count()
        };
        let times = count(|field| matches!(field, Field::Time(_)));
        if count(|field| *field == Field::Worker) > 1 {
            return Err(FormatError::Twice("worker"));
        }
        match times {
            0 => Err(FormatError::Timeless),
            1 => Ok(Self {
                text: text.to_owned(),
                pieces,
            }),
            _ => Err(FormatError::Twice("time")),
        }
    }
}

/// `%w`, `%>s`, `%{ms}T`, and what comes after it.
fn field(text: &str) -> Option<(Field, &str)> {
    let text = text.strip_prefix('%')?;
    let text = text.strip_prefix(['<', '>']).unwrap_or(text);
    let (name, text) = match text.strip_prefix('{') {
        Some(inner) => {
            let (name, text) = inner.split_once('}')?;
            (Some(name), text)
        }
        None => (None, text),
    };
    let letter = text.chars().next().filter(char::is_ascii_alphabetic)?;
    let field = match (letter, name) {
        ('w', None) | ('e', Some("BALANCER_WORKER_NAME")) => Field::Worker,
        ('T', None | Some("s")) => Field::Time(1_000_000),
        ('T', Some("ms")) => Field::Time(1_000),
        ('T', Some("us")) | ('D', None) => Field::Time(1),
        _ => Field::Skipped,
    };
    Some((field, &text[1..]))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(format: &str, line: &'a str) -> Option<(Option<&'a str>, u64)> {
        let request = format.parse::<Format>().unwrap().read(line)?;
        Some((request.worker, request.micros))
    }

    // S1-15, S1-40
    #[test]
    fn the_formats_of_load_splitters_are_read() {
        let cases = [
            (
                "%w %V %T",
                "web1 shop.example.com 0.012345",
                Some("web1"),
                12_345,
            ),
            (
                "[%t] %w %V %T",
                "[Thu Jan 15 08:00:00 2026] web1 shop.example.com 1.5",
                Some("web1"),
                1_500_000,
            ),
            (
                "%w %{ms}T",
                "i-0123456789abc 12",
                Some("i-0123456789abc"),
                12_000,
            ),
            (
                "%w %{ms}T",
                "19.0.0.2:8080 12.5 200 more",
                Some("19.0.0.2:8080"),
                12_500,
            ),
            (
                "%h %l %u [%t] \"%r\" %>s %b %D %{BALANCER_WORKER_NAME}e",
                "10.1.1.1 - - [15/Jan/2026:08:00:00 +0000] \"GET / HTTP/1.1\" 200 5 250 http://19.0.0.2:8080",
                Some("http://19.0.0.2:8080"),
                250,
            ),
            ("100%% %T", "100% 2", None, 2_000_000),
        ];
        for (format, line, worker, micros) in cases {
            assert_eq!(read(format, line), Some((worker, micros)), "{format}");
        }
    }

    #[test]
    fn a_line_that_is_no_request_is_not_read_as_one() {
        for line in [
            "",
            "web1",
            "web1 ",
            "web1 -",
            "web1 -5",
            "web1 NaN",
            "web1 inf",
            "web1 1e3",
            "web1 .5",
            "web1 99999999999999999999",
            " 5",
        ] {
            assert_eq!(read("%w %T", line), None, "{line:?}");
        }
        assert_eq!(read("[%t] %w %T", "web1 5"), None);
    }

    #[test]
    fn what_is_no_format_is_refused() {
        let refused = |text: &str| text.parse::<Format>().unwrap_err();
        assert_eq!(refused("%w %V"), FormatError::Timeless);
        assert_eq!(refused("%w%T"), FormatError::Adjacent);
        assert_eq!(refused("%T %D"), FormatError::Twice("time"));
        assert_eq!(refused("%w %w %T"), FormatError::Twice("worker"));
        for torn in ["%T %", "%T %{ms", "%T %{x}", "%T % "] {
            assert_eq!(refused(torn), FormatError::Torn, "{torn}");
        }
    }
}
