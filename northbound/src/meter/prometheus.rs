//! A policy's queries, asked of the operator's Prometheus at each reading. What is no single number, of now, is no reading:
//! nothing, several series, `NaN`, an answer of another time or none in time is silence, and says why.

mod answer;
mod ask;

use std::time::Duration;

use async_trait::async_trait;
use controller::load::{Metric, Sample};
use controller::ports::{Measurement, Meter, MeterError};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::Troubles;
pub(crate) use answer::value;
pub use ask::{Server, ServerError};

/// A policy follows no more queries than this, so that no tenant keeps the operator's Prometheus busy.
const QUERIES_LIMIT: usize = 16;
/// An answer that is older, or as far in the future, comes from another clock or another time.
const SKEW_LIMIT: SignedDuration = SignedDuration::from_mins(1);

/// Where the operator's Prometheus is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its address.
    pub server: Server,
    /// It answers within this, or not at all.
    pub timeout: SignedDuration,
}

/// Asks the operator's Prometheus.
#[derive(Debug)]
pub(crate) struct PrometheusMeter {
    /// `None` where the operator has none.
    settings: Option<Settings>,
    troubles: Troubles,
}

const NAME: &str = "prometheus";

impl PrometheusMeter {
    pub(crate) fn new(settings: Option<Settings>, troubles: Troubles) -> Self {
        Self { settings, troubles }
    }

    /// What it answers to a query now, and of when that is, by its clock.
    async fn ask(&self, query: &str) -> Result<(controller::amount::Amount, Timestamp), String> {
        let Some(Settings { server, timeout }) = &self.settings else {
            return Err(
                "no Prometheus is known here; hint: the operator names one as `prometheus` in asaas.yml"
                    .to_owned(),
            );
        };
        let limit = Duration::try_from(*timeout).unwrap_or_default();
        let body = match tokio::time::timeout(limit, server.ask(query)).await {
            Ok(body) => body?,
            Err(_) => return Err(format!("{server} does not answer within {timeout:#}")),
        };
        value(&body)
    }
}

/// When an answer is of, by the steady clock.
fn age(at: Timestamp, wall: Timestamp) -> Result<SignedDuration, String> {
    let age = wall.duration_since(at);
    if age.abs() <= SKEW_LIMIT {
        return Ok(age.max(SignedDuration::ZERO));
    }
    Err(format!(
        "it answers for {at:.0}, and here it is {wall:.0}; hint: set the clocks of both machines"
    ))
}

#[async_trait]
impl Meter for PrometheusMeter {
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let queries = asked.metrics.iter().filter_map(|metric| match metric {
            Metric::Prometheus(query) => Some((metric, query.as_str())),
            _ => None,
        });
        let queries: Vec<_> = queries.collect();
        let (asked_for, left_out) = queries.split_at(queries.len().min(QUERIES_LIMIT));
        let answers = asked_for
            .iter()
            .map(|(metric, query)| async move { (*metric, *query, self.ask(query).await) });
        let (mut samples, mut troubles) = (Vec::new(), Vec::new());
        for (metric, query, answer) in join_all(answers).await {
            let sample = answer.and_then(|(value, at)| {
                Ok(Sample {
                    instance: None,
                    metric: metric.clone(),
                    value,
                    at: controller::time::later(asked.now.steady, -age(at, asked.now.wall)?),
                })
            });
            match sample {
                Ok(sample) => samples.push(sample),
                Err(trouble) => troubles.push(format!("the query `{query}`: {trouble}")),
            }
        }
        if !left_out.is_empty() {
            troubles.push(format!(
                "{} queries are too many: only {QUERIES_LIMIT} are asked",
                queries.len()
            ));
        }
        self.troubles.set(asked.tenant, NAME, troubles);
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_another_time_is_none() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let wall = at("2026-01-15T08:00:00Z");

        assert_eq!(
            age(at("2026-01-15T07:59:58Z"), wall),
            Ok(SignedDuration::from_secs(2))
        );
        assert_eq!(
            age(at("2026-01-15T08:00:30Z"), wall),
            Ok(SignedDuration::ZERO)
        );
        for other in ["2026-01-15T07:58:00Z", "2026-01-15T08:02:00Z"] {
            assert!(age(at(other), wall).is_err(), "{other}");
        }
    }
}
