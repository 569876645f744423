//! Tenants do not meet.

use crate::host::{Host, public};
use crate::traffic::{ask, get, reaches};

// S4-05
#[test]
fn tenants_with_the_same_subnet_serve_side_by_side_and_cannot_reach_each_other() {
    let host = Host::new();
    host.write("demo", "45.45.45.45", "min: 1, max: 3", "");
    host.write("other", "45.45.45.46", "min: 3, max: 3", "");
    host.apply("demo");
    host.apply("other");
    let demo = host.until_exactly("demo", 1);
    let other = host.until_exactly("other", 3);
    let address = |tenant: &str| {
        let report = host.report(tenant);
        let instances = report.status.instances.iter();
        instances.map(|seen| seen.instance.address).max().unwrap()
    };
    let (demo_last, other_last) = (address("demo"), address("other"));
    assert_ne!(demo_last, other_last);

    for (tenant, last) in [("demo", 45), ("other", 46)] {
        let answer = ask(&host.client(), (public(last), 80), &get("/whoami")).unwrap();
        let own = format!(r#""tenant":"{tenant}""#);
        assert!(answer.body.contains(&own), "{answer:?}");
    }
    // The other's neighbours reach it, and from the same namespace it is reached under no address.
    assert!(reaches(&other[0].netns(), (other_last, 8080)));
    assert!(!reaches(&demo[0].netns(), (other_last, 8080)));
    assert!(reaches(&demo[0].netns(), (demo_last, 8080)));
    // Its public address is reached by clients only.
    assert!(reaches(&host.client(), (public(46), 80)));
    assert!(!reaches(&demo[0].netns(), (public(46), 80)));
    // What both have is always the own.
    let shared = (demo_last, 8080);
    let answer = ask(&other[0].netns(), shared, &get("/whoami")).unwrap();
    assert!(answer.body.contains(r#""tenant":"other""#), "{answer:?}");
}
