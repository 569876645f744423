//! Lengths of time, times of day, moments.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use crate::shape::duration_text;

use super::{DIGITS_LIMIT, Misfit, Scalar};

impl Scalar<'_> {
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

    /// `10 per 5m`.
    pub(crate) fn rate(
        &self,
        most: u32,
        longest: SignedDuration,
    ) -> Result<(u32, SignedDuration), Misfit> {
        const LEAST: SignedDuration = SignedDuration::from_secs(1);
        let expected = format!("1 to {most} instances per 1s to {}", duration_text(longest));
        let refused = |hint: String| Misfit::new(expected.clone(), hint);
        let Some((number, per)) = self.text.split_once(" per ") else {
            return Err(refused(
                "write how many, and within how long, as in `10 per 5m`".to_owned(),
            ));
        };
        let part = |text| Scalar {
            text,
            is_quoted: false,
        };
        let number = part(number.trim()).whole(1, most);
        let per = part(per.trim()).duration(LEAST, longest);
        match (number, per) {
            (Ok(number), Ok(per)) => Ok((number, per)),
            (Err(misfit), _) | (_, Err(misfit)) => Err(refused(misfit.hint)),
        }
    }

    /// A date and a time of day, by the clocks of a zone that is told elsewhere.
    pub(crate) fn moment(&self) -> Result<DateTime, Misfit> {
        let refused = || {
            Misfit::new(
                "a date and a time of day",
                "write year, month, day, hours and minutes, as in 2026-12-24 08:00",
            )
        };
        let (date, time) = self.text.split_once([' ', 'T']).ok_or_else(refused)?;
        let is_plain = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let date: Date = date.parse().ok().filter(|_| is_plain).ok_or_else(refused)?;
        let time = Scalar {
            text: time.trim_start(),
            is_quoted: true,
        };
        Ok(date.to_datetime(time.time().map_err(|_| refused())?))
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

/// `1h30m`: whole numbers with units from large to small, each at most once. The error is a hint.
pub(super) fn duration(text: &str) -> Result<SignedDuration, String> {
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
