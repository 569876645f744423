//! The tables, held against the files that show them.

use serde_json::{Map, Value, json};

use super::*;
use crate::shape::Entry;

const EXAMPLE: &str = include_str!("../../../tenants/example.yml");

fn files(folder: &str) -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tenant_files")
        .join(folder);
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// As an editor sees the text: YAML's core schema decides what kind of value each scalar is.
fn json_of(node: &Node) -> Value {
    match &node.content {
        Content::Scalar {
            text,
            is_quoted: false,
        } => match text.as_str() {
            "" | "~" | "null" => Value::Null,
            "true" => json!(true),
            "false" => json!(false),
            _ => serde_json::from_str::<serde_json::Number>(text)
                .map_or_else(|_| json!(text), Value::Number),
        },
        Content::Scalar { text, .. } => json!(text),
        Content::List(items) => Value::Array(items.iter().map(json_of).collect()),
        Content::Map(pairs) => Value::Object(
            pairs
                .iter()
                .map(|pair| (pair.name.clone(), json_of(&pair.value)))
                .collect(),
        ),
    }
}

/// What of draft 2020-12 our schema uses; another keyword is a panic, so that nothing is passed over.
fn fits(schema: &Value, value: &Value) -> bool {
    let Value::Object(schema) = schema else {
        return schema == &Value::Bool(true);
    };
    schema
        .iter()
        .all(|(keyword, given)| fits_keyword(keyword, given, schema, value))
}

fn fits_keyword(keyword: &str, given: &Value, schema: &Map<String, Value>, value: &Value) -> bool {
    let text = value.as_str();
    let number = value.as_f64();
    let list = value.as_array();
    let object = value.as_object();
    let limit = || given.as_f64().unwrap();
    let count = || usize::try_from(given.as_u64().unwrap()).unwrap();
    match keyword {
        "$schema" | "title" | "description" => true,
        "type" => match given {
            Value::Array(kinds) => kinds.iter().any(|kind| is_kind(kind, value)),
            kind => is_kind(kind, value),
        },
        "enum" => given.as_array().unwrap().contains(value),
        "anyOf" => given.as_array().unwrap().iter().any(|one| fits(one, value)),
        "pattern" => text.is_none_or(|text| {
            regex::Regex::new(given.as_str().unwrap())
                .unwrap()
                .is_match(text)
        }),
        "minLength" => text.is_none_or(|text| text.chars().count() >= count()),
        "maxLength" => text.is_none_or(|text| text.chars().count() <= count()),
        "minimum" => number.is_none_or(|number| number >= limit()),
        "maximum" => number.is_none_or(|number| number <= limit()),
        "exclusiveMinimum" => number.is_none_or(|number| number > limit()),
        "items" => list.is_none_or(|items| items.iter().all(|item| fits(given, item))),
        "minItems" => list.is_none_or(|items| items.len() >= count()),
        "maxItems" => list.is_none_or(|items| items.len() <= count()),
        "required" => object.is_none_or(|object| {
            let names = given.as_array().unwrap();
            names
                .iter()
                .all(|name| object.contains_key(name.as_str().unwrap()))
        }),
        "properties" => object.is_none_or(|object| {
            let known = given.as_object().unwrap();
            object
                .iter()
                .all(|(name, value)| known.get(name).is_none_or(|known| fits(known, value)))
        }),
        "additionalProperties" => object.is_none_or(|object| {
            let known = schema.get("properties").and_then(Value::as_object);
            object
                .iter()
                .filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)))
                .all(|(_, value)| fits(given, value))
        }),
        other => panic!("the test does not know `{other}`"),
    }
}

fn is_kind(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the test does not know the type `{other}`"),
    }
}

/// `None` where the text is not even YAML as we read it.
fn tree(text: &str) -> Option<Node> {
    yaml::parse(text, &Notes::new("t.yml"))
}

#[test]
fn the_example_shows_every_key() {
    let node = tree(EXAMPLE).unwrap();
    let mut shown = Vec::new();
    collect_paths(&node, "", &mut shown);
    let mut known = Vec::new();
    every_path(keys::LONG, "", &mut known);

    let missing: Vec<&String> = known.iter().filter(|path| !shown.contains(path)).collect();

    // It cannot stand beside `http`; a comment shows it. Where else a value comes from stands under `dynamic`.
    assert_eq!(
        missing,
        [
            "service.health.tcp",
            "policy.rules.monitor.metric.pushed",
            "policy.rules.monitor.metric.prometheus"
        ]
    );
    assert!(EXAMPLE.contains("# tcp: true"));
}

#[test]
fn every_metric_with_a_name_has_its_word() {
    let names: Vec<&str> = controller::load::Metric::NAMED
        .iter()
        .map(controller::load::Metric::name)
        .collect();

    assert_eq!(names, keys::METRICS);
}

fn collect_paths(node: &Node, prefix: &str, paths: &mut Vec<String>) {
    match &node.content {
        Content::Scalar { .. } => {}
        Content::List(items) => items
            .iter()
            .for_each(|item| collect_paths(item, prefix, paths)),
        Content::Map(pairs) => {
            for pair in pairs {
                let path = format!("{prefix}{}", pair.name);
                collect_paths(&pair.value, &format!("{path}."), paths);
                paths.push(path);
            }
        }
    }
}

fn every_path(entries: &'static [Entry], prefix: &str, paths: &mut Vec<String>) {
    for entry in entries {
        let path = format!("{prefix}{}", entry.name);
        every_path(entry.inner(), &format!("{path}."), paths);
        paths.push(path);
    }
}

/// What the schema says about a key is what the reader does without it.
#[test]
fn the_example_shows_the_defaults_that_hold() {
    let mut defaults = Vec::new();
    collect_defaults(keys::LONG, &mut defaults);

    for (name, default) in defaults {
        let is_shown = EXAMPLE.lines().any(|line| {
            let line = line.trim_start().trim_start_matches("- ");
            let value = line.strip_prefix(&format!("{name}: "));
            let value = value.map(|value| value.split(" #").next().unwrap().trim());
            value == Some(default.as_str()) || line.contains(&format!("default: {default}"))
        });
        assert!(is_shown, "{name}: {default}");
    }
}

fn collect_defaults(entries: &'static [Entry], defaults: &mut Vec<(&'static str, String)>) {
    for entry in entries {
        collect_defaults(entry.inner(), defaults);
        if let crate::shape::Absence::Default(literal) = entry.absence {
            defaults.push((entry.name, literal.to_string()));
        }
    }
}

#[test]
fn the_schema_file_is_the_schema() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tenants/schema.json");
    let wanted = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found != wanted {
        std::fs::write(&path, &wanted).unwrap();
    }

    assert_eq!(
        found, wanted,
        "tenants/schema.json was out of date and is written anew: look at it and commit it"
    );
}

#[test]
fn the_schema_refuses_nothing_that_the_reader_takes() {
    let schema = schema();
    let mut good = files("ok");
    good.push(("example".to_owned(), EXAMPLE.to_owned()));
    good.push((
        "demo".to_owned(),
        include_str!("../../../tenants/demo.yml").to_owned(),
    ));
    for (name, text) in good {
        let node = tree(&text).unwrap();
        if spelling_of(&node) == Spelling::Long {
            assert!(fits(&schema, &json_of(&node)), "{name}");
        }
    }
}

/// What an editor cannot see needs two keys at once, or what the operator has.
#[test]
fn the_schema_refuses_what_can_be_seen_in_one_key() {
    let schema = schema();
    let passed: Vec<String> = files("bad")
        .into_iter()
        .filter(|(_, text)| {
            tree(text).is_some_and(|node| {
                spelling_of(&node) == Spelling::Long && fits(&schema, &json_of(&node))
            })
        })
        .map(|(name, _)| name)
        .collect();

    insta::assert_snapshot!(passed.join("\n"), @"
    capacity_of_another_metric
    capacity_of_what
    capacity_without_goal
    capacity_word
    capacity_zero
    change_at_least
    cidr_host_bits
    cidr_too_long
    cloud_twice
    cloud_unknown
    clouds_too_small
    dhcp_backwards
    dhcp_outside
    dhcp_too_small
    duplicate_key
    duration_out_of_range
    formula_aggregation
    formula_metric_unknown
    formula_of_another_metric
    gateway_in_dhcp
    gateway_is_the_network
    gateway_outside
    goal_of_response_time
    goal_too_high
    health_both
    health_neither
    health_timeout_too_long
    listener_icmp_port
    listener_twice
    listener_without_port
    metric_disk_free
    metric_query_lines
    metric_source_both
    metric_source_empty
    min_above_max
    min_zero
    number_scientific
    number_with_point
    public_ip_in_subnet
    public_ip_multicast
    response_time_missing
    response_time_percent
    response_time_too_fine
    response_time_without_unit
    responses_two
    rule_action
    signals_too_many
    stabilization_too_long
    steps_empty_range
    steps_gap
    steps_not_open_above
    steps_not_open_below
    steps_one_closed
    steps_overlap
    steps_overlap_both_open
    steps_without_percent
    steps_wrong_kind
    subnet_loopback
    subnet_reserved
    subnet_too_small
    subnets_overlap
    template_unknown
    threshold_above_all
    threshold_missing
    threshold_percent_of_connections
    threshold_too_fine
    threshold_without_percent
    threshold_zero
    window_above_max
    window_begins_never
    window_begins_twice
    window_days_with_cron
    window_ends_twice
    window_of_a_metric_too_long
    window_too_long
    window_until_before
    window_until_too_far
    window_zone
    ");
}
