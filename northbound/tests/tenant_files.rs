//! Tenant files, right and wrong: each is a file in `tenant_files/ok` or `tenant_files/bad`, and what a person gets to see
//! is a snapshot beside it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use northbound::problem::{Problem, Problems, Severity, Style};
use northbound::tenant_file::{self, Defaults, Key, Known, Reading, Spelling};

fn known() -> Known {
    Known {
        clouds: ["local-a", "local-b", "kvm-a"]
            .map(|name| name.parse().unwrap())
            .to_vec(),
        templates: ["web", "batch"].map(|name| name.parse().unwrap()).to_vec(),
        defaults: Defaults::default(),
        public_ips: Vec::new(),
        market: controller::market::Market::default(),
        clients: "198.18.0.0/15".parse().unwrap(),
    }
}

fn read(text: &str) -> Result<Reading, Problems> {
    tenant_file::read(text, "tenants/demo.yml", &known())
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(here(path)).unwrap()
}

fn files(folder: &str) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(here("tests/tenant_files").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn snapshots(folder: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("tenant_files/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

// S4-69, S4-100
#[test]
fn a_bad_file_is_answered_with_its_lines_and_hints() {
    for (name, text) in files("bad") {
        let shown = match read(&text) {
            Ok(reading) => panic!("{name}.yml was accepted: {:?}", reading.spec),
            Err(problems) => problems.render(Style::Plain),
        };
        snapshots("bad").bind(|| insta::assert_snapshot!(name.as_str(), shown));
    }
}

#[test]
fn a_good_file_gives_the_spec_that_it_says() {
    for (name, text) in files("ok") {
        let reading = read(&text).unwrap_or_else(|problems| panic!("{name}.yml:\n{problems}"));
        let mut shown = format!("{:?}\n\n", reading.spelling);
        write!(shown, "{:#?}\n\n", reading.spec).unwrap();
        shown.push_str(&reading.warnings.render(Style::Plain));
        snapshots("ok").bind(|| insta::assert_snapshot!(name.as_str(), shown));
    }
}

// S4-100
#[test]
fn the_fourteen_lines_are_read_without_a_complaint() {
    let reading = read(&text("tests/tenant_files/ok/classic.yml")).unwrap();

    assert_eq!(reading.spelling, Spelling::Short);
    assert!(reading.warnings.is_empty(), "{}", reading.warnings);
}

#[test]
fn the_fourteen_lines_of_the_readme_are_the_classic_ones() {
    let readme = text("../tenants/README.md");

    assert!(readme.contains(&text("tests/tenant_files/ok/classic.yml")));
}

#[test]
fn every_yaml_in_the_readme_is_a_tenant_file() {
    let readme = text("../tenants/README.md");
    let blocks: Vec<&str> = readme
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();

    assert_eq!(blocks.len(), 3);
    for block in blocks {
        assert!(read(block).is_ok(), "{block}");
    }
}

#[test]
fn the_shipped_tenant_files_are_read_without_a_complaint() {
    for path in ["../tenants/demo.yml", "../tenants/example.yml"] {
        let reading = read(&text(path)).unwrap_or_else(|problems| panic!("{path}:\n{problems}"));
        assert!(reading.warnings.is_empty(), "{path}:\n{}", reading.warnings);
    }
}

/// Whatever is wrong in whichever line: it is that line that is told. Each value of the example in turn is one that no key
/// allows.
#[test]
fn a_wrong_value_of_any_key_is_told_on_its_own_line() {
    let example = text("../tenants/example.yml");
    let lines: Vec<&str> = example.lines().collect();
    let mut tried = 0;
    for (at, line) in lines.iter().enumerate() {
        let Some((key, value)) = line.split_once(": ") else {
            continue;
        };
        let is_block = value.trim_start().starts_with('#');
        if key.trim_start().starts_with('#') || key.contains('{') || is_block {
            continue;
        }
        let mut changed = lines.clone();
        let wrong = format!("{key}: \"?\"");
        changed[at] = &wrong;

        let problems = read(&changed.join("\n")).expect_err(&wrong);

        let number = u32::try_from(at + 1).unwrap();
        let told: Vec<&Problem> = problems.iter().filter(|p| p.line == number).collect();
        assert!(!told.is_empty(), "line {number} {wrong}:\n{problems}");
        tried += 1;
    }
    assert!(tried > 30, "{tried}");
}

/// Many at once: no problem hides another. In two halves, since no more than fifty are shown.
#[test]
fn wrong_values_of_all_keys_are_told_at_once() {
    let example = text("../tenants/example.yml");
    let half = example.lines().count() / 2 + 1;
    for halves in [0..half, half..2 * half] {
        let mut wrong = Vec::new();
        let changed: Vec<String> = example
            .lines()
            .zip(1..)
            .map(|(line, number): (&str, u32)| {
                let Some((key, value)) = line.split_once(": ") else {
                    return line.to_owned();
                };
                let is_block = value.trim_start().starts_with('#');
                // Which kind of amount is meant depends on the metric.
                let depends = ["threshold", "- from"].contains(&key.trim());
                let is_other = !halves.contains(&(number as usize));
                if is_other || key.trim_start().starts_with('#') || key.contains('{') || is_block {
                    return line.to_owned();
                }
                if !depends {
                    wrong.push(number);
                }
                format!("{key}: \"?\"")
            })
            .collect();

        let problems = read(&changed.join("\n")).unwrap_err();

        let told: Vec<u32> = problems.iter().map(|problem| problem.line).collect();
        let untold: Vec<&u32> = wrong.iter().filter(|line| !told.contains(line)).collect();
        assert_eq!(untold, Vec::<&u32>::new(), "\n{problems}");
        assert!(wrong.len() > 20, "{}", wrong.len());
    }
}

#[test]
fn every_problem_has_a_place_in_the_file_and_a_hint() {
    for (name, text) in files("bad") {
        let problems = read(&text).unwrap_err();
        let lines = u32::try_from(text.lines().count().max(1)).unwrap();
        for problem in &problems {
            assert_eq!(problem.file, "tenants/demo.yml", "{name}");
            assert!((1..=lines).contains(&problem.line), "{name}: {problem:?}");
            assert!(!problem.hint.is_empty(), "{name}: {problem:?}");
            assert!(!problem.what.ends_with('.'), "{name}: {problem:?}");
        }
    }
}

#[test]
fn a_program_gets_the_same_problems_as_json() {
    let bad = text("tests/tenant_files/bad/unknown_key.yml");
    let problems = read(&bad).unwrap_err();

    let shown = serde_json::to_string_pretty(&problems.to_json()).unwrap();
    insta::assert_snapshot!(shown, @r#"
    [
      {
        "column": 3,
        "file": "tenants/demo.yml",
        "hint": "did you mean `buffer`?",
        "length": 5,
        "line": 11,
        "severity": "error",
        "what": "unknown key `bufer` in `policy`"
      }
    ]
    "#);
}

#[test]
fn colours_only_repeat_what_the_words_say() {
    let bad = text("tests/tenant_files/bad/everything_at_once.yml");
    let problems = read(&bad).unwrap_err();

    let coloured = problems.render(Style::Coloured);

    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_eq!(plain, problems.render(Style::Plain));
}

// I27
#[test]
fn an_address_that_another_tenant_owns_is_told_at_its_line() {
    for path in ["ok/classic.yml", "ok/minimal.yml"] {
        let text = text(&format!("tests/tenant_files/{path}"));
        let reading = read(&text).unwrap();

        let problems = reading.public_ip_is_taken();

        let problem = problems.iter().next().unwrap();
        let line = text.lines().nth(problem.line as usize - 1).unwrap();
        assert!(line.contains("public_ip: 45.45.45.45"), "{line}");
        assert_eq!(problem.severity, Severity::Error);
        assert_eq!(reading.place_of(Key::PublicIp).line, problem.line);
    }
}

#[test]
fn an_address_that_the_operator_does_not_offer_is_refused() {
    let mut known = known();
    known.public_ips = vec!["203.0.113.0/24".parse().unwrap()];

    let text = text("tests/tenant_files/ok/minimal.yml");
    let problems = tenant_file::read(&text, "demo.yml", &known).unwrap_err();

    let problem = problems.iter().next().unwrap();
    assert_eq!(problem.line, 4);
    assert_eq!(problem.hint, "take one from 203.0.113.0/24");
}

/// The demo runs the fourteen lines at its own pace that way.
#[test]
fn the_operators_defaults_hold_where_the_file_says_nothing() {
    let mut known = known();
    known.defaults.buffer = "5s".parse().unwrap();
    known.defaults.health_every = "200ms".parse().unwrap();
    known.defaults.template = Some("batch".parse().unwrap());

    let text = text("tests/tenant_files/ok/classic.yml");
    let spec = tenant_file::read(&text, "demo.yml", &known).unwrap().spec;

    assert_eq!(
        spec.policy.buffer,
        controller::policy::PerDirection::both(known.defaults.buffer)
    );
    assert_eq!(spec.service.health.every, known.defaults.health_every);
    assert_eq!(spec.service.health.timeout, known.defaults.health_every);
    assert_eq!(spec.instances.template.as_str(), "batch");
}

#[test]
fn a_file_that_is_no_text_is_refused_with_its_line() {
    let problems = tenant_file::decode(b"version: 1\ntenant: \xff\n", "demo.yml").unwrap_err();
    assert_eq!(problems.iter().next().unwrap().line, 2);

    let problems = tenant_file::decode(&vec![b'#'; 70_000], "demo.yml").unwrap_err();
    assert!(problems.to_string().contains("70000 bytes"), "{problems}");
}

#[test]
fn numbers_and_a_policy_are_enough_to_ask_what_a_policy_would_do() {
    let text = "instances: { min: 1, max: 60 }\npolicy: { dynamic: { goal: 99%, proactive: true }, buffer: 0s }\n";
    let reading = tenant_file::read_policy(text, "goal.yml", &Defaults::default())
        .unwrap_or_else(|problems| panic!("{problems}"));

    assert_eq!(
        (reading.spec.instances.min, reading.spec.instances.max),
        (1, 60)
    );
    assert!(reading.spec.policy.has_goal());
    assert!(reading.warnings.is_empty(), "{}", reading.warnings);

    let text = "min_containers: 2\nmax_containers: 9\n";
    let reading = tenant_file::read_policy(text, "short.yml", &Defaults::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(
        (reading.spec.instances.min, reading.spec.instances.max),
        (2, 9)
    );
    assert!(reading.warnings.is_empty(), "{}", reading.warnings);
}

#[test]
fn a_whole_file_of_any_operator_can_be_asked_what_it_would_do() {
    for (name, text) in files("ok") {
        let text = text
            .replace("local-a", "elsewhere")
            .replace("batch", "other");
        let reading = tenant_file::read_policy(&text, &name, &Defaults::default())
            .unwrap_or_else(|problems| panic!("{name}.yml:\n{problems}"));
        let whole = read(
            &text
                .replace("elsewhere", "local-a")
                .replace("other", "batch"),
        )
        .unwrap();
        assert_eq!(reading.spec.policy, whole.spec.policy, "{name}");
        assert_eq!(reading.spec.network, whole.spec.network, "{name}");
    }
}

#[test]
fn what_is_wrong_with_a_policy_is_told_where_only_it_matters() {
    let text = "instances: { min: 9, max: 6 }\npolicy: { dynamic: { goal: 99 } }\n";

    let problems = tenant_file::read_policy(text, "goal.yml", &Defaults::default()).unwrap_err();

    insta::assert_snapshot!(problems.render(Style::Plain), @"
    error: `instances.min` is 9, more than `instances.max`, which is 6 (line 1)
     --> goal.yml:1:19
      |
    1 | instances: { min: 9, max: 6 }
      |                   ^
      |
      = hint: exchange them, or make both the same for a fixed number

    error: `policy.dynamic.goal`: expected a share from 50% to 99.99%, found `99`
     --> goal.yml:2:28
      |
    2 | policy: { dynamic: { goal: 99 } }
      |                            ^^
      |
      = hint: did you mean 99%?
    ");
}

/// Found by fuzzing: what the YAML parser calls a line, or the place after its end, is not always one of the text.
#[test]
fn wherever_a_text_breaks_its_place_is_inside_of_it() {
    let broken = [
        "%cce;s_logsemlistatic} }",
        "version: 1\rtenant: { a",
        "tenant: \"a\n\n",
        "a: { b\n\n",
        "",
        "\r",
    ];
    for text in broken {
        let problems = read(text).expect_err(text);
        for problem in &problems {
            let line = text.split('\n').nth(problem.line as usize - 1);
            let characters = line.expect(text).chars().count();
            let end = (problem.column + problem.length) as usize;
            assert!(
                problem.column > 0 && end <= characters + 1,
                "{text:?}: {problem:?}"
            );
        }
    }
    // Both ends of a line are known, also where the last one is missing.
    let good = text("tests/tenant_files/ok/classic.yml");
    assert_eq!(
        read(&good.replace('\n', "\r\n")).unwrap().spec,
        read(&good).unwrap().spec
    );
}
