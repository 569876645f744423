//! What people read of a reply that was recorded from a tenant of containers.
#![expect(clippy::unwrap_used, reason = "a test")]

use northbound::api::{Explanation, TenantReport};
use northbound::show;

fn report() -> TenantReport {
    serde_json::from_str(include_str!("given/report.json")).unwrap()
}

fn explanation() -> Explanation {
    serde_json::from_str(include_str!("given/explanation.json")).unwrap()
}

#[test]
fn a_status_is_read_from_the_number_down_to_each_instance() {
    insta::assert_snapshot!(show::status::tenant(&report()));
}

#[test]
fn a_status_ends_with_what_is_wrong() {
    let mut report = report();
    report.trouble = Some("the tenant's loop failed".to_owned());
    report.status.alarms = vec!["local-a did not answer".to_owned()];

    let text = show::status::tenant(&report);

    assert!(
        text.ends_with("\nalarm: the tenant's loop failed\n\nalarm: local-a did not answer\n"),
        "{text}"
    );
}

#[test]
fn an_explanation_goes_from_the_readings_over_the_guards_to_the_consequences() {
    insta::assert_snapshot!(show::explain::explanation(&explanation()));
}

#[test]
fn no_line_ends_in_blanks_so_that_output_can_be_compared() {
    let text = show::status::tenant(&report()) + &show::explain::explanation(&explanation());

    for line in text.lines() {
        assert_eq!(line, line.trim_end());
    }
}
