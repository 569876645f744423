//! The season of a load: what it usually is at this time of the day or the week, and whether that is worth knowing.
//!
//! Seasons are found, not assumed. Two experts foresee the load at the horizon, one from the days before and one from the weeks
//! before, each brought to today's level; a third only says that the load stays as it is. Whoever was least wrong lately
//! speaks; where that is the third there is no season.

use std::collections::VecDeque;

use crate::series::Series;

const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;
/// So many days, or weeks, are looked back at most: older ones tell of another service.
const DAYS: i64 = 7;
const WEEKS: i64 = 4;
/// The load at a time is the mean over so many seconds before and after: people are not punctual.
const AROUND_S: i64 = 150;
/// Today's level is what the last half hour was, against the same half hour of the days before …
const LEVEL_S: i64 = 1_800;
/// … and no further from it than this: a day at a third or three times the load is no day like the others.
const LEVEL_MOST: f64 = 2.0;
/// Errors are remembered for so many bins, half a day of minutes: a season that ends is left soon.
const MEMORY: f64 = 720.0;
/// Before so many forecasts were judged nobody speaks.
const ENOUGH: u32 = 60;
/// A season has to be better than no season by this much, or noise would speak.
const BETTER: f64 = 0.9;

/// Who foresees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expert {
    /// The same time of the last days.
    Day,
    /// The same time of this day in the last weeks.
    Week,
}

impl Expert {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "the same time of the last days",
            Self::Week => "the same time of this day in the last weeks",
        }
    }

    fn times(self, at: i64) -> impl Iterator<Item = i64> {
        let (apart, count) = match self {
            Self::Day => (DAY_S, DAYS),
            Self::Week => (WEEK_S, WEEKS),
        };
        (1..=count).map(move |back| at - back * apart)
    }
}

/// What was foreseen, and by whom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Foreseen {
    /// The load.
    pub load: f64,
    /// Who spoke.
    pub expert: Expert,
}

/// How well each expert did lately.
#[derive(Debug, Clone, Default)]
pub struct Season {
    /// Forecasts that are not judged yet: for which bin, and by the day, the week, and nobody.
    open: VecDeque<(i64, [Option<f64>; 3])>,
    /// The mean errors of the three.
    errors: [f64; 3],
    judged: [u32; 3],
}

impl Season {
    /// The bin that began at `at` is over and had this load; `series` has heard it. Instances that are launched now serve
    /// `horizon_s` later.
    pub fn hear(&mut self, series: &Series, at: i64, load: Option<f64>, horizon_s: i64) {
        while let Some((bin, foreseen)) = self.open.front().copied() {
            if bin > at {
                break;
            }
            self.open.pop_front();
            if let Some(load) = load.filter(|_| bin == at) {
                self.judge(&foreseen, load);
            }
        }
        let ahead = at + horizon_s;
        let by = |expert| foresee(series, expert, at, ahead);
        self.open
            .push_back((ahead, [by(Expert::Day), by(Expert::Week), load]));
    }

    fn judge(&mut self, foreseen: &[Option<f64>; 3], load: f64) {
        // Only a bin for which all that speak have spoken compares them fairly; the week begins to speak later.
        let Some(stays) = foreseen[2] else { return };
        let mut add = |who: usize, said: f64| {
            self.judged[who] += 1;
            let weight = 1.0 / f64::from(self.judged[who]).min(MEMORY);
            self.errors[who] += ((said - load).abs() - self.errors[who]) * weight;
        };
        if let Some(day) = foreseen[0] {
            add(0, day);
            add(2, stays);
        }
        if let Some(week) = foreseen[1] {
            add(1, week);
        }
    }

    /// The load `horizon_s` after the bin that began at `at`, if a season is found.
    pub fn foresee(&self, series: &Series, at: i64, horizon_s: i64) -> Option<Foreseen> {
        let nobody = self.errors[2] * BETTER;
        let (expert, error) = [Expert::Day, Expert::Week]
            .into_iter()
            .zip(self.errors)
            .zip(self.judged)
            .filter(|(_, judged)| *judged >= ENOUGH)
            .map(|(known, _)| known)
            .min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        if error >= nobody {
            return None;
        }
        let load = foresee(series, expert, at, at + horizon_s)?;
        Some(Foreseen { load, expert })
    }
}

/// What an expert foresees for `ahead`, when the bin that began at `at` is the last one known.
fn foresee(series: &Series, expert: Expert, at: i64, ahead: i64) -> Option<f64> {
    let then = mean_of(
        expert
            .times(ahead)
            .map(|time| series.mean(time - AROUND_S, time + AROUND_S)),
    )?;
    let level_then = mean_of(
        expert
            .times(at)
            .map(|time| series.mean(time - LEVEL_S, time)),
    )?;
    let level_now = series.mean(at - LEVEL_S, at)?;
    if level_then <= 0.0 {
        return Some(then);
    }
    Some(then * (level_now / level_then).clamp(1.0 / LEVEL_MOST, LEVEL_MOST))
}

fn mean_of(loads: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = loads
        .flatten()
        .fold((0.0, 0.0), |(sum, count), load| (sum + load, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::amount::Amount;

    const START: i64 = 1_767_571_200; // A Monday.
    const HORIZON_S: i64 = 600;

    /// What is foreseen, minute by minute, of a load over some days.
    fn foreseen(days: i64, load: impl Fn(i64) -> f64) -> Vec<(f64, Option<Foreseen>)> {
        let mut series = Series::new(SignedDuration::from_secs(60));
        let mut season = Season::default();
        let mut all = Vec::new();
        for minute in 0..days * 1_440 {
            let at = START + minute * 60;
            let value = load(minute);
            let wall = Timestamp::from_second(at + 60).unwrap();
            series.read(wall, Amount::measured(value), |_, _| {});
            season.hear(&series, at, Some(value), HORIZON_S);
            let truth = load(minute + HORIZON_S / 60);
            all.push((truth, season.foresee(&series, at, HORIZON_S)));
        }
        all
    }

    /// A batch from three to four in the morning.
    fn batch(minute: i64) -> f64 {
        if (180..240).contains(&(minute % 1_440)) {
            900.0
        } else {
            100.0
        }
    }

    #[test]
    fn a_batch_that_comes_every_night_is_foreseen_from_the_second_night_on() {
        let all = foreseen(4, batch);
        let before_the_third = 3 * 1_440 + 175;

        let (truth, seen) = all[before_the_third];
        let seen = seen.unwrap();

        assert!((seen.load - truth).abs() < 1.0, "{seen:?}, {truth} came");
        assert_eq!(seen.expert, Expert::Day);
        assert!(all[..1_440].iter().all(|(_, seen)| seen.is_none()));
    }

    #[test]
    fn what_comes_on_mondays_only_is_foreseen_by_the_week() {
        let mondays = |minute: i64| {
            if (minute / 1_440) % 7 == 0 {
                batch(minute)
            } else {
                100.0 + 50.0 * f64::from(i32::try_from((minute / 1_440) % 7).unwrap())
            }
        };
        let all = foreseen(22, mondays);

        let seen = all[21 * 1_440 + 175].1.unwrap();

        assert_eq!(seen.expert, Expert::Week);
        assert!((seen.load - 900.0).abs() < 100.0, "{seen:?}");
    }

    #[test]
    fn a_load_without_a_season_gets_none() {
        let steps = |minute: i64| 100.0 + f64::from(i32::try_from((minute / 977) % 5).unwrap());

        let spoken = foreseen(6, steps)
            .iter()
            .filter(|(_, seen)| seen.is_some())
            .count();

        assert!(spoken < 6 * 1_440 / 10, "{spoken} minutes");
    }
}
