//! Several meters as one: each metric comes from the meter that has it.

use std::sync::Arc;

use async_trait::async_trait;
use controller::load::Sample;
use controller::ports::{Measurement, Meter, MeterError};
use futures_util::future::join_all;

/// Meters that are read together.
pub(super) struct Meters(Vec<Arc<dyn Meter>>);

impl Meters {
    pub(super) fn new(meters: Vec<Arc<dyn Meter>>) -> Self {
        Self(meters)
    }
}

#[async_trait]
impl Meter for Meters {
    /// What all of them read. One that does not work takes its own metrics with it and no other's, and is told of in the
    /// service's log; a policy that follows one of those sees that readings are missing. An error where none works.
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let tenant = asked.tenant;
        let readings = join_all(self.0.iter().map(|meter| meter.sample(asked))).await;
        let mut samples = Vec::new();
        let mut failure = None;
        let mut is_any_well = false;
        for reading in readings {
            match reading {
                Ok(read) => {
                    is_any_well = true;
                    samples.extend(read);
                }
                Err(error) => {
                    tracing::warn!(%tenant, %error, "a meter does not work");
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(error) if !is_any_well => Err(error),
            _ => Ok(samples),
        }
    }
}
