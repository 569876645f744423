//! When each tenant was looked at, read from the journal: every regular tick writes its decision there.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};

/// From one tick of a tenant to its next, in seconds, of all tenants, in order of length.
#[derive(Debug)]
pub(crate) struct Gaps(Vec<f64>);

impl Gaps {
    /// The shortest that so many percent do not exceed.
    pub(crate) fn share(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0[rank.max(1) - 1]
    }
}

/// Those of so many tenants between two moments: what is still open at an end counts as a gap, and so does a tenant of which
/// there is nothing at all.
pub(crate) fn gaps(store: &Path, tenants: u32, from: Timestamp, to: Timestamp) -> Gaps {
    let seconds = |moment: Timestamp| moment.duration_since(from).as_secs_f64();
    let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = store
        .prepare(
            "SELECT tenant, wall FROM journal WHERE kind = 'decided' AND wall BETWEEN ?1 AND ?2
             ORDER BY tenant, wall",
        )
        .unwrap();
    let nanoseconds = |moment: Timestamp| i64::try_from(moment.as_nanosecond()).unwrap();
    let rows = query
        .query_map(params![nanoseconds(from), nanoseconds(to)], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })
        .unwrap();
    let mut gaps = Vec::new();
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    for row in rows {
        let (tenant, wall) = row.unwrap();
        let at = seconds(Timestamp::from_nanosecond(wall.into()).unwrap());
        gaps.push(at - last.insert(tenant, at).unwrap_or(0.0));
    }
    gaps.extend(last.values().map(|at| seconds(to) - at));
    gaps.extend((last.len()..tenants as usize).map(|_| seconds(to)));
    gaps.sort_by(f64::total_cmp);
    Gaps(gaps)
}
