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
        // What is written of the largest amount is read as that; sums of many may be as large.
        Self::worked_out(value)
            .filter(|_| value <= Self(u64::MAX).as_f64())
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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn a_float_is_an_amount_or_none_and_never_another_one(value in floats()) {
            let is_amount = value.is_finite() && value >= 0.0;
            let measured = Amount::measured(value);
            prop_assert_eq!(measured.is_some(), is_amount && value <= 1e9, "{}", value);
            if let Some(amount) = measured {
                prop_assert!((amount.as_f64() - value).abs() <= 0.5e-6 + value * 1e-15);
            }
            prop_assert_eq!(Amount::worked_out(value).is_some(), is_amount);
            let read = Amount::try_from(value);
            prop_assert_eq!(read.is_ok(), is_amount && value <= Amount(u64::MAX).as_f64());
        }

        /// Exactly as far as floats hold all millionths, and to fifteen digits above that; never refused.
        #[test]
        fn every_amount_comes_back_from_json(amount in amounts()) {
            let text = serde_json::to_string(&amount).unwrap();
            let again: Amount = serde_json::from_str(&text).unwrap();
            let off = again.0.abs_diff(amount.0);
            prop_assert!(off <= amount.0 >> 51, "{amount:?} {again:?}");
        }

        #[test]
        fn what_is_worked_out_saturates_and_never_wraps(a in amounts(), b in amounts(), n: u32) {
            prop_assert!(a + b >= a.max(b) && a - b <= a);
            prop_assert!(n == 0 || a.times(n) >= a);
            let product = (u128::from(a.0) * u128::from(n)).min(u64::MAX.into());
            prop_assert_eq!(u128::from(a.times(n).0), product);
            prop_assert!(a.share(b) <= a || b > Amount::ONE);
            prop_assert!(a.over(n as usize) <= a);
            prop_assert_eq!(a.ratio(b).is_none(), b == Amount::ZERO);
            for (parts, is_up) in [(a.divided_up(b), true), (a.divided_down(b), false)] {
                let exact = a.0.checked_div(b.0).map(|whole| {
                    u128::from(whole) + u128::from(is_up && a.0 % b.0 > 0)
                });
                let wanted = exact.and_then(|parts| u32::try_from(parts).ok());
                prop_assert_eq!(parts, wanted);
            }
            let shown: f64 = a.to_string().parse().unwrap();
            prop_assert!((shown - a.as_f64()).abs() <= 0.001 + shown * 1e-12);
        }
    }

    fn floats() -> impl Strategy<Value = f64> {
        let odd = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            0.0,
            f64::MIN_POSITIVE,
            -f64::MIN_POSITIVE,
            1e9,
            1_000_000_000.000_001,
            1e308,
            -1e308,
            1.844_674_407_370_955_2e19,
            Amount(u64::MAX).as_f64(),
        ];
        prop_oneof![
            proptest::sample::select(odd.to_vec()),
            any::<f64>(),
            0.0..2e9,
            -1.0..1.0,
        ]
    }

    fn amounts() -> impl Strategy<Value = Amount> {
        prop_oneof![
            Just(Amount::ZERO),
            Just(Amount(u64::MAX)),
            any::<u64>().prop_map(Amount),
            (0_u64..5_000_000).prop_map(Amount),
        ]
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
