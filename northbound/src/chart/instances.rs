//! The panel of instances: those in service, cloud upon cloud, with the number that was wanted and what is allowed.

use plotters::prelude::*;

use super::paint::{LIMIT, color};
use super::panel::{Area, Drawn, Frame, INK, Panel, Swatch, stairs};
use super::scale;
use super::scene::{Point, Scene};

/// Draws the panel.
pub(super) fn draw(area: &Area<'_>, scene: &Scene) -> Drawn<()> {
    let totals = scene
        .in_service
        .iter()
        .map(|(_, counts)| f64::from(counts.iter().sum::<u32>()));
    let most = totals
        .chain(scene.desired.iter().map(|(_, count)| *count))
        .chain(scene.bounds.iter().map(|(_, _, max)| f64::from(*max)))
        .fold(1.0, f64::max);
    let mut legend: Vec<(Swatch, String)> = scene
        .clouds
        .iter()
        .enumerate()
        .map(|(index, name)| (Swatch::Fill(color(index)), format!("in service in {name}")))
        .collect();
    legend.push((Swatch::Line(INK, 2), "desired".to_owned()));
    if !scene.bounds.is_empty() {
        legend.push((Swatch::Dashed(LIMIT, 1), bounds(scene)));
    }
    // Whole numbers, and a little room above.
    let mut ticks = scale::values(most, 6);
    ticks.retain(|tick| tick.fract() == 0.0);
    let top = scale::headroom(&mut ticks, most);
    let mut panel = Panel::new(
        area,
        scene,
        &Frame {
            title: "instances",
            ticks,
            label: &|value| {
                if (value - top).abs() < 1e-9 {
                    String::new()
                } else {
                    scale::shown(value)
                }
            },
            legend,
            has_times: false,
        },
    )?;
    for cloud in 0..scene.clouds.len() {
        let below = level(scene, cloud);
        let mut outline = stairs(&level(scene, cloud + 1), scene.length);
        let floor = stairs(&below, scene.length);
        outline.extend(floor.into_iter().rev());
        panel.fill(outline, color(cloud).mix(0.85))?;
    }
    for bound in [
        |(t, min, _): &(f64, u32, u32)| (*t, f64::from(*min)),
        |(t, _, max): &(f64, u32, u32)| (*t, f64::from(*max)),
    ] {
        let points: Vec<Point> = scene.bounds.iter().map(bound).collect();
        panel.dashed(&points, LIMIT, 1)?;
    }
    panel.steps(&scene.desired, INK, 2)
}

/// The words for the bounds: `min 2, max 5`, or `min 2 to 4, max 5` where one of them has changed.
fn bounds(scene: &Scene) -> String {
    let range = |values: &mut dyn Iterator<Item = u32>| {
        let (least, most) = values.fold((u32::MAX, 0), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        if least < most {
            format!("{least} to {most}")
        } else {
            most.to_string()
        }
    };
    format!(
        "min {}, max {}",
        range(&mut scene.bounds.iter().map(|(_, min, _)| *min)),
        range(&mut scene.bounds.iter().map(|(_, _, max)| *max)),
    )
}

/// How many instances the first so many clouds have together.
fn level(scene: &Scene, clouds: usize) -> Vec<Point> {
    scene
        .in_service
        .iter()
        .map(|(t, counts)| (*t, f64::from(counts[..clouds].iter().sum::<u32>())))
        .collect()
}
