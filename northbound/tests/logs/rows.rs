//! What the rows say.

use std::slice;

use controller::amount::Amount;
use controller::instance::{Cause, Drain, Instance, Phase};
use controller::journal::{Event, Move};
use controller::ports::Store;
use jiff::SignedDuration;
use northbound::logs::{Action, ActionRow, DecisionRow, IN_SERVICE, MetricRow, Row};

use crate::bed::{Bed, decided, measured, step};
use crate::world::{alarm, footing_on, instance, later, moved, name, now, spec};

// S4-89, I22
#[tokio::test]
async fn texts_that_a_spreadsheet_would_run_or_a_reader_would_split_come_back_as_they_were() {
    let bed = Bed::new().await;
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
    bed.record(now(), &events).await;

    assert!(bed.follow().await);

    let read: Vec<ActionRow> = bed.rows();
    let whys: Vec<&str> = read.iter().skip(1).map(|row| row.why.as_str()).collect();
    assert_eq!(whys, texts);
    let text = std::fs::read_to_string(bed.file("actions")).unwrap();
    assert!(text.ends_with("\r\n") && text.lines().count() == texts.len() + 2);
    for cell in text.lines().flat_map(|line| line.split(',')) {
        let begin = cell.trim_start_matches('"');
        assert!(!begin.starts_with(['=', '+', '-', '@']), "{cell}");
    }
}

#[tokio::test]
async fn a_line_break_in_a_text_does_not_break_the_row() {
    let bed = Bed::new().await;
    bed.record(now(), &[alarm("one\r\ntwo\0three")]).await;

    bed.follow().await;

    assert_eq!(bed.rows::<ActionRow>()[1].why, "one  two three");
}

// S4-101
#[tokio::test]
async fn without_metrics_in_the_spec_only_the_metrics_are_missing() {
    let mut quiet = spec("demo", "45.45.45.45");
    quiet.logs.metrics = false;
    let bed = Bed::of(&quiet).await;
    let events = [
        measured(instance(1, Phase::InService).id, 1),
        decided(),
        alarm("x"),
    ];
    bed.record(now(), &events).await;

    bed.follow().await;
    // Turned on later: what was measured while it was off stays out.
    bed.apply(&spec("demo", "45.45.45.45")).await;
    bed.store
        .record(
            &name("demo"),
            footing_on(&bed.store, 2),
            now(),
            &[],
            &[decided()],
        )
        .await
        .unwrap();
    bed.follow().await;

    assert_eq!(
        bed.rows::<MetricRow>()
            .iter()
            .map(Row::seq)
            .collect::<Vec<_>>(),
        [6]
    );
    assert_eq!(bed.rows::<ActionRow>().len(), 3);
    assert_eq!(bed.rows::<DecisionRow>().len(), 2);
}

#[tokio::test]
async fn the_number_in_service_is_right_also_for_rows_that_are_written_after_a_restart() {
    let bed = Bed::new().await;
    let (one, two) = (instance(1, Phase::InService), instance(2, Phase::InService));
    let up = |i: &Instance| step(i, Phase::Booting, Phase::InService);
    let down = step(&one, Phase::InService, Phase::Draining);
    bed.record_with(slice::from_ref(&one), &[up(&one), decided()])
        .await;
    bed.follow().await;
    bed.record_with(slice::from_ref(&two), &[up(&two), decided()])
        .await;
    let draining = Instance {
        phase: Phase::Draining,
        ..one
    };
    bed.record_with(&[draining], &[down, decided()]).await;

    bed.follow().await;

    let totals: Vec<u64> = bed
        .rows::<MetricRow>()
        .iter()
        .filter(|row| row.metric == IN_SERVICE)
        .map(|row| row.value.millionths() / 1_000_000)
        .collect();
    assert_eq!(totals, [1, 2, 1]);
}

#[tokio::test]
async fn a_removal_is_a_certificate() {
    let bed = Bed::new().await;
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
    bed.record(later(12), &[gone]).await;

    bed.follow().await;

    let row = &bed.rows::<ActionRow>()[1];
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
    let bed = Bed::new().await;
    bed.record(now(), &[decided()]).await;

    bed.follow().await;

    let row = &bed.rows::<DecisionRow>()[0];
    assert_eq!(
        (row.before, row.desired, row.guard.as_str()),
        (2, 3, "target")
    );
    assert_eq!(row.reason, "=2 × 0.9 ÷ 0.6");
    assert_eq!(row.steps, "target → 3: =2 × 0.9 ÷ 0.6 | buffer → 3: none");
}

#[tokio::test]
async fn the_headers_are_the_fields_in_their_order() {
    fn header<R: Row>(row: R) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(row).unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        text.lines().next().unwrap().to_owned()
    }
    let bed = Bed::new().await;
    let one = instance(1, Phase::InService);
    let events = [moved(&one), decided(), measured(one.id, 1)];
    bed.record_with(&[one], &events).await;
    bed.follow().await;

    assert_eq!(
        header(bed.rows::<ActionRow>().remove(0)),
        ActionRow::COLUMNS.join(",")
    );
    assert_eq!(
        header(bed.rows::<MetricRow>().remove(0)),
        MetricRow::COLUMNS.join(",")
    );
    assert_eq!(
        header(bed.rows::<DecisionRow>().remove(0)),
        DecisionRow::COLUMNS.join(",")
    );
}
