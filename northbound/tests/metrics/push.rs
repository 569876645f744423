//! What an application pushes.

use std::time::{Duration, Instant};

use controller::load::Metric;

use crate::exec::Place;
use crate::service::{desired, serve, stays_through_silence, until_desired};

fn queue() -> Metric {
    Metric::Pushed("queue".parse().unwrap())
}

/// Pushes again and again, until the number follows.
#[track_caller]
fn push_until(place: &Place, value: &str, wanted: u64) {
    let began = Instant::now();
    loop {
        let pushed = place.asaas(&["push", "demo", "queue", value]);
        assert_eq!((pushed.code, &*pushed.err), (Some(0), ""), "{pushed:?}");
        let said = place.asaas(&["status", "demo", "--json"]);
        if desired(&said) == Some(wanted) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{said:?}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

// C-20
#[test]
fn the_number_follows_what_is_pushed_and_stays_when_nothing_is() {
    let place = serve(&queue(), "");
    until_desired(&place, 2);

    push_until(&place, "35", 4);
    stays_through_silence(&place, 4);
    push_until(&place, "5.5", 2);

    let log = place.until(&["logs", "demo", "--kind", "metrics"], |said| {
        said.out.contains(",pushed:queue,5.5")
    });
    assert!(log.out.contains(",pushed:queue,35"), "{}", log.out);
}

#[test]
fn a_value_of_one_instance_is_that_instance_s() {
    let place = serve(&queue(), "");
    until_desired(&place, 2);
    place.until(&["status", "demo"], |said| {
        said.out.contains("2 of 2 instances in service")
    });
    let instance = &place.instances("demo")[0];

    let pushed = place
        .asaas(&[
            "push",
            "demo",
            "jobs",
            "7",
            "--instance",
            instance,
            "--json",
        ])
        .json();

    assert_eq!(pushed["metric"], "pushed:jobs");
    assert_eq!(pushed["instance"], **instance);
    assert_eq!(pushed["is_followed"], false);
    place.until(&["logs", "demo", "--kind", "metrics"], |said| {
        let row = |line: &str| line.contains(instance.as_str()) && line.ends_with("pushed:jobs,7");
        said.out.lines().any(row)
    });
    let mixed = place.asaas(&["push", "demo", "jobs", "7"]);
    assert_eq!(mixed.code, Some(4), "{mixed:?}");
    assert!(
        mixed.err.contains("for single instances so far"),
        "{mixed:?}"
    );
}

#[test]
fn what_is_no_value_is_refused_with_what_to_do() {
    let place = serve(&queue(), "");
    let cases: [(&[&str], i32, &str); 9] = [
        (&["demo", "queue", "NaN"], 2, "a number from 0 to a billion"),
        (&["demo", "queue", "-1"], 2, "a number from 0 to a billion"),
        (&["demo", "queue", "inf"], 2, "a number from 0 to a billion"),
        (&["demo", "queue", "2e9"], 2, "a number from 0 to a billion"),
        (
            &["demo", "queue", "many"],
            2,
            "a number from 0 to a billion",
        ),
        (&["demo", "Queue", "1"], 2, "use lower-case letters"),
        (&["nobody", "queue", "1"], 4, "no tenant"),
        (
            &["demo", "queue", "1", "--instance", "i-0000000000000"],
            4,
            "has no instance `i-0000000000000`",
        ),
        (&["demo", "queue", "1", "--instance", "web-1"], 2, "web-1"),
    ];
    for (arguments, code, said) in cases {
        let refused = place.asaas(&[&["push"], arguments].concat());

        assert_eq!(refused.code, Some(code), "{arguments:?} {refused:?}");
        assert!(refused.err.contains(said), "{arguments:?} {}", refused.err);
    }
    let unheard = Place::new().asaas(&["push", "demo", "queue", "1"]);
    assert_eq!(unheard.code, Some(3), "{unheard:?}");
}
