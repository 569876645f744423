//! The files: whole and in order whatever happens to them, one a day, kept for their time.

use std::sync::{Arc, Mutex};

use controller::instance::Phase;
use controller::journal::Event;
use controller::time::Now;
use jiff::SignedDuration;
use northbound::logs::{ActionRow, Follower, LogSettings, MetricRow, Row};

use crate::bed::{Bed, Watch, decided, measured};
use crate::world::{SmallDisk, alarm, fill, instance, later, name, now};

// I22: the service dies at any byte of a write, and is started again.
#[tokio::test]
async fn a_file_cut_at_any_byte_is_mended_without_a_row_lost_or_doubled() {
    let bed = Bed::new().await;
    let one = instance(1, Phase::InService);
    for second in 0..3 {
        let events = [measured(one.id, 300_000 + second), decided(), alarm("x")];
        bed.record(later(1), &events).await;
    }
    bed.follow().await;

    for kind in ["actions", "metrics", "decisions"] {
        let whole = std::fs::read(bed.file(kind)).unwrap();
        let is_near_the_end = |length: usize| length + 130 > whole.len();
        for length in (0..whole.len()).filter(|length| length % 7 == 0 || is_near_the_end(*length))
        {
            std::fs::write(bed.file(kind), &whole[..length]).unwrap();

            assert!(bed.follow().await);

            let mended = std::fs::read(bed.file(kind)).unwrap();
            assert!(mended == whole, "{kind} cut after {length} bytes");
        }
    }
    assert_eq!(bed.all_numbers(), (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn at_the_turn_of_a_day_a_new_start_leaves_the_older_file_as_it_is() {
    let bed = Bed::new().await;
    bed.record(later(24 * 3600), &[alarm("the first of its day")])
        .await;
    bed.follow().await;
    let older = std::fs::read(bed.file("actions")).unwrap();
    let newer = std::fs::read(bed.root.join("demo/2026-01-16-actions.csv")).unwrap();

    for _ in 0..2 {
        assert!(bed.follow().await);
    }

    assert_eq!(std::fs::read(bed.file("actions")).unwrap(), older);
    assert_eq!(
        std::fs::read(bed.root.join("demo/2026-01-16-actions.csv")).unwrap(),
        newer
    );
}

#[tokio::test]
async fn a_reader_does_not_see_a_row_that_is_just_being_written() {
    let bed = Bed::new().await;
    let one = instance(1, Phase::InService);
    bed.record(now(), &[measured(one.id, 812_345)]).await;
    bed.follow().await;
    let whole = std::fs::read_to_string(bed.file("metrics")).unwrap();
    let torn = whole.find("0.812345").unwrap() + 4;

    std::fs::write(bed.file("metrics"), &whole[..torn]).unwrap();

    assert_eq!(bed.rows::<MetricRow>(), []);
}

#[tokio::test]
async fn rows_go_into_the_file_of_their_day_and_never_back_into_an_older_one() {
    let bed = Bed::new().await;
    let tomorrow = later(24 * 3600);
    let set_back = Now {
        wall: now().wall,
        ..later(24 * 3600 + 1)
    };
    bed.record(tomorrow, &[alarm("tomorrow")]).await;
    bed.record(set_back, &[alarm("set back")]).await;

    bed.follow().await;

    let next_day = std::fs::read_to_string(bed.root.join("demo/2026-01-16-actions.csv")).unwrap();
    assert_eq!(next_day.lines().count(), 3, "{next_day}");
    assert_eq!(
        bed.rows::<ActionRow>()
            .iter()
            .map(Row::seq)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
}

#[tokio::test]
async fn what_is_older_than_the_keeping_time_goes_and_is_not_written_again() {
    let bed = Bed::new().await;
    bed.record(now(), &[alarm("old")]).await;
    bed.follow().await;
    let days = |days: i64| later(days * 24 * 3600);
    let much_later = days(10);
    bed.record(much_later, &[alarm("new")]).await;
    let settings = LogSettings {
        root: bed.root.clone(),
        keep: SignedDuration::from_hours(24),
    };
    let clock = Arc::new(Watch(Arc::new(Mutex::new(much_later))));

    for _ in 0..2 {
        let runs = tokio::spawn(
            Follower::new(
                bed.store.clone(),
                Arc::new(bed.store.clone()),
                clock.clone(),
                settings.clone(),
            )
            .run(),
        );
        let is_swept = async {
            while bed.file("actions").exists() || bed.rows::<ActionRow>().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), is_swept)
            .await
            .expect("the old file goes");
        runs.abort();
    }

    let left: Vec<String> = bed
        .rows::<ActionRow>()
        .into_iter()
        .map(|row| row.why)
        .collect();
    assert_eq!(left, ["new"]);
    let journal = bed.store.journal_after(&name("demo"), 0).await.unwrap();
    assert_eq!(
        journal.entries.len(),
        1,
        "the journal too, but for what is young"
    );
}

// I22: the files' disk is full, the store's is not.
#[tokio::test]
async fn a_full_disk_delays_the_files_says_so_and_loses_nothing() {
    let bed = Bed::new().await;
    std::fs::create_dir(&bed.root).unwrap();
    let disk = SmallDisk::mount(&bed.root, "size=64k");
    let mut follower = bed.follower();
    assert!(follower.catch_up().await);
    let ballast = disk.path().join("ballast");
    fill(&ballast);
    let long = "x".repeat(900);
    let events: Vec<Event> = (0..10).map(|_| alarm(&long)).collect();
    bed.record(now(), &events).await;

    let is_well = follower.catch_up().await;
    let while_full: Vec<ActionRow> = bed.rows();
    std::fs::remove_file(&ballast).unwrap();
    let is_well_again = follower.catch_up().await;

    assert!(!is_well && is_well_again);
    assert!(while_full.len() < 11);
    let read: Vec<ActionRow> = bed.rows();
    assert_eq!(
        read.iter().map(Row::seq).collect::<Vec<_>>(),
        (1..=12).collect::<Vec<_>>()
    );
    assert!(read[11].why.contains("behind"), "{}", read[11].why);
}
