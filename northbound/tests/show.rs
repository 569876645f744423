//! What people read of a reply that was recorded from a tenant of containers.
#![expect(clippy::unwrap_used, reason = "a test")]

use controller::amount::Amount;
use controller::decision::{Forecasted, Guard, Step};
use controller::journal::Event;
use controller::load::Metric;
use controller::network::Health;
use controller::replay::{Account, Untold};
use northbound::api::{Explanation, TenantReport};
use northbound::show;

fn report() -> TenantReport {
    serde_json::from_str(include_str!("given/report.json")).unwrap()
}

fn shown(report: &TenantReport) -> String {
    show::status::tenant(report, report.status.at)
}

fn explanation() -> Explanation {
    serde_json::from_str(include_str!("given/explanation.json")).unwrap()
}

#[test]
fn a_status_is_read_from_the_number_down_to_each_instance() {
    insta::assert_snapshot!(shown(&report()));
}

#[test]
fn a_status_that_is_old_says_how_old_it_is() {
    let report = report();
    let later = |seconds| report.status.at + jiff::SignedDuration::from_secs(seconds);

    let fresh = show::status::tenant(&report, later(2));
    let old = show::status::tenant(&report, later(8));

    assert!(!fresh.contains(" ago"), "{fresh}");
    assert!(old.contains("as of 8s ago"), "{old}");
}

#[test]
fn only_what_is_in_service_healthy_and_routed_serves() {
    let mut report = report();
    report.status.instances[0].health = Health::Unhealthy;
    report.status.instances[1].is_routed = false;

    let headline = show::status::headline(&report.status);

    let expected = "2 of 4 instances in service, 2 unhealthy or not routed, ";
    assert!(headline.starts_with(expected), "{headline}");
    assert!(headline.ends_with("not settled") || headline.ends_with("changing"));
}

#[test]
fn what_was_ordered_during_a_pause_is_not_settled() {
    let mut report = report();
    report.status.orders.is_paused = true;
    report.status.orders.desired = Some(5);

    let headline = show::status::headline(&report.status);

    assert_eq!(
        headline,
        "4 of 5 instances in service, paused, 5 ordered by hand, not settled"
    );
}

#[test]
fn a_status_ends_with_what_is_wrong() {
    let mut report = report();
    report.trouble = Some("the tenant's loop failed".to_owned());
    report.status.alarms = vec!["local-a did not answer".to_owned()];

    let text = shown(&report);

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
    let text = shown(&report()) + &show::explain::explanation(&explanation());

    for line in text.lines() {
        assert_eq!(line, line.trim_end());
    }
}

#[test]
fn a_forecast_says_what_is_coming_who_says_so_and_what_each_signal_asks_for() {
    let mut explanation = explanation();
    let mut memory = explanation.spec.as_ref().unwrap().policy.signals[0].clone();
    memory.monitor.metric = Metric::Memory;
    explanation
        .spec
        .as_mut()
        .unwrap()
        .policy
        .signals
        .push(memory);
    let amount = Amount::from_millionths;
    for entry in &mut explanation.entries {
        let Event::Decided(decision) = &mut entry.event else {
            continue;
        };
        decision.steps[0] = Step {
            guard: Guard::Forecast,
            number: 4,
            note: "cpu 2 in all ÷ 0.8 = 4".to_owned(),
        };
        decision.forecast = Some(Forecasted {
            metric: Metric::Cpu,
            horizon: jiff::SignedDuration::from_secs(120),
            expected: amount(2_100_000),
            upper: amount(3_200_000),
            capacity: amount(800_000),
            need: Some(4),
            keep: None,
            spent: amount(125_000),
            expert: "the same time of the last days".to_owned(),
        });
    }

    let text = show::explain::explanation(&explanation);

    for part in [
        "  it asks for 4: cpu 2 in all ÷ 0.8 = 4\n",
        "  it had nothing to ask for\n",
        "\nforecast: cpu in 2m 0s, the time from launch to service\n",
        "  2.1 in all expected, 3.2 at most with its usual errors\n",
        "  ÷ 0.8 for each instance = 4 needed\n",
        "  12.5 % of the budget of missed load is spent\n",
        "  which expert spoke: the same time of the last days\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn an_explanation_ends_with_what_today_s_code_says() {
    let explanation = explanation();
    let said = |account: Option<&Account>| show::explain::again(&explanation, account);
    let same = Account {
        same: 1,
        ..Account::default()
    };
    let untold = Account {
        untold: [(Untold::Spec, 1)].into(),
        ..Account::default()
    };

    assert_eq!(
        said(Some(&same)),
        "\ndecided again with today's code: the same\n"
    );
    assert!(said(Some(&untold)).contains("not told: the spec that was in force is forgotten"));
    assert!(
        said(None).contains("`asaas replay demo --from "),
        "{}",
        said(None)
    );
}
