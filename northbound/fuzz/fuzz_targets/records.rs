//! What the store holds: any record is refused, or read as something that is written and read again as the same; what an entry of
//! the journal says fits into the log files; and no journal makes whoever decides it again fall over.
#![no_main]

use std::fs;
use std::path::Path;

use controller::example;
use controller::instance::Instance;
use controller::journal::{Entry, Event};
use controller::network::NetworkPlan;
use controller::ports::Orders;
use controller::replay::Replay;
use controller::spec::TenantSpec;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use northbound::fuzzing::{go_on, rows};
use northbound::logs::{self, Row, Span};
use northbound_fuzz::again;
use northbound_fuzz::rows::tenant;

fuzz_target!(|bytes: &[u8]| {
    again::<Instance>(bytes);
    again::<TenantSpec>(bytes);
    again::<Orders>(bytes);
    again::<NetworkPlan>(bytes);
    let lines = bytes.split(|byte| *byte == b'\n');
    let events: Vec<Event> = lines.filter_map(again::<Event>).collect();
    if !events.is_empty() {
        happened(events);
    }
});

fn happened(events: Vec<Event>) {
    let spec = example::spec();
    let entries: Vec<Entry> = events
        .into_iter()
        .zip(1..)
        .map(|(event, seq)| entry(seq, event))
        .collect();
    for one in &entries {
        let (actions, metrics, decisions) = rows(&tenant(), Some(&spec), one);
        written(&actions);
        written(&metrics);
        written(&decisions);
    }
    let mut replay = Replay::new(SignedDuration::from_secs(10), None);
    for one in entries {
        replay.hear(one, &|_, _| Some(&spec));
    }
    replay.end(&|_, _| Some(&spec));
}

fn entry(seq: u64, event: Event) -> Entry {
    let at =
        Timestamp::from_second(1_768_478_400 + 10 * seq as i64).expect("a moment of this century");
    Entry {
        seq,
        at,
        steady: at,
        event,
    }
}

/// As many rows come back as were written.
fn written<R: Row + Clone>(rows: &[R]) {
    let Some(first) = rows.first() else {
        return;
    };
    let root = Path::new("/dev/shm").join(format!("asaas-fuzz-records-{}", std::process::id()));
    let date = TimeZone::UTC.to_datetime(first.time()).date();
    let _ = fs::remove_dir_all(&root);
    go_on(&root, &tenant(), 1, &[(date, rows.to_vec())]).expect("it can be written");
    let found: Result<Vec<R>, _> = logs::read(&root, &tenant(), Span::default());
    let _ = fs::remove_dir_all(&root);
    assert_eq!(found.expect("whole rows").len(), rows.len());
}
