//! Several meters as one: each metric comes from the meter that has it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use controller::load::Sample;
use controller::ports::{Measurement, Meter, MeterError};
use futures_util::future::join_all;

use super::Troubles;

/// One that takes longer does not answer at all, and must not take the others' readings with it: a tick waits ten seconds
/// for all of them together.
const ANSWER_LIMIT: Duration = Duration::from_secs(6);

/// Meters that are read together.
pub(crate) struct Meters {
    meters: Vec<Arc<dyn Meter>>,
    troubles: Troubles,
}

impl Meters {
    pub(crate) fn new(meters: Vec<Arc<dyn Meter>>, troubles: Troubles) -> Self {
        Self { meters, troubles }
    }
}

async fn within_limit(
    meter: &dyn Meter,
    asked: &Measurement<'_>,
) -> Result<Vec<Sample>, MeterError> {
    match tokio::time::timeout(ANSWER_LIMIT, meter.sample(asked)).await {
        Ok(reading) => reading,
        Err(_) => Err(MeterError {
            meter: "slowest",
            detail: format!("no answer within {ANSWER_LIMIT:?}"),
        }),
    }
}

#[async_trait]
impl Meter for Meters {
    /// What all of them read. One that does not work takes its own metrics with it and no other's, and is told of; a policy
    /// that follows one of those sees that readings are missing. An error where nothing was read at all.
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let readings = self
            .meters
            .iter()
            .map(|meter| within_limit(&**meter, asked));
        let (mut samples, mut failures) = (Vec::new(), Vec::new());
        for reading in join_all(readings).await {
            match reading {
                Ok(read) => samples.extend(read),
                Err(error) => failures.push(error),
            }
        }
        let told = failures.iter().map(ToString::to_string).collect();
        self.troubles.set(asked.tenant, "meters", told);
        match failures.pop() {
            Some(error) if samples.is_empty() => Err(error),
            _ => Ok(samples),
        }
    }
}
