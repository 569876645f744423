//! Numbers with decimals, shares, and amounts of a metric.

use controller::amount::Amount;
use controller::load::Unit;

use crate::shape::{decimal_text, percent_text};

use super::time::duration;
use super::{DIGITS_LIMIT, Misfit, Scalar};

/// A billion of anything is a broken meter.
const MOST: Amount = Amount::whole(1_000_000_000);

impl Scalar<'_> {
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
        let read = self.any_share(&expected)?;
        if (least..=most).contains(&read) {
            return Ok(read);
        }
        Err(Misfit::new(
            expected,
            format!("that is {}, out of these limits", percent_text(read)),
        ))
    }

    fn any_share(&self, expected: &str) -> Result<Amount, Misfit> {
        if let Some(share) = self.share_text() {
            return Ok(share);
        }
        let hint = match decimal(self.text) {
            Some(number) if number > Amount::ONE => format!("did you mean {}%?", self.text),
            Some(_) => format!("take the quotes away: {}", self.text),
            None => "write it as 60% or as 0.6".to_owned(),
        };
        Err(Misfit::new(expected, hint))
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

    /// Where the average of a metric of this unit should be.
    pub(crate) fn threshold(&self, unit: Unit) -> Result<Amount, Misfit> {
        const MILLISECOND: Amount = Amount::from_millionths(1_000);
        const HOUR: Amount = Amount::whole(3_600);
        match unit {
            Unit::Share => self.share(Amount::from_millionths(10_000), Amount::ONE),
            Unit::Seconds => {
                let expected = "a time from 1ms to 1h";
                let read = self.seconds(expected)?;
                let is_whole = read.millionths() % MILLISECOND.millionths() == 0;
                if is_whole && (MILLISECOND..=HOUR).contains(&read) {
                    return Ok(read);
                }
                Err(Misfit::new(expected, "take a whole number of milliseconds"))
            }
            Unit::PerSecond | Unit::Number => self.number(Amount::from_millionths(1)),
        }
    }

    /// Any amount of a metric of this unit, of one instance or of all together.
    pub(crate) fn quantity(&self, unit: Unit) -> Result<Amount, Misfit> {
        let (expected, read) = match unit {
            Unit::Share => ("a share", self.any_share("a share")?),
            Unit::Seconds => ("a time", self.seconds("a time")?),
            Unit::PerSecond | Unit::Number => ("a number", self.number(Amount::ZERO)?),
        };
        if read > MOST {
            return Err(Misfit::new(expected, "nothing of ours is so large"));
        }
        Ok(read)
    }

    fn number(&self, least: Amount) -> Result<Amount, Misfit> {
        if self.text.ends_with('%') {
            return Err(Misfit::new(
                "a number",
                "a percentage goes with `cpu`, `memory` and `disk_free`; write a number, as in 50",
            ));
        }
        self.decimal(least, MOST)
    }

    /// `250ms`, `0.2505s`, or a small number of seconds.
    fn seconds(&self, expected: &str) -> Result<Amount, Misfit> {
        /// A larger number was hardly meant to be seconds.
        const PLAIN_MOST: Amount = Amount::whole(10);
        if let Some(number) = decimal(self.text) {
            if number <= PLAIN_MOST && !self.is_quoted {
                return Ok(number);
            }
            let hint = format!("give the unit: {0}ms, or {0}s?", self.text);
            return Err(Misfit::new(expected, hint));
        }
        let whole = duration(self.text)
            .ok()
            .and_then(|read| u64::try_from(read.as_millis()).ok()?.checked_mul(1_000))
            .map(Amount::from_millionths);
        let exact = || decimal(self.text.strip_suffix('s')?);
        whole.or_else(exact).ok_or_else(|| {
            Misfit::new(
                expected,
                "write it with its unit, as in 250ms, or in seconds, as in 0.25",
            )
        })
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
