//! A tenant's file is changed while it serves.

use crate::host::Host;

const BAD_INPUT: Option<i32> = Some(2);

// S4-99, I13
#[test]
fn an_edit_touches_only_the_difference_and_a_bad_file_touches_nothing() {
    let host = Host::new();
    let edit = |instances: &str| host.write("demo", "45.45.45.45", instances, "");
    edit("min: 2, max: 3");
    host.apply("demo");
    let first = host.until_exactly("demo", 2);
    let load = host.load("http://45.45.45.45/whoami", "20/s:10m");

    edit("min: 3, max: 5");
    host.apply("demo");
    let more = host.until_exactly("demo", 3);
    assert!(first.iter().all(|one| more.contains(one)), "{more:?}");

    edit("min: 4, max: 3");
    let generation = host.report("demo").status.generation;
    let said = host.asaas(&["apply", "demo"]);
    assert_eq!(said.code, BAD_INPUT, "{said:?}");
    assert!(said.err.contains("tenants/demo.yml:"), "{said:?}");
    load.flows_on();
    assert_eq!(host.report("demo").status.generation, generation);
    assert_eq!(host.until_exactly("demo", 3), more);

    edit("min: 2, max: 2");
    host.apply("demo");
    assert_eq!(host.until_exactly("demo", 2), first);
    let report = load.end();
    assert!(!report.has_failures(), "{report}");
}
