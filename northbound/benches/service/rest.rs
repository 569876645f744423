//! A service that has nothing to do, and one that is killed; both with the configuration that nobody has tuned.

use std::fs;
use std::time::{Duration, Instant};

use nix::unistd::{SysconfVar, sysconf};

use crate::host::Host;
use crate::interruption::{go_on, idle};
use crate::said::Account;
use crate::{Spread, note, report};

const REST: Duration = Duration::from_secs(30);
/// What a start costs is no part of being idle.
const CALM: Duration = Duration::from_secs(5);
const RESTARTS: usize = 10;
const TENANT: &str = "version: 1\ntenant: demo\n\
    network: { public_ip: 45.45.45.45, subnets: [{ cidr: 19.0.0.0/24 }] }\n\
    instances: { min: 2, max: 5 }\npolicy: { dynamic: { metric: cpu, threshold: 60% } }\n";
const MIB: u64 = 1024;

#[expect(clippy::cast_precision_loss, reason = "only a share is asked for")]
pub(crate) fn run() {
    let host = untuned();
    idle(CALM);
    let (before, began) = (Account::of(&host), Instant::now());
    idle(REST);
    let (after, took) = (Account::of(&host), began.elapsed());
    let per_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap();
    let used = (after.ticks - before.ticks) as f64 / per_second as f64;
    let share = used / took.as_secs_f64() * 100.0;
    let figure = format!(
        "{:.1} MiB, {:.1} of them not backed by a file",
        after.resident as f64 / MIB as f64,
        after.anonymous as f64 / MIB as f64
    );
    let is_met = after.resident <= 40 * MIB;
    report(
        "at rest, resident memory",
        &figure,
        "at most 40 MiB",
        is_met,
    );
    let figure = format!("{share:.2} % of a core, its tools included");
    report("at rest, processor", &figure, "at most 1 %", share <= 1.0);
}

pub(crate) fn restart() {
    let mut host = untuned();
    let before = host.until_exactly("demo", 2);
    let (mut answers, mut looks) = (Vec::new(), Vec::new());
    for _ in 0..RESTARTS {
        go_on();
        host.kill();
        let began = Instant::now();
        host.serve();
        answers.push(began.elapsed().as_secs_f64() * 1e3);
        // The first answer about a tenant waits for its first tick.
        host.report("demo");
        looks.push(began.elapsed().as_secs_f64() * 1e3);
        assert_eq!(
            host.until_exactly("demo", 2),
            before,
            "nothing came or went"
        );
    }
    let spread = |cases: Vec<f64>| Spread::of(cases.into_iter()).to_string();
    note(
        "from a start after kill -9 to READY: the API answers",
        &spread(answers),
    );
    note(
        "from that start to the end of the first whole tick",
        &spread(looks),
    );
}

/// A service with the default tick, and a tenant with defaults only.
fn untuned() -> Host {
    let mut host = Host::new();
    host.kill();
    let file = host.path("asaas.yml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("tick: 1s\n"), "{text}");
    fs::write(&file, text.replace("tick: 1s\n", "")).unwrap();
    host.serve();
    host.write_bytes("demo", TENANT.as_bytes());
    host.apply("demo");
    host.until_exactly("demo", 2);
    host
}
