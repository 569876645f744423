//! The log files: rows come back from them as they were, a spreadsheet finds no formula in a text of theirs, and wherever a crash
//! cuts them, the next start goes on without a gap, a torn row or a second one (I22).
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};

use arbitrary::Arbitrary;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use northbound::fuzzing::go_on;
use northbound::logs::{self, ActionRow, DecisionRow, MetricRow, Row, Span};
use northbound_fuzz::rows::{Sketch, kept, tenant};

const GROUPS: usize = 12;
const ROWS: usize = 4;
/// What a spreadsheet takes for the beginning of a formula.
const TRIGGERS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

#[derive(Debug, Arbitrary)]
struct Life {
    kind: u8,
    groups: Vec<Vec<Sketch>>,
    /// Where the newest file is cut, how many zeros follow, and how many groups the journal has lost.
    crashes: Vec<(u16, u8, u8)>,
}

fuzz_target!(|life: Life| {
    let place = Place::new();
    match life.kind % 3 {
        0 => live(&place.0, &life, Sketch::action, |row: &mut ActionRow| {
            row.why = kept(&row.why);
        }),
        1 => live(&place.0, &life, Sketch::metric, |row: &mut MetricRow| {
            row.metric = kept(&row.metric);
        }),
        _ => live(
            &place.0,
            &life,
            Sketch::decision,
            |row: &mut DecisionRow| {
                row.reason = kept(&row.reason);
                row.steps = kept(&row.steps);
            },
        ),
    }
});

fn live<R: Row + Clone + PartialEq + std::fmt::Debug>(
    root: &Path,
    life: &Life,
    row: fn(&Sketch, u64, jiff::Timestamp) -> R,
    keep: impl Fn(&mut R),
) {
    let mut groups: Vec<(Date, Vec<R>)> = Vec::new();
    for (sketches, seq) in life
        .groups
        .iter()
        .filter(|g| !g.is_empty())
        .take(GROUPS)
        .zip(1..)
    {
        let time = sketches[0].time();
        let rows = sketches
            .iter()
            .take(ROWS)
            .map(|sketch| row(sketch, seq, time));
        groups.push((TimeZone::UTC.to_datetime(time).date(), rows.collect()));
    }
    assert_eq!(
        go_on(root, &tenant(), 1, &groups).expect("the first start"),
        0
    );
    let mut wanted: Vec<R> = groups.iter().flat_map(|(_, rows)| rows.clone()).collect();
    wanted.iter_mut().for_each(&keep);
    has_all(root, &wanted);
    for (cut, zeros, lost) in life.crashes.iter().take(4) {
        let Some(newest) = files(root).pop() else {
            return;
        };
        let mut bytes = fs::read(&newest).expect("it is there");
        bytes.truncate(usize::from(*cut) % (bytes.len() + 1));
        bytes.resize(bytes.len() + usize::from(*zeros), 0);
        fs::write(&newest, bytes).expect("it can be written");
        // The journal keeps at least what the files do not have.
        let oldest = u64::from(*lost) % 2;
        let found = go_on(root, &tenant(), oldest, &groups).expect("a start after a crash");
        assert!(found <= groups.len() as u64);
        has_all(root, &wanted);
    }
}

fn has_all<R: Row + PartialEq + std::fmt::Debug>(root: &Path, wanted: &[R]) {
    let found: Vec<R> = logs::read(root, &tenant(), Span::default()).expect("whole rows");
    assert_eq!(found, wanted);
    for file in files(root) {
        let mut reader = csv::Reader::from_path(&file).expect("it is there");
        let headers = reader.headers().expect("a header").clone();
        assert!(headers.iter().eq(R::COLUMNS.iter().copied()));
        for record in reader.records() {
            for cell in &record.expect("as RFC 4180 says") {
                assert!(!cell.starts_with(TRIGGERS), "{cell:?}");
                assert!(!cell.chars().any(char::is_control), "{cell:?}");
            }
        }
    }
}

/// Oldest first.
fn files(root: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(root.join(tenant().as_str())) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = listing.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files
}

/// A directory in memory, for one input.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let root = ["/dev/shm", "/tmp"].map(Path::new);
        let root = root
            .into_iter()
            .find(|root| root.is_dir())
            .expect("some place");
        let place = root.join(format!("asaas-fuzz-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).expect("there is room");
        Self(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
