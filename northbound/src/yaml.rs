//! YAML text → a tree in which every node knows its place. The only user of the YAML parser.
//!
//! It is serde-saphyr's own parser, met below serde: serde stops at the first error and hides how a scalar was quoted.
//!
//! It reads the part of YAML that a configuration needs: maps, lists and scalars, one document. Anchors, aliases, tags and
//! merge keys are refused, so a small text can never stand for a large one; depth, size and number of values are limited.
//! Scalars stay text here: what `8080` or `yes` means is decided by the key that it stands for.

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, ScanError, Span};

use crate::problem::{Notes, Place, is_invisible, quoted};

/// Fourteen lines are 300 bytes, every key with comments is 8 KiB: this is room for everybody, and too little for a bomb.
pub(crate) const TEXT_LIMIT: usize = 64 * 1024;

/// The deepest key of ours is at level 6.
const DEPTH_LIMIT: usize = 16;

/// Maps, lists and scalars together.
const NODE_LIMIT: usize = 4_000;

/// One is a slip, two a pasted pair; more tell nothing new.
const INVISIBLE_SHOWN: usize = 10;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Text; a plain empty one stands for no value at all.
    Scalar {
        text: String,
        is_quoted: bool,
    },
    List(Vec<Node>),
    /// In the order of the text, duplicates included.
    Map(Vec<Pair>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) name: String,
    /// Of the key.
    pub(crate) place: Place,
    pub(crate) value: Node,
}

/// The document in `text`; `None` after noting why there is none.
pub(crate) fn parse(text: &str, notes: &Notes) -> Option<Node> {
    if !is_readable(text, notes) {
        return None;
    }
    let mut events = Events {
        parser: Parser::new_from_str_with_options(
            text,
            granit_parser::options! {
                emit_comments: false,
                emit_unresolved_aliases: true,
                emit_anchor_events: true,
            },
        ),
        text,
        nodes: 0,
    };
    match events.document() {
        Ok(node) => Some(node),
        Err(Flaw { place, what, hint }) => {
            notes.error(place, what, hint);
            None
        }
    }
}

/// Whether there is nothing but comments and space.
pub(crate) fn is_blank(text: &str) -> bool {
    text.lines()
        .map(str::trim_start)
        .all(|line| line.is_empty() || line.starts_with('#'))
}

/// The bytes of a file as text; `None` after noting why they are none.
pub(crate) fn decode<'a>(bytes: &'a [u8], notes: &Notes) -> Option<&'a str> {
    if bytes.len() > TEXT_LIMIT {
        note_size(bytes.len(), notes);
        return None;
    }
    std::str::from_utf8(bytes)
        .map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = before.split(|byte| *byte == b'\n').count();
            let place = Place {
                line: number(line),
                ..Place::START
            };
            notes.error(
                place,
                "the file is not UTF-8 text",
                "save it as UTF-8; is this the right file?",
            );
        })
        .ok()
}

fn note_size(bytes: usize, notes: &Notes) {
    notes.error(
        Place::START,
        format!("the file has {bytes} bytes, at most {TEXT_LIMIT} are read"),
        "such a file is a page or two: is this the right one?",
    );
}

/// Refuses what no person types on purpose, before the parser sees it.
fn is_readable(text: &str, notes: &Notes) -> bool {
    if text.len() > TEXT_LIMIT {
        note_size(text.len(), notes);
        return false;
    }
    let mut found = 0;
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        // A carriage return anywhere else ends a line for the parser, and for nobody who shows the text.
        let line = line
            .strip_suffix('\n')
            .map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        for (c, column) in line.chars().zip(1..) {
            let is_control = c.is_control() && c != '\t';
            let is_mark = c == '\u{feff}' && number == 1 && column == 1;
            if !is_control && (!is_invisible(c) || is_mark) {
                continue;
            }
            found += 1;
            if found > INVISIBLE_SHOWN {
                return false;
            }
            let place = Place {
                line: number,
                column,
                length: 1,
            };
            notes.error(
                place,
                format!("an invisible character, U+{:04X}", u32::from(c)),
                "delete it and type the line again; it may show something else than it means",
            );
        }
    }
    found == 0
}

/// Why the text could not be made into a tree.
struct Flaw {
    place: Place,
    what: String,
    hint: String,
}

impl Flaw {
    fn new(place: Place, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            place,
            what: what.into(),
            hint: hint.into(),
        }
    }
}

struct Events<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    text: &'a str,
    nodes: usize,
}

impl<'a> Events<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Flaw> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                // A tag is refused, so what there is to show of such a node is the tag.
                let place = self.place(span.tag_span().unwrap_or(span));
                Ok((event, place))
            }
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Err(Flaw::new(
                Place::START,
                "the file ends too early",
                "look for a bracket or a quote that is not closed",
            )),
        }
    }

    fn document(&mut self) -> Result<Node, Flaw> {
        loop {
            let (event, place) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd => {
                    return Err(Flaw::new(
                        Place::START,
                        "the file holds no keys",
                        "start from tenants/demo.yml, or from the fourteen lines in tenants/README.md",
                    ));
                }
                other => {
                    let node = self.node(other, place, 1)?;
                    self.end()?;
                    return Ok(node);
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Flaw> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(..), place) => {
                    return Err(Flaw::new(
                        place,
                        "a second document begins here",
                        "a file holds one document: remove the `---`, or put the rest into a file of its own",
                    ));
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Node, Flaw> {
        self.nodes += 1;
        if self.nodes > NODE_LIMIT {
            return Err(Flaw::new(
                place,
                format!("more than {NODE_LIMIT} values"),
                "a tenant file is a page or two: is this the right file?",
            ));
        }
        if depth > DEPTH_LIMIT {
            return Err(Flaw::new(
                place,
                format!("nested more than {DEPTH_LIMIT} levels deep"),
                "no key of ours is so deep: look for a bracket too many",
            ));
        }
        if event.anchor_id().is_some() {
            let (_, place) = self.next()?;
            return Err(Flaw::new(
                place,
                "anchors (`&name`) are not read",
                "take it away, and write values out where they are needed",
            ));
        }
        refuse_references(&event, place)?;
        let content = match event {
            Event::Scalar(text, style, _, _) => Content::Scalar {
                text: text.into_owned(),
                is_quoted: style != ScalarStyle::Plain,
            },
            Event::SequenceStart(..) => Content::List(self.list(depth)?),
            Event::MappingStart(..) => Content::Map(self.map(depth)?),
            other => {
                return Err(Flaw::new(
                    place,
                    format!("unexpected {other:?}"),
                    "write `key: value` lines",
                ));
            }
        };
        Ok(Node { place, content })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Flaw> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, place) => items.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Pair>, Flaw> {
        let mut pairs = Vec::new();
        loop {
            let (event, place) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(pairs);
            }
            let name = match self.node(event, place, depth + 1)?.content {
                Content::Scalar { text, .. } => text,
                Content::List(_) | Content::Map(_) => {
                    return Err(Flaw::new(
                        place,
                        "a list or a map stands where a key should be",
                        "a key is one word, as in `min: 2`",
                    ));
                }
            };
            if name == "<<" {
                return Err(Flaw::new(
                    place,
                    "merge keys are not read",
                    "write the keys out",
                ));
            }
            let (event, value_place) = self.next()?;
            let value = self.node(event, value_place, depth + 1)?;
            pairs.push(Pair { name, place, value });
        }
    }

    fn place(&self, span: Span) -> Place {
        let shown = span
            .slice(self.text)
            .and_then(|text| text.lines().next())
            .map_or(0, |line| line.trim_end().chars().count());
        Place {
            line: number(span.start.line()),
            column: number(span.start.col() + 1),
            length: number(shown),
        }
    }

    fn syntax(&self, error: &ScanError) -> Flaw {
        let marker = error.marker();
        let line = self
            .text
            .lines()
            .nth(marker.line().saturating_sub(1))
            .unwrap_or_default();
        // The parser may mean the end of the line, or of the text.
        let characters = line.chars().count();
        let before = marker.col().min(characters);
        let place = Place {
            line: number(marker.line().max(1)),
            column: number(before + 1),
            length: u32::from(before < characters),
        };
        let hint = if line.contains('\t') {
            "indent with spaces: YAML does not allow tabs there"
        } else if line.contains(": >") {
            "put text that begins with `>` between quotes"
        } else if line.matches(": ").count() > 1 {
            "put text that holds `: `, brackets or commas between quotes, and `{ a: 1, b: 2 }` between braces"
        } else {
            "look at the indentation, quotes and brackets of this line and of the one before it"
        };
        Flaw::new(place, format!("this is not YAML: {}", error.info()), hint)
    }
}

/// One text must mean what it shows: nothing is copied from elsewhere.
fn refuse_references(event: &Event<'_>, place: Place) -> Result<(), Flaw> {
    if event.is_alias() || matches!(event, Event::UnresolvedAlias(_)) {
        return Err(Flaw::new(
            place,
            "aliases (`*name`) are not read",
            "write the value out",
        ));
    }
    if let Some(tag) = event.tag() {
        return Err(Flaw::new(
            place,
            format!("tags are not read, found {}", quoted(&tag.original())),
            "take the tag away: every key knows what kind of value it has",
        ));
    }
    Ok(())
}

fn number(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32, length: u32) -> Place {
        Place {
            line,
            column,
            length,
        }
    }

    fn pairs(text: &str) -> Vec<Pair> {
        let notes = Notes::new("t.yml");
        match parse(text, &notes).unwrap().content {
            Content::Map(pairs) => pairs,
            other => panic!("not a map: {other:?}"),
        }
    }

    #[test]
    fn places_count_characters_and_lines_of_any_kind() {
        for end in ["\n", "\r\n"] {
            let text = format!("größe: [ä, \"ö ü\"]{end}b:{end}  c: |{end}    text{end}");
            let pairs = pairs(&text);

            let Content::List(items) = &pairs[0].value.content else {
                panic!("{:?}", pairs[0]);
            };
            assert_eq!(pairs[0].place, at(1, 1, 5));
            assert_eq!(items[0].place, at(1, 9, 1));
            assert_eq!(items[1].place, at(1, 12, 5));
            assert_eq!(pairs[1].place, at(2, 1, 1));
        }
    }

    #[test]
    fn scalars_stay_as_they_are_written() {
        let pairs = pairs("a: 0x10\nb: \"0x10\"\nc: ~\nd: 08:00\ne: 60%\n");

        let scalars: Vec<(&str, bool)> = pairs
            .iter()
            .map(|pair| match &pair.value.content {
                Content::Scalar { text, is_quoted } => (text.as_str(), *is_quoted),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            scalars,
            [
                ("0x10", false),
                ("0x10", true),
                ("~", false),
                ("08:00", false),
                ("60%", false)
            ]
        );
    }

    #[test]
    fn both_of_two_equal_keys_are_in_the_tree() {
        assert_eq!(pairs("a: 1\na: 2\n").len(), 2);
    }
}
