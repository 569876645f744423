//! Runs the reference scorer.

use std::path::Path;
use std::process::Command;

fn python() -> Command {
    Command::new(std::env::var_os("ASAAS_PYTHON").unwrap_or_else(|| "python3".into()))
}

pub(crate) fn has_numpy() -> bool {
    let output = python().args(["-c", "import numpy"]).output();
    output.is_ok_and(|output| output.status.success())
}

pub(crate) fn score(scorer: &Path, trace: &str, supply: &Path) -> serde_json::Value {
    let output = python()
        .arg(scorer)
        .args(["--json", "--trace", trace, "--supply"])
        .arg(supply)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}
