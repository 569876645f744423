//! Whole commands of the real program against a real `serve`, over clouds in memory.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "given/exec.rs"]
mod exec;
#[path = "given/world.rs"]
mod world;

use clap::CommandFactory;
use exec::{Place, Said, settled};
use world::{SmallDisk, fill};

const OK: Option<i32> = Some(0);
const FAILED: Option<i32> = Some(1);
const BAD_INPUT: Option<i32> = Some(2);
const NO_SERVICE: Option<i32> = Some(3);
const REFUSED: Option<i32> = Some(4);
const TIMED_OUT: Option<i32> = Some(5);
const INTERRUPTED: Option<i32> = Some(130);

fn settled_with(said: &Said, count: usize) -> bool {
    let Ok(report) = serde_json::from_str::<serde_json::Value>(&said.out) else {
        return false;
    };
    let status = &report["status"];
    let instances = status["instances"].as_array().unwrap();
    let serving = |shown: &&serde_json::Value| shown["instance"]["phase"] == "in_service";
    status["is_settled"] == true && instances.iter().filter(serving).count() == count
}

fn generation(place: &Place, tenant: &str) -> u64 {
    let report = place.asaas(&["status", tenant, "--json"]).json();
    report["status"]["generation"].as_u64().unwrap()
}

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
fn without_a_service_a_command_says_how_to_start_one() {
    let place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);

    for arguments in [
        &["status"][..],
        &["apply", "demo"],
        &["logs", "demo"],
        &["pause", "demo"],
    ] {
        let said = place.asaas(arguments);

        assert_eq!(said.code, NO_SERVICE, "{said:?}");
        assert!(said.err.contains("asaas serve"), "{}", said.err);
        assert_eq!(said.out, "");
    }
}

#[test]
fn a_tenant_is_planned_applied_shown_explained_and_removed() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    let directory = place.path("").canonicalize().unwrap();
    let mut story: Vec<String> = Vec::new();
    let mut tell = |place: &Place, arguments: &[&str]| {
        let said = place.asaas(arguments);
        let Said { code, out, err } = &said;
        story.push(format!("$ asaas {}", arguments.join(" ")));
        story.push(
            settled(&format!("{err}{out}"), &directory)
                .trim_end()
                .to_owned(),
        );
        if *code != OK {
            story.push(format!("[exit {}]", code.unwrap()));
        }
        story.push(String::new());
    };

    tell(&place, &["tenants"]);
    tell(&place, &["plan", "demo"]);
    tell(&place, &["apply", "demo", "--wait"]);
    tell(&place, &["apply", "demo"]);
    tell(&place, &["tenants"]);
    tell(&place, &["scale", "demo", "4", "--wait"]);
    tell(&place, &["scale", "demo", "6"]);
    tell(&place, &["pause", "demo"]);
    tell(&place, &["resume", "demo"]);
    tell(&place, &["destroy", "demo"]);
    tell(&place, &["destroy", "demo", "--yes", "--wait"]);
    tell(&place, &["status", "demo"]);

    insta::assert_snapshot!(story.join("\n"));
}

// I23
#[test]
fn a_plan_touches_nothing() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();

    let plan = place.asaas(&["plan", "demo", "--json"]).json();

    assert_eq!(plan["preview"]["launches"]["sim-a"], 2);
    assert_eq!(
        place.asaas(&["tenants", "--json"]).json(),
        serde_json::json!([])
    );
    assert!(!place.path("logs/demo").exists());
}

// I13
#[test]
fn a_file_that_is_wrong_is_answered_with_its_places_and_leaves_the_spec_in_force() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    let before = place.instances("demo");
    place.tenant("demo", "45.45.45.300", 9, 5);

    let said = place.asaas(&["apply", "demo"]);

    assert_eq!(said.code, BAD_INPUT, "{said:?}");
    assert!(said.err.contains("tenants/demo.yml:4:"), "{}", said.err);
    assert!(
        said.err.contains("tenants/demo.yml:6:"),
        "all at once: {}",
        said.err
    );
    assert_eq!(generation(&place, "demo"), 1);
    assert_eq!(place.instances("demo"), before);
}

// I27
#[test]
fn a_second_tenant_cannot_have_an_owned_public_address() {
    let mut place = Place::new();
    place.tenant("first", "45.45.45.45", 1, 2);
    place.tenant("second", "45.45.45.45", 1, 2);
    place.serve();
    place.asaas(&["apply", "first", "--wait"]).ok();

    for command in ["plan", "apply"] {
        let said = place.asaas(&[command, "second"]);

        assert_eq!(said.code, REFUSED, "{said:?}");
        assert!(said.err.contains("tenants/second.yml:4:"), "{}", said.err);
    }
    assert_eq!(place.asaas(&["status", "second"]).code, REFUSED);
    assert_eq!(place.asaas(&["logs", "second"]).code, REFUSED);
    assert_eq!(place.instances("first").len(), 1);
}

// I27
#[test]
fn an_address_that_was_given_up_can_be_had_once_its_network_has_let_go_of_it() {
    let mut place = Place::new();
    place.tenant("first", "45.45.45.45", 1, 2);
    place.tenant("second", "45.45.45.45", 1, 2);
    place.serve();
    place.asaas(&["apply", "first", "--wait"]).ok();
    place.tenant("first", "45.45.45.46", 1, 2);

    place.asaas(&["apply", "first", "--wait"]).ok();

    place.until(&["apply", "second", "--wait"], |said| said.code == OK);
}

#[test]
fn an_apply_or_a_destroy_against_another_generation_is_refused() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--generation", "0"]).ok();
    place.tenant("demo", "45.45.45.45", 3, 5);

    let stale = place.asaas(&["apply", "demo", "--generation", "7"]);
    let destroyed = place.asaas(&["destroy", "demo", "--yes", "--generation", "7"]);
    let fresh = place.asaas(&["apply", "demo", "--generation", "1", "--plan"]);

    assert_eq!(
        (stale.code, destroyed.code, fresh.code),
        (REFUSED, REFUSED, OK),
        "{fresh:?}"
    );
    assert_eq!(generation(&place, "demo"), 2);
}

#[test]
fn a_subnet_under_living_instances_is_refused_at_its_line_by_plan_and_by_apply() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    let text = std::fs::read_to_string(place.path("tenants/demo.yml")).unwrap();
    place.write("tenants/demo.yml", &text.replace("19.0.0.0", "20.0.0.0"));

    for command in ["plan", "apply"] {
        let said = place.asaas(&[command, "demo"]);

        assert_eq!(said.code, REFUSED, "{said:?}");
        assert!(said.err.contains("tenants/demo.yml:5:"), "{}", said.err);
        assert!(said.err.contains("asaas destroy demo"), "{}", said.err);
    }
    assert_eq!(generation(&place, "demo"), 1);
}

#[test]
fn what_is_no_socket_is_not_taken_away_to_listen_there() {
    let place = Place::new();
    place.write("asaas.sock", "my thesis");

    let said = place.asaas(&["serve"]);

    assert_eq!(said.code, BAD_INPUT, "{said:?}");
    assert!(said.err.contains("is no socket"), "{}", said.err);
    let kept = std::fs::read_to_string(place.path("asaas.sock")).unwrap();
    assert_eq!(kept, "my thesis");
}

#[test]
fn who_waits_for_a_paused_tenant_is_refused_and_nothing_is_changed() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    place.asaas(&["pause", "demo"]).ok();
    place.tenant("demo", "45.45.45.45", 3, 5);

    for arguments in [
        &["scale", "demo", "5", "--wait"][..],
        &["apply", "demo", "--wait"],
    ] {
        let said = place.asaas(arguments);

        assert_eq!(said.code, REFUSED, "{said:?}");
        assert!(said.err.contains("it is paused"), "{}", said.err);
        assert!(said.err.contains("hint: asaas resume demo"), "{}", said.err);
    }
    let ordered = place.asaas(&["scale", "demo", "5"]);
    let status = place.asaas(&["status", "demo"]).ok();

    assert!(
        ordered.err.contains("after `asaas resume demo`"),
        "{ordered:?}"
    );
    assert!(
        status.starts_with("demo: 2 of 5 instances in service, paused, 5 ordered by hand, not"),
        "{status}"
    );
    assert_eq!(generation(&place, "demo"), 1);
}

#[test]
fn a_status_right_after_an_order_knows_of_it() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    let orders = |place: &Place| {
        place.asaas(&["status", "demo", "--json"]).json()["status"]["orders"].clone()
    };

    place.asaas(&["scale", "demo", "4"]).ok();
    let scaled = orders(&place);
    place.asaas(&["pause", "demo"]).ok();
    let paused = orders(&place);
    place.asaas(&["resume", "demo"]).ok();
    let resumed = orders(&place);
    place.tenant("demo", "45.45.45.45", 3, 5);
    place.asaas(&["apply", "demo"]).ok();

    assert_eq!(scaled["desired"], 4);
    assert_eq!(
        (&paused["is_paused"], &resumed["is_paused"]),
        (&true.into(), &false.into())
    );
    assert_eq!(generation(&place, "demo"), 2);
}

#[test]
fn a_frozen_service_does_not_freeze_its_commands() {
    let place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    // It takes connections, as the kernel does for a stopped process, and never says a word.
    let _silent = std::os::unix::net::UnixListener::bind(place.path("asaas.sock")).unwrap();

    let commands = [
        &["status", "demo"][..],
        &["scale", "demo", "3"],
        &["explain", "demo"],
        &["logs", "demo"],
        &["apply", "demo"],
    ];
    std::thread::scope(|scope| {
        for arguments in commands {
            let place = &place;
            scope.spawn(move || {
                let said = place.asaas(arguments);

                assert_eq!(said.code, NO_SERVICE, "{arguments:?} {said:?}");
                assert!(said.err.contains("does not answer"), "{}", said.err);
                assert!(said.err.contains("hint: "), "{}", said.err);
            });
        }
    });
}

#[test]
fn a_name_whose_file_is_of_another_tenant_is_not_applied() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    std::fs::copy(
        place.path("tenants/demo.yml"),
        place.path("tenants/other.yml"),
    )
    .unwrap();
    place.serve();

    let applied = place.asaas(&["apply", "other"]);
    let validated = place.asaas(&["validate", "other"]);
    let planned = place.asaas(&["plan", "other"]);
    let by_path = place.asaas(&["apply", "tenants/other.yml"]);

    assert_eq!(applied.code, REFUSED, "{applied:?}");
    assert!(
        applied.err.contains("is of tenant `demo`, not of `other`"),
        "{}",
        applied.err
    );
    for said in [validated, planned] {
        assert_eq!(said.code, OK, "{said:?}");
        assert!(
            said.err.contains("warning: tenants/other.yml"),
            "{}",
            said.err
        );
    }
    assert_eq!(by_path.code, OK, "{by_path:?}");
}

#[test]
fn a_destroy_without_a_terminal_says_what_to_add_and_asks_about_no_stranger() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo"]).ok();

    let known = place.asaas(&["destroy", "demo"]);
    let stranger = place.asaas(&["destroy", "dmeo"]);

    assert_eq!(known.code, BAD_INPUT, "{known:?}");
    assert!(
        known.err.contains("no terminal: add `--yes`"),
        "{}",
        known.err
    );
    assert_eq!(stranger.code, REFUSED, "{stranger:?}");
    assert!(
        stranger.err.contains("no tenant `dmeo`"),
        "{}",
        stranger.err
    );
}

#[test]
fn an_interrupted_wait_says_that_the_work_goes_on() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 8, 9);
    place.serve();

    let mut wait = place.spawn(&["apply", "demo", "--wait"]);
    wait.error_line();
    place.until(&["status", "demo"], |said| said.code == OK);
    wait.interrupt();
    let said = wait.end();

    assert_eq!(said.code, INTERRUPTED, "{said:?}");
    assert!(
        said.err
            .contains("demo goes on being changed; see `asaas status demo`"),
        "{}",
        said.err
    );
}

#[test]
fn a_second_service_on_one_state_directory_or_one_socket_refuses() {
    let mut place = Place::new();
    place.serve();
    let text = std::fs::read_to_string(place.path("asaas.yml")).unwrap();
    place.write("other.yml", &text.replace("state: state", "state: other"));

    let same_state = place.asaas(&["serve", "--socket", "other.sock"]);
    let same_socket = place.asaas(&["serve", "--config", "other.yml"]);

    assert_eq!(same_state.code, REFUSED, "{same_state:?}");
    assert!(
        same_state.err.contains("another `asaas serve` (process "),
        "{}",
        same_state.err
    );
    assert!(same_state.err.contains("hint: "), "{}", same_state.err);
    assert_eq!(same_socket.code, REFUSED, "{same_socket:?}");
    place.asaas(&["tenants"]).ok();
}

// I26
#[test]
fn a_killed_service_keeps_generation_pause_and_instances() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    place.asaas(&["pause", "demo"]).ok();
    let before = place.instances("demo");

    place.kill();
    place.serve();

    let report = place.asaas(&["status", "demo", "--json"]).json();
    assert_eq!(report["status"]["generation"], 1);
    assert_eq!(report["status"]["orders"]["is_paused"], true);
    assert_eq!(place.instances("demo"), before);
}

// I22
#[test]
fn after_kills_in_the_middle_the_log_files_have_every_number_once() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    for number in ["4", "2", "5", "3"] {
        place.asaas(&["scale", "demo", number]).ok();
        place.kill();
        place.serve();
    }
    let last = place.asaas(&["explain", "demo", "--json"]).json();
    let entries = last["entries"].as_array().unwrap();
    let last = entries.last().unwrap()["seq"].as_u64().unwrap();

    let mut numbers: Vec<u64> = Vec::new();
    for kind in ["actions", "metrics", "decisions"] {
        let csv = place.asaas(&["logs", "demo", "--kind", kind]).ok();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let read: Vec<u64> = reader
            .records()
            .map(|row| row.unwrap().get(0).unwrap().parse().unwrap())
            .collect();
        assert!(read.is_sorted(), "{kind}");
        let is_once = kind == "metrics" || read.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(is_once, "{kind}: {read:?}");
        numbers.extend(read);
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers.truncate(usize::try_from(last).unwrap());
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
}

// I22: no action without its record.
#[test]
fn on_a_full_disk_nothing_is_ordered_or_launched_until_there_is_room() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    std::fs::create_dir(place.path("state")).unwrap();
    let disk = SmallDisk::mount(&place.path("state"), "size=1m");
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();
    let before = place.instances("demo");
    let ballast = disk.path().join("ballast");
    fill(&ballast);

    let refused = place.until(&["scale", "demo", "4"], |said| said.code != OK);
    let meanwhile = place.instances("demo");
    let alarmed = place.until(&["status", "demo"], |said| said.out.contains("is full"));
    std::fs::remove_file(&ballast).unwrap();
    place.until(&["scale", "demo", "4"], |said| said.code == OK);

    assert_eq!(refused.code, FAILED, "{refused:?}");
    assert!(refused.err.contains("is full"), "{}", refused.err);
    assert!(meanwhile == before || meanwhile.len() == 4, "{meanwhile:?}");
    assert!(alarmed.out.contains("alarm:"), "{}", alarmed.out);
    place.until(&["status", "demo", "--json"], |said| settled_with(said, 4));
}

// I22
#[test]
fn log_files_that_cannot_be_written_are_told_of_and_made_up_for() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    std::fs::create_dir(place.path("logs")).unwrap();
    let disk = SmallDisk::mount(&place.path("logs"), "size=64k");
    let ballast = disk.path().join("ballast");
    fill(&ballast);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();

    let alarmed = place.until(&["status", "demo"], |said| said.out.contains("alarm:"));
    std::fs::remove_file(&ballast).unwrap();
    let is_made_up_for = |said: &Said| said.out.contains("the log files are behind");
    let log = place.until(&["logs", "demo"], is_made_up_for);
    place.until(&["status", "demo"], |said| !said.out.contains("alarm:"));

    assert!(alarmed.out.contains("No space left"), "{}", alarmed.out);
    assert!(
        log.out.contains(",order,") && log.out.contains(",in_service,"),
        "{}",
        log.out
    );
}

// I15
#[test]
fn a_damaged_store_is_refused_and_not_touched() {
    let place = Place::new();
    let text = "this was never a database, and it is long enough to look like one";
    place.write("state/asaas.db", text);

    let said = place.asaas(&["serve"]);

    assert_eq!(said.code, FAILED, "{said:?}");
    assert!(said.err.contains("Nothing is touched"), "{}", said.err);
    assert_eq!(
        std::fs::read_to_string(place.path("state/asaas.db")).unwrap(),
        text
    );
}

// I19
#[test]
fn a_tenant_whose_record_cannot_be_read_does_not_hold_up_the_others() {
    let mut place = Place::new();
    place.tenant("well", "45.45.45.45", 1, 2);
    place.tenant("unwell", "45.45.45.46", 1, 2);
    place.serve();
    place.asaas(&["apply", "well", "--wait"]).ok();
    place.asaas(&["apply", "unwell", "--wait"]).ok();
    assert_eq!(place.stop(), OK);
    let store = rusqlite::Connection::open(place.path("state/asaas.db")).unwrap();
    store
        .execute(
            "UPDATE spec SET spec = '{\"tenant\": null}' WHERE tenant = 'unwell'",
            [],
        )
        .unwrap();
    drop(store);

    place.serve();

    let well = place.asaas(&["scale", "well", "2", "--wait"]);
    let unwell = place.asaas(&["status", "unwell"]);
    assert_eq!(well.code, OK, "{well:?}");
    assert_eq!(unwell.code, FAILED, "{unwell:?}");
    assert!(
        unwell.err.contains("apply its file again"),
        "{}",
        unwell.err
    );
    let mended = place.asaas(&["apply", "unwell", "--wait", "--timeout", "20s"]);
    assert_eq!(
        (mended.code, generation(&place, "unwell")),
        (OK, 2),
        "{mended:?}"
    );
}

#[test]
fn a_stopped_service_ends_well_and_takes_its_socket_away() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    place.asaas(&["apply", "demo", "--wait"]).ok();

    assert_eq!(place.stop(), OK);

    assert!(!place.path("asaas.sock").exists());
    let store = rusqlite::Connection::open(place.path("state/asaas.db")).unwrap();
    let instances: i64 = store
        .query_row("SELECT count(*) FROM instance", [], |row| row.get(0))
        .unwrap();
    assert_eq!(instances, 2);
}

#[test]
fn what_does_not_come_about_in_time_has_an_exit_code_of_its_own() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 8, 9);
    place.serve();

    let said = place.asaas(&["apply", "demo", "--wait", "--timeout", "3s"]);

    assert_eq!(said.code, TIMED_OUT, "{said:?}");
    assert!(
        said.err.contains("\n… "),
        "who waits is told how far it is: {}",
        said.err
    );
    assert!(said.err.contains("asaas explain demo"), "{}", said.err);
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
fn what_a_program_reads_is_json_and_nothing_else() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();

    place.asaas(&["validate", "demo", "--json"]).json();
    place.asaas(&["schema"]).json();
    place.asaas(&["plan", "demo", "--json"]).json();
    let applied = place.asaas(&["apply", "demo", "--wait", "--json"]).json();
    place.asaas(&["tenants", "--json"]).json();
    place.asaas(&["status", "--json"]).json();
    place.asaas(&["explain", "demo", "--json"]).json();
    place.asaas(&["pause", "demo", "--json"]).json();
    place.asaas(&["resume", "demo", "--json"]).json();
    place.asaas(&["scale", "demo", "3", "--json"]).json();
    place.asaas(&["destroy", "demo", "--yes", "--json"]).json();

    assert_eq!(applied["change"], "created");
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
