//! The store's promises, on a real file: those that every store makes (`store/suite.rs`), and those of a file.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "store/bed.rs"]
mod bed;
#[macro_use]
#[path = "store/checks.rs"]
mod checks;
#[path = "store/suite.rs"]
mod suite;
#[path = "given/world.rs"]
mod world;

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use controller::instance::Phase;
use controller::journal::Event;
use controller::ports::Store;
use controller::spec::TenantSpec;
use jiff::SignedDuration;
use northbound::store::{Applied, Registrar, SqliteStore, StateDir};

use world::{SmallDisk, alarm, fill, footing, instance, later, moved, name, now, open, spec};

/// Gives the file to every check of the suite, each on a bed of its own.
macro_rules! conforms {
    ($($check:ident)*) => {
        mod contract {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    crate::suite::$check(&crate::bed::SqliteBed::new()).await;
                }
            )*
        }
    };
}
every_check!(conforms);

async fn apply(store: &SqliteStore, spec: &TenantSpec) -> Applied {
    store
        .apply(spec, "text", None, now(), "a test")
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn pruning_leaves_no_gap_and_keeps_what_is_not_in_the_log_files_yet() {
    let place = tempfile::tempdir().unwrap();
    let store = open(place.path());
    let demo = name("demo");
    apply(&store, &spec("demo", "45.45.45.45")).await;
    for second in 1..10 {
        store
            .record(&demo, footing(&store), later(second), &[], &[alarm("x")])
            .await
            .unwrap();
    }

    let not_written = store.prune(&demo, later(5).wall, 2).await.unwrap();
    let old = store.prune(&demo, later(5).wall, 100).await.unwrap();
    let all = store.prune(&demo, later(500).wall, 100).await.unwrap();

    assert_eq!((not_written, old, all), (2, 3, 5));
    let next = store
        .record(&demo, footing(&store), later(20), &[], &[alarm("x")])
        .await
        .unwrap();
    assert_eq!(
        next[0].seq, 11,
        "numbers go on where everything was dropped"
    );
    let spec_now = store.spec_at(&demo, 11).await.unwrap();
    assert_eq!(
        spec_now,
        Some(spec("demo", "45.45.45.45")),
        "the spec in force stays"
    );
}

// I15
#[tokio::test]
async fn a_damaged_file_is_refused_and_left_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    drop(open(place.path()));
    let file = place.path().join("asaas.db");
    std::fs::write(
        &file,
        b"this was never a database, and is long enough to be read as one",
    )
    .unwrap();
    let before = std::fs::read(&file).unwrap();

    let refused = SqliteStore::open(StateDir::take(place.path()).unwrap());

    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("Nothing is touched")
    );
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

// I15
#[tokio::test]
async fn damage_is_looked_for_in_all_that_is_small_and_not_in_the_journal() {
    let opened = async |table: &str| {
        let place = tempfile::tempdir().unwrap();
        let store = open(place.path());
        let spec = spec("demo", "45.45.45.45");
        let applied = store.apply(&spec, "", None, now(), "a test").await;
        applied.unwrap().unwrap();
        drop(store);
        damage(&place.path().join("asaas.db"), table);
        SqliteStore::open(StateDir::take(place.path()).unwrap()).is_ok()
    };

    assert!(!opened("tenant").await);
    assert!(!opened("instance").await);
    assert!(opened("journal").await);
}

/// Overwrites the first page of a table.
fn damage(file: &Path, table: &str) {
    let connection = rusqlite::Connection::open(file).unwrap();
    let look = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u32>(0));
    let page = look(&format!(
        "SELECT rootpage FROM sqlite_schema WHERE name = '{table}'"
    ));
    let size = look("PRAGMA page_size").unwrap();
    connection
        .pragma_update(None, "journal_mode", "delete")
        .unwrap();
    drop(connection);
    let file = std::fs::File::options().write(true).open(file).unwrap();
    let at = u64::from((page.unwrap() - 1) * size);
    file.write_all_at(&[0xaa; 512], at).unwrap();
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_leaves_no_gap() {
    let place = tempfile::tempdir().unwrap();
    let demo = name("demo");
    let store = open(place.path());
    apply(&store, &spec("demo", "45.45.45.45")).await;
    store
        .record(
            &demo,
            footing(&store),
            now(),
            &[],
            &[alarm("a"), alarm("b")],
        )
        .await
        .unwrap();
    let other = rusqlite::Connection::open(place.path().join("asaas.db")).unwrap();
    other
        .execute(
            "UPDATE journal SET event = '{\"kind\":\"x\"}' WHERE seq = 2",
            [],
        )
        .unwrap();

    let state = store
        .load(&demo, SignedDuration::from_hours(1))
        .await
        .unwrap();

    let journal = state.unwrap().journal;
    let numbers: Vec<u64> = journal.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(matches!(&journal[1].event, Event::Alarm { what } if what.contains("cannot be read")));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let place = tempfile::tempdir().unwrap();
    drop(open(place.path()));
    let newer = rusqlite::Connection::open(place.path().join("asaas.db")).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);

    let refused = SqliteStore::open(StateDir::take(place.path()).unwrap());

    assert!(refused.unwrap_err().to_string().contains("newer asaas"));
}

// I22: on a full disk nothing is half written, and the service goes on when there is room.
#[tokio::test]
async fn a_full_disk_refuses_the_record_whole_and_takes_it_when_there_is_room() {
    let place = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(place.path(), "size=1m");
    let store = open(disk.path());
    let demo = name("demo");
    apply(&store, &spec("demo", "45.45.45.45")).await;
    let ballast = disk.path().join("ballast");
    fill(&ballast);

    let mut written = 1;
    let refused = loop {
        assert!(written < 10_000, "the disk never filled");
        let record = instance(u32::try_from(written).unwrap(), Phase::Booting);
        match store
            .record(
                &demo,
                footing(&store),
                now(),
                std::slice::from_ref(&record),
                &[moved(&record)],
            )
            .await
        {
            Ok(_) => written += 1,
            Err(refused) => break refused,
        }
    };
    std::fs::remove_file(&ballast).unwrap();

    assert!(refused.to_string().contains("full"), "{refused}");
    let state = store
        .load(&demo, SignedDuration::from_hours(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        state.instances.len() + 1,
        written,
        "no instance without its event, no event alone"
    );
    assert_eq!(state.journal.len(), written);
    let next = store
        .record(&demo, footing(&store), now(), &[], &[alarm("x")])
        .await
        .unwrap();
    assert_eq!(next[0].seq, written as u64 + 1);
}

// I9
#[test]
fn a_store_that_is_opened_again_is_a_new_epoch() {
    let place = tempfile::tempdir().unwrap();
    let first = open(place.path()).epoch();

    assert!(first < open(place.path()).epoch());
}
