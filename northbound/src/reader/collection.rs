//! Keys that hold more than one value: lists of sections, sections under names, lists of words, variables.

use std::str::FromStr;

use controller::id::NameError;

use crate::problem::{Place, counted, quoted};
use crate::shape::Shape;
use crate::yaml::{Content, Node};

use super::scalar::{Misfit, Scalar};
use super::{Placed, Section, is_nothing, kind, value_place};

impl<'a> Section<'a> {
    /// The sections of a list; `None` where the key is left out or holds something else.
    pub(crate) fn sections(&self, name: &str) -> Option<Vec<Self>> {
        let (Shape::Sections { of, most } | Shape::OneOrMore { of, most }) = self.entry(name).shape
        else {
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

    /// The one section of a key, or those of a list; `None` where the key is left out or holds something else.
    pub(crate) fn one_or_more(&self, name: &str) -> Option<Vec<Self>> {
        if let Content::List(_) = self.pair(name)?.value.content {
            return self.sections(name);
        }
        let section = self.section(name);
        section.is_given().then(|| vec![section])
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
                        "`{path}` has {}, at most {most} are allowed",
                        counted(items.len() as u64, "item")
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
            let word = Scalar {
                text: &inner.name,
                is_quoted: false,
            };
            let named = word.name::<T>().map_err(|Misfit { expected, hint }| {
                self.notes.error(
                    inner.place,
                    format!(
                        "`{path}`: expected {expected}, found {}",
                        quoted(&inner.name)
                    ),
                    hint,
                );
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
            let place = value_place(inner);
            let Some(text) = self.scalar(&inner.value, place, &inner_path, Scalar::text) else {
                continue;
            };
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

/// Of a map: its first key, since the map itself has no text of its own.
fn first_place(node: &Node) -> Place {
    match &node.content {
        Content::Map(pairs) => pairs.first().map_or(node.place, |pair| pair.place),
        _ => node.place,
    }
}
