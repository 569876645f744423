//! Changes by how high a value is (S4-24, S4-25), and how a change is written (S4-46).

use controller::amount::Amount;
use controller::load::Unit;
use controller::policy::{Adjustment, Change, Response, Signal};

use crate::problem::Place;
use crate::reader::scalar::{Misfit, Scalar};
use crate::reader::{Placed, Section};
use crate::shape::quantity_text;

use super::super::keys::INSTANCES_LIMIT;
use super::{Monitored, unit_of};

/// A hundred times as many as there are.
const PERCENT_MOST: i32 = 10_000;

pub(super) fn read(monitored: &Monitored<'_>) -> Option<Signal> {
    let sections = monitored.section.sections("steps")?;
    let changes: Vec<Option<Change>> = sections
        .iter()
        .map(|section| read_change(section, "change"))
        .collect();
    let metric = monitored.metric()?;
    let unit = unit_of(&metric, monitored.aggregation.unwrap_or_default());
    let mut steps: Vec<Placed<Adjustment>> = sections
        .iter()
        .zip(changes)
        .filter_map(|(section, change)| read_step(section, unit, change))
        .collect();
    if steps.len() < sections.len() {
        return None;
    }
    steps.sort_by_key(|step| (step.value.from, step.value.to.is_none(), step.value.to));
    let overlaps = steps
        .windows(2)
        .filter(|pair| !refuse_overlap(monitored.section, pair, unit))
        .count();
    if overlaps == 0 {
        refuse_gaps(monitored.section, &steps, unit);
    }
    Some(Signal {
        monitor: monitored.of(metric),
        response: Response::Steps(steps.into_iter().map(|step| step.value).collect()),
    })
}

fn read_step(
    section: &Section<'_>,
    unit: Unit,
    change: Option<Change>,
) -> Option<Placed<Adjustment>> {
    let (from, to) = (section.quantity("from", unit), section.quantity("to", unit));
    let is_broken = (section.has("from") && from.is_none()) || (section.has("to") && to.is_none());
    let (from, to) = (from.map(|given| given.value), to.map(|given| given.value));
    let is_empty = to.is_some_and(|to| to <= from.unwrap_or(Amount::ZERO));
    if is_empty && !is_broken {
        section.refuse(
            "to",
            "no value is in this step: `to` is not above `from`",
            "exchange them, or correct one",
        );
        return None;
    }
    let value = Adjustment {
        from,
        to,
        change: change?,
    };
    (!is_broken).then_some(Placed {
        value,
        place: section.place,
    })
}

/// Of two neighbours: whether no value is in both.
fn refuse_overlap(section: &Section<'_>, pair: &[Placed<Adjustment>], unit: Unit) -> bool {
    let [low, high] = pair else { return true };
    let end = low.value.to;
    if end.is_some_and(|end| high.value.from.is_some_and(|from| end <= from)) {
        return true;
    }
    let hint = match (high.value.from, low.value.to) {
        (Some(from), _) => format!(
            "end the one on line {} where the other begins: `to: {}`",
            low.place.line,
            quantity_text(from, unit)
        ),
        (None, Some(to)) => format!(
            "begin this one where the other ends: `from: {}`",
            quantity_text(to, unit)
        ),
        (None, None) => "keep one of them".to_owned(),
    };
    section.notes().error(
        high.place,
        format!(
            "steps overlap: {} here, and {} on line {}",
            range(&high.value, unit),
            range(&low.value, unit),
            low.place.line
        ),
        hint,
    );
    false
}

/// A stretch of values that no step holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gap<'a> {
    /// The step under it, if there is one.
    below: Option<&'a Placed<Adjustment>>,
    /// The step over it.
    above: Option<&'a Placed<Adjustment>>,
}

/// Whether the number grows, shrinks, or is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Grows,
    Shrinks,
    Is,
}

impl Direction {
    fn of(change: Change) -> Self {
        let by = match change {
            Change::By(by) => by,
            Change::Percent { percent, .. } => percent,
            Change::To(_) => return Self::Is,
        };
        if by < 0 { Self::Shrinks } else { Self::Grows }
    }
}

impl Gap<'_> {
    /// Whether this is where the number is right: between shrinking and growing, or on the quiet side of all steps.
    fn is_meant(&self) -> bool {
        let direction =
            |step: Option<&Placed<Adjustment>>| step.map(|step| Direction::of(step.value.change));
        match (direction(self.below), direction(self.above)) {
            (Some(below), Some(above)) => below != above || below == Direction::Is,
            (None, Some(above)) => above != Direction::Shrinks,
            (Some(below), None) => below != Direction::Grows,
            (None, None) => false,
        }
    }
}

/// Nothing changes in one gap; any other is a mistake.
fn refuse_gaps(section: &Section<'_>, steps: &[Placed<Adjustment>], unit: Unit) {
    let between = steps.windows(2).filter_map(|pair| match pair {
        [below, above] if below.value.to != above.value.from => Some(Gap {
            below: Some(below),
            above: Some(above),
        }),
        _ => None,
    });
    let under = steps
        .first()
        .filter(|step| step.value.from > Some(Amount::ZERO));
    let over = steps.last().filter(|step| step.value.to.is_some());
    let under = under.map(|above| Gap {
        below: None,
        above: Some(above),
    });
    let over = over.map(|below| Gap {
        below: Some(below),
        above: None,
    });
    let gaps: Vec<Gap<'_>> = between.chain(under).chain(over).collect();
    let is_outer = |gap: &&Gap<'_>| gap.below.is_none() || gap.above.is_none();
    let kept = gaps
        .iter()
        .find(|gap| gap.is_meant())
        // A metric that is bad when it is low has it the other way round.
        .or_else(|| gaps.iter().find(is_outer).filter(|_| gaps.len() == 1));
    for gap in &gaps {
        if Some(gap) != kept {
            refuse_gap(section, *gap, unit);
        }
    }
}

fn refuse_gap(section: &Section<'_>, gap: Gap<'_>, unit: Unit) {
    let text = |amount: Option<Amount>| quantity_text(amount.unwrap_or_default(), unit);
    let (place, what, hint): (Place, String, String) = match (gap.below, gap.above) {
        (Some(below), Some(above)) => (
            above.place,
            format!(
                "there is a gap between the steps: {} on line {}, and {} here",
                range(&below.value, unit),
                below.place.line,
                range(&above.value, unit)
            ),
            format!(
                "let this one begin where the other ends: `from: {}`",
                text(below.value.to)
            ),
        ),
        (None, Some(above)) => (
            above.place,
            format!("no step says what follows below {}", text(above.value.from)),
            "leave out `from`, so that the lowest step holds for every lower value".to_owned(),
        ),
        (Some(below), None) => (
            below.place,
            format!("no step says what follows from {} on", text(below.value.to)),
            "leave out `to`, so that the topmost step holds for every higher value".to_owned(),
        ),
        (None, None) => return,
    };
    section.notes().error(place, what, hint);
}

/// `60% to 80%`.
fn range(step: &Adjustment, unit: Unit) -> String {
    let text = |amount: Amount| quantity_text(amount, unit);
    match (step.from, step.to) {
        (Some(from), Some(to)) => format!("{} to {}", text(from), text(to)),
        (Some(from), None) => format!("from {} on", text(from)),
        (None, Some(to)) => format!("below {}", text(to)),
        (None, None) => "every value".to_owned(),
    }
}

/// A change under this key, with its `at_least`.
pub(super) fn read_change(section: &Section<'_>, name: &str) -> Option<Change> {
    let change = section.read(name, change);
    let at_least = section.whole("at_least");
    let change = change?.value;
    match (change, at_least) {
        (Change::Percent { percent, .. }, Some(at_least)) => Some(Change::Percent {
            percent,
            at_least: at_least.value,
        }),
        (Change::By(_) | Change::To(_), Some(_)) => {
            section.refuse(
                "at_least",
                format!("`at_least` goes with a change in percent, and `{name}` is a number"),
                format!("take it away, or write a larger `{name}`"),
            );
            None
        }
        (change, None) => Some(change),
    }
}

/// `+1`, `-50%`, `=4`, `x2`.
fn change(scalar: &Scalar<'_>) -> Result<Change, Misfit> {
    let text = scalar.text.trim();
    let refused = |hint: String| Misfit::new("a change of the number", hint);
    let sample = || {
        refused("write how many more or fewer, `+1`, `-1`, `+50%`, `-50%`; how many, `=4`; or a factor, `x2`".to_owned())
    };
    let mut signs = text.chars();
    let sign = signs.next().ok_or_else(sample)?;
    let rest = signs.as_str().trim_start();
    match sign {
        '+' | '-' => signed(sign == '-', rest).map_err(|hint| hint.map_or_else(sample, refused)),
        '=' => {
            let number = plain(rest).whole(0, INSTANCES_LIMIT);
            number
                .map(Change::To)
                .map_err(|misfit| refused(misfit.hint))
        }
        'x' | '×' => factor(rest).map_err(refused),
        '*' => Err(refused(format!("write x{rest}"))),
        _ if sign.is_ascii_digit() => {
            let exactly = match text.strip_suffix('%') {
                Some(_) => String::new(),
                None => format!(", `={text}` exactly so many"),
            };
            Err(refused(format!(
                "say which way: `+{text}` is more, `-{text}` fewer{exactly}"
            )))
        }
        _ => Err(sample()),
    }
}

fn plain(text: &str) -> Scalar<'_> {
    Scalar {
        text,
        is_quoted: false,
    }
}

/// After the sign. The error is a hint, where there is a special one.
fn signed(is_less: bool, rest: &str) -> Result<Change, Option<String>> {
    let (number, is_percent) = match rest.strip_suffix('%') {
        Some(number) => (number.trim_end(), true),
        None => (rest, false),
    };
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(number
            .contains('.')
            .then(|| "write whole numbers, or a factor, as in x1.5".to_owned()));
    }
    let most = match (is_percent, is_less) {
        (false, _) => i32::try_from(INSTANCES_LIMIT).unwrap_or(i32::MAX),
        (true, true) => 100,
        (true, false) => PERCENT_MOST,
    };
    let number = match number.parse::<i32>() {
        Ok(0) => return Err(Some("0 changes nothing: take the step away".to_owned())),
        Ok(number) if number <= most => number,
        _ => {
            let unit = if is_percent { "%" } else { "" };
            return Err(Some(format!("the most is {most}{unit}")));
        }
    };
    let number = if is_less { -number } else { number };
    Ok(if is_percent {
        percent(number)
    } else {
        Change::By(number)
    })
}

fn percent(percent: i32) -> Change {
    Change::Percent {
        percent,
        at_least: 1,
    }
}

/// Of the number: 2 is twice as many. The error is a hint.
fn factor(text: &str) -> Result<Change, String> {
    const HUNDREDTH: u64 = 10_000;
    let most = Amount::whole(PERCENT_MOST.unsigned_abs() / 100 + 1);
    let hundredths = plain(text)
        .decimal(Amount::ZERO, most)
        .map(Amount::millionths)
        .map_err(|_| "write a factor, as in x2 or x0.5".to_owned())?;
    if hundredths % HUNDREDTH != 0 {
        return Err("a factor has at most two decimals, as in x1.25".to_owned());
    }
    match i32::try_from(hundredths / HUNDREDTH).unwrap_or(i32::MAX) - 100 {
        0 => Err("x1 changes nothing: take the step away".to_owned()),
        more => Ok(percent(more)),
    }
}
