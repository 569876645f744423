//! Whole charts from files.

use std::fmt::Write as _;
use std::path::Path;

use clap::Parser;

use super::*;
use crate::logs::Kind;

const DAY: &str = "2026-01-15";

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    chart: ChartArgs,
}

fn args(more: &[&str]) -> ChartArgs {
    Cli::parse_from([&["chart", "demo"], more].concat()).chart
}

fn now() -> Timestamp {
    format!("{DAY}T08:10:00Z").parse().unwrap()
}

fn time(seconds: f64) -> String {
    let begins: Timestamp = format!("{DAY}T08:00:00Z").parse().unwrap();
    format!("{:.3}", begins + SignedDuration::from_secs_f64(seconds))
}

/// Log files of a tenant, written cell by cell under the real headers.
struct Logs {
    folder: tempfile::TempDir,
    seq: u64,
    texts: [String; 3],
}

impl Logs {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            seq: 0,
            texts: Kind::ALL.map(|kind| kind.columns().join(",") + "\n"),
        }
    }

    fn row(&mut self, kind: Kind, t: f64, cells: &[(&str, &str)]) {
        self.seq += 1;
        let (seq, time) = (self.seq.to_string(), time(t));
        let known = [
            ("seq", seq.as_str()),
            ("time", time.as_str()),
            ("tenant", "demo"),
        ];
        let row: Vec<&str> = kind
            .columns()
            .iter()
            .map(|column| {
                let cell = known.iter().chain(cells).find(|(name, _)| name == column);
                cell.map_or("", |(_, cell)| *cell)
            })
            .collect();
        for (name, _) in cells {
            assert!(kind.columns().contains(name), "{kind} has no {name}");
        }
        let index = Kind::ALL.iter().position(|other| *other == kind).unwrap();
        writeln!(self.texts[index], "{}", row.join(",")).unwrap();
    }

    fn moved(&mut self, t: f64, action: &str, cloud: &str, from: &str, to: &str, cause: &str) {
        let cells = [
            ("action", action),
            ("cloud", cloud),
            ("from", from),
            ("to", to),
            ("cause", cause),
        ];
        self.row(Kind::Actions, t, &cells);
    }

    fn comes(&mut self, t: f64, cloud: &str) {
        self.moved(t, "launch", cloud, "", "intent", "");
        self.moved(t + 0.2, "advance", cloud, "intent", "booting", "");
        self.moved(t + 0.9, "advance", cloud, "booting", "in_service", "");
    }

    fn goes(&mut self, t: f64, cloud: &str) {
        self.moved(t, "remove", cloud, "in_service", "draining", "scale_in");
        self.moved(
            t + 3.0,
            "remove",
            cloud,
            "draining",
            "terminating",
            "scale_in",
        );
        self.moved(t + 3.4, "remove", cloud, "terminating", "gone", "scale_in");
    }

    fn breaks(&mut self, t: f64, cloud: &str) {
        self.moved(t, "remove", cloud, "in_service", "terminating", "died");
        self.moved(t + 0.3, "remove", cloud, "terminating", "gone", "died");
    }

    fn write(&self) {
        let folder = self.folder.path().join("demo");
        std::fs::create_dir_all(&folder).unwrap();
        for (kind, text) in Kind::ALL.iter().zip(&self.texts) {
            std::fs::write(folder.join(format!("{DAY}-{kind}.csv")), text).unwrap();
        }
    }
}

/// Requests per second at a moment: low, high from 40 to 100, low.
fn rate(t: f64) -> f64 {
    if (40.0..100.0).contains(&t) {
        60.0
    } else {
        10.0
    }
}

/// A load from low to high and back, with one instance that breaks; two clouds.
fn demo() -> Logs {
    let mut logs = Logs::new();
    // In the order of time: the file is one.
    let mut count: u32 = 2;
    logs.comes(-20.0, "local-a");
    logs.comes(-20.0, "local-a");
    for second in 0_u32..150 {
        let t = f64::from(second);
        let desired = match second {
            44..48 => "4",
            48..112 => "5",
            112..120 => "3",
            _ => "2",
        };
        match second {
            44 => {
                logs.comes(t, "local-a");
                logs.comes(t, "local-b");
                count += 2;
            }
            48 => {
                logs.comes(t, "local-b");
                count += 1;
            }
            70 => {
                logs.breaks(t, "local-a");
                logs.comes(t + 0.4, "local-a");
            }
            112 => {
                logs.goes(t, "local-b");
                logs.goes(t, "local-b");
                count -= 2;
            }
            120 => {
                logs.goes(t, "local-a");
                count -= 1;
            }
            _ => {}
        }
        let cpu = (rate(t) / f64::from(count) / 50.0).min(1.0) * (1.0 + 0.08 * (t * 0.9).sin());
        for index in 0..count {
            let value = format!("{:.4}", cpu * (0.94 + 0.04 * f64::from(index)));
            let instance = format!("i-{index}");
            for (metric, value) in [
                ("cpu", value.as_str()),
                ("connections_per_second", "12.5"),
                ("connections", "3"),
            ] {
                let cells = [
                    ("instance", instance.as_str()),
                    ("metric", metric),
                    ("value", value),
                ];
                logs.row(Kind::Metrics, t, &cells);
            }
        }
        let average = if second == 30 {
            String::new()
        } else {
            format!("{cpu:.4}")
        };
        let cells = [
            ("desired", desired),
            ("metric", "cpu"),
            ("average", average.as_str()),
            ("threshold", "0.3"),
            ("min", "2"),
            ("max", "5"),
        ];
        logs.row(Kind::Decisions, t, &cells);
    }
    logs.write();
    logs
}

/// What the load generator would have written meanwhile.
fn load_file(logs: &Logs) -> String {
    let mut text = String::from(
        "time,t,segment,sent,ok,failed,retried,mean_ms,p50_ms,p90_ms,p99_ms,max_ms,in_flight\n",
    );
    for second in 0_u32..150 {
        let t = f64::from(second);
        let segment = match second {
            0..40 => "low",
            40..100 => "high",
            _ => "low again",
        };
        let sent = rate(t);
        let mean = if (41.0..49.0).contains(&t) {
            20.0 + (t - 40.0) * 60.0
        } else {
            18.0 + sent * 0.2
        };
        let retried = if second == 70 { 3 } else { 0 };
        writeln!(
            text,
            "{},{t},{segment},{sent},{sent},0,{retried},{mean},{},{},{},{},{}",
            time(t),
            mean * 0.9,
            mean * 1.4,
            mean * 2.0,
            mean * 2.5,
            (sent * mean / 1000.0).round(),
        )
        .unwrap();
    }
    let path = logs.folder.path().join("load.csv");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn texts(svg: &str) -> Vec<&str> {
    svg.split("<text ")
        .skip(1)
        .filter_map(|rest| {
            rest.split_once('>')?
                .1
                .split_once('<')
                .map(|(text, _)| text.trim())
        })
        .collect()
}

// S1-28 S1-30 S1-31 S1-32
#[test]
fn the_chart_is_made_from_the_files_alone_and_names_what_it_shows() {
    let logs = demo();
    let load = load_file(&logs);
    let out = logs.folder.path().join("out.svg");
    let args = args(&[
        "--logs",
        logs.folder.path().to_str().unwrap(),
        "--load",
        &load,
        "--out",
        out.to_str().unwrap(),
        "--response-target",
        "100ms",
    ]);

    let code = command(&args, Path::new("/nowhere")).unwrap();

    let svg = std::fs::read_to_string(&out).unwrap();
    if let Ok(copy) = std::env::var("ASAAS_TEST_CHART") {
        std::fs::write(copy, &svg).unwrap();
    }
    assert_eq!(code, ExitCode::SUCCESS);
    let texts = texts(&svg);
    for expected in [
        "requests per second",
        "concurrent requests",
        "response time, ms (logarithmic)",
        "instances",
        "in service in local-a",
        "in service in local-b",
        "decision metric: cpu",
        "threshold 30 %",
        "high load",
        "min 2, max 5",
        "low again load",
        "08:01:00",
        "2026-01-15 07:59:55 to 08:02:39 UTC   ·   4 launched, 1 broken, 4 gone   ·   0 requests failed",
    ] {
        assert!(texts.contains(&expected), "no {expected:?} in {texts:#?}");
    }
}

#[test]
fn without_a_load_file_the_load_balancers_own_counts_are_drawn() {
    let logs = demo();

    let chart = draw(&args(&[]), logs.folder.path(), now()).unwrap();

    let texts = texts(&chart.svg);
    assert!(texts.contains(&"new connections per second"), "{texts:?}");
    assert!(!texts.contains(&"response time, ms (logarithmic)"));
    assert!(texts.contains(&"08:01:00"));
}

#[test]
fn what_ran_before_the_chart_begins_is_in_it() {
    let logs = demo();
    let since = time(60.0);
    let rows: Vec<rows::ActionRow> = read(&args(&[]), logs.folder.path(), Span::default()).unwrap();

    let rows = Rows {
        actions: rows,
        ..Rows::default()
    };
    let begins: Timestamp = since.parse().unwrap();
    let scene = scene::scene(
        "demo",
        &rows,
        begins,
        begins + SignedDuration::from_secs(60),
    );

    assert_eq!(scene.clouds, ["local-a", "local-b"]);
    assert_eq!(scene.in_service[0], (0.0, vec![3, 2]));
    assert_eq!(scene.in_service.last().unwrap().1, [2, 0]);
    let lost: Vec<f64> = scene
        .marks
        .iter()
        .filter(|mark| mark.kind == scene::MarkKind::Lost)
        .map(|mark| mark.at)
        .collect();
    assert_eq!(lost, [10.0]);
}

#[test]
fn a_refused_launch_is_one_mark_and_was_not_launched() {
    let mut logs = Logs::new();
    let launch = [("action", "launch"), ("instance", "i-1"), ("to", "intent")];
    logs.row(
        Kind::Actions,
        0.0,
        &[&launch[..], &[("cloud", "local-a")]].concat(),
    );
    let why = [("cloud", "local-a"), ("why", "no place for i-1")];
    logs.row(
        Kind::Actions,
        1.0,
        &[&why[..], &[("action", "refusal")]].concat(),
    );
    let fail = [
        ("action", "fail"),
        ("instance", "i-1"),
        ("from", "intent"),
        ("to", "failed"),
    ];
    logs.row(Kind::Actions, 1.0, &[&why[..], &fail].concat());
    logs.comes(2.0, "local-b");
    logs.write();
    let rows = Rows {
        actions: read(&args(&[]), logs.folder.path(), Span::default()).unwrap(),
        ..Rows::default()
    };
    let begins: Timestamp = time(0.0).parse().unwrap();

    let scene = scene::scene(
        "demo",
        &rows,
        begins,
        begins + SignedDuration::from_secs(60),
    );

    let of = |kind| -> Vec<f64> {
        let marks = scene.marks.iter().filter(|mark| mark.kind == kind);
        marks.map(|mark| mark.at).collect()
    };
    assert_eq!(of(scene::MarkKind::Launched), [2.0]);
    assert_eq!(of(scene::MarkKind::Refused), [1.0]);
}

#[test]
fn the_bounds_follow_their_history_and_begin_with_the_tenant() {
    let mut logs = Logs::new();
    for (t, min) in [(10.0, "2"), (20.0, "4"), (30.0, "2")] {
        let cells = [("desired", "4"), ("min", min), ("max", "5")];
        logs.row(Kind::Decisions, t, &cells);
    }
    logs.write();
    let rows = Rows {
        decisions: read(&args(&[]), logs.folder.path(), Span::default()).unwrap(),
        ..Rows::default()
    };
    let begins: Timestamp = time(0.0).parse().unwrap();
    let ends = begins + SignedDuration::from_secs(60);

    let scene = scene::scene("demo", &rows, begins, ends);
    let svg = paint::svg(&scene).unwrap();

    assert_eq!(scene.bounds, [(10.0, 2, 5), (20.0, 4, 5), (30.0, 2, 5)]);
    assert!(texts(&svg).contains(&"min 2 to 4, max 5"));
}

// S1-29
#[test]
fn a_response_time_that_never_settles_is_an_exit_code() {
    let logs = demo();
    let load = load_file(&logs);

    let code = command(
        &args(&["--load", &load, "--response-target", "5ms"]),
        logs.folder.path(),
    )
    .unwrap();

    assert_eq!(code, ExitCode::from(BROKEN));
    assert!(logs.folder.path().join("demo/chart.svg").exists());
}

fn refused(logs: &Path, more: &[&str]) -> String {
    draw(&args(more), logs, now()).unwrap_err().to_string()
}

#[test]
fn a_tenant_that_never_was_is_refused() {
    let folder = tempfile::tempdir().unwrap();

    let error = refused(folder.path(), &[]);
    let code = command(&args(&[]), folder.path()).unwrap();

    assert!(error.starts_with("there is no tenant demo in"), "{error}");
    assert!(error.contains("\nhint: "), "{error}");
    assert_eq!(code, Exit::Refused.into());
}

#[test]
fn right_after_the_first_apply_it_is_too_early() {
    let mut logs = Logs::new();
    logs.write();
    let before_all = refused(logs.folder.path(), &[]);
    logs.row(Kind::Decisions, 0.0, &[("desired", "2")]);
    logs.write();

    for error in [before_all, refused(logs.folder.path(), &[])] {
        assert!(error.starts_with("it is too early"), "{error}");
        assert!(error.contains("within a tick"), "{error}");
    }
    assert!(draw(&args(&["--last", "1m"]), logs.folder.path(), now()).is_ok());
}

#[test]
fn times_are_those_of_asaas_logs() {
    let logs = demo();

    // Now is 08:10.
    for times in [
        ["--since", "9m", "--until", "8m"],
        ["--since", "08:01", "--until", "2026-01-15 08:02"],
    ] {
        let chart = draw(&args(&times), logs.folder.path(), now()).unwrap();
        let heading = "2026-01-15 08:01:00 to 08:02:00 UTC";
        assert!(chart.svg.contains(heading), "{times:?}");
    }
    let backwards = ["--since", "1m", "--until", "5m"];
    let error = refused(logs.folder.path(), &backwards);
    assert!(error.contains("\nhint: give the earlier time"), "{error}");
    let code = command(&args(&backwards), logs.folder.path()).unwrap();
    assert_eq!(code, Exit::BadInput.into());
    let nothing = refused(logs.folder.path(), &["--since", "1m"]);
    assert!(nothing.contains("has no decisions"), "{nothing}");
}

#[test]
fn arguments_that_make_no_sense_are_told_why() {
    for (more, expected) in [
        (["--last", "0s"], "more than none"),
        (["--last", "-5m"], "more than none"),
        (["--since", "tomorrow"], "`tomorrow` is no time"),
        (["--since", "-5m"], "without a sign: `5m`"),
    ] {
        let error = Cli::try_parse_from([&["chart", "demo"], &more[..]].concat()).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn columns_that_are_not_known_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("demo")).unwrap();
    let text = "new,seq,time,desired,metric,average,threshold\nx,1,2026-01-15T08:00:00Z,2,cpu,0.1,0.3\nx,2,2026-01-15T08:00:09Z,2,cpu,0.1,0.3\n";
    let path = folder
        .path()
        .join("demo")
        .join(format!("{DAY}-decisions.csv"));
    std::fs::write(path, text).unwrap();

    let chart = draw(&args(&[]), folder.path(), now()).unwrap();

    assert!(texts(&chart.svg).contains(&"threshold 30 %"));
    assert!(!chart.svg.contains("min "), "an old file has no bounds");
}
