//! Draws a scene: the panels, one above the other over the same time.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::actions;
use super::instances;
use super::panel::{Area, Drawn, Frame, INK, LEFT, Panel, RIGHT, Swatch, stairs, style};
use super::scale;
use super::scene::{MarkKind, Point, Scene};

const WIDTH: u32 = 1200;
const HEADER: u32 = 62;
const PERIODS: u32 = 24;
/// The panels' heights, from the top.
const RATE: u32 = 126;
const CONCURRENT: u32 = 126;
const RESPONSE: u32 = 176;
const INSTANCES: u32 = 196;
const ACTIONS: u32 = 164;
const METRIC: u32 = 206;

/// Told apart also by those who see few colours (Okabe and Ito).
const CLOUDS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
];
pub(super) const BLUE: RGBColor = CLOUDS[0];
pub(super) const PALE: RGBColor = RGBColor(203, 224, 240);
const GREEN: RGBColor = RGBColor(0, 128, 94);
pub(super) const RED: RGBColor = RGBColor(200, 40, 20);
const GREY: RGBColor = RGBColor(170, 170, 170);
pub(super) const LIMIT: RGBColor = RGBColor(110, 110, 110);

/// The colour of a cloud; beyond the sixth they repeat.
pub(super) fn color(cloud: usize) -> RGBColor {
    CLOUDS[cloud % CLOUDS.len()]
}

/// Draws it as an SVG text.
pub(super) fn svg(scene: &Scene) -> Drawn<String> {
    let mut text = String::new();
    {
        let heights = [
            HEADER,
            PERIODS,
            RATE,
            CONCURRENT,
            if scene.response.is_some() {
                RESPONSE
            } else {
                0
            },
            INSTANCES,
            ACTIONS,
            METRIC,
        ];
        let root =
            SVGBackend::with_string(&mut text, (WIDTH, heights.iter().sum())).into_drawing_area();
        root.fill(&WHITE)?;
        let mut rest = root;
        let mut next = |height: u32| {
            let (area, below) = rest.split_vertically(height);
            rest = below;
            area
        };
        header(&next(HEADER), scene)?;
        periods(&next(PERIODS), scene)?;
        rate(&next(RATE), scene)?;
        concurrent(&next(CONCURRENT), scene)?;
        if scene.response.is_some() {
            response(&next(RESPONSE), scene)?;
        }
        instances::draw(&next(INSTANCES), scene)?;
        actions::draw(&next(ACTIONS), scene)?;
        metric(&next(METRIC), scene)?;
    }
    let title = format!("<title>asaas: tenant {}</title>\n", escaped(&scene.tenant));
    // What screen readers say; the library has no word for it.
    if let Some(end) = text
        .find("<svg")
        .and_then(|at| Some(at + text[at..].find('>')? + 1))
    {
        text.insert_str(end, &format!("\n{title}"));
    }
    Ok(text)
}

fn header(area: &Area<'_>, scene: &Scene) -> Drawn<()> {
    let big = style(22, INK, HPos::Left, VPos::Top);
    let small = style(15, LIMIT, HPos::Left, VPos::Top);
    let left = i32::try_from(LEFT)?;
    let title = format!("Tenant {}: load and instances", scene.tenant);
    area.draw(&Text::new(title, (left, 14), big))?;
    let ends = scene.begins + jiff::SignedDuration::from_secs_f64(scene.length);
    let mut notes = vec![format!(
        "{} to {} UTC",
        scene.begins.strftime("%Y-%m-%d %H:%M:%S"),
        ends.strftime("%H:%M:%S"),
    )];
    let count = |kind| scene.marks.iter().filter(|mark| mark.kind == kind).count();
    let refused = match count(MarkKind::Refused) {
        0 => String::new(),
        refused => format!("{refused} refused, "),
    };
    notes.push(format!(
        "{} launched, {refused}{} broken, {} gone",
        count(MarkKind::Launched),
        count(MarkKind::Lost),
        count(MarkKind::Gone)
    ));
    match &scene.response {
        Some(response) => {
            let failed = response
                .failed
                .iter()
                .fold(0.0, |sum, (_, count)| sum + count);
            notes.push(format!("{failed} requests failed"));
        }
        None => notes.push("no response times: no file of a load generator was given".to_owned()),
    }
    area.draw(&Text::new(notes.join("   ·   "), (left, 42), small))?;
    Ok(())
}

/// The names of the periods, above all panels.
fn periods(area: &Area<'_>, scene: &Scene) -> Drawn<()> {
    let width = f64::from(WIDTH - LEFT - RIGHT);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within the width of the picture"
    )]
    let x = |t: f64| (f64::from(LEFT) + (t / scene.length).clamp(0.0, 1.0) * width).round() as i32;
    let words = style(15, INK, HPos::Center, VPos::Center);
    for period in &scene.periods {
        let (from, to) = (x(period.from), x(period.to));
        let fill = if period.is_high {
            RGBColor(255, 205, 110)
        } else {
            RGBColor(232, 236, 240)
        };
        let corners = [(from, 2), (to - 2, 21)];
        area.draw(&Rectangle::new(corners, fill.filled()))?;
        // A name that does not fit is left out; the colour still tells.
        let name = format!("{} load", period.name);
        if i32::try_from(name.len())? * 7 < to - from {
            area.draw(&Text::new(name, (from.midpoint(to), 12), words.clone()))?;
        }
    }
    Ok(())
}

fn rate(area: &Area<'_>, scene: &Scene) -> Drawn<()> {
    let title = if scene.load.is_measured_by_generator {
        "requests per second"
    } else {
        "new connections per second"
    };
    let last = scene.load.rate.last().map_or(0.0, |(t, _)| t + 1.0);
    counts(area, scene, title, &stairs(&scene.load.rate, last))
}

fn concurrent(area: &Area<'_>, scene: &Scene) -> Drawn<()> {
    let title = if scene.load.is_measured_by_generator {
        "concurrent requests"
    } else {
        "concurrent connections"
    };
    counts(area, scene, title, &scene.load.concurrent)
}

fn counts(area: &Area<'_>, scene: &Scene, title: &str, points: &[Point]) -> Drawn<()> {
    let mut panel = Panel::new(
        area,
        scene,
        &Frame {
            title,
            ticks: scale::values(highest(points), 3),
            label: &scale::shown,
            legend: Vec::new(),
            has_times: false,
        },
    )?;
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        let mut outline = vec![(first.0, 0.0)];
        outline.extend(points);
        outline.push((last.0, 0.0));
        panel.fill(outline, PALE.mix(1.0))?;
    }
    panel.line(points, BLUE, 2)
}

fn response(area: &Area<'_>, scene: &Scene) -> Drawn<()> {
    let Some(response) = &scene.response else {
        return Ok(());
    };
    let all = || {
        [&response.mean, &response.p50, &response.p99]
            .into_iter()
            .flatten()
    };
    let low = all()
        .map(|(_, ms)| *ms)
        .filter(|ms| *ms > 0.0)
        .reduce(f64::min);
    let high = all().map(|(_, ms)| *ms).reduce(f64::max);
    let ticks: Vec<f64> = scale::powers(low.unwrap_or(1.0), high.unwrap_or(10.0))
        .into_iter()
        .map(f64::log10)
        .collect();
    let bottom = ticks.first().copied().unwrap_or(0.0);
    let mut legend = vec![
        (Swatch::Line(GREY, 2), "p50".to_owned()),
        (Swatch::Line(GREEN, 3), "mean".to_owned()),
        (Swatch::Line(BLUE, 2), "p99".to_owned()),
    ];
    if !response.failed.is_empty() {
        legend.push((Swatch::Cross(RED), "requests failed".to_owned()));
    }
    if !response.retried.is_empty() {
        legend.push((Swatch::Fill(RED), "sent again".to_owned()));
    }
    let mut panel = Panel::new(
        area,
        scene,
        &Frame {
            title: "response time, ms (logarithmic)",
            ticks,
            label: &|power| scale::shown(10_f64.powf(power)),
            legend,
            has_times: false,
        },
    )?;
    for (points, color, width) in [
        (&response.p50, GREY, 2),
        (&response.p99, BLUE, 2),
        (&response.mean, GREEN, 3),
    ] {
        let points: Vec<Point> = points
            .iter()
            .filter(|(_, ms)| *ms > 0.0)
            .map(|(t, ms)| (*t, ms.log10()))
            .collect();
        panel.line(&points, color, width)?;
    }
    let at_bottom =
        |points: &[Point]| -> Vec<Point> { points.iter().map(|(t, _)| (*t, bottom)).collect() };
    panel.draw(
        at_bottom(&response.failed)
            .into_iter()
            .map(|place| EmptyElement::at(place) + Cross::new((0, -7), 5, RED.stroke_width(2))),
    )?;
    panel.draw(
        at_bottom(&response.retried).into_iter().map(|place| {
            EmptyElement::at(place) + Rectangle::new([(-3, -8), (3, -1)], RED.filled())
        }),
    )
}

fn metric(area: &Area<'_>, scene: &Scene) -> Drawn<()> {
    let Some(metric) = &scene.metric else {
        let frame = Frame {
            title: "no metric decides: the policy is a static one",
            ticks: vec![0.0, 1.0],
            label: &|_| String::new(),
            legend: Vec::new(),
            has_times: true,
        };
        return Panel::new(area, scene, &frame).map(drop);
    };
    let lines = metric.average.iter().chain(&metric.by_instance).flatten();
    let most = lines
        .chain(&metric.threshold)
        .map(|(_, value)| *value)
        .fold(0.0, f64::max);
    let label = |value: f64| {
        if metric.is_share {
            format!("{} %", scale::shown(value * 100.0))
        } else {
            scale::shown(value)
        }
    };
    let threshold = metric.threshold.last().map(|(_, value)| *value);
    let mut ticks = scale::values(most, 5);
    let top = scale::headroom(&mut ticks, most);
    let mut panel = Panel::new(
        area,
        scene,
        &Frame {
            title: &format!("decision metric: {}", metric.name.replace('_', " ")),
            ticks,
            label: &|value| {
                if (value - top).abs() < 1e-9 {
                    String::new()
                } else {
                    label(value)
                }
            },
            legend: vec![
                (Swatch::Line(GREY, 1), "each instance".to_owned()),
                (Swatch::Line(BLUE, 3), "average".to_owned()),
                (
                    Swatch::Dashed(RED, 2),
                    format!("threshold {}", threshold.map_or_else(String::new, label)),
                ),
            ],
            has_times: true,
        },
    )?;
    for line in &metric.by_instance {
        panel.line(line, GREY, 1)?;
    }
    panel.dashed(&metric.threshold, RED, 2)?;
    for line in &metric.average {
        panel.line(line, BLUE, 3)?;
    }
    Ok(())
}

fn highest(points: &[Point]) -> f64 {
    points.iter().map(|(_, value)| *value).fold(0.0, f64::max)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
