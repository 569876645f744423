//! Keys that hold one value, each in the type that its table says.

use std::str::FromStr;

use controller::amount::Amount;
use controller::id::NameError;
use controller::load::Unit;
use jiff::SignedDuration;

use crate::problem::{Place, quoted};
use crate::shape::Shape;
use crate::yaml::{Content, Node};

use super::scalar::{Misfit, Scalar};
use super::{Placed, Section, kind, value_place};

impl<'a> Section<'a> {
    /// The one scalar of a key, made into a value by `read`.
    fn get<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Scalar<'a>, &'static Shape) -> Result<T, Misfit>,
    ) -> Option<Placed<T>> {
        let shape = self.entry(name).shape.plain();
        let pair = self.pair(name)?;
        let place = value_place(pair);
        self.scalar(&pair.value, place, &self.path_of(name), |scalar| {
            read(scalar, shape)
        })
        .map(|value| Placed { value, place })
    }

    pub(super) fn scalar<T>(
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
        if self.notes_nothing(node, place, path) {
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

    /// Where a metric of this unit should be.
    pub(crate) fn threshold(&self, name: &str, unit: Unit) -> Option<Placed<Amount>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Quantity => scalar.threshold(unit),
            _ => unasked(name, "a threshold"),
        })
    }

    /// An amount of a metric of this unit, zero included.
    pub(crate) fn quantity(&self, name: &str, unit: Unit) -> Option<Placed<Amount>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Quantity => scalar.quantity(unit),
            _ => unasked(name, "an amount"),
        })
    }

    /// `true`, `false`, or one of the table's words.
    pub(crate) fn switch_or_word(&self, name: &str) -> Option<Result<bool, &'static str>> {
        self.get(name, |scalar, shape| match shape {
            Shape::SwitchOrWord(words) => scalar.switch_or_word(words),
            _ => unasked(name, "a switch or a word"),
        })
        .map(|given| given.value)
    }

    pub(crate) fn rate(&self, name: &str) -> Option<Placed<(u32, SignedDuration)>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Rate { most, per } => scalar.rate(*most, *per),
            _ => unasked(name, "a rate"),
        })
    }

    pub(crate) fn line(&self, name: &str) -> Option<Placed<String>> {
        self.get(name, |scalar, shape| match shape {
            Shape::Line { most, .. } => scalar.line(*most),
            _ => unasked(name, "a line of text"),
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
        self.get(name, |scalar, shape| match shape {
            Shape::Name => scalar.name(),
            _ => unasked(name, "a name"),
        })
    }

    /// Any value that the key's shape leaves to its caller: addresses, times, paths.
    pub(crate) fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Scalar<'a>) -> Result<T, Misfit>,
    ) -> Option<Placed<T>> {
        self.get(name, |scalar, _| read(scalar))
    }
}

fn unasked<T>(name: &str, kind: &str) -> Result<T, Misfit> {
    panic!("`{name}` is asked for as {kind}, and its table says otherwise")
}
