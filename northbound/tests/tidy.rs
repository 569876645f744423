//! The rules of the house that no compiler knows.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

use northbound::config::Config;
use northbound::tenant_file;

/// A file is read in one sitting.
const FILE_LINES: usize = 400;
/// A function fits a screen.
const FUNCTION_LINES: usize = 70;

/// Files that may be longer, with how long and why.
const LONG_FILES: [(&str, usize, &str); 0] = [];
/// Functions that may be longer, with why.
const LONG_FUNCTIONS: [(&str, &str, &str); 2] = [
    (
        "controller/src/plan/check.rs",
        "check",
        "one rule after the other, each on its own",
    ),
    (
        "controller/src/preview.rs",
        "preview",
        "one look, told whole",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every file of the project with one of these endings, with its path from the root.
fn files(endings: &[&str]) -> Vec<(String, String)> {
    let root = root();
    let mut files = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let is_skipped = name.starts_with('.') && name != ".ci" || name == "target";
            if is_skipped {
                continue;
            }
            if path.is_dir() {
                directories.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let shown = path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.push((shown, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!files.is_empty());
    files.sort();
    files
}

fn sources() -> Vec<(String, String)> {
    files(&[".rs"])
}

fn is_source(file: &str) -> bool {
    file.contains("/src/")
}

/// What comes before a file's own tests.
fn before_tests(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]")
}

#[track_caller]
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn crates_know_only_whom_they_may() {
    let strangers = [
        ("controller", &["southbound", "netsetup", "northbound"][..]),
        ("southbound", &["netsetup", "northbound"]),
        ("netsetup", &["southbound", "northbound"]),
    ];
    let mut offences = Vec::new();
    for (file, text) in files(&[".rs", "Cargo.toml"]) {
        for (home, unknown) in &strangers {
            let is_product =
                file.starts_with(&format!("{home}/src/")) || file == format!("{home}/Cargo.toml");
            if !is_product {
                continue;
            }
            for name in *unknown {
                let named = [
                    format!("{name}::"),
                    format!("\n{name}."),
                    format!("\n{name} "),
                ];
                if named.iter().any(|named| text.contains(named.as_str()))
                    && !only_in_words(&text, name)
                {
                    offences.push(format!("{file} names {name}"));
                }
            }
        }
    }
    none(&offences);
}

/// Whether the name stands in comments only, where a neighbour may be spoken of.
fn only_in_words(text: &str, name: &str) -> bool {
    text.lines()
        .filter(|line| line.contains(name))
        .all(|line| line.trim_start().starts_with("//"))
}

#[test]
fn other_programs_are_run_only_in_files_called_exec() {
    let marks = [
        "process::Command",
        "process::{Child, Command",
        "Command::new(\"",
    ];
    let mut offences = Vec::new();
    for (file, text) in sources() {
        if file.ends_with("/exec.rs") || file.ends_with("tests/tidy.rs") {
            continue;
        }
        offences.extend(
            text.lines()
                .filter(|line| marks.iter().any(|mark| line.contains(mark)))
                .map(|line| format!("{file}: {line}")),
        );
    }
    none(&offences);
}

#[test]
fn nothing_is_handed_to_a_shell() {
    let shells = ["sh", "bash", "/bin/sh", "/bin/bash"];
    let mut offences = Vec::new();
    for (file, text) in sources() {
        for shell in shells {
            if text.contains(&format!("Command::new(\"{shell}\")")) {
                offences.push(format!("{file} runs {shell}"));
            }
        }
    }
    none(&offences);
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(file, text)| {
            is_source(file) && !text.starts_with("//!") && !file.ends_with("tests.rs")
        })
        .map(|(file, _)| file)
        .collect();
    none(&silent);
}

#[test]
fn modules_are_named_after_what_is_in_them() {
    let empty_words = [
        "mod", "util", "utils", "helper", "helpers", "manager", "common", "misc",
    ];
    let offences: Vec<String> = sources()
        .into_iter()
        .map(|(file, _)| file)
        .filter(|file| {
            let stem = Path::new(file).file_stem().unwrap().to_str().unwrap();
            empty_words.contains(&stem)
        })
        .collect();
    none(&offences);
}

#[test]
fn a_file_is_read_in_one_sitting() {
    let mut offences = Vec::new();
    for (file, text) in sources() {
        if !is_source(&file) || file.ends_with("tests.rs") {
            continue;
        }
        let lines = before_tests(&text).count();
        let exception = LONG_FILES.iter().find(|(name, ..)| *name == file);
        let limit = exception.map_or(FILE_LINES, |(_, limit, _)| *limit);
        if lines > limit {
            offences.push(format!("{file} has {lines} lines, at most {limit}"));
        }
    }
    none(&offences);
}

#[test]
fn an_exception_is_still_needed() {
    let sources = sources();
    let offences: Vec<String> = LONG_FILES
        .iter()
        .filter(|(name, ..)| {
            let file = sources.iter().find(|(file, _)| file == name);
            file.is_none_or(|(_, text)| before_tests(text).count() <= FILE_LINES)
        })
        .map(|(name, ..)| format!("{name} needs no exception any more"))
        .collect();
    none(&offences);
}

#[test]
fn a_function_fits_a_screen() {
    let mut offences = Vec::new();
    for (file, text) in sources() {
        if !is_source(&file) || file.ends_with("tests.rs") {
            continue;
        }
        let lines: Vec<&str> = before_tests(&text).collect();
        for (start, line) in lines.iter().enumerate() {
            let Some(name) = function(&lines[start..]) else {
                continue;
            };
            let indent = &line[..line.len() - line.trim_start().len()];
            let end = lines[start..]
                .iter()
                .position(|line| *line == format!("{indent}}}"));
            let length = end.map_or(0, |end| end + 1);
            let is_excepted = LONG_FUNCTIONS
                .iter()
                .any(|(f, n, _)| *f == file && *n == name);
            if length > FUNCTION_LINES && !is_excepted {
                offences.push(format!(
                    "{file}: {name} has {length} lines, at most {FUNCTION_LINES}"
                ));
            }
        }
    }
    none(&offences);
}

/// The name of the function that begins with these lines, as rustfmt writes it; `None` where it has no body.
fn function(lines: &[&str]) -> Option<String> {
    let words: Vec<&str> = lines.first()?.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "fn")?;
    let before = ["async", "const", "crate)", "super)"];
    let is_head = words[..at]
        .iter()
        .all(|word| word.starts_with("pub") || before.contains(word));
    let end_of_head = lines
        .iter()
        .find(|line| line.ends_with('{') || line.ends_with(';') || line.ends_with('}'))?;
    let has_body = end_of_head.ends_with('{');
    let name = words
        .get(at + 1)?
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_');
    (is_head && has_body).then(|| name.collect())
}

#[test]
fn work_that_is_put_off_has_a_number() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("HA", "CK"),
    ];
    let mut offences = Vec::new();
    for (file, text) in files(&[".rs", ".md", ".yml", ".toml", "Makefile"]) {
        for (number, line) in text.lines().enumerate() {
            let is_marked = line
                .split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| marks.contains(&word));
            let has_number = line
                .split('#')
                .skip(1)
                .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            if is_marked && !has_number {
                offences.push(format!("{file}:{}: {line}", number + 1));
            }
        }
    }
    none(&offences);
}

#[test]
fn nothing_names_a_path_of_the_machine_that_it_was_written_on() {
    let paths = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/."),
        concat!("/ho", "me/"),
    ];
    let mut offences = Vec::new();
    for (file, text) in files(&[".rs", ".md", ".yml", ".toml", ".snap", ".mk", "Makefile"]) {
        offences.extend(
            text.lines()
                .filter(|line| paths.iter().any(|path| line.contains(path)))
                .map(|line| format!("{file}: {line}")),
        );
    }
    none(&offences);
}

#[test]
fn every_tenant_file_that_comes_with_the_project_is_in_order() {
    let known = Config::embedded(&root()).known();
    let mut read = 0;
    for (file, text) in files(&[".yml"]) {
        if !file.starts_with("tenants/") || file.ends_with(".local.yml") {
            continue;
        }
        if let Err(problems) = tenant_file::read(&text, &file, &known) {
            panic!("{problems}");
        }
        read += 1;
    }
    assert!(read > 1);
}
