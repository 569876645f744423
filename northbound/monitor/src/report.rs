//! What is said, in one line of JSON. The service reads it with the same types, and believes none of it.

use serde::{Deserialize, Serialize};

/// Where reports are posted.
pub const PATH: &str = "/v1/report";
/// A report is shorter than this, in bytes: a service need not read more.
pub const REPORT_LIMIT: usize = 64 << 10;
/// So many readings go with one report: a sixth of the bytes that a service reads.
pub(crate) const READINGS_LIMIT: usize = 40;

/// That an instance lives, and how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Which.
    pub instance: String,
    /// Another number for each start of a monitor: its readings are numbered anew.
    pub run: u64,
    /// From one reading to the next, in milliseconds: also what to expect reports after.
    pub every_ms: u64,
    /// So many readings of this run were dropped because the service was away for too long.
    pub dropped: u64,
    /// Oldest first; may be none.
    pub readings: Vec<Reading>,
}

/// How an instance was over a time. What could not be measured is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Counts up from 0 in a run; one that comes again was sent before, and the answer was lost.
    pub number: u64,
    /// How long ago it was taken, in milliseconds.
    pub age_ms: u64,
    /// Over which time before that, in milliseconds; 0 for the first.
    pub over_ms: u64,
    /// Share of all processors: 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Share of memory: 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<f64>,
    /// Bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_read: Option<f64>,
    /// Bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_write: Option<f64>,
    /// Bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_in: Option<f64>,
    /// Bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_out: Option<f64>,
    /// Processes that ran or waited, on average over a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_report_is_within_the_limit_and_comes_back() {
        let widest = Some(-f64::MIN_POSITIVE);
        let reading = Reading {
            number: u64::MAX,
            age_ms: u64::MAX,
            over_ms: u64::MAX,
            cpu: widest,
            memory: widest,
            disk_read: widest,
            disk_write: widest,
            network_in: widest,
            network_out: widest,
            load: widest,
        };
        let report = Report {
            instance: "i".repeat(128),
            run: u64::MAX,
            every_ms: u64::MAX,
            dropped: u64::MAX,
            readings: vec![reading; READINGS_LIMIT],
        };

        let line = serde_json::to_string(&report).unwrap();

        assert!(line.len() < REPORT_LIMIT, "{}", line.len());
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Report>(&line).unwrap(), report);
    }
}
