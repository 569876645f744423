//! Virtual time: microseconds since the world began.

use jiff::{SignedDuration, Timestamp};

/// A moment, in microseconds since the world began.
pub(crate) type At = u64;
/// A length of time, in microseconds.
pub(crate) type Span = u64;

pub(crate) const MILLI: Span = 1_000;
pub(crate) const SECOND: Span = 1_000 * MILLI;
pub(crate) const MINUTE: Span = 60 * SECOND;
pub(crate) const HOUR: Span = 60 * MINUTE;

/// When worlds begin, by the clocks of people: a winter's morning, in seconds since 1970.
const BEGINNING: i64 = 1_768_467_600;

/// The same length as the core has it.
pub(crate) fn duration(span: Span) -> SignedDuration {
    SignedDuration::from_micros(i64::try_from(span).unwrap_or(i64::MAX))
}

/// The same length as the world has it; none where it is negative.
pub(crate) fn span(duration: SignedDuration) -> Span {
    Span::try_from(duration.as_micros()).unwrap_or(0)
}

/// What a clock shows at this moment that is set wrong by so many microseconds.
pub(crate) fn shown(at: At, wrong_by: i64) -> Timestamp {
    let beginning = Timestamp::from_second(BEGINNING).expect("a second of this century");
    let passed = duration(at) + SignedDuration::from_micros(wrong_by);
    controller::time::later(beginning, passed)
}

/// `2h07m12.345s`, for people.
pub(crate) fn told(at: At) -> String {
    let (hours, minutes) = (at / HOUR, at % HOUR / MINUTE);
    let millis = at % MINUTE / MILLI;
    format!(
        "{hours}h{minutes:02}m{:02}.{:03}s",
        millis / 1_000,
        millis % 1_000
    )
}
