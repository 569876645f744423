//! What is known of a metric's load over the weeks, and what is forecast from it.

use jiff::{SignedDuration, Timestamp};

use crate::amount::Amount;
use crate::decision::Reading;
use crate::forecast::turns::{Need, Turns};
use crate::forecast::{Forecast, Mode, Outlook, Setup};
use crate::journal::Loads;
use crate::load::Metric;
use crate::policy::{Goal, Proactive, Response, Signal};
use crate::season::{Foreseen, Season};
use crate::series::{Series, total};

/// A processor that is busy for this share of its time is at its limit: beyond it answers wait for each other.
pub const FULL_SHARE: Amount = Amount::from_millionths(800_000);

/// What is known of a metric's load, and what is coming.
#[derive(Debug, Clone)]
pub struct Prospect {
    series: Series,
    /// What the policy goes by, if it goes by a forecast.
    acting: Option<Made>,
    /// What is shown and nothing follows from.
    shown: Option<Made>,
    /// The season that a target goes by.
    season: Option<Season>,
    /// The last bin that was heard.
    last: Option<i64>,
    /// The turns of a group with a goal.
    turns: Turns,
    /// What the instances that were in service last could carry.
    carried: Option<f64>,
    /// Room for the bins of a reading, kept so that a tick need not ask for it.
    bins: Vec<(i64, Option<Amount>)>,
}

/// A forecast, and what it was made for.
#[derive(Debug, Clone)]
struct Made {
    setup: Setup,
    forecast: Forecast,
}

/// Which forecasts a signal wants: what it acts by, and what it only shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wanted {
    acting: Option<Mode>,
    shown: Option<Mode>,
    has_season: bool,
    goal: f64,
    capacity: Option<Amount>,
}

impl Wanted {
    /// What a signal wants; `None` where it needs no forecast.
    pub(crate) fn of(signal: &Signal) -> Option<Self> {
        let metric = &signal.monitor.metric;
        match &signal.response {
            Response::Goal(Goal {
                goal,
                capacity,
                proactive,
                ..
            }) => Some(Self {
                acting: Some(match proactive {
                    Proactive::On => Mode::PROACTIVE,
                    Proactive::Off | Proactive::ForecastOnly => Mode::REACTIVE,
                }),
                shown: (*proactive == Proactive::ForecastOnly).then_some(Mode::PROACTIVE),
                has_season: false,
                goal: goal.as_f64(),
                capacity: capacity.or(metric.is_share().then_some(FULL_SHARE)),
            }),
            Response::Target(target) if target.proactive.forecasts() => Some(Self {
                acting: None,
                shown: None,
                has_season: true,
                goal: 0.0,
                capacity: None,
            }),
            Response::Target(_) | Response::Steps(_) | Response::Formula(_) => None,
        }
    }

    fn setup(&self, mode: Mode, bin: SignedDuration, horizon: SignedDuration) -> Setup {
        let bins = horizon.as_millis().max(0) / bin.as_millis().max(1);
        let is_whole = horizon.as_millis() % bin.as_millis().max(1) == 0;
        Setup {
            goal: self.goal,
            step_s: u32::try_from(bin.as_secs()).unwrap_or(u32::MAX),
            horizon: u32::try_from(bins)
                .unwrap_or(u32::MAX)
                .saturating_add(u32::from(!is_whole)),
            capacity: self.capacity.map(Amount::as_f64),
            mode,
        }
    }
}

impl Prospect {
    /// Nothing is known yet. `tick` is the time between readings.
    pub(crate) fn new(tick: SignedDuration) -> Self {
        Self {
            series: Series::new(tick),
            acting: None,
            shown: None,
            season: None,
            last: None,
            turns: Turns::new(),
            carried: None,
            bins: Vec::new(),
        }
    }

    /// Takes what was measured at `wall`. Each instance carries `capacity`, if that is known.
    pub(crate) fn read(
        &mut self,
        wall: Timestamp,
        reading: Option<&Reading>,
        capacity: Option<Amount>,
        horizon: SignedDuration,
    ) {
        self.carried = reading
            .zip(capacity)
            .map(|(reading, capacity)| capacity.times(reading.served()).as_f64());
        let mut bins = std::mem::take(&mut self.bins);
        self.series.read(wall, reading.and_then(total), |at, load| {
            bins.push((at, load));
        });
        self.hear(&bins, horizon, self.carried);
        bins.clear();
        self.bins = bins;
    }

    /// Takes loads that were written down.
    pub(crate) fn learn(&mut self, loads: &Loads, horizon: SignedDuration) {
        let mut bins = Vec::with_capacity(loads.values.len());
        self.series.learn(loads, |at, load| {
            bins.push((at, load));
        });
        self.hear(&bins, horizon, None);
    }

    fn hear(
        &mut self,
        bins: &[(i64, Option<Amount>)],
        horizon: SignedDuration,
        carried: Option<f64>,
    ) {
        for &(at, load) in bins {
            if self.last.is_some_and(|last| at <= last) {
                // The clock was put back: what has heard a time that never was is made anew at the next reading.
                (self.acting, self.shown, self.season) = (None, None, None);
            }
            let load = load.map(Amount::as_f64);
            for made in [&mut self.acting, &mut self.shown].into_iter().flatten() {
                made.forecast.hear(at, load, carried);
            }
            if let Some(season) = &mut self.season {
                season.hear(&self.series, at, load, horizon.as_secs());
            }
            self.last = Some(at);
        }
    }

    /// Makes the forecasts that are wanted, anew from the loads of the weeks where they are for something else now: another
    /// goal, another time to boot.
    pub(crate) fn prepare(&mut self, wanted: Option<Wanted>, horizon: SignedDuration) {
        let has_season = wanted.is_some_and(|wanted| wanted.has_season);
        if has_season != self.season.is_some() {
            self.season = has_season.then(|| {
                let mut season = Season::default();
                for (at, load) in self.series.loads() {
                    season.hear(&self.series, at, load, horizon.as_secs());
                }
                season
            });
        }
        let bin = self.series.bin();
        let setup = |mode: Option<Mode>| Some(wanted?.setup(mode?, bin, horizon));
        let acting = setup(wanted.and_then(|wanted| wanted.acting));
        let shown = setup(wanted.and_then(|wanted| wanted.shown));
        for (made, setup) in [(&mut self.acting, acting), (&mut self.shown, shown)] {
            if made.as_ref().map(|made| made.setup) == setup {
                continue;
            }
            *made = setup.map(|setup| {
                let mut forecast = Forecast::new(setup);
                for (at, load) in self.series.loads() {
                    forecast.hear(at, load, None);
                }
                Made { setup, forecast }
            });
        }
    }

    /// What is coming, as the policy goes by it.
    pub fn acting(&self) -> Option<Outlook> {
        self.acting.as_ref()?.forecast.outlook()
    }

    /// What is coming, as it is only shown.
    pub fn shown(&self) -> Option<Outlook> {
        self.shown.as_ref()?.forecast.outlook()
    }

    /// The load that a season has in store `horizon` after the last minute, if one is found.
    pub fn foreseen(&self, horizon: SignedDuration) -> Option<Foreseen> {
        let season = self.season.as_ref()?;
        season.foresee(&self.series, self.last?, horizon.as_secs())
    }

    /// The loads that are to be written down now.
    pub(crate) fn take_unwritten(&mut self, metric: &Metric) -> Option<Loads> {
        self.series.take_unwritten(metric)
    }

    /// The loads of the weeks.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The total of a group with a goal that has `have` and needs `need`: it turns from growing to shrinking when that is
    /// worth it. Nothing is remembered of the question.
    pub(crate) fn total(&self, at: Timestamp, have: u32, need: Need) -> u32 {
        self.turns.clone().total(at.as_second(), have, Some(need))
    }

    /// Remembers what was asked for.
    pub(crate) fn turn(&mut self, at: Timestamp, have: u32, need: Need) {
        self.turns.total(at.as_second(), have, Some(need));
    }
}

/// What one instance carries of a load that comes together with processor time: learned from both over the last day. `None`
/// until enough of both is known.
pub(crate) fn learned_capacity(load: &Series, cpu: &Series) -> Option<Amount> {
    /// Bins that are looked at.
    const DAY: usize = 1_440;
    /// Bins that have to be known.
    const ENOUGH: usize = 10;
    /// With less processor time than this, in instances, the ratio is of two noises.
    const LEAST_BUSY: f64 = 0.05;
    let mut sums = (0.0, 0.0, 0_usize);
    for ((_, load), (_, cpu)) in load.last(DAY).zip(cpu.last(DAY)) {
        if let (Some(load), Some(cpu)) = (load, cpu)
            && cpu >= LEAST_BUSY
        {
            sums = (sums.0 + load, sums.1 + cpu, sums.2 + 1);
        }
    }
    let (load, cpu, known) = sums;
    (known >= ENOUGH)
        .then(|| Amount::measured(FULL_SHARE.as_f64() * load / cpu))
        .flatten()
        .filter(|capacity| *capacity > Amount::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A load of so much a minute, from noon on.
    fn series(loads: impl Iterator<Item = f64>) -> Series {
        let mut series = Series::new(SignedDuration::from_secs(60));
        for (minute, load) in (1..).zip(loads) {
            let wall = Timestamp::from_second(1_768_478_400 + minute * 60).unwrap();
            series.read(wall, Amount::measured(load), |_, _| {});
        }
        series
    }

    fn learned(loads: &[(f64, f64)]) -> Option<f64> {
        let requests = series(loads.iter().map(|(requests, _)| *requests));
        let cpu = series(loads.iter().map(|(_, cpu)| *cpu));
        learned_capacity(&requests, &cpu).map(Amount::as_f64)
    }

    #[test]
    fn what_an_instance_carries_is_learned_from_the_processor_time_of_the_same_minutes() {
        let minutes: Vec<(f64, f64)> = (0..60)
            .map(|minute| f64::from(100 + 10 * (minute % 7)))
            .map(|requests| (requests, requests / 250.0))
            .collect();

        let capacity = learned(&minutes).unwrap();

        assert!((capacity - 200.0).abs() < 0.01, "{capacity}");
        assert_eq!(learned(&minutes[..5]), None, "too few minutes");
    }

    #[test]
    fn an_idle_processor_and_one_that_nobody_measures_teach_nothing() {
        assert_eq!(learned(&[(100.0, 0.01); 60]), None);
        assert_eq!(learned(&[(100.0, f64::NAN); 60]), None);
        assert_eq!(learned(&[(0.0, 0.9); 60]), None, "work of its own");
    }
}
