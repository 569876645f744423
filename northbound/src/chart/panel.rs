//! One panel: a title, a legend, two axes with their grid, and what can be drawn in it.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::period::Period;
use super::scale;
use super::scene::{Point, Scene};

/// What can go wrong with drawing into a text: nothing but a mistake of ours.
pub(super) type Drawn<T> = Result<T, Box<dyn std::error::Error>>;
pub(super) type Area<'b> = DrawingArea<SVGBackend<'b>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

pub(super) const INK: RGBColor = RGBColor(38, 38, 38);
const SOFT_INK: RGBColor = RGBColor(90, 90, 90);
const GRID: RGBColor = RGBColor(226, 226, 226);
const HIGH: RGBColor = RGBColor(255, 243, 217);
const FONT: &str = "Helvetica, Arial, sans-serif";

/// Room for the numbers of the upright axis.
pub(super) const LEFT: u32 = 118;
/// Room for half of the last time, and for a number beside the last mark.
pub(super) const RIGHT: u32 = 36;
/// Room for the title and the legend.
const TOP: u32 = 26;
/// Room for the times below the last panel.
pub(super) const BOTTOM: u32 = 26;
/// Lines of the grid over the whole time.
const MOMENTS: u32 = 12;
/// From so many seconds on, what is told of a moment is its day.
const DAYS_FROM: f64 = 12.0 * 86_400.0;
/// More lines than any axis has: we choose them ourselves.
const LINES: usize = 100;
/// The size of the legend's letters, in pixels, and a tenth more: where Helvetica is missing, what stands in for it is wider.
const LETTER: f64 = 14.2;
/// From a word of the legend to its swatch, the swatch, and from there to the word before it, in pixels.
const TO_SWATCH: i32 = 8;
const SWATCH: i32 = 22;
const TO_WORD: i32 = 16;

/// An axis whose lines lie where we want them.
pub(super) struct Axis {
    line: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Axis {
    fn new(from: f64, to: f64, ticks: Vec<f64>) -> Self {
        Self {
            line: (from..to).into(),
            ticks,
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.line.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.line.range()
    }
}

impl ValueFormatter<f64> for Axis {}

/// Text of a size, at a place.
pub(super) fn style(size: u32, color: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    (FONT, size).into_font().color(&color).pos(Pos::new(h, v))
}

/// What a panel looks like before anything is drawn in it.
pub(super) struct Frame<'t> {
    pub(super) title: &'t str,
    /// Where the lines of the grid lie; the first and the last are the ends of the axis.
    pub(super) ticks: Vec<f64>,
    /// What is written at them.
    pub(super) label: &'t dyn Fn(f64) -> String,
    /// What is in it: a colour, a word.
    pub(super) legend: Vec<(Swatch, String)>,
    /// Whether it is the last one, with the times below it.
    pub(super) has_times: bool,
}

/// How something looks, in the panel and in its legend.
#[derive(Debug, Clone, Copy)]
pub(super) enum Swatch {
    Line(RGBColor, u32),
    Dashed(RGBColor, u32),
    Fill(RGBColor),
    Cross(RGBColor),
}

/// A panel to draw in: seconds to the right, values upwards.
pub(super) struct Panel<'a, 'b> {
    chart: Chart<'a, 'b>,
    length: f64,
}

impl<'a, 'b> Panel<'a, 'b> {
    pub(super) fn new(area: &'a Area<'b>, scene: &Scene, frame: &Frame<'_>) -> Drawn<Self> {
        let times = scale::moments(scene.begins, scene.length, MOMENTS);
        let (bottom, top) = match frame.ticks[..] {
            [first, .., last] => (first, last),
            _ => (0.0, 1.0),
        };
        let mut chart = ChartBuilder::on(area)
            .margin_top(TOP)
            .margin_right(RIGHT)
            .set_label_area_size(LabelAreaPosition::Left, LEFT)
            .set_label_area_size(
                LabelAreaPosition::Bottom,
                if frame.has_times { BOTTOM } else { 2 },
            )
            .build_cartesian_2d(
                Axis::new(0.0, scene.length, times),
                Axis::new(bottom, top, frame.ticks.clone()),
            )?;
        shade(&mut chart, &scene.periods, bottom, top)?;
        let begins = scene.begins;
        let form = if scene.length > DAYS_FROM {
            "%b %d"
        } else {
            "%H:%M:%S"
        };
        let time = |seconds: &f64| {
            let millis = jiff::SignedDuration::from_secs_f64(*seconds);
            let moment = begins.saturating_add(millis).unwrap_or(begins);
            // Half a second more: a moment that was rounded down by a hair keeps its second.
            let half = jiff::SignedDuration::from_millis(500);
            let moment = moment.saturating_add(half).unwrap_or(moment);
            moment.strftime(form).to_string()
        };
        let label = |value: &f64| (frame.label)(*value);
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(SOFT_INK)
            .label_style(style(15, SOFT_INK, HPos::Center, VPos::Top))
            .y_label_style(style(15, SOFT_INK, HPos::Right, VPos::Center))
            .x_labels(LINES)
            .y_labels(LINES)
            .x_label_formatter(&time)
            .y_label_formatter(&label);
        if !frame.has_times {
            mesh.x_labels(0).x_label_formatter(&|_| String::new());
        }
        mesh.draw()?;
        titles(area, frame)?;
        Ok(Self {
            chart,
            length: scene.length,
        })
    }

    pub(super) fn line(&mut self, points: &[Point], color: RGBColor, width: u32) -> Drawn<()> {
        let line = LineSeries::new(points.iter().copied(), color.stroke_width(width));
        self.chart.draw_series(line)?;
        Ok(())
    }

    /// A line that keeps its value until the next point, and the last one to the end.
    pub(super) fn steps(&mut self, points: &[Point], color: RGBColor, width: u32) -> Drawn<()> {
        let length = self.length;
        self.line(&stairs(points, length), color, width)
    }

    pub(super) fn dashed(&mut self, points: &[Point], color: RGBColor, width: u32) -> Drawn<()> {
        let line = stairs(points, self.length);
        self.chart
            .draw_series(DashedLineSeries::new(line, 7, 5, color.stroke_width(width)))?;
        Ok(())
    }

    /// The area between a line and the bottom, or another line.
    pub(super) fn fill(&mut self, outline: Vec<Point>, color: RGBAColor) -> Drawn<()> {
        self.chart
            .draw_series([Polygon::new(outline, color.filled())])?;
        Ok(())
    }

    pub(super) fn draw<E>(&mut self, elements: impl IntoIterator<Item = E>) -> Drawn<()>
    where
        for<'e> &'e E: PointCollection<'e, Point>,
        E: Drawable<SVGBackend<'b>>,
    {
        self.chart.draw_series(elements)?;
        Ok(())
    }
}

/// The corners of a line that keeps its value until the next point.
pub(super) fn stairs(points: &[Point], end: f64) -> Vec<Point> {
    let mut corners = Vec::with_capacity(points.len() * 2 + 1);
    for (index, (t, value)) in points.iter().enumerate() {
        corners.push((*t, *value));
        let next = points.get(index + 1).map_or(end, |(next, _)| *next);
        corners.push((next, *value));
    }
    corners
}

/// High load in every panel, with a line where it begins and ends.
fn shade(chart: &mut Chart<'_, '_>, periods: &[Period], bottom: f64, top: f64) -> Drawn<()> {
    for period in periods.iter().filter(|period| period.is_high) {
        let corners = [(period.from, bottom), (period.to, top)];
        chart.draw_series([Rectangle::new(corners, HIGH.filled())])?;
    }
    Ok(())
}

fn titles(area: &Area<'_>, frame: &Frame<'_>) -> Drawn<()> {
    let title = style(17, INK, HPos::Left, VPos::Top);
    let left = i32::try_from(LEFT)?;
    area.draw(&Text::new(frame.title.to_owned(), (left, 6), title))?;
    let (width, _) = area.dim_in_pixel();
    let mut right = i32::try_from(width - RIGHT)?;
    let words = style(15, INK, HPos::Right, VPos::Center);
    for (swatch, word) in frame.legend.iter().rev() {
        let middle = 15;
        area.draw(&Text::new(word.clone(), (right, middle), words.clone()))?;
        #[expect(clippy::cast_possible_truncation, reason = "a legend is a few words")]
        let long = (word.chars().map(width_of).sum::<f64>() * LETTER).round() as i32;
        right -= long + TO_SWATCH;
        swatch.draw(area, right, middle)?;
        right -= SWATCH + TO_WORD;
    }
    Ok(())
}

/// How wide Helvetica's letters are, as a part of their size: an SVG does not know its reader's fonts, and gaps should be even.
fn width_of(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | '\'' => 0.22,
        'f' | 't' | 'I' | ' ' | '.' | ',' | ':' | '/' => 0.28,
        'r' | '-' | '(' | ')' => 0.33,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' | 'J' => 0.5,
        'w' | 'C' | 'D' | 'H' | 'N' | 'R' | 'U' => 0.72,
        'm' | 'M' | 'W' | '%' => 0.86,
        'A' | 'B' | 'E' | 'K' | 'P' | 'S' | 'V' | 'X' | 'Y' => 0.67,
        'G' | 'O' | 'Q' => 0.78,
        _ => 0.556,
    }
}

impl Swatch {
    /// Draws it to the left of a place.
    fn draw(self, area: &Area<'_>, right: i32, middle: i32) -> Drawn<()> {
        let left = right - SWATCH;
        let line = |from: i32, to: i32, color: RGBColor, width: u32| {
            let points = vec![(from, middle), (to, middle)];
            area.draw(&PathElement::new(points, color.stroke_width(width)))
        };
        match self {
            Self::Line(color, width) => line(left, right, color, width)?,
            Self::Dashed(color, width) => {
                line(left, left + 6, color, width)?;
                line(left + 9, left + 14, color, width)?;
                line(left + 17, right, color, width)?;
            }
            Self::Fill(color) => {
                let corners = [(left + 6, middle - 6), (right, middle + 5)];
                area.draw(&Rectangle::new(corners, color.filled()))?;
            }
            Self::Cross(color) => {
                let cross = Cross::new((left + 12, middle), 5, color.stroke_width(2));
                area.draw(&cross)?;
            }
        }
        Ok(())
    }
}
