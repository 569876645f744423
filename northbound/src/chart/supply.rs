//! The panels of a backtest: the load, and below it what it needed and what was in service.

use jiff::Timestamp;
use plotters::prelude::*;

use super::paint::{BLUE, PALE, RED};
use super::panel::{Area, Drawn, Frame, INK, Panel, Swatch, stairs};
use super::scale;
use super::scene::{Point, Scene};

const WIDTH: u32 = 1200;
const LOAD: u32 = 200;
const INSTANCES: u32 = 320;
/// No screen shows more points beside each other: of more, the highest and the lowest of each stretch are drawn.
const STRETCHES: usize = 1_000;

/// What a backtest has shown, a value for each tick.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Supply<'a> {
    /// When it began.
    pub(crate) begins: Timestamp,
    /// Seconds of a tick.
    pub(crate) tick_s: f64,
    /// What arrived.
    pub(crate) load: &'a [f64],
    /// How many it needed.
    pub(crate) demand: &'a [u32],
    /// How many were in service.
    pub(crate) in_service: &'a [u32],
}

/// Draws it as an SVG text.
pub(crate) fn supply(shown: &Supply<'_>) -> Drawn<String> {
    let mut text = String::new();
    {
        let root =
            SVGBackend::with_string(&mut text, (WIDTH, LOAD + INSTANCES)).into_drawing_area();
        root.fill(&WHITE)?;
        let (above, below) = root.split_vertically(LOAD);
        #[expect(clippy::cast_precision_loss, reason = "ten million is exact in an f64")]
        let length = shown.load.len() as f64 * shown.tick_s;
        let scene = Scene {
            begins: shown.begins,
            length,
            ..Scene::default()
        };
        load(&above, &scene, shown)?;
        instances(&below, &scene, shown)?;
        root.present()?;
    }
    Ok(text)
}

fn load(area: &Area<'_>, scene: &Scene, shown: &Supply<'_>) -> Drawn<()> {
    let points = thinned(shown.load.iter().copied(), shown.tick_s);
    let most = points.iter().map(|(_, load)| *load).fold(0.0, f64::max);
    let frame = Frame {
        title: "load",
        ticks: scale::values(most, 5),
        label: &scale::shown,
        legend: Vec::new(),
        has_times: false,
    };
    let mut panel = Panel::new(area, scene, &frame)?;
    panel.line(&points, INK, 1)
}

fn instances(area: &Area<'_>, scene: &Scene, shown: &Supply<'_>) -> Drawn<()> {
    let both = shown.demand.iter().chain(shown.in_service);
    let most = f64::from(both.copied().max().unwrap_or(1).max(1));
    let frame = Frame {
        title: "instances",
        ticks: scale::values(most, 8),
        label: &scale::shown,
        legend: vec![
            (Swatch::Fill(PALE), "in service".to_owned()),
            (Swatch::Line(BLUE, 1), "needed".to_owned()),
            (Swatch::Line(RED, 3), "too few".to_owned()),
        ],
        has_times: true,
    };
    let mut panel = Panel::new(area, scene, &frame)?;
    let supply = thinned(
        shown.in_service.iter().map(|count| f64::from(*count)),
        shown.tick_s,
    );
    let mut outline = stairs(&supply, scene.length);
    outline.extend([(scene.length, 0.0), (0.0, 0.0)]);
    panel.fill(outline, PALE.to_rgba())?;
    let demand = thinned(
        shown.demand.iter().map(|count| f64::from(*count)),
        shown.tick_s,
    );
    panel.steps(&demand, BLUE, 1)?;
    // Where there are too few a line at the bottom says so, too: the eye misses a minute of a month.
    let mut from: Option<f64> = None;
    let short = shown
        .demand
        .iter()
        .zip(shown.in_service)
        .map(|(needed, there)| there < needed);
    for (at, is_short) in times(shown.tick_s).zip(short.chain([false])) {
        match (from, is_short) {
            (None, true) => from = Some(at),
            (Some(begin), false) => {
                panel.line(&[(begin, 0.0), (at, 0.0)], RED, 5)?;
                from = None;
            }
            _ => {}
        }
    }
    Ok(())
}

fn times(tick_s: f64) -> impl Iterator<Item = f64> {
    (0_u32..).map(move |tick| f64::from(tick) * tick_s)
}

/// The points of a line; of many, the highest and the lowest of each stretch, in the order of their times.
fn thinned(values: impl ExactSizeIterator<Item = f64>, tick_s: f64) -> Vec<Point> {
    let stretch = values.len().div_ceil(STRETCHES).max(1);
    let points: Vec<Point> = times(tick_s).zip(values).collect();
    if stretch < 3 {
        return points;
    }
    let by_value = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
    points
        .chunks(stretch)
        .flat_map(|chunk| {
            let ends = [chunk.iter().min_by(by_value), chunk.iter().max_by(by_value)];
            let mut ends: Vec<Point> = ends.into_iter().flatten().copied().collect();
            ends.sort_by(|a, b| a.0.total_cmp(&b.0));
            ends.dedup();
            ends
        })
        .collect()
}
