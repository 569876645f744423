//! The panel of actions: a row for each kind, each with a shape of its own, in the colour of its cloud.

use plotters::prelude::*;

use super::paint::{RED, color};
use super::panel::{Area, Drawn, Frame, INK, Panel};
use super::scene::{Mark, MarkKind, Point, Scene};

/// The width of a mark, as a part of the time that is shown.
const MARK: f64 = 0.0135;

/// Draws the panel.
pub(super) fn draw(area: &Area<'_>, scene: &Scene) -> Drawn<()> {
    let kinds = MarkKind::ALL;
    let row = |kind: MarkKind| {
        let index = kinds.iter().position(|other| *other == kind).unwrap_or(0);
        f64::from(u32::try_from(kinds.len() - index).unwrap_or(0))
    };
    let mut ticks = vec![0.4];
    ticks.extend(kinds.iter().rev().map(|kind| row(*kind)));
    ticks.push(row(kinds[0]) + 0.6);
    let mut panel = Panel::new(
        area,
        scene,
        &Frame {
            title: "actions",
            ticks,
            label: &|value| {
                kinds
                    .iter()
                    .find(|kind| (row(**kind) - value).abs() < 1e-9)
                    .map_or(String::new(), |kind| kind.title().to_owned())
            },
            legend: Vec::new(),
            has_times: false,
        },
    )?;
    for kind in kinds {
        let mut free = 0.0;
        for mark in scene.marks.iter().filter(|mark| mark.kind == kind) {
            // What happened at once stands side by side, in the order in which it did.
            let at = mark.at.max(free);
            free = at + scene.length * MARK;
            draw_mark(&mut panel, mark, (at, row(kind)))?;
        }
    }
    Ok(())
}

fn draw_mark(panel: &mut Panel<'_, '_>, mark: &Mark, place: Point) -> Drawn<()> {
    let fill = mark.cloud.map_or(INK, color);
    match mark.kind {
        MarkKind::Launched => panel
            .draw([EmptyElement::at(place) + TriangleMarker::new((0, 1), 8, fill.stroke_width(2))]),
        MarkKind::InService => {
            panel.draw([EmptyElement::at(place) + Circle::new((0, 0), 6, fill.filled())])
        }
        MarkKind::Draining => {
            panel.draw([EmptyElement::at(place) + TriangleMarker::new((0, -1), -8, fill.filled())])
        }
        MarkKind::Lost => {
            panel.draw([EmptyElement::at(place) + Cross::new((0, 0), 6, RED.stroke_width(3))])
        }
        MarkKind::Gone => {
            panel
                .draw([EmptyElement::at(place)
                    + Rectangle::new([(-5, -5), (5, 5)], fill.stroke_width(2))])
        }
        MarkKind::Refused => {
            let corners = vec![(0, -7), (7, 0), (0, 7), (-7, 0)];
            panel.draw([EmptyElement::at(place) + Polygon::new(corners, fill.filled())])
        }
    }
}
