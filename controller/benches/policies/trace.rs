//! A folder of traces.

use std::fs;
use std::path::Path;

use jiff::SignedDuration;

/// A load, a value for each tick.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) capacity: f64,
    pub(crate) load: Vec<f64>,
}

/// Every trace of a folder, by name.
pub(crate) fn all(folder: &Path, tick: SignedDuration) -> Vec<Trace> {
    let mut traces: Vec<Trace> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            read(
                name,
                &fs::read_to_string(&path).unwrap(),
                tick.as_secs_f64(),
            )
        })
        .collect();
    traces.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!traces.is_empty(), "{} holds no trace", folder.display());
    traces
}

fn read(name: String, text: &str, tick: f64) -> Trace {
    let capacity = text
        .lines()
        .find_map(|line| line.strip_prefix("# vm_capacity:"));
    let samples: Vec<(f64, f64)> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("t_seconds"))
        .filter_map(|line| line.split_once(','))
        .map(|(t, load)| (t.parse().unwrap(), load.parse().unwrap()))
        .collect();
    Trace {
        capacity: capacity.unwrap().trim().parse().unwrap(),
        load: over_ticks(&samples, tick),
        name,
    }
}

/// A straight line from sample to sample, read at each tick.
fn over_ticks(samples: &[(f64, f64)], tick: f64) -> Vec<f64> {
    let last = samples.last().unwrap().0;
    let mut next = 0;
    (0..u32::MAX)
        .map(|index| f64::from(index) * tick)
        .take_while(|t| *t < last + 1e-9)
        .map(|t| {
            while samples.get(next).is_some_and(|(at, _)| *at <= t) {
                next += 1;
            }
            match (samples.get(next.wrapping_sub(1)), samples.get(next)) {
                (Some((t0, y0)), Some((t1, y1))) => y0 + (y1 - y0) / (t1 - t0) * (t - t0),
                (Some((_, y)), None) | (None, Some((_, y))) => *y,
                (None, None) => unreachable!("a trace has samples"),
            }
        })
        .collect()
}
