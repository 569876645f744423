//! How many tenants one node can look after, and how soon it is back after `kill -9`: the real program with simulated clouds,
//! one tenant in a hundred on a cloud that takes two seconds to answer. Needs no root.
//!
//! ```text
//! many      10,000 tenants   applied through the API, settled, then watched for a minute
//! recovery   1,000 tenants   kill -9, until the API answers and until every tenant was looked at
//! smoke      1,000 tenants   both of these, in short, for CI
//! ```
//!
//! `cargo bench -p northbound --bench scale -- smoke` runs one part. A table shows each figure beside its bar; the program ends
//! with an error where one is missed by more than another program on the machine could cause.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for people at a terminal, which panics with what went wrong"
)]

use std::process::ExitCode;
use std::time::Duration;

#[path = "../tests/given/exec.rs"]
mod exec;
#[path = "scale/node.rs"]
mod node;
#[path = "scale/table.rs"]
mod table;
#[path = "scale/ticks.rs"]
mod ticks;

use node::Node;
use table::Table;

/// From one look at a tenant to the next, in seconds: the default.
const TICK: f64 = 10.0;
const MANY: u32 = 10_000;
const FEW: u32 = 1_000;
const GIB: f64 = 1024.0;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let runs = |part: &str| {
        if wanted.is_empty() {
            part != "smoke"
        } else {
            wanted.iter().any(|name| name == part)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut table = Table::default();
    if runs("smoke") {
        let mut node = Node::start();
        runtime.block_on(watch(&mut table, &mut node, FEW, Duration::from_secs(15)));
        runtime.block_on(recover(&mut table, &mut node));
    }
    if runs("recovery") {
        let mut node = Node::start();
        runtime.block_on(settle(&mut table, &mut node, FEW));
        runtime.block_on(recover(&mut table, &mut node));
    }
    if runs("many") {
        let mut node = Node::start();
        runtime.block_on(watch(&mut table, &mut node, MANY, Duration::from_secs(70)));
    }
    println!("{table}");
    if table.is_met() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Applies so many tenants, and waits until all are as they should be.
async fn settle(table: &mut Table, node: &mut Node, tenants: u32) {
    let took = node.apply(tenants).await;
    table.note(
        format!("{tenants} applies through the API"),
        format!("{took:.1} s, {:.0} a second", f64::from(tenants) / took),
    );
    let took = node.until_settled(tenants, Duration::from_mins(2)).await;
    table.note(
        format!("{tenants} tenants, then until all are settled"),
        format!("{took:.1} s"),
    );
}

/// What a number of settled tenants takes of the machine, and how often each is looked at.
async fn watch(table: &mut Table, node: &mut Node, tenants: u32, time: Duration) {
    settle(table, node, tenants).await;
    let (before, began) = (node.account(), jiff::Timestamp::now());
    let reply = node.answers_within(time).await;
    let (after, ended) = (node.account(), jiff::Timestamp::now());
    let seconds = ended.duration_since(began).as_secs_f64();
    let gaps = ticks::gaps(&node.store(), tenants, began, ended);
    let of = format!("{tenants} tenants");
    table.note(
        format!("{of}, from tick to tick, p50 and p99"),
        format!("{:.1} s and {:.1} s", gaps.share(50), gaps.share(99)),
    );
    let longest = gaps.share(100);
    table.bar(
        format!("{of}, from tick to tick, longest"),
        format!("{longest:.1} s"),
        "at most 20 s",
        longest <= 2.0 * TICK,
    );
    let cores = (after.seconds - before.seconds) / seconds;
    table.bar(
        format!("{of}, processor"),
        format!("{cores:.2} cores"),
        "at most 1 core",
        cores <= 1.0,
    );
    table.bar(
        format!("{of}, resident memory, and the most so far"),
        format!("{:.0} and {:.0} MiB", after.resident, after.peak),
        "at most 1 GiB",
        after.peak <= GIB,
    );
    let written = (after.written - before.written) / seconds * 3600.0 / GIB;
    let journal = (after.journal - before.journal) / seconds * 3600.0 / f64::from(tenants);
    table.note(
        format!("{of}, written to the disk in an hour"),
        format!("{written:.1} GiB, of it {journal:.2} MiB of journal and logs a tenant"),
    );
    table.note(
        format!("{of}, the list of all, slowest reply"),
        format!("{:.0} ms", reply * 1e3),
    );
}

/// `kill -9`, and what comes after.
async fn recover(table: &mut Table, node: &mut Node) {
    let tenants = node.tenants();
    let (answers, looked) = node.kill_and_return().await;
    table.bar(
        format!("{tenants} tenants, from kill -9 until the API answers"),
        format!("{answers:.2} s"),
        "at most 2 s",
        answers <= 2.0,
    );
    table.bar(
        format!("{tenants} tenants, until each was looked at"),
        format!("{looked:.2} s"),
        "at most 5 s",
        looked <= 5.0,
    );
}
