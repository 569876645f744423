//! Figures beside their bars.

use std::fmt;

/// What was measured, in the order in which it was.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Line>);

#[derive(Debug)]
struct Line {
    what: String,
    figure: String,
    /// What is asked of it, and whether it is so; `None` for a figure of which nothing is asked.
    bar: Option<(&'static str, bool)>,
}

impl Table {
    /// A figure that has to be good enough.
    pub(crate) fn bar(&mut self, what: String, figure: String, bar: &'static str, is_met: bool) {
        self.add(what, figure, Some((bar, is_met)));
    }

    /// A figure of which nothing is asked.
    pub(crate) fn note(&mut self, what: String, figure: String) {
        self.add(what, figure, None);
    }

    /// Whether all bars are met.
    pub(crate) fn is_met(&self) -> bool {
        let mut bars = self.0.iter().filter_map(|line| line.bar);
        bars.all(|(_, is_met)| is_met)
    }

    /// Shown at once, too: the whole takes minutes.
    fn add(&mut self, what: String, figure: String, bar: Option<(&'static str, bool)>) {
        println!("… {what}: {figure}");
        self.0.push(Line { what, figure, bar });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { what, figure, bar } in &self.0 {
            let (verdict, bar) = match bar {
                Some((bar, true)) => ("ok", *bar),
                Some((bar, false)) => ("MISSED", *bar),
                None => ("", ""),
            };
            writeln!(f, "{verdict:6} {what:52} {figure:44} {bar}")?;
        }
        Ok(())
    }
}
