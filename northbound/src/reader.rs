//! A tree of YAML, read by the [tables](crate::shape) of keys. Typed, and it goes on after a problem: every getter answers
//! `None` for what is missing or wrong, and wrong has been noted by then.
//!
//! To ask for a key that is not in its table, or for another kind of value than the table says, is a mistake of ours and panics.

pub(crate) mod scalar;

use std::str::FromStr;

use controller::amount::Amount;
use controller::id::NameError;
use jiff::SignedDuration;

use crate::problem::{Notes, Place, quoted};
use crate::shape::{Absence, Entry, Shape};
use crate::yaml::{Content, Node, Pair};

use scalar::{Misfit, Scalar};

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

    /// Where the key's value is; where its section is, if it is left out.
    pub(crate) fn place_of(&self, name: &str) -> Place {
        self.pair(name).map_or(self.place, |pair| value_place(pair))
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
        if is_nothing(node) {
            self.notes.error(
                place,
                format!("`{path}` has no value"),
                "give it one, or take the line away",
            );
            return None;
        }
        Self::of_node(node, place, path, entries, self.notes, &|_| None)
    }

    /// The sections of a list; `None` where the key is left out or holds something else.
    pub(crate) fn sections(&self, name: &str) -> Option<Vec<Self>> {
        let Shape::Sections { of, most } = self.entry(name).shape else {
            panic!("`{name}` is a list of sections in its table");
        };
        let items = self.list(name, most)?;
        let sections = items
            .iter()
            .zip(1..)
            .filter_map(|(item, number)| {
                let path = format!("{}[{number}]", self.path_of(name));
                self.map(item, first_place(item), path, of)
            })
            .collect::<Vec<_>>();
        (sections.len() == items.len()).then_some(sections)
    }

    /// The items of a list that is not empty and not too long.
    fn list(&self, name: &str, most: usize) -> Option<&'a [Node]> {
        let pair = self.pair(name)?;
        let path = self.path_of(name);
        match &pair.value.content {
            Content::List(items) if items.is_empty() => {
                self.notes.error(
                    pair.value.place,
                    format!("`{path}` is an empty list"),
                    "name at least one, or take the line away",
                );
                None
            }
            Content::List(items) if items.len() > most => {
                self.notes.error(
                    pair.place,
                    format!(
                        "`{path}` has {} items, at most {most} are allowed",
                        items.len()
                    ),
                    "take some away",
                );
                None
            }
            Content::List(items) => Some(items),
            _ => {
                self.notes.error(
                    value_place(pair),
                    format!("`{path}` should be a list, found {}", kind(&pair.value)),
                    "write `[a, b]`, or lines that begin with `- `",
                );
                None
            }
        }
    }

    /// Sections under names that a person chose, in the order of the text.
    pub(crate) fn named<T>(&self, name: &str) -> Option<Vec<(Placed<T>, Self)>>
    where
        T: FromStr<Err = NameError>,
    {
        let Shape::Named { of, most } = self.entry(name).shape else {
            panic!("`{name}` holds named sections in its table");
        };
        let pair = self.pair(name)?;
        let path = self.path_of(name);
        let Content::Map(pairs) = &pair.value.content else {
            self.notes.error(
                value_place(pair),
                format!("`{path}` should hold names, found {}", kind(&pair.value)),
                "write a name and its keys: `web: { … }`",
            );
            return None;
        };
        if pairs.is_empty() || pairs.len() > most {
            self.notes.error(
                pair.place,
                format!("`{path}` names {}, 1 to {most} are allowed", pairs.len()),
                "name at least one, or take the line away",
            );
            return None;
        }
        let mut found: Vec<(Placed<T>, Self)> = Vec::new();
        for (at, inner) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|earlier| earlier.name == inner.name) {
                self.notes.error(
                    inner.place,
                    format!("{} is given twice in `{path}`", quoted(&inner.name)),
                    "keep one of them",
                );
                continue;
            }
            let named = inner.name.parse::<T>().map_err(|error| {
                self.notes.error(inner.place, error.to_string(), NAME_HINT);
            });
            let inner_path = format!("{path}.{}", inner.name);
            let section = self.map(&inner.value, inner.place, inner_path, of);
            if let (Ok(value), Some(section)) = (named, section) {
                let place = inner.place;
                found.push((Placed { value, place }, section));
            }
        }
        Some(found)
    }

    /// The one scalar of a key, made into a value by `read`.
    fn get<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Scalar<'a>, &'static Shape) -> Result<T, Misfit>,
    ) -> Option<Placed<T>> {
        let shape = &self.entry(name).shape;
        let pair = self.pair(name)?;
        let place = value_place(pair);
        self.scalar(&pair.value, place, &self.path_of(name), |scalar| {
            read(scalar, shape)
        })
        .map(|value| Placed { value, place })
    }

    fn scalar<T>(
        &self,
        node: &'a Node,
        place: Place,
        path: &str,
        read: impl FnOnce(&Scalar<'a>) -> Result<T, Misfit>,
    ) -> Option<T> {
        let Content::Scalar { text, is_quoted } = &node.content else {
            self.notes.error(
                place,
                format!("`{path}` should be one value, found {}", kind(node)),
                "write the value on the key's own line",
            );
            return None;
        };
        if is_nothing(node) {
            self.notes.error(
                place,
                format!("`{path}` has no value"),
                "give it one, or take the line away",
            );
            return None;
        }
        let scalar = Scalar {
            text,
            is_quoted: *is_quoted,
        };
        match read(&scalar) {
            Ok(value) => Some(value),
            Err(Misfit { expected, hint }) => {
                self.notes.error(
                    place,
                    format!("`{path}`: expected {expected}, found {}", quoted(text)),
                    hint,
                );
                None
            }
        }
    }

    pub(crate) fn whole(&self, name: &str) -> Option<Placed<u32>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Whole { least, most } => scalar.whole(*least, *most),
            Shape::Bit => scalar.whole(0, 1),
            _ => unasked(name, "a whole number"),
        })
    }

    pub(crate) fn duration(&self, name: &str) -> Option<Placed<SignedDuration>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Duration { least, most } => scalar.duration(*least, *most),
            _ => unasked(name, "a duration"),
        })
    }

    pub(crate) fn share(&self, name: &str) -> Option<Placed<Amount>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Share { least, most } => scalar.share(*least, *most),
            _ => unasked(name, "a share"),
        })
    }

    pub(crate) fn decimal(&self, name: &str) -> Option<Placed<Amount>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Decimal { least, most } => scalar.decimal(*least, *most),
            _ => unasked(name, "a number"),
        })
    }

    /// A threshold of a metric that is a share of one, or of one that is not.
    pub(crate) fn threshold(&self, name: &str, is_share: bool) -> Option<Placed<Amount>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Threshold => scalar.threshold(is_share),
            _ => unasked(name, "a threshold"),
        })
    }

    pub(crate) fn size(&self, name: &str) -> Option<Placed<u64>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Size { least, most } => scalar.size(*least, *most),
            _ => unasked(name, "a size"),
        })
    }

    pub(crate) fn switch(&self, name: &str) -> Option<Placed<bool>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Switch => scalar.switch(),
            _ => unasked(name, "a switch"),
        })
    }

    pub(crate) fn word(&self, name: &str) -> Option<Placed<&'static str>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Word(words) => scalar.word(words),
            _ => unasked(name, "a word"),
        })
    }

    pub(crate) fn name<T>(&self, name: &str) -> Option<Placed<T>>
    where
        T: FromStr<Err = NameError>,
    {
        let pair = self.pair(name)?;
        let Content::Scalar { text, .. } = &pair.value.content else {
            return self.get(name, |_, _| unasked(name, "a name"));
        };
        if is_nothing(&pair.value) {
            return self.get(name, |_, _| unasked(name, "a name"));
        }
        match text.parse() {
            Ok(value) => Some(Placed {
                value,
                place: value_place(pair),
            }),
            Err(error) => {
                let what = format!("`{}`: {}", self.path_of(name), shown(&error));
                self.notes.error(value_place(pair), what, NAME_HINT);
                None
            }
        }
    }

    /// Any value that the key's shape leaves to its caller: addresses, times, paths.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Scalar<'a>) -> Result<T, Misfit>,
    ) -> Option<Placed<T>> {
        self.get(name, |scalar, _| read(scalar))
    }

    /// One value or a list of them, each made into a value by `read`, with its place.
    pub(crate) fn read_each<T>(
        &self,
        name: &str,
        most: usize,
        read: impl Fn(&Scalar<'a>) -> Result<T, Misfit>,
    ) -> Option<Vec<Placed<T>>> {
        let pair = self.pair(name)?;
        let nodes = match &pair.value.content {
            Content::Scalar { .. } => std::slice::from_ref(&pair.value),
            Content::List(_) | Content::Map(_) => self.list(name, most)?,
        };
        let path = self.path_of(name);
        let read: Vec<Placed<T>> = nodes
            .iter()
            .filter_map(|node| {
                let place = if is_nothing(node) {
                    pair.place
                } else {
                    node.place
                };
                self.scalar(node, place, &path, &read)
                    .map(|value| Placed { value, place })
            })
            .collect();
        (read.len() == nodes.len()).then_some(read)
    }

    /// Keys that a person chose, with one value each.
    pub(crate) fn texts_by_name(
        &self,
        name: &str,
        most: usize,
    ) -> Option<Vec<(Placed<String>, String)>> {
        let pair = self.pair(name)?;
        let path = self.path_of(name);
        let Content::Map(pairs) = &pair.value.content else {
            self.notes.error(
                value_place(pair),
                format!(
                    "`{path}` should hold names and values, found {}",
                    kind(&pair.value)
                ),
                "write `{ NAME: value }`",
            );
            return None;
        };
        if pairs.len() > most {
            self.notes.error(
                pair.place,
                format!(
                    "`{path}` has {} entries, at most {most} are allowed",
                    pairs.len()
                ),
                "take some away",
            );
            return None;
        }
        let mut found = Vec::new();
        for inner in pairs {
            let inner_path = format!("{path}.{}", inner.name);
            let text = self.scalar(&inner.value, value_place(inner), &inner_path, Scalar::text)?;
            found.push((
                Placed {
                    value: inner.name.clone(),
                    place: inner.place,
                },
                text,
            ));
        }
        Some(found)
    }
}

/// Said with every name that is refused.
const NAME_HINT: &str = "names look like `demo`, `local-a` or `web_2`";

fn unasked<T>(name: &str, kind: &str) -> Result<T, Misfit> {
    panic!("`{name}` is asked for as {kind}, and its table says otherwise")
}

/// A name's error repeats the name: printable, and not too much of it.
fn shown(error: &NameError) -> String {
    match error {
        NameError::Empty => error.to_string(),
        NameError::TooLong {
            name,
            length,
            limit,
        } => {
            format!(
                "{} has {length} characters, at most {limit} are allowed",
                quoted(name)
            )
        }
        NameError::Malformed { name } => format!(
            "{} is not a name: use lower-case letters, digits, `-` and `_`, and begin with a letter",
            quoted(name)
        ),
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

/// Of a map: its first key, since the map itself has no text of its own.
fn first_place(node: &Node) -> Place {
    match &node.content {
        Content::Map(pairs) => pairs.first().map_or(node.place, |pair| pair.place),
        _ => node.place,
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
    let nearest = names
        .iter()
        .filter(|_| word.len() <= LONGEST)
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(3) / 3);
    match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "there is none to choose from".to_owned(),
        None => format!("choose from {}", names.join(", ")),
    }
}
