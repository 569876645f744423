//! The log files' promises: whole rows, each once, in the journal's order, whatever happens.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "given/world.rs"]
mod world;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::InstanceId;
use controller::instance::{Cause, Drain, Instance, Phase};
use controller::journal::{Event, Move};
use controller::load::{Metric, Sample};
use controller::ports::{Clock, Store};
use controller::time::Now;
use jiff::SignedDuration;
use northbound::logs::{
    Action, ActionRow, DecisionRow, Follower, IN_SERVICE, LogSettings, MetricRow, Row, Span, read,
};
use northbound::store::{Registrar, SqliteStore};

use world::{
    SmallDisk, alarm, fill, footing, footing_on, instance, later, moved, name, now, open, spec,
};

#[derive(Clone)]
struct Watch(Arc<Mutex<Now>>);

#[async_trait]
impl Clock for Watch {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _: SignedDuration) {}
}

fn follower(store: &SqliteStore, root: &Path) -> Follower {
    let clock = Arc::new(Watch(Arc::new(Mutex::new(later(60)))));
    let settings = LogSettings {
        root: root.to_owned(),
        keep: SignedDuration::from_hours(24),
    };
    Follower::new(store.clone(), Arc::new(store.clone()), clock, settings)
}

async fn apply(store: &SqliteStore) {
    let spec = spec("demo", "45.45.45.45");
    store
        .apply(&spec, "", None, now(), "a test")
        .await
        .unwrap()
        .unwrap();
}

fn measured(id: InstanceId, millionths: u64) -> Event {
    let sample = |metric, value| Sample {
        instance: Some(id),
        metric,
        value,
        at: now().steady,
    };
    Event::Measured {
        samples: vec![
            sample(Metric::Cpu, Amount::from_millionths(millionths)),
            sample(Metric::Connections, Amount::whole(3)),
        ],
    }
}

fn decided() -> Event {
    Event::Decided(
        serde_json::from_value(serde_json::json!({
            "current": 2, "before": 2, "wanted": 3, "desired": 3,
            "readings": {},
            "steps": [
                { "guard": "target", "number": 3, "note": "=2 × 0.9 ÷ 0.6" },
                { "guard": "buffer", "number": 3, "note": "none" },
            ],
        }))
        .unwrap(),
    )
}

fn step(instance: &Instance, from: Phase, to: Phase) -> Event {
    Event::Moved(Move {
        instance: instance.id,
        cloud: instance.cloud.clone(),
        address: instance.address,
        from: Some(from),
        to,
        why: "a test".to_owned(),
        drain: None,
    })
}

fn rows<R: Row>(root: &Path) -> Vec<R> {
    read(root, &name("demo"), Span::default()).unwrap()
}

fn file(root: &Path, kind: &str) -> PathBuf {
    root.join(format!("demo/2026-01-15-{kind}.csv"))
}

fn all_numbers(root: &Path) -> Vec<u64> {
    let mut numbers: Vec<u64> = rows::<ActionRow>(root).iter().map(Row::seq).collect();
    numbers.extend(rows::<DecisionRow>(root).iter().map(Row::seq));
    let mut metrics: Vec<u64> = rows::<MetricRow>(root).iter().map(Row::seq).collect();
    metrics.dedup();
    numbers.extend(metrics);
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

// S4-89, I22
#[tokio::test]
async fn texts_that_a_spreadsheet_would_run_or_a_reader_would_split_come_back_as_they_were() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    apply(&store).await;
    let texts = [
        "=1+1",
        "+1",
        "-1",
        "@x",
        "'quoted",
        "a,b \"c\" | d",
        "ünïcode ☂",
        "",
    ];
    let events: Vec<Event> = texts.iter().map(|text| alarm(text)).collect();
    store
        .record(&name("demo"), footing(&store), now(), &[], &events)
        .await
        .unwrap();

    assert!(follower(&store, &root).catch_up().await);

    let read: Vec<ActionRow> = rows(&root);
    let whys: Vec<&str> = read.iter().skip(1).map(|row| row.why.as_str()).collect();
    assert_eq!(whys, texts);
    let text = std::fs::read_to_string(file(&root, "actions")).unwrap();
    assert!(text.ends_with("\r\n") && text.lines().count() == texts.len() + 2);
    for cell in text.lines().flat_map(|line| line.split(',')) {
        let begin = cell.trim_start_matches('"');
        assert!(!begin.starts_with(['=', '+', '-', '@']), "{cell}");
    }
}

#[tokio::test]
async fn a_line_break_in_a_text_does_not_break_the_row() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    apply(&store).await;
    store
        .record(
            &name("demo"),
            footing(&store),
            now(),
            &[],
            &[alarm("one\r\ntwo\0three")],
        )
        .await
        .unwrap();

    follower(&store, &root).catch_up().await;

    assert_eq!(rows::<ActionRow>(&root)[1].why, "one  two three");
}

// I22: the service dies at any byte of a write, and is started again.
#[tokio::test]
async fn a_file_cut_at_any_byte_is_mended_without_a_row_lost_or_doubled() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    apply(&store).await;
    let one = instance(1, Phase::InService);
    for second in 0..3 {
        let events = [measured(one.id, 300_000 + second), decided(), alarm("x")];
        store
            .record(&name("demo"), footing(&store), later(1), &[], &events)
            .await
            .unwrap();
    }
    follower(&store, &root).catch_up().await;

    for kind in ["actions", "metrics", "decisions"] {
        let whole = std::fs::read(file(&root, kind)).unwrap();
        let is_near_the_end = |length: usize| length + 130 > whole.len();
        for length in (0..whole.len()).filter(|length| length % 7 == 0 || is_near_the_end(*length))
        {
            std::fs::write(file(&root, kind), &whole[..length]).unwrap();

            assert!(follower(&store, &root).catch_up().await);

            let mended = std::fs::read(file(&root, kind)).unwrap();
            assert!(mended == whole, "{kind} cut after {length} bytes");
        }
    }
    assert_eq!(all_numbers(&root), (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn at_the_turn_of_a_day_a_new_start_leaves_the_older_file_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    apply(&store).await;
    store
        .record(
            &name("demo"),
            footing(&store),
            later(24 * 3600),
            &[],
            &[alarm("the first of its day")],
        )
        .await
        .unwrap();
    follower(&store, &root).catch_up().await;
    let older = std::fs::read(file(&root, "actions")).unwrap();
    let newer = std::fs::read(root.join("demo/2026-01-16-actions.csv")).unwrap();

    for _ in 0..2 {
        assert!(follower(&store, &root).catch_up().await);
    }

    assert_eq!(std::fs::read(file(&root, "actions")).unwrap(), older);
    assert_eq!(
        std::fs::read(root.join("demo/2026-01-16-actions.csv")).unwrap(),
        newer
    );
}

#[tokio::test]
async fn a_reader_does_not_see_a_row_that_is_just_being_written() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    apply(&store).await;
    let one = instance(1, Phase::InService);
    store
        .record(
            &name("demo"),
            footing(&store),
            now(),
            &[],
            &[measured(one.id, 812_345)],
        )
        .await
        .unwrap();
    follower(&store, &root).catch_up().await;
    let whole = std::fs::read_to_string(file(&root, "metrics")).unwrap();
    let torn = whole.find("0.812345").unwrap() + 4;

    std::fs::write(file(&root, "metrics"), &whole[..torn]).unwrap();

    assert_eq!(rows::<MetricRow>(&root), []);
}

#[tokio::test]
async fn rows_go_into_the_file_of_their_day_and_never_back_into_an_older_one() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    apply(&store).await;
    let tomorrow = later(24 * 3600);
    let set_back = Now {
        wall: now().wall,
        ..later(24 * 3600 + 1)
    };
    store
        .record(
            &name("demo"),
            footing(&store),
            tomorrow,
            &[],
            &[alarm("tomorrow")],
        )
        .await
        .unwrap();
    store
        .record(
            &name("demo"),
            footing(&store),
            set_back,
            &[],
            &[alarm("set back")],
        )
        .await
        .unwrap();

    follower(&store, &root).catch_up().await;

    let next_day = std::fs::read_to_string(root.join("demo/2026-01-16-actions.csv")).unwrap();
    assert_eq!(next_day.lines().count(), 3, "{next_day}");
    assert_eq!(
        rows::<ActionRow>(&root)
            .iter()
            .map(Row::seq)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
}

// S4-101
#[tokio::test]
async fn without_metrics_in_the_spec_only_the_metrics_are_missing() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    let mut quiet = spec("demo", "45.45.45.45");
    quiet.logs.metrics = false;
    store
        .apply(&quiet, "", None, now(), "a test")
        .await
        .unwrap()
        .unwrap();
    let events = [
        measured(instance(1, Phase::InService).id, 1),
        decided(),
        alarm("x"),
    ];
    store
        .record(&name("demo"), footing(&store), now(), &[], &events)
        .await
        .unwrap();

    follower(&store, &root).catch_up().await;
    // Turned on later: what was measured while it was off stays out.
    apply(&store).await;
    store
        .record(
            &name("demo"),
            footing_on(&store, 2),
            now(),
            &[],
            &[decided()],
        )
        .await
        .unwrap();
    follower(&store, &root).catch_up().await;

    assert_eq!(
        rows::<MetricRow>(&root)
            .iter()
            .map(Row::seq)
            .collect::<Vec<_>>(),
        [6]
    );
    assert_eq!(rows::<ActionRow>(&root).len(), 3);
    assert_eq!(rows::<DecisionRow>(&root).len(), 2);
}

#[tokio::test]
async fn the_number_in_service_is_right_also_for_rows_that_are_written_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    apply(&store).await;
    let demo = name("demo");
    let (one, two) = (instance(1, Phase::InService), instance(2, Phase::InService));
    let up = |i: &Instance| step(i, Phase::Booting, Phase::InService);
    let down = step(&one, Phase::InService, Phase::Draining);
    store
        .record(
            &demo,
            footing(&store),
            now(),
            std::slice::from_ref(&one),
            &[up(&one), decided()],
        )
        .await
        .unwrap();
    follower(&store, &root).catch_up().await;
    store
        .record(
            &demo,
            footing(&store),
            now(),
            std::slice::from_ref(&two),
            &[up(&two), decided()],
        )
        .await
        .unwrap();
    let draining = Instance {
        phase: Phase::Draining,
        ..one
    };
    store
        .record(
            &demo,
            footing(&store),
            now(),
            &[draining],
            &[down, decided()],
        )
        .await
        .unwrap();

    follower(&store, &root).catch_up().await;

    let totals: Vec<u64> = rows::<MetricRow>(&root)
        .iter()
        .filter(|row| row.metric == IN_SERVICE)
        .map(|row| row.value.millionths() / 1_000_000)
        .collect();
    assert_eq!(totals, [1, 2, 1]);
}

#[tokio::test]
async fn a_removal_is_a_certificate() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    apply(&store).await;
    let gone = Event::Moved(Move {
        instance: instance(1, Phase::Gone).id,
        cloud: "local-a".parse().unwrap(),
        address: "19.0.0.2".parse().unwrap(),
        from: Some(Phase::Terminating),
        to: Phase::Gone,
        why: "removed".to_owned(),
        drain: Some(Drain {
            cause: Cause::ScaleIn,
            started: now().steady,
            limit: SignedDuration::from_secs(30),
            flows_at_start: Some(7),
            flows_at_end: Some(0),
        }),
    });
    store
        .record(&name("demo"), footing(&store), later(12), &[], &[gone])
        .await
        .unwrap();

    follower(&store, &root).catch_up().await;

    let row = &rows::<ActionRow>(&root)[1];
    assert_eq!(
        (row.action, row.cause),
        (Action::Remove, Some(Cause::ScaleIn))
    );
    assert_eq!((row.flows_at_start, row.flows_at_end), (Some(7), Some(0)));
    assert_eq!(
        (row.waited_s, row.forced),
        (Some(Amount::whole(12)), Some(false))
    );
}

#[tokio::test]
async fn a_decision_row_names_the_guard_that_had_the_last_word() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    apply(&store).await;
    store
        .record(&name("demo"), footing(&store), now(), &[], &[decided()])
        .await
        .unwrap();

    follower(&store, &root).catch_up().await;

    let row = &rows::<DecisionRow>(&root)[0];
    assert_eq!(
        (row.before, row.desired, row.guard.as_str()),
        (2, 3, "target")
    );
    assert_eq!(row.reason, "=2 × 0.9 ÷ 0.6");
    assert_eq!(row.steps, "target → 3: =2 × 0.9 ÷ 0.6 | buffer → 3: none");
}

#[tokio::test]
async fn what_is_older_than_the_keeping_time_goes_and_is_not_written_again() {
    let place = tempfile::tempdir().unwrap();
    let (store, root) = (open(&place.path().join("state")), place.path().join("logs"));
    apply(&store).await;
    store
        .record(&name("demo"), footing(&store), now(), &[], &[alarm("old")])
        .await
        .unwrap();
    follower(&store, &root).catch_up().await;
    let days = |days: i64| later(days * 24 * 3600);
    let much_later = days(10);
    store
        .record(
            &name("demo"),
            footing(&store),
            much_later,
            &[],
            &[alarm("new")],
        )
        .await
        .unwrap();
    let settings = LogSettings {
        root: root.clone(),
        keep: SignedDuration::from_hours(24),
    };
    let clock = Arc::new(Watch(Arc::new(Mutex::new(much_later))));

    for _ in 0..2 {
        let runs = tokio::spawn(
            Follower::new(
                store.clone(),
                Arc::new(store.clone()),
                clock.clone(),
                settings.clone(),
            )
            .run(),
        );
        let is_swept = async {
            while file(&root, "actions").exists() || rows::<ActionRow>(&root).is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), is_swept)
            .await
            .expect("the old file goes");
        runs.abort();
    }

    let left: Vec<String> = rows::<ActionRow>(&root)
        .into_iter()
        .map(|row| row.why)
        .collect();
    assert_eq!(left, ["new"]);
    let journal = store.journal_after(&name("demo"), 0).await.unwrap();
    assert_eq!(
        journal.entries.len(),
        1,
        "the journal too, but for what is young"
    );
}

// I22: the files' disk is full, the store's is not.
#[tokio::test]
async fn a_full_disk_delays_the_files_says_so_and_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let store = open(&place.path().join("state"));
    let root = place.path().join("logs");
    std::fs::create_dir(&root).unwrap();
    let disk = SmallDisk::mount(&root, "size=64k");
    apply(&store).await;
    let mut follower = follower(&store, &root);
    assert!(follower.catch_up().await);
    let ballast = disk.path().join("ballast");
    fill(&ballast);
    let long = "x".repeat(900);
    let events: Vec<Event> = (0..10).map(|_| alarm(&long)).collect();
    store
        .record(&name("demo"), footing(&store), now(), &[], &events)
        .await
        .unwrap();

    let is_well = follower.catch_up().await;
    let while_full: Vec<ActionRow> = rows(&root);
    std::fs::remove_file(&ballast).unwrap();
    let is_well_again = follower.catch_up().await;

    assert!(!is_well && is_well_again);
    assert!(while_full.len() < 11);
    let read: Vec<ActionRow> = rows(&root);
    assert_eq!(
        read.iter().map(Row::seq).collect::<Vec<_>>(),
        (1..=12).collect::<Vec<_>>()
    );
    assert!(read[11].why.contains("behind"), "{}", read[11].why);
}

#[test]
fn the_headers_are_the_fields_in_their_order() {
    fn header<R: Row>(row: R) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(row).unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        text.lines().next().unwrap().to_owned()
    }
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("logs");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = open(&place.path().join("state"));
        apply(&store).await;
        let one = instance(1, Phase::InService);
        let events = [moved(&one), decided(), measured(one.id, 1)];
        store
            .record(&name("demo"), footing(&store), now(), &[one], &events)
            .await
            .unwrap();
        follower(&store, &root).catch_up().await;
    });

    assert_eq!(
        header(rows::<ActionRow>(&root).remove(0)),
        ActionRow::COLUMNS.join(",")
    );
    assert_eq!(
        header(rows::<MetricRow>(&root).remove(0)),
        MetricRow::COLUMNS.join(",")
    );
    assert_eq!(
        header(rows::<DecisionRow>(&root).remove(0)),
        DecisionRow::COLUMNS.join(",")
    );
}
