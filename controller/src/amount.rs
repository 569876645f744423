//! Exact numbers: measured values and thresholds as millionths, so that nine instances at 80 % over 60 % need twelve,
//! never thirteen.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A non-negative amount in millionths of its unit: a share of 1 (0.8 = 80 %), connections, requests per second.
///
/// In JSON it is a plain decimal number: `0.8`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "f64", into = "f64")]
pub struct Amount(u64);

/// The largest whole amount: a billion of anything is a broken meter, and sums of them still fit.
const WHOLE_LIMIT: u64 = 1_000_000_000;
const MILLION: u64 = 1_000_000;
/// What an amount can hold, about: sums of eighteen thousand times the largest that is measured.
const LARGEST: f64 = 1.8e13;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One whole, or 100 %.
    pub const ONE: Self = Self(MILLION);

    /// `millionths` of a unit.
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// A whole number of units.
    pub const fn whole(units: u32) -> Self {
        Self(units as u64 * MILLION)
    }

    /// A measured float, unless it is not a number, negative, infinite or absurdly large.
    pub fn measured(value: f64) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "a billion is exact in an f64")]
        let limit = WHOLE_LIMIT as f64;
        if !value.is_finite() || value < 0.0 || value > limit {
            seeded!(F5 => return Some(Self::ZERO));
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "finite, not negative and bounded by the line above"
        )]
        Some(Self((value * 1e6).round() as u64))
    }

    /// A float that was worked out from amounts, which may be larger than any that is measured; `None` for what is no amount.
    pub fn worked_out(value: f64) -> Option<Self> {
        if !value.is_finite() || value < 0.0 {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and a cast of what is too large gives the largest"
        )]
        Some(Self((value * 1e6).round() as u64))
    }

    /// In millionths.
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// As a float, for people, charts and JSON only.
    #[expect(clippy::cast_precision_loss, reason = "shown, not computed with")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// How many parts of the size `part` are needed to hold `self`; `None` where `part` is zero.
    pub fn divided_up(self, part: Self) -> Option<u32> {
        if part.0 == 0 {
            return None;
        }
        u32::try_from(self.0.div_ceil(part.0)).ok()
    }

    /// How many whole parts of the size `part` are in `self`; `None` where `part` is zero.
    pub fn divided_down(self, part: Self) -> Option<u32> {
        u32::try_from(self.0.checked_div(part.0)?).ok()
    }

    /// `self` × `factor`, saturating.
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        Self(self.0.saturating_mul(u64::from(factor)))
    }

    /// `self` × `share`, where `share` is a part of one.
    #[must_use]
    pub fn share(self, share: Self) -> Self {
        let product = u128::from(self.0) * u128::from(share.0) / u128::from(MILLION);
        Self(u64::try_from(product).unwrap_or(u64::MAX))
    }

    /// What share `self` is of `whole`; `None` where that is zero.
    #[must_use]
    pub fn ratio(self, whole: Self) -> Option<Self> {
        let millionths = (u128::from(self.0) * u128::from(MILLION)).checked_div(whole.0.into())?;
        Some(Self(u64::try_from(millionths).unwrap_or(u64::MAX)))
    }

    /// `self` spread evenly over `count`; zero where there is nobody.
    #[must_use]
    pub fn over(self, count: usize) -> Self {
        Self(self.0.checked_div(count as u64).unwrap_or(0))
    }
}

/// A number that is no amount.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is no amount: it is not a number from 0 to 18 million million")]
pub struct NoAmount(f64);

impl TryFrom<f64> for Amount {
    type Error = NoAmount;
    fn try_from(value: f64) -> Result<Self, NoAmount> {
        Self::worked_out(value)
            .filter(|_| value < LARGEST)
            .ok_or(NoAmount(value))
    }
}

impl From<Amount> for f64 {
    fn from(amount: Amount) -> Self {
        amount.as_f64()
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Amount {
    /// Whole numbers bare, others with at most three decimals: `3`, `0.8`, `0.333`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = self.0.saturating_add(500) / 1_000;
        let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_that_is_no_amount_is_not_read_as_zero() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, 1e308] {
            assert_eq!(Amount::measured(value), None, "{value}");
        }
        assert_eq!(
            Amount::measured(0.3),
            Some(Amount::from_millionths(300_000))
        );
    }

    #[test]
    fn an_amount_is_a_decimal_in_json_and_comes_back_exactly() {
        for millionths in [0, 1, 300_000, 999_999, 1_000_001, 123_456_789_012_345] {
            let amount = Amount::from_millionths(millionths);
            let text = serde_json::to_string(&amount).unwrap();
            assert_eq!(
                serde_json::from_str::<Amount>(&text).unwrap(),
                amount,
                "{text}"
            );
        }
        assert_eq!(
            serde_json::to_string(&Amount::from_millionths(300_000)).unwrap(),
            "0.3"
        );
    }

    #[test]
    fn amounts_are_shown_without_trailing_zeros() {
        let shown = |m| Amount::from_millionths(m).to_string();
        assert_eq!(
            [shown(0), shown(800_000), shown(3_000_000), shown(333_333)],
            ["0", "0.8", "3", "0.333"]
        );
        assert_eq!(shown(u64::MAX), "18446744073709.551");
    }
}
