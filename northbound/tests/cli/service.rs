//! The service behind the commands: missing, frozen, stopped, killed, started twice, on a full disk, on a damaged store.

use crate::exec::{Place, Said};
use crate::world::{SmallDisk, fill};
use crate::{BAD_INPUT, FAILED, NO_SERVICE, OK, REFUSED, generation};

fn settled_with(said: &Said, count: usize) -> bool {
    let Ok(report) = serde_json::from_str::<serde_json::Value>(&said.out) else {
        return false;
    };
    let status = &report["status"];
    let instances = status["instances"].as_array().unwrap();
    let serving = |shown: &&serde_json::Value| shown["instance"]["phase"] == "in_service";
    status["is_settled"] == true && instances.iter().filter(serving).count() == count
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
