//! A hundred instances leave while clients ask, some of them for what takes its time; and two leave in the wrong order.

use crate::host::Host;
use crate::interruption::go_on;
use crate::traffic::Load;
use crate::{URL, note, report};

const CYCLES: usize = 20;
/// Instances that leave in one cycle.
const AT_ONCE: usize = 5;
const MANY: usize = 2 + AT_ONCE;
const WRONG: usize = 2;
const PROFILE: &str = "200/s:20m";
const SLOW_URL: &str = "http://45.45.45.45/slow?ms=700";
const SLOW_PROFILE: &str = "20/s:20m";
/// So many requests make the figure worth something.
const REQUESTS: u64 = 5_000;

pub(crate) fn run() {
    let host = Host::new();
    let clouds = "clouds: [{ name: local-a, max: 3 }, { name: local-b }]\n";
    host.write("demo", "45.45.45.45", "min: 2, max: 7", clouds);
    host.apply("demo");
    host.until_exactly("demo", 2);

    let loads = start(&host);
    for _ in 0..CYCLES {
        go_on();
        for count in [MANY, 2] {
            host.asaas(&["scale", "demo", &count.to_string()]).ok();
            host.until_exactly("demo", count);
        }
    }
    let (broken, sent) = end(loads);
    let what = format!("requests broken by {} drains", CYCLES * AT_ONCE);
    report(&what, &format!("{broken} of {sent}"), "0", broken == 0);
    if sent < REQUESTS {
        note(
            "fewer requests than the figure asks for",
            &format!("{REQUESTS}"),
        );
    }

    let loads = start(&host);
    for _ in 0..WRONG {
        go_on();
        let victim = host.until_exactly("demo", 2).remove(0);
        victim.kill();
        host.until("demo", "the killed one is replaced", |report| {
            let instances = &report.status.instances;
            report.status.is_settled && instances.iter().all(|seen| seen.instance.id != victim.id)
        });
    }
    let (broken, sent) = end(loads);
    let what =
        format!("requests broken by {WRONG} removals in the wrong order, the container first");
    report(
        &what,
        &format!("{broken} of {sent}"),
        "at least 1",
        broken > 0,
    );
}

fn start(host: &Host) -> [Load; 2] {
    let slow = Load::start(
        &host.client(),
        SLOW_URL,
        SLOW_PROFILE,
        &host.path("slow.csv"),
    );
    [host.load(URL, PROFILE), slow]
}

/// How many were broken, and sent.
fn end(loads: [Load; 2]) -> (u64, u64) {
    let ends = loads.map(Load::end);
    let broken = ends
        .iter()
        .map(|end| end.total.failed + end.total.unfinished);
    (
        broken.sum(),
        ends.iter().map(|end| end.total.requests).sum(),
    )
}
