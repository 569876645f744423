//! An instance more, twenty times, while clients ask: when is it asked first?

use std::fs::{self, File};
use std::path::Path;

use controller::id::InstanceId;
use controller::instance::Phase;
use jiff::Timestamp;
use nix::sched::{CloneFlags, setns};
use northbound::load::Report;
use northbound::logs::ActionRow;

use crate::host::Host;
use crate::interruption::go_on;
use crate::said::Log;
use crate::{Spread, URL, note, report};

const ARRIVALS: usize = 20;
/// One of three instances is then asked every 6 ms: by so much is its first answer later than it could be.
const PROFILE: &str = "500/s:15m";

/// A part of an arrival.
type Part = fn(&Arrival) -> f64;

/// The way of one instance, in milliseconds. What the service's rows say is when the tick began that wrote them.
#[derive(Debug)]
struct Arrival {
    to_running: f64,
    to_service: f64,
    to_answer: f64,
    /// From the prober's verdict to the first answer.
    in_rotation: f64,
    /// All of it, without the runtime's own time.
    ours: f64,
    whole: f64,
}

pub(crate) fn run() {
    let host = Host::new();
    host.write("demo", "45.45.45.45", "min: 2, max: 3", "");
    host.apply("demo");
    host.until_exactly("demo", 2);
    widen(&host.client());
    let load = host.load(URL, PROFILE);
    let mut came = Vec::new();
    for _ in 0..ARRIVALS {
        go_on();
        let before = host.until_exactly("demo", 2);
        host.asaas(&["scale", "demo", "3"]).ok();
        let after = host.until_exactly("demo", 3);
        came.extend(
            after
                .iter()
                .filter(|one| !before.contains(one))
                .map(|one| one.id),
        );
        host.asaas(&["scale", "demo", "2"]).ok();
        host.until_exactly("demo", 2);
    }
    let sent = load.end();
    let rows = host.actions_until("demo", "the last arrival is written down", |row| {
        row.instance == came.last().copied() && row.to == Some(Phase::InService)
    });
    let log = Log::of(&host);
    let arrivals: Vec<Arrival> = came
        .iter()
        .map(|id| arrival(*id, &rows, &sent, &log))
        .collect();
    tell(&arrivals);
    let broken = sent.total.failed + sent.total.unfinished;
    let figure = format!(
        "{broken} of {}, which took {:.0} ms p50 and {:.0} ms p99",
        sent.total.requests, sent.total.latency.p50_ms, sent.total.latency.p99_ms
    );
    report(
        &format!("requests broken by {ARRIVALS} arrivals and departures"),
        &figure,
        "0",
        broken == 0,
    );
}

fn tell(arrivals: &[Arrival]) {
    let spread = |of: Part| Spread::of(arrivals.iter().map(of));
    let whole = spread(|arrival| arrival.whole);
    let is_met = whole.percentile(99) <= 1000.0;
    let what = "from the decision to the first answer";
    report(what, &whole.to_string(), "at most 1000 ms", is_met);
    let ours = spread(|arrival| arrival.ours);
    let is_met = ours.percentile(99) <= 500.0;
    let what = "  of it, all but the runtime's start of the container";
    report(what, &ours.to_string(), "at most 500 ms", is_met);
    let parts: [(&str, Part); 3] = [
        ("  decision → it runs (row `booting`)", |arrival| {
            arrival.to_running
        }),
        ("  it runs → row `in_service`", |arrival| {
            arrival.to_service
        }),
        ("  row `in_service` → first answer", |arrival| {
            arrival.to_answer
        }),
    ];
    for (what, of) in parts {
        note(what, &spread(of).to_string());
    }
    let in_rotation = spread(|arrival| arrival.in_rotation);
    let is_met = in_rotation.percentile(99) <= 100.0;
    let what = "from the prober's verdict to the first answer, which is after the rules were made";
    report(what, &in_rotation.to_string(), "at most 100 ms", is_met);
}

fn arrival(id: InstanceId, rows: &[ActionRow], sent: &Report, log: &Log) -> Arrival {
    let row = |phase: Phase| {
        let row = rows
            .iter()
            .find(|row| row.instance == Some(id) && row.to == Some(phase));
        row.unwrap_or_else(|| panic!("{id} has no row `{phase}`"))
    };
    let decided = row(Phase::Intent);
    let (running, in_service) = (row(Phase::Booting).time, row(Phase::InService).time);
    let first = sent.instances.get(&id.to_string());
    let first = first
        .unwrap_or_else(|| panic!("{id} was never asked"))
        .first;
    let healthy = log.healthy(decided.address.unwrap(), (decided.time, first));
    let healthy = healthy.unwrap_or_else(|| panic!("no verdict on {id} in the service's log"));
    let whole = between(decided.time, first);
    Arrival {
        to_running: between(decided.time, running),
        to_service: between(running, in_service),
        to_answer: between(in_service, first),
        in_rotation: between(healthy, first),
        ours: whole - log.runtime(id),
        whole,
    }
}

fn between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1e3
}

/// Gives the clients of a namespace more ports: as it is, they have no more than are made new in a minute.
fn widen(netns: &Path) {
    let netns = File::open(netns).unwrap();
    let widen = move || {
        setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
        fs::write("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535").unwrap();
    };
    std::thread::spawn(widen).join().unwrap();
}
