//! What the past and the hours ahead tell: `replay`, `explain`, `plan --timeline`, `tune`; whole commands of the real program,
//! over clouds in memory.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "given/exec.rs"]
mod exec;

use std::fmt::Write as _;

use exec::Place;

const OK: Option<i32> = Some(0);
const FAILED: Option<i32> = Some(1);
const BAD_INPUT: Option<i32> = Some(2);
const NO_SERVICE: Option<i32> = Some(3);
const REFUSED: Option<i32> = Some(4);
const INTERRUPTED: Option<i32> = Some(130);

const CLOUDS: &str = "clouds:\n\
    \x20 - { name: sim-a, kind: sim, capacity: 3, boot: 0s, price: 0.10 }\n\
    \x20 - { name: sim-b, kind: sim, capacity: 4, boot: 0s, price: 0.30 }\n";

fn tenant(place: &Place, policy: &str) {
    place.write(
        "tenants/demo.yml",
        &format!(
            "version: 1\ntenant: demo\nnetwork:\n  public_ip: 45.45.45.45\n  subnets: [{{ cidr: 19.0.0.0/24 }}]\n\
             instances: {{ min: 2, max: 5 }}\npolicy: {policy}\n"
        ),
    );
}

/// A service that has decided, was stopped, had one row of its journal changed, and serves again.
fn with_a_journal_changed_by(statement: &str) -> Place {
    let mut place = Place::with(CLOUDS);
    tenant(&place, "{}");
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    assert_eq!(place.stop(), OK);
    let store = rusqlite::Connection::open(place.path("state/asaas.db")).unwrap();
    assert_eq!(store.execute(statement, []).unwrap(), 1);
    drop(store);
    place.serve();
    place
}

// C-18
#[test]
fn what_a_service_decided_over_kills_orders_and_applies_is_decided_again_the_same() {
    let mut place = Place::with(CLOUDS);
    tenant(&place, "{ dynamic: { goal: 99%, proactive: true } }");
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    place.asaas(&["scale", "demo", "4", "--wait"]).ok();
    place.kill();
    place.serve();
    tenant(
        &place,
        "{ dynamic: { metric: cpu, threshold: 60%, proactive: true }, buffer: 0s }",
    );
    place.asaas(&["apply", "demo"]).ok();
    place.asaas(&["scale", "demo", "auto"]).ok();
    place.asaas(&["pause", "demo"]).ok();
    place.asaas(&["resume", "demo"]).ok();
    place.until(&["replay", "demo", "--json"], |said| {
        serde_json::from_str::<serde_json::Value>(&said.out)
            .is_ok_and(|told| told["same"].as_u64() > Some(5))
    });

    let replayed = place
        .asaas(&["replay", "demo", "--from", "10m", "--json"])
        .json();
    let explained = place.asaas(&["explain", "demo"]).ok();
    let explained_json = place.asaas(&["explain", "demo", "--json"]).json();

    assert_eq!(replayed["different"], 0, "{replayed:#}");
    assert_eq!(replayed["untold"], serde_json::json!({}), "{replayed:#}");
    assert!(
        explained.ends_with("\ndecided again with today's code: the same\n"),
        "{explained}"
    );
    assert_eq!(explained_json["again"]["same"], 1, "{explained_json:#}");
    assert!(explained_json["entries"].is_array());
}

#[test]
fn a_decision_that_today_comes_out_otherwise_is_shown_with_both_reasons() {
    // As another version would have written it.
    let place = with_a_journal_changed_by(
        "UPDATE journal SET event = json_set(event, '$.desired', 3, '$.steps[0].note', 'a moon was seen')
         WHERE seq = (SELECT max(seq) FROM journal WHERE kind = 'decided')",
    );

    let said = place.asaas(&["replay", "demo"]);

    assert_eq!(said.code, FAILED, "{said:?}");
    assert!(said.out.contains("  1 different\n"), "{}", said.out);
    assert!(said.out.contains("): 3 then, 2 today\n"), "{}", said.out);
    assert!(said.out.contains("a moon was seen\n  + "), "{}", said.out);
}

#[test]
fn what_cannot_be_decided_again_is_said() {
    let place = with_a_journal_changed_by(
        "UPDATE journal SET event = 'torn' WHERE seq = (SELECT min(seq) FROM journal WHERE kind = 'decided')",
    );

    let said = place.asaas(&["replay", "demo", "--from", "1h"]);
    let nobody = place.asaas(&["replay", "nobody"]);
    let never = place.asaas(&["replay", "demo", "--from", "2h", "--until", "1h"]);
    let backwards = place.asaas(&["replay", "demo", "--from", "1h", "--until", "2h"]);

    assert!(
        said.out
            .contains("1 not told: the entry was written by another version"),
        "{said:?}"
    );
    assert!(said.out.contains("  0 different\n"), "{said:?}");
    assert_eq!(nobody.code, REFUSED, "{nobody:?}");
    assert_eq!(never.code, FAILED, "{never:?}");
    assert!(never.err.contains("hint: "), "{never:?}");
    assert_eq!(backwards.code, BAD_INPUT, "{backwards:?}");
    assert!(backwards.err.contains("`--from`"), "{backwards:?}");
}

// C-21
#[test]
fn a_timeline_tells_bounds_size_and_cost_with_and_without_a_service() {
    let mut place = Place::with(CLOUDS);
    tenant(
        &place,
        "{ dynamic: { threshold: 60% }, static: [{ at: \"08:00\", days: daily, for: 10h, instances: 4, zone: UTC }] }",
    );

    let alone = place.asaas(&["plan", "demo", "--timeline", "24h"]);
    let without = place.asaas(&["plan", "demo"]);
    let refused = place.asaas(&["plan", "demo", "--timeline", "40d"]);
    place.serve();
    let plain = place.asaas(&["plan", "demo", "--json"]).json();
    let with = place.asaas(&["plan", "demo", "--timeline", "2d"]).ok();
    let json = place
        .asaas(&["plan", "demo", "--timeline", "24h", "--json"])
        .json();

    assert_eq!((alone.code, without.code), (OK, NO_SERVICE), "{alone:?}");
    assert!(alone.err.contains("no service answers"), "{alone:?}");
    assert!(
        alone.out.contains("4 from 08:00 daily for 10h, UTC"),
        "{}",
        alone.out
    );
    assert!(alone.out.contains("nothing is known yet"), "{}", alone.out);
    assert!(alone.out.contains("an estimate"), "{}", alone.out);
    assert!(
        alone
            .out
            .lines()
            .filter(|line| line.contains('|'))
            .all(|line| line.len() <= 80)
    );
    assert!(refused.err.contains("at most `31d`"), "{refused:?}");
    assert_eq!(refused.code, BAD_INPUT);
    assert!(
        with.contains("demo is new") && with.contains("T08:00:00Z"),
        "{with}"
    );
    let pieces = json["timeline"]["pieces"].as_array().unwrap();
    assert!(
        pieces
            .windows(2)
            .all(|pair| pair[0]["until"] == pair[1]["from"])
    );
    // 14 hours of two at 0.10 and ten of three at 0.10 and one at 0.30.
    let least = json["timeline"]["cost"]["least"].as_f64().unwrap();
    assert!((least - (14.0 * 0.2 + 10.0 * 0.6)).abs() < 1e-6, "{least}");
    assert_eq!(plain.get("timeline"), None);
    assert_eq!(plain["preview"], json["preview"]);
}

/// Four days of minutes, with twice the load in the evening.
fn four_days() -> String {
    (0..4 * 1_440).fold(String::from("t_seconds,load\n"), |mut text, minute| {
        let load = if (minute % 1_440) / 60 >= 17 {
            2.5
        } else {
            1.0
        };
        writeln!(text, "{},{load}", minute * 60).unwrap();
        text
    })
}

#[test]
fn a_search_proposes_with_evidence_of_held_out_days_and_changes_nothing() {
    let place = Place::new();
    let file =
        "instances: { min: 6, max: 20 }\npolicy: { dynamic: { metric: cpu, threshold: 30% } }\n";
    place.write("wide.yml", file);
    place.write("load.csv", &four_days());
    let arguments = [
        "tune",
        "wide.yml",
        "--goal",
        "99%",
        "--trace",
        "load.csv",
        "--capacity",
        "1",
    ];

    let said = place.asaas(&arguments).ok();
    let json = place.asaas(&[&arguments[..], &["--json"]].concat()).json();

    assert!(
        said.contains("proposed, better on the held-out days too; nothing was changed"),
        "{said}"
    );
    assert!(said.contains("\n-   min: 6\n"), "{said}");
    assert_eq!(json["verdict"], "better");
    let hours = |which: &str| json["held_out"][which]["vm_hours"].as_f64().unwrap();
    assert!(hours("new") < hours("old"), "{json:#}");
    assert!(
        json["held_out"]["new"]["slo_miss"].as_f64() <= Some(1.0),
        "{json:#}"
    );
    assert_eq!(
        std::fs::read_to_string(place.path("wide.yml")).unwrap(),
        file
    );
}

#[test]
fn a_search_that_is_interrupted_ends_at_once_with_130() {
    let place = Place::new();
    place.write(
        "wide.yml",
        "instances: { min: 6, max: 20 }\npolicy: { dynamic: { metric: cpu, threshold: 30% } }\n",
    );
    place.write("load.csv", &four_days());
    let arguments = "tune wide.yml --trace load.csv --capacity 1 --tick 3s";
    let arguments: Vec<&str> = arguments.split(' ').collect();

    let mut search = place.spawn(&arguments);
    let line = search.error_line();
    search.interrupt();
    let said = search.end();

    assert!(line.contains(" of 120 backtests at most"), "{line}");
    assert_eq!(
        (said.code, said.out.as_str()),
        (INTERRUPTED, ""),
        "{said:?}"
    );
}

#[test]
fn a_search_that_cannot_be_made_says_why() {
    let mut place = Place::new();
    place.write(
        "policy.yml",
        "instances: { min: 1, max: 9 }\npolicy: { dynamic: { goal: 99%, capacity: 1 } }\n",
    );
    place.write("static.yml", "instances: { min: 1, max: 9 }\npolicy: {}\n");
    place.write(
        "day.csv",
        &four_days()
            .lines()
            .take(1_500)
            .collect::<Vec<_>>()
            .join("\n"),
    );
    place.write("load.csv", &four_days());
    place.write(
        "threshold.yml",
        "instances: { min: 1, max: 9 }\npolicy: { dynamic: { threshold: 60% } }\n",
    );
    tenant(&place, "{ dynamic: { threshold: 60% } }");

    let short = place.asaas(&[
        "tune",
        "policy.yml",
        "--trace",
        "day.csv",
        "--capacity",
        "1",
    ]);
    let fixed = place.asaas(&[
        "tune",
        "static.yml",
        "--trace",
        "load.csv",
        "--capacity",
        "1",
    ]);
    let unknown = place.asaas(&["tune", "threshold.yml", "--trace", "load.csv"]);
    let missing = place.asaas(&["tune", "policy.yml", "--trace", "none.csv"]);
    let goal = place.asaas(&["tune", "policy.yml", "--goal", "99", "--trace", "load.csv"]);
    let alone = place.asaas(&["tune", "demo"]);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    let own = place.asaas(&["tune", "demo"]);

    assert_eq!(short.code, FAILED, "{short:?}");
    assert!(short.err.contains("too few, 2 are needed"), "{short:?}");
    assert_eq!(fixed.code, BAD_INPUT, "{fixed:?}");
    assert!(fixed.err.contains("nothing to tune"), "{fixed:?}");
    assert_eq!(unknown.code, BAD_INPUT, "{unknown:?}");
    assert!(unknown.err.contains("--capacity"), "{unknown:?}");
    assert_eq!(missing.code, BAD_INPUT, "{missing:?}");
    assert_eq!(goal.code, BAD_INPUT, "{goal:?}");
    assert!(goal.err.contains("`99%` was meant"), "{goal:?}");
    assert_eq!(alone.code, NO_SERVICE, "{alone:?}");
    assert!(alone.err.contains("--trace"), "{alone:?}");
    assert!(
        own.code != OK && own.err.contains("hint: "),
        "a new tenant has no days: {own:?}"
    );
}
