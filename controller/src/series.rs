//! The load of a metric over the weeks, in equal bins, and what is forecast from it.
//!
//! Seasons are people's, who live by the wall clock, so bins are of wall time. What is not measured is a gap, never zero.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::amount::Amount;
use crate::decision::Reading;
use crate::journal::Loads;
use crate::load::Metric;

/// How long loads are kept: each day of the week was seen four times.
pub const KEPT: SignedDuration = SignedDuration::from_hours(28 * 24);
/// Loads are written down in pieces of this length, so that a restart finds weeks of them in a few hundred entries.
const PIECE: SignedDuration = SignedDuration::from_hours(1);

/// The load of a metric, in bins.
#[derive(Debug, Clone)]
pub struct Series {
    /// How long a bin is, in seconds.
    bin: i64,
    /// The bin that is being measured.
    open: Option<Open>,
    /// Closed bins that are not written down yet, the last one before `open`.
    closed: Vec<Option<Amount>>,
    /// The closed bins of four weeks, the last one before `open`; not a number where nothing is known. A load is a sum over
    /// noisy meters: seven digits of it are plenty, and a tenant's weeks fit into 160 KiB.
    kept: VecDeque<f32>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// Bins since 1970.
    number: i64,
    sum: Amount,
    readings: usize,
}

impl Series {
    /// Nothing is known yet. `tick` is the time between readings: a bin is a minute, or longer where readings come less often.
    pub fn new(tick: SignedDuration) -> Self {
        let ticks = tick.as_secs().max(1);
        Self {
            bin: ticks.max(60),
            open: None,
            closed: Vec::new(),
            kept: VecDeque::new(),
        }
    }

    /// Takes the load that was measured at `wall`, where it was. `hear` is told of each bin that is over: when it began, in
    /// seconds since 1970, and the mean over it.
    pub fn read(
        &mut self,
        wall: Timestamp,
        load: Option<Amount>,
        mut hear: impl FnMut(i64, Option<Amount>),
    ) {
        let bin = SignedDuration::from_secs(self.bin).as_nanos();
        // A reading tells of the time before it, so that one at the seam belongs to the bin that ends there.
        let Ok(number) = i64::try_from((wall.as_nanosecond() - 1).div_euclid(bin)) else {
            return;
        };
        self.turn_back_to(number);
        self.go_to(number, &mut hear);
        let Some(open) = self.open.as_mut().filter(|open| open.number == number) else {
            return; // What is over is over.
        };
        if let Some(load) = load {
            open.sum = open.sum + load;
            open.readings += 1;
        }
        if wall.as_nanosecond().rem_euclid(bin) == 0 {
            self.go_to(number + 1, &mut hear);
        }
    }

    /// Takes loads that were written down earlier.
    pub fn learn(&mut self, loads: &Loads, mut hear: impl FnMut(i64, Option<Amount>)) {
        if i64::from(loads.bin) != self.bin {
            return;
        }
        for (number, value) in (loads.from.div_euclid(self.bin)..).zip(&loads.values) {
            self.go_to(number, &mut hear);
            let Some(open) = self.open.as_mut().filter(|open| open.number == number) else {
                continue;
            };
            if let Some(value) = value {
                open.sum = *value;
                open.readings = 1;
            }
            self.go_to(number + 1, &mut hear);
            self.closed.clear();
        }
    }

    /// The loads that are to be written down now, if enough have come together.
    pub fn take_unwritten(&mut self, metric: &Metric) -> Option<Loads> {
        let open = self.open?;
        let length = i64::try_from(self.closed.len()).ok()?;
        if length * self.bin < PIECE.as_secs() {
            return None;
        }
        Some(Loads {
            metric: metric.clone(),
            from: (open.number - length) * self.bin,
            bin: u32::try_from(self.bin).ok()?,
            values: std::mem::take(&mut self.closed),
        })
    }

    /// The mean over the bin that is being measured, once it has more than one reading: news that no forecast has heard.
    pub fn so_far(&self) -> Option<Amount> {
        let open = self.open.filter(|open| open.readings > 1)?;
        Some(open.sum.over(open.readings))
    }

    /// The loads of the last four weeks, each with the second since 1970 at which its bin began, oldest first; `None` for a
    /// gap.
    pub fn loads(&self) -> impl Iterator<Item = (i64, Option<f64>)> {
        self.last(self.kept.len())
    }

    /// The last so many of them.
    pub fn last(&self, bins: usize) -> impl Iterator<Item = (i64, Option<f64>)> {
        let skipped = self.kept.len().saturating_sub(bins);
        let count = i64::try_from(self.kept.len() - skipped).unwrap_or(0);
        let first = self.open.map_or(0, |open| open.number) - count;
        let known = |load: f32| load.is_finite().then_some(f64::from(load));
        (first..)
            .zip(self.kept.range(skipped..))
            .map(move |(number, load)| (number * self.bin, known(*load)))
    }

    /// The mean over the bins that began from `from` to `to`, both included, in seconds since 1970; `None` where none of them
    /// is known.
    pub fn mean(&self, from: i64, to: i64) -> Option<f64> {
        let length = i64::try_from(self.kept.len()).unwrap_or(0);
        let first = self.open?.number - length;
        let begin = (from + self.bin - 1).div_euclid(self.bin).max(first) - first;
        let end = (to.div_euclid(self.bin) + 1).min(first + length) - first;
        let range = usize::try_from(begin).ok()?..usize::try_from(end).ok()?;
        if range.is_empty() {
            return None;
        }
        let known = self.kept.range(range).filter(|load| load.is_finite());
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), load| {
            (sum + f64::from(*load), count + 1.0)
        });
        (count > 0.0).then(|| sum / count)
    }

    fn keep(&mut self, value: Option<Amount>) {
        #[expect(clippy::cast_possible_truncation, reason = "seven digits are plenty")]
        let load = value.map_or(f32::NAN, |value| value.as_f64() as f32);
        let most = usize::try_from(KEPT.as_secs() / self.bin).unwrap_or(usize::MAX);
        if self.kept.len() >= most {
            self.kept.pop_front();
        }
        self.kept.push_back(load);
    }

    /// How long a bin is.
    pub fn bin(&self) -> SignedDuration {
        SignedDuration::from_secs(self.bin)
    }

    /// Where the clock was put back by more than a bin, what was kept of later ones is of a time that never was.
    fn turn_back_to(&mut self, number: i64) {
        let Some(open) = self.open.filter(|open| number < open.number - 1) else {
            return;
        };
        let length = i64::try_from(self.kept.len()).unwrap_or(0);
        let earlier = (number - (open.number - length)).clamp(0, length);
        self.kept.truncate(usize::try_from(earlier).unwrap_or(0));
        self.closed.clear();
        self.open = Some(Open {
            number,
            sum: Amount::ZERO,
            readings: 0,
        });
    }

    /// Closes every bin before this one.
    fn go_to(&mut self, number: i64, hear: &mut impl FnMut(i64, Option<Amount>)) {
        let begin = |number| Open {
            number,
            sum: Amount::ZERO,
            readings: 0,
        };
        let Some(open) = self.open else {
            self.open = Some(begin(number));
            return;
        };
        if number - open.number > KEPT.as_secs() / self.bin {
            // Nobody was there for weeks: what was before is over.
            self.closed.clear();
            self.kept.clear();
            self.open = Some(begin(number));
            return;
        }
        // A pause, or a clock that was put forward by mistake: nothing of it is written down.
        let is_long = number - open.number > PIECE.as_secs() / self.bin;
        if is_long {
            self.closed.clear();
        }
        for over in open.number..number {
            let value =
                (over == open.number && open.readings > 0).then(|| open.sum.over(open.readings));
            hear(over * self.bin, value);
            if !is_long {
                self.closed.push(value);
            }
            self.keep(value);
        }
        if number > open.number {
            self.open = Some(begin(number));
        }
    }
}

/// The load of the whole group at a tick: what was measured, with those that are missing like the others. `None` where too
/// few were measured, or the figure is hard to believe.
pub fn total(reading: &Reading) -> Option<Amount> {
    let in_service = reading.expected + reading.warming;
    let is_known = reading.fresh > 0 && !reading.is_suspect && reading.has_quorum();
    if !is_known {
        return None;
    }
    let missing = reading
        .sum
        .over(reading.fresh as usize)
        .times(in_service - reading.fresh);
    Some(reading.sum + missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_768_478_400 + second).unwrap()
    }

    #[expect(clippy::unnecessary_wraps, reason = "as a reading gives it")]
    fn load(value: u32) -> Option<Amount> {
        Some(Amount::whole(value))
    }

    /// The bins, as values, after these readings.
    fn heard(readings: &[(i64, Option<Amount>)]) -> Vec<Option<Amount>> {
        let mut series = Series::new(SignedDuration::from_secs(10));
        let mut bins = Vec::new();
        for (second, value) in readings {
            series.read(at(*second), *value, |_, value| bins.push(value));
        }
        bins
    }

    #[test]
    fn a_bin_is_the_mean_of_its_readings_and_closes_at_its_seam() {
        assert_eq!(heard(&[(30, load(2)), (59, load(4))]), []);
        assert_eq!(heard(&[(30, load(2)), (60, load(4))]), [load(3)]);
        assert_eq!(heard(&[(30, load(2)), (61, load(4))]), [load(2)]);
    }

    #[test]
    fn what_was_not_measured_is_a_gap_and_not_zero() {
        let bins = heard(&[(30, load(2)), (70, None), (190, load(4)), (240, load(4))]);
        assert_eq!(bins, [load(2), None, None, load(4)]);
    }

    #[test]
    fn a_clock_that_is_put_back_a_little_changes_nothing() {
        let bins = heard(&[(60, load(2)), (30, load(9)), (120, load(4))]);
        assert_eq!(bins, [load(2), load(4)]);
    }

    #[test]
    fn a_clock_that_is_put_back_far_goes_on_from_there() {
        let mut series = Series::new(SignedDuration::from_secs(10));
        let mut bins = Vec::new();
        let mut read = |second, value| {
            series.read(at(second), load(value), |at, value| bins.push((at, value)));
        };
        read(60, 1);
        read(86_460, 2);
        read(120, 3);
        read(180, 4);

        let start = at(0).as_second();
        assert_eq!(bins.first(), Some(&(start, load(1))));
        assert_eq!(
            bins[bins.len() - 2..],
            [(start + 60, load(3)), (start + 120, load(4))]
        );
        let kept: Vec<_> = series.loads().collect();
        assert_eq!(
            kept,
            [
                (start, Some(1.0)),
                (start + 60, Some(3.0)),
                (start + 120, Some(4.0))
            ]
        );
        assert_eq!(series.take_unwritten(&Metric::Cpu), None);
    }

    #[test]
    fn weeks_of_silence_begin_anew() {
        let bins = heard(&[
            (60, load(2)),
            (40 * 86_400, load(9)),
            (40 * 86_400 + 60, load(4)),
        ]);
        assert_eq!(bins, [load(2), load(9), load(4)]);
    }

    #[test]
    fn what_is_written_and_learned_again_is_heard_again() {
        let mut series = Series::new(SignedDuration::from_secs(10));
        let mut before = Vec::new();
        let mut written = Vec::new();
        for minute in 1..=150_u32 {
            let value = (minute % 7 != 0).then(|| Amount::whole(minute));
            series.read(at(i64::from(minute) * 60), value, |at, value| {
                before.push((at, value));
            });
            written.extend(series.take_unwritten(&Metric::Cpu));
        }
        assert_eq!(written.len(), 2);

        let mut again = Series::new(SignedDuration::from_secs(10));
        let mut after = Vec::new();
        for loads in &written {
            again.learn(loads, |at, value| after.push((at, value)));
            again.learn(loads, |_, _| panic!("twice is once"));
        }
        assert_eq!(after, before[..120]);
        assert_eq!(again.take_unwritten(&Metric::Cpu), None);
    }

    #[test]
    fn missing_instances_carry_as_much_as_the_others() {
        let mut reading = Reading {
            expected: 4,
            warming: 1,
            ..Reading::default()
        };
        assert_eq!(total(&reading), None);
        reading.add(Amount::whole(2));
        reading.add(Amount::whole(2));
        assert_eq!(total(&reading), None, "half is no quorum");
        reading.add(Amount::whole(2));
        assert_eq!(total(&reading), load(10));
        reading.is_suspect = true;
        assert_eq!(total(&reading), None);
    }
}
