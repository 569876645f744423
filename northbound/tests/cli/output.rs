//! What a command says, for people and for programs.

use clap::CommandFactory;

use crate::exec::Place;
use crate::{BAD_INPUT, FAILED, INTERRUPTED, OK, REFUSED};

#[test]
fn the_help_names_every_command_and_every_exit_code() {
    let place = Place::new();
    let help = place.asaas(&["--help"]).ok();

    for command in northbound::cli::Cli::command().get_subcommands() {
        assert!(
            help.contains(&format!("\n  {} ", command.get_name())),
            "{}",
            command.get_name()
        );
    }
    for code in ["0", "1", "2", "3", "4", "5", "130"] {
        assert!(help.contains(&format!("\n  {code}  ")), "{code}\n{help}");
    }
}

#[test]
fn every_shell_has_completions() {
    let place = Place::new();

    for shell in ["bash", "zsh", "fish"] {
        assert!(
            place.asaas(&["completions", shell]).ok().contains("asaas"),
            "{shell}"
        );
    }
}

#[test]
fn what_a_program_reads_is_json_and_nothing_else() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();

    place.asaas(&["validate", "demo", "--json"]).json();
    place.asaas(&["schema"]).json();
    place.asaas(&["plan", "demo", "--json"]).json();
    let applied = place.asaas(&["apply", "demo", "--wait", "--json"]).json();
    place.asaas(&["tenants", "--json"]).json();
    place.asaas(&["clouds", "--json"]).json();
    place.asaas(&["status", "--json"]).json();
    place.asaas(&["explain", "demo", "--json"]).json();
    place.asaas(&["pause", "demo", "--json"]).json();
    place.asaas(&["resume", "demo", "--json"]).json();
    place.asaas(&["scale", "demo", "3", "--json"]).json();
    place.asaas(&["destroy", "demo", "--yes", "--json"]).json();

    assert_eq!(applied["change"], "created");
}

#[test]
fn clouds_are_told_with_their_room_and_what_is_missing() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();

    let all = place.asaas(&["clouds"]).ok();
    let names: Vec<&str> = all.lines().filter(|line| !line.starts_with(' ')).collect();
    let name = names[0].split(' ').next().unwrap();
    let one = place.asaas(&["clouds", name]).ok();
    let none = place.asaas(&["clouds", "nowhere"]);

    assert!(names[0].contains("2 of "), "{all}");
    assert!(all.contains("ok") && all.contains("reachable"), "{all}");
    assert!(all.starts_with(&one), "{one}");
    assert_eq!(none.code, REFUSED, "{none:?}");
    assert!(none.err.contains(name), "{none:?}");
}

// S4-89
#[test]
fn logs_are_csv_or_one_json_object_per_line() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();

    let csv = place.asaas(&["logs", "demo"]).ok();
    let json = place.asaas(&["logs", "demo", "--json"]).ok();
    let later = place
        .asaas(&["logs", "demo", "--since", "2999-01-01T00:00:00Z"])
        .ok();

    assert!(
        csv.starts_with("seq,time,tenant,action,") && csv.ends_with("\r\n"),
        "{csv}"
    );
    let rows: Vec<serde_json::Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len() + 1, csv.lines().count());
    assert_eq!(rows[0]["action"], "order");
    assert_eq!(later.lines().count(), 1, "the header alone: {later}");
}

#[test]
fn an_explanation_of_the_past_is_of_the_decision_that_was_in_force_then() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    let then = jiff::Timestamp::now().to_string();
    place.asaas(&["scale", "demo", "5", "--wait"]).ok();

    let before = place.asaas(&["explain", "demo", "--at", &then]).ok();
    let now = place.asaas(&["explain", "demo"]).ok();
    let never = place.asaas(&["explain", "demo", "--at", "1h"]);

    assert!(before.contains("2 instances as before"), "{before}");
    assert!(now.contains("5 ordered by hand"), "{now}");
    assert_eq!(never.code, FAILED, "{never:?}");
}

#[test]
fn a_name_that_has_no_file_is_answered_with_those_that_have() {
    let place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);

    let said = place.asaas(&["validate", "dmeo"]);

    assert_eq!(said.code, BAD_INPUT);
    assert!(said.err.contains("hint: tenants has: demo"), "{}", said.err);
}

#[test]
fn an_interrupted_watch_ends_with_130_and_not_with_a_trace() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 1, 2);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();

    let mut watch = place.spawn(&["status", "demo", "--watch", "--json"]);
    let line = watch.line();
    watch.interrupt();
    let said = watch.end();

    assert!(line.starts_with('{'), "{line}");
    assert_eq!((said.code, said.err.as_str()), (INTERRUPTED, ""));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 1, 2);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();

    let mut watch = place.spawn(&["status", "demo", "--watch", "--json"]);
    watch.read_a_line_and_leave();
    let said = watch.end();

    assert_eq!((said.code, said.err.as_str()), (OK, ""));
}
