//! `asaas backtest`, by the real program: without a service, a configuration, or anything but a file and a trace.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "given/exec.rs"]
mod exec;
#[path = "given/reference.rs"]
mod reference;

use std::fmt::Write as _;
use std::fs;

use exec::{Place, Said};

const BAD_INPUT: Option<i32> = Some(2);

/// A place without a configuration: three policies, and two days of a load with a daily wave and a step.
fn place() -> Place {
    let place = Place::new();
    fs::remove_file(place.path("asaas.yml")).unwrap();
    place.write(
        "half.yml",
        "instances: { min: 1, max: 50 }\npolicy:\n  dynamic: { metric: cpu, threshold: 50%, window: 1m }\n",
    );
    place.write(
        "goal.yml",
        "instances: { min: 1, max: 50 }\npolicy:\n  dynamic: { goal: 99% }\n",
    );
    place.write("fixed.yml", "instances: { min: 9, max: 9 }\npolicy: {}\n");
    place.write("load.csv", &wave());
    place
}

fn wave() -> String {
    let mut text = "# start: 2026-01-15T00:00:00Z\n# vm_capacity: 10\nt_seconds,load\n".to_owned();
    for minute in 0..2_880 {
        let wave = (f64::from(minute) / 1_440.0 * std::f64::consts::TAU).sin();
        let step = if minute > 2_000 { 60.0 } else { 0.0 };
        writeln!(text, "{},{:.3}", minute * 60, 60.0 + 40.0 * wave + step).unwrap();
    }
    text
}

fn backtest(place: &Place, arguments: &[&str]) -> Said {
    let usual = ["backtest", "./half.yml", "--trace", "load.csv"];
    let all: Vec<&str> = usual.iter().chain(arguments).copied().collect();
    place.asaas(&all)
}

#[test]
fn a_backtest_needs_a_file_and_a_trace_and_nothing_else() {
    let place = place();

    // A number that is always the same: the figures are of the scorer, and of no policy that may get better.
    let arguments = [
        "backtest",
        "./fixed.yml",
        "--trace",
        "load.csv",
        "--capacity",
        "10",
    ];
    let text = place.asaas(&arguments).ok();

    insta::assert_snapshot!(text);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn the_supply_that_is_written_is_a_line_for_each_change_from_0_on() {
    let place = place();
    let arguments = [
        "--capacity",
        "10",
        "--supply",
        "supply.csv",
        "--chart",
        "chart.svg",
        "--json",
    ];

    let report = backtest(&place, &arguments).json();

    let supply = fs::read_to_string(place.path("supply.csv")).unwrap();
    let rows: Vec<(u64, u32)> = supply
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').unwrap())
        .map(|(t, vms)| (t.parse().unwrap(), vms.parse().unwrap()))
        .collect();
    assert!(supply.starts_with("t_seconds,vms\n0,6\n"), "{supply}");
    assert!(
        rows.windows(2)
            .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1)
    );
    let changes = report["adapt_h"].as_f64().unwrap() * report["world"]["hours"].as_f64().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let counted = (rows.len() - 1) as f64;
    assert!((counted - changes).abs() < 0.1, "{counted} {changes}");
    let chart = fs::read_to_string(place.path("chart.svg")).unwrap();
    assert!(chart.contains("needed") && chart.ends_with("</svg>\n"));
}

#[test]
fn nothing_that_is_read_is_written_over() {
    let place = place();
    fs::hard_link(place.path("load.csv"), place.path("linked.csv")).unwrap();
    let files = || {
        let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
        [read("load.csv"), read("half.yml"), read("goal.yml")]
    };
    let before = files();
    let usual = ["--capacity", "10", "--against", "./goal.yml"];
    for (outputs, told) in [
        (
            &["--supply", "load.csv"][..],
            "`--supply load.csv` would overwrite the trace",
        ),
        (&["--chart", "./linked.csv"], "would overwrite the trace"),
        (
            &["--chart", "half.yml"],
            "would overwrite the policy's file",
        ),
        (
            &["--supply", "goal.yml"],
            "would overwrite the file it is compared with",
        ),
        (
            &["--supply", "new.csv", "--chart", "./new.csv"],
            "`--chart ./new.csv` would overwrite --supply",
        ),
    ] {
        let said = backtest(&place, &[&usual, outputs].concat());

        assert_eq!((said.code, said.out.as_str()), (BAD_INPUT, ""), "{said:?}");
        assert!(said.err.contains(told), "{}", said.err);
        assert!(said.err.contains("\nhint: "), "{}", said.err);
        assert!(!place.path("new.csv").exists());
        assert_eq!(files(), before);
    }
    let thrown_away = ["--supply", "/dev/null", "--chart", "/dev/null"];
    backtest(&place, &[&usual[..], &thrown_away].concat()).ok();
}

#[test]
fn a_supply_curve_is_no_load() {
    let place = place();
    backtest(&place, &["--capacity", "10", "--supply", "supply.csv"]).ok();
    let arguments = ["backtest", "./half.yml", "--capacity", "10", "--trace"];

    let said = place.asaas(&[&arguments[..], &["supply.csv"]].concat());

    assert_eq!(said.code, BAD_INPUT, "{said:?}");
    assert!(said.err.contains("this is a supply curve"), "{}", said.err);
}

#[test]
fn what_is_assumed_and_what_keeps_a_policy_from_its_number_is_noted() {
    let place = place();
    let notes = |policy: &str, more: &[&str]| {
        place.write("tried.yml", policy);
        let usual = [
            "backtest",
            "./tried.yml",
            "--trace",
            "load.csv",
            "--capacity",
            "10",
        ];
        let arguments = [&usual, more].concat();
        let report = place.asaas(&[&arguments[..], &["--json"]].concat()).json();
        let notes: Vec<String> = serde_json::from_value(report["world"]["notes"].clone()).unwrap();
        let text = place.asaas(&arguments).ok();
        assert!(notes.iter().all(|note| text.contains(note)), "{text}");
        notes.join("\n")
    };
    let policy = |max: u32, policy: &str| {
        format!("instances: {{ min: 1, max: {max} }}\npolicy: {{ {policy} }}\n")
    };

    for follows_the_load in [
        "metric: cpu, threshold: 50%",
        "metric: connections, threshold: 9",
    ] {
        let policy = policy(50, &format!("dynamic: {{ {follows_the_load} }}"));
        assert_eq!(notes(&policy, &[]), "");
    }
    let rule = "rules: [{ monitor: { metric: disk_free, aggregation: minimum }, trigger: \"< 10%\", action: +1 }]";
    for (assumed, told) in [
        (rule, "`disk_free` is taken as 1 - load over capacity"),
        (
            "dynamic: { metric: memory, threshold: 50% }",
            "`memory` is taken as load over capacity",
        ),
        (
            "dynamic: { metric: network_in, threshold: 9 }",
            "`network_in` is taken as the load",
        ),
        (
            "dynamic: { metric: { pushed: queue }, threshold: 9 }",
            "`queue` is taken as the load",
        ),
        (
            "dynamic: { metric: response_time, threshold: 300ms }",
            "M/M/1 with processor sharing",
        ),
    ] {
        let told_of = notes(&policy(50, assumed), &[]);
        assert!(told_of.contains(told), "{told_of}");
    }
    let goal = "dynamic: { goal: 99% }";
    assert_eq!(notes(&policy(50, goal), &[]), "");
    let limited = notes(&policy(9, goal), &["--against", "./half.yml"]);
    assert!(
        limited.starts_with("./tried.yml: max 9 is the limit for "),
        "{limited}"
    );
    assert!(limited.ends_with(" % of the time"), "{limited}");
    let off = notes(&policy(9, &format!("mode: off, {goal}")), &[]);
    assert!(off.starts_with("the mode is off: "), "{off}");
}

#[test]
fn another_file_is_compared_in_words_and_in_figures() {
    let place = place();
    let arguments = ["--capacity", "10", "--against", "./goal.yml"];

    let text = backtest(&place, &arguments).ok();
    let report = backtest(&place, &[&arguments[..], &["--json"]].concat()).json();

    assert!(text.contains("./goal.yml           ./half.yml\n"), "{text}");
    assert!(text.contains("./half.yml costs "), "{text}");
    assert_eq!(report["file"], "./half.yml");
    assert_eq!(report["against"]["file"], "./goal.yml");
    assert_eq!(report["difference"].as_array().unwrap().len(), 4);
}

#[test]
fn a_policy_against_itself_makes_no_difference() {
    let place = place();

    let text = backtest(&place, &["--capacity", "10", "--against", "./half.yml"]).ok();

    assert!(text.contains("no difference that matters"), "{text}");
}

#[test]
fn only_the_load_and_the_capacity_matter() {
    let place = place();
    let bare: String = wave()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .fold(String::new(), |text, line| text + line + "\n");
    place.write("other/name.csv", &bare);
    for file in ["./half.yml", "./goal.yml"] {
        let report = |trace: &str| {
            let arguments = [
                "backtest",
                file,
                "--trace",
                trace,
                "--capacity",
                "10",
                "--json",
            ];
            let mut report = place.asaas(&arguments).json();
            report["world"]["trace"] = "load.csv".into();
            report.to_string()
        };

        assert_eq!(report("load.csv"), report("other/name.csv"));
        assert_eq!(
            report("load.csv"),
            report("load.csv"),
            "equal inputs, equal bytes"
        );
    }
}

#[test]
fn what_a_newcomer_gets_wrong_is_answered_with_what_to_do() {
    let place = place();
    let said = |arguments: &[&str]| {
        let said = backtest(&place, arguments);
        assert_eq!(said.code, BAD_INPUT, "{said:?}");
        assert_eq!(said.out, "");
        said.err
    };

    insta::assert_snapshot!(said(&[]), @r"
    error: what one instance carries is not known: give `--capacity`, in the unit of the load
    hint: the trace itself speaks of `vm_capacity: 10`
    ");
    for capacity in ["0", "-3", "nan", "inf"] {
        let told = said(&["--capacity", capacity]);
        assert!(told.contains("an instance must carry something"), "{told}");
    }
    let told = said(&["--capacity", "10", "--boot", "-1s"]);
    assert!(told.contains("--boot 90s"), "{told}");
    let told = said(&["--capacity", "10", "--tick", "0s"]);
    assert!(told.contains("--tick 60s"), "{told}");
    let told = said(&["--capacity", "ten"]);
    assert!(told.contains("give a number"), "{told}");
}

#[test]
fn a_trace_that_is_none_is_answered_with_its_line() {
    let place = place();
    place.write("bad.csv", "t_seconds,load\n0,1\n60,-1\n");
    for (trace, told) in [
        ("bad.csv", "bad.csv:3:4: a load of -1 is less than nothing"),
        ("missing.csv", "`missing.csv` cannot be read: No such file"),
        ("half.yml", "half.yml:1:1: "),
    ] {
        let said = place.asaas(&[
            "backtest",
            "./half.yml",
            "--trace",
            trace,
            "--capacity",
            "10",
        ]);

        assert_eq!(said.code, BAD_INPUT, "{said:?}");
        assert!(said.err.contains(told), "{}", said.err);
        assert!(
            trace == "missing.csv" || said.err.contains("\nhint: "),
            "{}",
            said.err
        );
    }
    let said = place.asaas(&[
        "backtest",
        "load.csv",
        "--trace",
        "load.csv",
        "--capacity",
        "10",
    ]);
    assert_eq!(said.code, BAD_INPUT, "{said:?}");
}

/// The reference scorer itself, where it is there: a folder named by `ASAAS_SCORER`, with a `python3` that has numpy (or the
/// one named by `ASAAS_PYTHON`), and the folder of traces named by `ASAAS_TRACES`.
#[test]
fn the_reference_scorer_says_the_same_of_every_trace() {
    let Some((scorer, traces)) = reference::found() else {
        return;
    };
    let place = place();
    for trace in traces {
        let file = trace.to_str().unwrap();
        let text = fs::read_to_string(&trace).unwrap();
        let told = text
            .lines()
            .find_map(|line| line.strip_prefix("# vm_capacity:"));
        let capacity = told.unwrap().trim();

        let ours = place
            .asaas(&[
                "backtest",
                "./goal.yml",
                "--trace",
                file,
                "--capacity",
                capacity,
                "--json",
                "--supply",
                "s.csv",
            ])
            .json();
        let theirs = reference::score(&scorer, file, &place.path("s.csv"));

        for (metric, value) in theirs.as_object().unwrap() {
            let (ours, theirs) = (ours[metric].as_f64().unwrap(), value.as_f64().unwrap());
            assert!(
                (ours - theirs).abs() <= 1.000_1e-4,
                "{file} {metric}: {ours} and {theirs}"
            );
        }
    }
}
