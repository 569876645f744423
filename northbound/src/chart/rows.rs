//! The rows that a chart is made of: of each CSV file the columns that it needs, by name. Columns that it does not know are passed over.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::logs::{Kind, Row};

/// Of `actions.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ActionRow {
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) action: String,
    #[serde(default)]
    pub(super) instance: Option<String>,
    pub(super) cloud: Option<String>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    #[serde(default)]
    pub(super) why: Option<String>,
    pub(super) cause: Option<String>,
}

/// Of `metrics.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct MetricRow {
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    /// Empty for the totals of a cloud.
    pub(super) instance: Option<String>,
    pub(super) metric: String,
    pub(super) value: f64,
}

/// Of `decisions.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DecisionRow {
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) desired: u32,
    pub(super) metric: Option<String>,
    pub(super) average: Option<f64>,
    pub(super) threshold: Option<f64>,
    #[serde(default)]
    pub(super) min: Option<u32>,
    #[serde(default)]
    pub(super) max: Option<u32>,
}

/// Of what `asaas load --csv` writes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct LoadRow {
    pub(super) time: Timestamp,
    pub(super) segment: String,
    pub(super) sent: u64,
    pub(super) failed: u64,
    pub(super) retried: u64,
    pub(super) mean_ms: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) ok: u64,
    pub(super) in_flight: u64,
}

/// Reads the seconds of a load.
pub(super) fn load(path: &Path) -> Result<Vec<LoadRow>, csv::Error> {
    csv::Reader::from_path(path)?.into_deserialize().collect()
}

macro_rules! row {
    ($row:ty, $kind:expr) => {
        impl Row for $row {
            const KIND: Kind = $kind;
            const COLUMNS: &'static [&'static str] = &[];

            fn seq(&self) -> u64 {
                self.seq
            }

            fn time(&self) -> Timestamp {
                self.time
            }
        }
    };
}

row!(ActionRow, Kind::Actions);
row!(MetricRow, Kind::Metrics);
row!(DecisionRow, Kind::Decisions);
