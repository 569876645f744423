//! What is wrong with a text that a person wrote: where, what, and what to do about it.
//!
//! A reader finds all problems before it gives up, so that a person corrects a file once. Each is shown as
//! `file:line:column` with the line itself and a hint; the words `error` and `warning` carry the meaning, colour never does.

use std::cell::RefCell;
use std::fmt;
use std::io::IsTerminal;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};

/// A person corrects this many in one sitting; a text with more is broken as a whole.
const PROBLEMS_SHOWN: usize = 50;

/// Bytes of the text that excerpts are taken from: as many as the readers read at all.
const TEXT_KEPT: usize = crate::yaml::TEXT_LIMIT;

/// Characters of somebody's text that are repeated in a message.
const QUOTE_LIMIT: usize = 60;

/// Columns of an excerpt: lines longer than this are cut around the place.
const EXCERPT_WIDTH: usize = 120;

/// Where in a text. Lines and columns begin at 1; columns and lengths count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The first character.
    pub column: u32,
    /// How many characters on that line; zero for a place between two.
    pub length: u32,
}

impl Place {
    /// The very beginning, for what concerns the whole text.
    pub const START: Self = Self {
        line: 1,
        column: 1,
        length: 0,
    };
}

/// Whether a problem stops the text from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, and a person should know.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Whether it stops the text from being used.
    pub severity: Severity,
    /// The file, as the person named it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// How many characters, on that line.
    pub length: u32,
    /// What is wrong: lower case, no full stop.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

/// All that is wrong with one text, in the order of its lines, together with the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    text: String,
    list: Vec<Problem>,
    left_out: usize,
}

impl Problems {
    /// These problems of this text; puts them into the order of its lines and keeps the first fifty.
    pub fn new(text: &str, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| (problem.line, problem.column, problem.severity));
        list.dedup();
        let left_out = list.len().saturating_sub(PROBLEMS_SHOWN);
        list.truncate(PROBLEMS_SHOWN);
        let kept = text.floor_char_boundary(TEXT_KEPT);
        Self {
            text: text[..kept].to_owned(),
            list,
            left_out,
        }
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each of them, by line.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// The problems alone, for a program that reads them.
    pub fn into_vec(self) -> Vec<Problem> {
        self.list
    }

    /// As people read them, one after the other, with a line of summary where some were left out. Ends with a line break
    /// unless there are none.
    pub fn render(&self, style: Style) -> String {
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        }
        .term_width(EXCERPT_WIDTH);
        let mut shown = String::new();
        for (problem, number) in self.list.iter().zip(0..) {
            if number > 0 {
                shown.push('\n');
            }
            shown.push_str(&render_one(&renderer, &self.text, problem));
            shown.push('\n');
        }
        if self.left_out > 0 {
            shown.extend(["\n… and ", &self.left_out.to_string(), " more\n"]);
        }
        shown
    }

    /// As a program reads them: an array of objects with the fields of [`Problem`].
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self.list)
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(Style::Plain).trim_end())
    }
}

impl std::error::Error for Problems {}

/// Whether the output may hold colours. They only repeat what the words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// With ANSI colours.
    Coloured,
}

impl Style {
    /// Colours on a terminal, unless `NO_COLOR` is set to anything.
    pub fn of(stream: &impl IsTerminal) -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if stream.is_terminal() && !is_unwanted {
            Self::Coloured
        } else {
            Self::Plain
        }
    }
}

fn render_one(renderer: &Renderer, text: &str, problem: &Problem) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let (excerpt, first, span) = excerpt(text, problem);
    let report = [level
        .primary_title(problem.what.as_str())
        .element(
            Snippet::source(excerpt)
                .path(problem.file.as_str())
                .line_start(first)
                .annotation(AnnotationKind::Primary.span(span)),
        )
        .element(Level::HELP.with_name("hint").message(problem.hint.as_str()))];
    renderer.render(&report)
}

/// The problem's line with the one before it, the number of the first of them, and the bytes in it to point at.
fn excerpt(text: &str, problem: &Problem) -> (String, usize, std::ops::Range<usize>) {
    let line = problem.line.max(1) as usize;
    let first = line.saturating_sub(1).max(1);
    let lines: Vec<&str> = text
        .lines()
        .skip(first - 1)
        .take(line - first + 1)
        .collect();
    let before: usize = lines
        .iter()
        .take(line - first)
        .map(|line| line.len() + 1)
        .sum();
    let pointed = lines.get(line - first).copied().unwrap_or_default();
    let byte = |characters: usize| {
        pointed
            .char_indices()
            .nth(characters)
            .map_or(pointed.len(), |(at, _)| at)
    };
    let column = problem.column.saturating_sub(1) as usize;
    let span = before + byte(column)..before + byte(column + problem.length as usize);
    (lines.join("\n"), first, span)
}

/// Somebody's text inside a message: in backticks, shortened, with every unprintable character escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(QUOTE_LIMIT)
        .flat_map(|c| {
            let escape = if c.is_control() || is_invisible(c) {
                c.escape_unicode().collect::<Vec<_>>()
            } else {
                vec![c]
            };
            escape.into_iter()
        })
        .collect();
    if text.chars().nth(QUOTE_LIMIT).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// `1 instance`, `2 instances`.
pub(crate) fn counted(count: impl Into<u64>, one: &str) -> String {
    let count = count.into();
    let ending = match (count, one) {
        (1, _) => "",
        (_, one) if one.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {one}{ending}")
}

/// Characters that change how a line looks without being seen: bidirectional controls, zero-width marks.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Where a reader writes down what it finds, so that it can go on.
#[derive(Debug)]
pub(crate) struct Notes {
    file: String,
    list: RefCell<Vec<Problem>>,
}

/// More than this are not even written down.
const NOTES_LIMIT: usize = 1_000;

impl Notes {
    pub(crate) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            list: RefCell::new(Vec::new()),
        }
    }

    pub(crate) fn error(&self, place: Place, what: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Error, place, what.into(), hint.into());
    }

    pub(crate) fn warning(&self, place: Place, what: impl Into<String>, hint: impl Into<String>) {
        self.add(Severity::Warning, place, what.into(), hint.into());
    }

    fn add(&self, severity: Severity, place: Place, what: String, hint: String) {
        let mut list = self.list.borrow_mut();
        if list.len() < NOTES_LIMIT {
            list.push(Problem {
                severity,
                file: self.file.clone(),
                line: place.line,
                column: place.column,
                length: place.length,
                what,
                hint,
            });
        }
    }

    /// What was read and the warnings about it; or everything that is wrong. `read` is `None` only where an error was noted.
    pub(crate) fn conclude<T>(
        self,
        text: &str,
        read: Option<T>,
    ) -> Result<(T, Problems), Problems> {
        let list = self.list.into_inner();
        let has_errors = list
            .iter()
            .any(|problem| problem.severity == Severity::Error);
        let problems = Problems::new(text, list);
        if has_errors {
            return Err(problems);
        }
        let read = read.expect("a reader that gives up has said why");
        Ok((read, problems))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: u32, column: u32, length: u32) -> Problem {
        Problem {
            severity: Severity::Error,
            file: "t.yml".to_owned(),
            line,
            column,
            length,
            what: "`min` is not a number".to_owned(),
            hint: "write a number".to_owned(),
        }
    }

    #[test]
    fn a_problem_is_shown_with_its_place_its_line_and_its_hint() {
        let text = "größe: 1\nmin: fünf\n";

        let shown = Problems::new(text, vec![problem(2, 6, 4)]).render(Style::Plain);

        insta::assert_snapshot!(shown, @"
        error: `min` is not a number
         --> t.yml:2:6
          |
        2 | min: fünf
          |      ^^^^
          |
          = hint: write a number
        ");
    }

    #[test]
    fn a_place_outside_the_text_is_shown_without_a_panic() {
        for (text, line, column) in [("", 1, 1), ("a", 1, 99), ("a\n", 9, 9), ("", 0, 0)] {
            let shown = Problems::new(text, vec![problem(line, column, 5)]).render(Style::Plain);
            assert!(shown.contains("hint: write a number"), "{shown}");
        }
    }

    #[test]
    fn text_that_would_fool_a_terminal_is_quoted_with_escapes() {
        assert_eq!(quoted("a\u{1b}[31m\u{202e}b"), "`a\\u{1b}[31m\\u{202e}b`");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), QUOTE_LIMIT + 3);
    }
}
