//! The panel of actions: a row for each kind, each with a shape of its own, in the colour of its cloud.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::paint::{RED, color};
use super::panel::{Area, Drawn, Frame, INK, Panel, style};
use super::scene::{Mark, MarkKind, Point, Scene};

/// Marks of a kind that are nearer to each other than this part of the time that is shown become one, with their number beside it.
const NEAR: f64 = 0.022;
/// How far the marks of two clouds at the same moment lie apart, upwards, in pixels.
const APART: i32 = 4;
/// What lies behind a mark is seen through it.
const OPACITY: f64 = 0.8;

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
        for group in groups(&scene.marks, kind, scene.length * NEAR) {
            draw_group(&mut panel, &group, row(kind))?;
        }
    }
    Ok(())
}

/// The marks of a kind that fall together: at most one of each cloud, at the time of its first, and how many they are.
#[derive(Debug, PartialEq)]
struct Group {
    marks: Vec<Mark>,
    count: usize,
}

fn groups(marks: &[Mark], kind: MarkKind, near: f64) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for mark in marks.iter().filter(|mark| mark.kind == kind) {
        match groups.last_mut() {
            Some(group) if mark.at - last(&group.marks) < near => {
                group.count += 1;
                if group.marks.iter().all(|other| other.cloud != mark.cloud) {
                    group.marks.push(*mark);
                }
            }
            _ => groups.push(Group {
                marks: vec![*mark],
                count: 1,
            }),
        }
    }
    groups
}

/// When the last of the marks that are drawn stands: their number is beside it.
fn last(marks: &[Mark]) -> f64 {
    marks.iter().map(|mark| mark.at).fold(0.0, f64::max)
}

fn draw_group(panel: &mut Panel<'_, '_>, group: &Group, row: f64) -> Drawn<()> {
    let places = i32::try_from(group.marks.len())?;
    for (index, mark) in (0_i32..).zip(&group.marks) {
        let up = (2 * index - (places - 1)) * APART / 2;
        draw_mark(panel, mark, (mark.at, row), up)?;
    }
    if group.count > 1 {
        let words = style(13, INK, HPos::Left, VPos::Center);
        let count = Text::new(format!("{}", group.count), (9, 0), words);
        panel.draw([EmptyElement::at((last(&group.marks), row)) + count])?;
    }
    Ok(())
}

fn draw_mark(panel: &mut Panel<'_, '_>, mark: &Mark, place: Point, up: i32) -> Drawn<()> {
    let fill = mark.cloud.map_or(INK, color).mix(OPACITY);
    let at = EmptyElement::at(place);
    match mark.kind {
        MarkKind::Launched => {
            panel.draw([at + TriangleMarker::new((0, 1 - up), 8, fill.stroke_width(2))])
        }
        MarkKind::InService => panel.draw([at + Circle::new((0, -up), 6, fill.filled())]),
        MarkKind::Draining => {
            panel.draw([at + TriangleMarker::new((0, -1 - up), -8, fill.filled())])
        }
        MarkKind::Lost => panel.draw([at + Cross::new((0, -up), 6, RED.stroke_width(3))]),
        MarkKind::Gone => {
            let corners = [(-5, -5 - up), (5, 5 - up)];
            panel.draw([at + Rectangle::new(corners, fill.stroke_width(2))])
        }
        MarkKind::Refused => {
            let corners = vec![(0, -7 - up), (7, -up), (0, 7 - up), (-7, -up)];
            panel.draw([at + Polygon::new(corners, fill.filled())])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: f64, cloud: usize) -> Mark {
        Mark {
            at,
            kind: MarkKind::Launched,
            cloud: Some(cloud),
        }
    }

    #[test]
    fn marks_stand_at_their_time_and_those_that_fall_together_are_counted() {
        let marks = [
            mark(10.0, 0),
            mark(10.1, 0),
            mark(10.2, 1),
            mark(14.0, 0),
            mark(99.9, 0),
            mark(100.0, 0),
        ];

        let groups = groups(&marks, MarkKind::Launched, 1.6);

        let seen: Vec<(Vec<f64>, usize)> = groups
            .iter()
            .map(|group| {
                let times = group.marks.iter().map(|mark| mark.at).collect();
                (times, group.count)
            })
            .collect();
        assert_eq!(
            seen,
            [(vec![10.0, 10.2], 3), (vec![14.0], 1), (vec![99.9], 2)]
        );
    }
}
