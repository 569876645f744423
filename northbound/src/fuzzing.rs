//! Doors for the fuzz targets in `northbound/fuzz`, to what is nobody else's business. They are there in the targets' builds
//! only.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use controller::amount::Amount;
use controller::id::TenantName;
use controller::instance::Instance;
use controller::journal::Entry;
use controller::load::Sample;
use controller::spec::TenantSpec;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::logs::{ActionRow, DecisionRow, MetricRow, Row};
use crate::meter::{AccessLog, Format};

/// Opens the log files of one kind as the service does when it starts, and appends the groups of rows that are not in them:
/// `oldest` is the first number that the journal still has. Returns the number of the last row that was found.
pub fn go_on<R: Row>(
    root: &Path,
    tenant: &TenantName,
    oldest: u64,
    groups: &[(Date, Vec<R>)],
) -> io::Result<u64> {
    crate::logs::fuzzing::go_on(root, tenant, oldest, groups)
}

/// The rows that the log files get of an entry of the journal.
pub fn rows(
    tenant: &TenantName,
    spec: Option<&TenantSpec>,
    entry: &Entry,
) -> (Vec<ActionRow>, Vec<MetricRow>, Vec<DecisionRow>) {
    crate::logs::fuzzing::rows(tenant, spec, entry)
}

/// The number in an answer of Prometheus, and of when it is.
pub fn prometheus_value(body: &[u8]) -> Result<(Amount, Timestamp), String> {
    crate::meter::fuzzing::value(body)
}

/// The lines of an access log that is read in these pieces.
pub fn access_log_lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    crate::meter::fuzzing::lines(pieces)
}

/// What these lines of an access log, written within `span`, tell of these instances.
pub fn access_log_samples(
    lines: &[Vec<u8>],
    format: &Format,
    instances: &[Instance],
    span: Duration,
    at: Timestamp,
) -> Result<Vec<Sample>, String> {
    let log = AccessLog {
        file: PathBuf::from("access.log"),
        format: format.clone(),
        stale_after: SignedDuration::from_mins(1),
    };
    crate::meter::fuzzing::told(lines, &log, instances, span, at)
}

/// What the load generator makes of what is answered over this stream: the status, and who says that it answered.
pub async fn load_answer(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Option<(u16, Option<String>)> {
    crate::load::answered(stream).await
}
