//! The reference scorer and a folder of traces, where they are there.

use std::path::{Path, PathBuf};

#[path = "reference/exec.rs"]
mod exec;

pub(crate) use exec::score;

/// The scorer and every trace; `None`, told, where something is missing.
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
pub(crate) fn found() -> Option<(PathBuf, Vec<PathBuf>)> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let (Some(scorer), Some(traces)) = (folder("ASAAS_SCORER"), folder("ASAAS_TRACES")) else {
        println!("skipped: ASAAS_SCORER and ASAAS_TRACES name no scorer and no traces");
        return None;
    };
    if !exec::has_numpy() {
        println!("skipped: python3 has no numpy");
        return None;
    }
    let mut traces: Vec<PathBuf> = std::fs::read_dir(traces)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_trace(path))
        .collect();
    traces.sort();
    Some((scorer.join("score.py"), traces))
}

fn is_trace(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "csv")
}
