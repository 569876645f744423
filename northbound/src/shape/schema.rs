//! The tables as a JSON Schema (draft 2020-12), for completion and first checks in editors. What needs more than one key at a
//! time is left to the reader.

use serde_json::{Map, Value, json};

use super::{Absence, Entry, Shape, duration_text, percent_text, size_text};

const NAME: &str = "^[a-z]([a-z0-9_-]*[a-z0-9])?$";
const DURATION: &str = "^([0-9]+(d|h|m|s|ms))+$";
const ADDRESS: &str = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$";
const NETWORK: &str = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$";
const RANGE: &str = r"^[0-9]{1,3}(\.[0-9]{1,3}){3} *- *[0-9]{1,3}(\.[0-9]{1,3}){3}$";
const PERCENT: &str = r"^[0-9]+(\.[0-9]+)?%$";
const QUANTITY: &str = r"^[0-9]+(\.[0-9]+)?%$|^([0-9]+(d|h|m|s|ms))+$|^[0-9]+\.[0-9]+s$";
const CAPACITY: &str = r"^[0-9]+(\.[0-9]+)?%?( +[a-z][a-z0-9_-]*)?$";
const CHANGE: &str = r"^[+-][0-9]+%?$|^=[0-9]+$|^[x×][0-9]+(\.[0-9]+)?$";
const TIME: &str = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?";
const DATE: &str = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
const DAY: &str = "^(daily|(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?)$";

/// A schema of a file with these keys.
pub(crate) fn of(entries: &'static [Entry], title: &str, description: &str) -> Value {
    let mut schema = Map::new();
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("title".to_owned(), json!(title));
    schema.insert("description".to_owned(), json!(description));
    schema.extend(object(entries));
    Value::Object(schema)
}

fn object(entries: &'static [Entry]) -> Map<String, Value> {
    let properties: Map<String, Value> = entries
        .iter()
        .map(|entry| (entry.name.to_owned(), property(entry)))
        .collect();
    let required: Vec<&str> = entries
        .iter()
        .filter(|entry| matches!(entry.absence, Absence::Refused))
        .map(|entry| entry.name)
        .collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

fn property(entry: &'static Entry) -> Value {
    let mut schema = match value(&entry.shape) {
        Value::Object(schema) => schema,
        other => unreachable!("a shape is described by an object, not by {other}"),
    };
    let absence = match &entry.absence {
        Absence::Refused => "Needed.".to_owned(),
        Absence::Default(literal) => format!("Default: {literal}."),
        Absence::Means(sentence) => format!("Without it: {sentence}."),
    };
    let limits = limits(&entry.shape);
    let description = [entry.about, &limits, &absence]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    schema.insert("description".to_owned(), json!(description));
    Value::Object(schema)
}

/// What a pattern cannot say.
fn limits(shape: &Shape) -> String {
    match shape {
        Shape::Either { plain, .. } => limits(plain),
        Shape::Rate { most, per } => {
            format!("At most {most}, per at most {}.", duration_text(*per))
        }
        Shape::Duration { least, most } => format!(
            "From {} to {}.",
            duration_text(*least),
            duration_text(*most)
        ),
        Shape::Share { least, most } => {
            format!("From {} to {}.", percent_text(*least), percent_text(*most))
        }
        Shape::Size { least, most } => {
            format!("From {} to {}.", size_text(*least), size_text(*most))
        }
        _ => String::new(),
    }
}

fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

fn text_or(pattern: &str, other: &Value) -> Value {
    json!({ "anyOf": [text(pattern), other] })
}

fn one_or_more(one: &Value, most: usize) -> Value {
    let list = json!({ "type": "array", "items": one, "minItems": 1, "maxItems": most });
    json!({ "anyOf": [one, list] })
}

fn value(shape: &'static Shape) -> Value {
    match shape {
        Shape::Section(of) => Value::Object(object(of)),
        Shape::Sections { of, most } => json!({
            "type": "array", "items": object(of), "minItems": 1, "maxItems": most,
        }),
        Shape::OneOrMore { of, most } => one_or_more(&Value::Object(object(of)), *most),
        Shape::Either { plain, keys } => json!({ "anyOf": [value(plain), object(keys)] }),
        Shape::Named { of, most } => json!({
            "type": "object", "additionalProperties": object(of),
            "propertyNames": { "pattern": NAME, "maxLength": 30 },
            "minProperties": 1, "maxProperties": most,
        }),
        Shape::Whole { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Shape::Bit => json!({ "type": "integer", "minimum": 0, "maximum": 1 }),
        Shape::Decimal { least, most } => {
            json!({ "type": "number", "minimum": least.as_f64(), "maximum": most.as_f64() })
        }
        Shape::Share { least, most } => text_or(
            PERCENT,
            &json!({ "type": "number", "minimum": least.as_f64(), "maximum": most.as_f64() }),
        ),
        Shape::Quantity => text_or(QUANTITY, &json!({ "type": "number", "minimum": 0 })),
        Shape::Capacity => text_or(CAPACITY, &json!({ "type": "number", "minimum": 0 })),
        Shape::Trigger => text(r"^(<|<=|>|>=) *[0-9.]+(%|[a-z]+)?$"),
        // To YAML, `+1` and `-1` are numbers.
        Shape::Change => text_or(CHANGE, &json!({ "type": "integer" })),
        Shape::Formula => text(r"^[a-z][a-z0-9_-]* *//? *[0-9.]+(%|[a-z]+)?( *\+ *[0-9]+)?$"),
        Shape::Rate { .. } => text("^[0-9]+ +per +([0-9]+(d|h|m|s|ms))+$"),
        Shape::Switch => json!({ "type": "boolean" }),
        Shape::SwitchOrWord(words) => json!({
            "anyOf": [{ "type": "boolean" }, { "type": "string", "enum": words }],
        }),
        Shape::Line { most, .. } => json!({ "type": "string", "minLength": 1, "maxLength": most }),
        Shape::Duration { .. } => text(DURATION),
        Shape::Size { .. } => text("^[0-9]+ *(KiB|MiB|GiB)$"),
        Shape::Word(words) => json!({ "type": "string", "enum": words }),
        Shape::Name => json!({ "type": "string", "pattern": NAME, "maxLength": 30 }),
        Shape::UrlPath => json!({ "type": "string", "pattern": "^/[!-~]*$", "maxLength": 200 }),
        Shape::FilePath => json!({ "type": "string", "minLength": 1 }),
        Shape::Address | Shape::Mask => text(ADDRESS),
        Shape::Network => text(NETWORK),
        Shape::Networks { most } => one_or_more(&text(NETWORK), *most),
        Shape::AddressRange => text(RANGE),
        Shape::Time => text(&format!("^{TIME}$")),
        Shape::Moment => text(&format!("^{DATE}[ T]{TIME}$")),
        Shape::TimeOrMoment => text(&format!("^({DATE}[ T])?{TIME}$")),
        Shape::Cron => text("^[^ ]+( +[^ ]+){4}$"),
        Shape::Days => one_or_more(&text(DAY), 7),
        Shape::Zone => text("^[A-Za-z0-9_+/-]+$"),
        Shape::Texts { most } => json!({
            "type": "array", "items": { "type": ["string", "number", "boolean"] },
            "minItems": 1, "maxItems": most,
        }),
        Shape::Environment { most } => json!({
            "type": "object", "maxProperties": most,
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        }),
    }
}
