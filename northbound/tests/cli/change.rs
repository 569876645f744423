//! What people change: in force when it is said to be, or refused with what to do about it.

use crate::exec::Place;
use crate::{BAD_INPUT, INTERRUPTED, OK, REFUSED, TIMED_OUT, generation};

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
