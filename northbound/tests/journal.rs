//! The journal has no gap, whatever is recorded, dropped and reopened in whichever order, and whatever the clocks show.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "given/world.rs"]
mod world;

use std::path::Path;

use controller::id::{Epoch, TenantName};
use controller::journal::Event;
use controller::ports::{Footing, Store};
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};
use northbound::store::{Registrar, SqliteStore};
use proptest::prelude::*;

use world::{alarm, footing, later, name, open, spec};

/// What can happen to a journal.
#[derive(Debug, Clone)]
enum Act {
    /// So many events at once, at a moment by each clock.
    Record(u8, Now),
    /// A record on no firm footing: nothing of it stays.
    RecordDeposed,
    /// What is older goes, as far as it is in the files.
    Prune(Timestamp, u64),
    /// The service starts anew.
    Reopen,
}

fn moments() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        6 => (-1_000_i64..1_000).prop_map(|seconds| later(seconds).wall),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
    ]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let record = (0_u8..5, moments(), moments())
        .prop_map(|(count, steady, wall)| Act::Record(count, Now { steady, wall }));
    let prune = (moments(), 0_u64..40).prop_map(|(before, written)| Act::Prune(before, written));
    let act = prop_oneof![
        5 => record,
        1 => Just(Act::RecordDeposed),
        2 => prune,
        1 => Just(Act::Reopen),
    ];
    proptest::collection::vec(act, 1..12)
}

/// What the journal should hold: what every event said, and when; how many of the oldest are dropped.
#[derive(Debug, Default)]
struct Expected {
    all: Vec<(Event, Timestamp)>,
    dropped: usize,
}

impl Expected {
    /// The oldest go, up to the first that is young enough or not written to the files.
    fn prune(&mut self, before: Timestamp, written: u64) {
        while let Some((_, at)) = self.all.get(self.dropped)
            && *at < before
            && (self.dropped as u64) < written
        {
            self.dropped += 1;
        }
    }
}

/// The store holds moments of the years 1678 to 2262.
fn held(moment: Timestamp) -> Timestamp {
    let limit = |nanoseconds: i64| Timestamp::from_nanosecond(nanoseconds.into()).unwrap();
    moment.clamp(limit(i64::MIN), limit(i64::MAX))
}

async fn apply_and_live(place: &Path, acts: Vec<Act>) -> Result<(), TestCaseError> {
    let tenant = name("demo");
    let mut store = open(place);
    let applied = store
        .apply(&spec("demo", "45.45.45.45"), "", None, later(0), "a test")
        .await;
    applied.unwrap().unwrap();
    let mut expected = Expected::default();
    for entry in store.journal_after(&tenant, 0).await.unwrap().entries {
        expected.all.push((entry.event, entry.at));
    }
    for act in acts {
        match act {
            Act::Record(count, now) => {
                let events = (0..count).map(|_| alarm(&format!("event {}", expected.all.len())));
                let events: Vec<Event> = events.collect();
                store
                    .record(&tenant, footing(&store), now, &[], &events)
                    .await
                    .unwrap();
                expected
                    .all
                    .extend(events.into_iter().map(|event| (event, held(now.wall))));
            }
            Act::RecordDeposed => {
                let deposed = Footing {
                    epoch: Epoch(0),
                    ..footing(&store)
                };
                let refused = store
                    .record(&tenant, deposed, later(0), &[], &[alarm("no")])
                    .await;
                prop_assert!(refused.is_err());
            }
            Act::Prune(before, written) => {
                store.prune(&tenant, before, written).await.unwrap();
                expected.prune(held(before), written);
            }
            Act::Reopen => {
                drop(store);
                store = open(place);
            }
        }
        is_as_expected(&store, &tenant, &expected).await?;
    }
    Ok(())
}

async fn is_as_expected(
    store: &SqliteStore,
    tenant: &TenantName,
    expected: &Expected,
) -> Result<(), TestCaseError> {
    let entries = store.journal_after(tenant, 0).await.unwrap().entries;
    let found: Vec<_> = entries
        .iter()
        .map(|one| (one.seq, &one.event, one.at))
        .collect();
    let wanted = expected.all.iter().zip(1..).skip(expected.dropped);
    let wanted: Vec<_> = wanted.map(|((event, at), seq)| (seq, event, *at)).collect();
    prop_assert_eq!(found, wanted);
    let end = (tenant.clone(), expected.all.len() as u64);
    prop_assert_eq!(store.journal_ends().await.unwrap(), vec![end]);
    // What a service that starts is given of it has no gap either.
    let state = store
        .load(tenant, SignedDuration::from_hours(1))
        .await
        .unwrap()
        .unwrap();
    let is_next = |pair: &[controller::journal::Entry]| pair[1].seq == pair[0].seq + 1;
    prop_assert!(state.journal.windows(2).all(is_next));
    prop_assert!(state.journal.last().map(|one| one.seq) == entries.last().map(|one| one.seq));
    Ok(())
}

/// In memory, where there is such a place: what a power cut would leave is not asked here.
fn place() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

proptest! {
    // I22
    #[test]
    fn the_journal_has_no_gap_whatever_happens(acts in acts()) {
        let place = place();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(apply_and_live(place.path(), acts))?;
    }
}
