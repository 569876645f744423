//! A tenant goes.

use crate::host::{Host, LIMIT, public};
use crate::traffic::{Asked, get};

// S1-25
#[test]
fn a_tenant_that_is_destroyed_finishes_its_requests_and_leaves_nothing() {
    let mut host = Host::new();
    host.write("demo", "45.45.45.45", "min: 3, max: 5", "");
    host.apply("demo");
    host.until_exactly("demo", 3);
    let load = host.load(
        "http://45.45.45.45/whoami",
        "before=20/s:10m,after=20/s:10m",
    );
    let slow = || {
        Asked::send(
            &host.client(),
            (public(45), 80),
            &get("/slow?ms=3000"),
            LIMIT,
        )
    };
    let asked: Vec<Asked> = (0..6).map(|_| slow()).collect();
    load.flows_on();

    // From here on the address is withdrawn.
    load.next();
    let destroyed = host.asaas(&["destroy", "demo", "--yes", "--wait", "--timeout", "45s"]);

    destroyed.ok();
    for asked in asked {
        let answer = asked.answer().unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let report = load.end();
    let before = &report.segments[0].counts;
    assert_eq!((before.failed, before.unfinished), (0, 0), "{report}");
    assert_eq!(before.requests, before.answered, "{report}");
    host.leave();
    assert_eq!(host.remains("demo"), Vec::<String>::new());
}
