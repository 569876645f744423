//! A tree of YAML, read by the [tables](crate::shape) of keys. Typed, and it goes on after a problem: every getter answers
//! `None` for what is missing or wrong, and wrong has been noted by then.
//!
//! To ask for a key that is not in its table, or for another kind of value than the table says, is a mistake of ours and panics.

mod collection;
pub(crate) mod scalar;
mod value;

use crate::problem::{Notes, Place, quoted};
use crate::shape::{Absence, Entry};
use crate::yaml::{Content, Node, Pair};

/// A value, and where it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A map of the text, held against its table.
#[derive(Debug, Clone)]
pub(crate) struct Section<'a> {
    /// `policy.dynamic`, for messages; empty for the file itself.
    path: String,
    /// Of the whole map; of its key, or of the next section outwards that is there, where it is left out.
    pub(crate) place: Place,
    entries: &'static [Entry],
    pairs: Vec<&'a Pair>,
    is_given: bool,
    notes: &'a Notes,
}

impl<'a> Section<'a> {
    /// The whole file. `elsewhere` knows keys that belong to another spelling, and answers with a hint.
    pub(crate) fn root(
        node: &'a Node,
        entries: &'static [Entry],
        notes: &'a Notes,
        elsewhere: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        Self::of_node(node, node.place, String::new(), entries, notes, elsewhere)
    }

    fn of_node(
        node: &'a Node,
        place: Place,
        path: String,
        entries: &'static [Entry],
        notes: &'a Notes,
        elsewhere: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        let Content::Map(pairs) = &node.content else {
            let subject = if path.is_empty() {
                "the file".to_owned()
            } else {
                format!("`{path}`")
            };
            notes.error(
                node.place,
                format!("{subject} should hold keys, found {}", kind(node)),
                format!(
                    "write lines like `{}: …` here",
                    entries.first().map_or("key", |entry| entry.name)
                ),
            );
            return None;
        };
        let mut section = Self {
            path,
            place,
            entries,
            pairs: Vec::with_capacity(pairs.len().min(entries.len())),
            is_given: true,
            notes,
        };
        for pair in pairs {
            section.admit(pair, elsewhere);
        }
        section.note_missing();
        Some(section)
    }

    fn admit(&mut self, pair: &'a Pair, elsewhere: &dyn Fn(&str) -> Option<String>) {
        let known = self.entries.iter().any(|entry| entry.name == pair.name);
        let earlier = self.pairs.iter().find(|earlier| earlier.name == pair.name);
        if let Some(earlier) = earlier {
            self.notes.error(
                pair.place,
                format!("{} is given twice", quoted(&self.path_of(&pair.name))),
                format!(
                    "the first is on line {}: keep one of them",
                    earlier.place.line
                ),
            );
        } else if known {
            self.pairs.push(pair);
        } else {
            let hint = elsewhere(&pair.name).unwrap_or_else(|| {
                let names: Vec<&str> = self.entries.iter().map(|entry| entry.name).collect();
                did_you_mean(&pair.name, &names)
            });
            let scope = if self.path.is_empty() {
                String::new()
            } else {
                format!(" in `{}`", self.path)
            };
            self.notes.error(
                pair.place,
                format!("unknown key {}{scope}", quoted(&pair.name)),
                hint,
            );
        }
    }

    fn note_missing(&self) {
        // Of a whole file the first character stands for all of it.
        let length = if self.path.is_empty() {
            self.place.length.min(1)
        } else {
            self.place.length
        };
        let place = Place {
            length,
            ..self.place
        };
        for entry in self.entries {
            if matches!(entry.absence, Absence::Refused) && !self.has(entry.name) {
                self.notes.error(
                    place,
                    format!("`{}` is missing", self.path_of(entry.name)),
                    format!("add `{}`, as in `{}`", entry.name, entry.sample()),
                );
            }
        }
    }

    /// `policy.buffer` for `buffer`.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// Whether the section itself is in the text.
    pub(crate) fn is_given(&self) -> bool {
        self.is_given
    }

    /// Whether the key is in the text, right or wrong.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.pair(name).is_some()
    }

    /// Whether the key holds keys of its own.
    pub(crate) fn holds_keys(&self, name: &str) -> bool {
        self.pair(name)
            .is_some_and(|pair| matches!(pair.value.content, Content::Map(_)))
    }

    /// Where the key's value is; where its section is, if it is left out.
    pub(crate) fn place_of(&self, name: &str) -> Place {
        self.pair(name).map_or(self.place, value_place)
    }

    /// Where the key is; where its section is, if it is left out.
    pub(crate) fn key_place(&self, name: &str) -> Place {
        self.pair(name).map_or(self.place, |pair| pair.place)
    }

    pub(crate) fn notes(&self) -> &'a Notes {
        self.notes
    }

    /// An error at the key's value.
    pub(crate) fn refuse(&self, name: &str, what: impl Into<String>, hint: impl Into<String>) {
        self.notes.error(self.place_of(name), what, hint);
    }

    fn pair(&self, name: &str) -> Option<&'a Pair> {
        self.pairs.iter().copied().find(|pair| pair.name == name)
    }

    fn entry(&self, name: &str) -> &'static Entry {
        self.entries
            .iter()
            .find(|entry| entry.name == name)
            .unwrap_or_else(|| panic!("`{}` is in the table of its section", self.path_of(name)))
    }

    /// The keys under a key; without any where it is left out.
    pub(crate) fn section(&self, name: &str) -> Self {
        let entry = self.entry(name);
        let absent = || Self {
            path: self.path_of(name),
            place: self.key_place(name),
            entries: entry.inner(),
            pairs: Vec::new(),
            is_given: false,
            notes: self.notes,
        };
        let Some(pair) = self.pair(name) else {
            return absent();
        };
        self.map(&pair.value, pair.place, self.path_of(name), entry.inner())
            .unwrap_or_else(absent)
    }

    fn map(
        &self,
        node: &'a Node,
        place: Place,
        path: String,
        entries: &'static [Entry],
    ) -> Option<Self> {
        if self.notes_nothing(node, place, &path) {
            return None;
        }
        Self::of_node(node, place, path, entries, self.notes, &|_| None)
    }

    /// Whether there is nothing, after noting so.
    fn notes_nothing(&self, node: &Node, place: Place, path: &str) -> bool {
        let is_nothing = is_nothing(node);
        if is_nothing {
            self.notes.error(
                place,
                format!("`{path}` has no value"),
                "give it one, or take the line away",
            );
        }
        is_nothing
    }
}

fn is_nothing(node: &Node) -> bool {
    matches!(&node.content, Content::Scalar { text, is_quoted: false } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
}

/// Where a value is shown: on itself, or on its key where there is nothing to show.
fn value_place(pair: &Pair) -> Place {
    match &pair.value.content {
        Content::Scalar { .. } if pair.value.place.length > 0 => pair.value.place,
        _ => pair.place,
    }
}

fn kind(node: &Node) -> &'static str {
    match &node.content {
        Content::Scalar { .. } if is_nothing(node) => "nothing",
        Content::Scalar { .. } => "a single value",
        Content::List(_) => "a list",
        Content::Map(_) => "a map",
    }
}

/// A hint that names the likeliest of `names`, or all of them.
pub(crate) fn did_you_mean(word: &str, names: &[&str]) -> String {
    /// Nobody mistypes a word of this length from nothing.
    const LONGEST: usize = 40;
    /// With more letters wrong, and not just missing at the end, another word may be meant, even the opposite: `only_scale_in`.
    const MOST_WRONG: usize = 2;
    let nearest = names
        .iter()
        .filter(|_| word.len() <= LONGEST)
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .min()
        .filter(|(distance, name)| {
            *distance <= name.len().max(3) / 3
                && (*distance <= MOST_WRONG || name.starts_with(word))
        });
    match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "there is none to choose from".to_owned(),
        None => format!("choose from {}", names.join(", ")),
    }
}
