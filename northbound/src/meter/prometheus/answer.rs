//! From an answer of the HTTP API to one number and its time. See <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use std::collections::BTreeMap;

use controller::amount::Amount;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Of several series so many are shown.
const SERIES_SHOWN: usize = 3;
/// An alarm is a line: labels and values may be of any length.
const SAID_LIMIT: usize = 600;

#[derive(Debug, Deserialize)]
struct Answer {
    status: String,
    data: Option<Data>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Value,
}

#[derive(Debug, Deserialize)]
struct Series {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Point,
}

/// Seconds, with a fraction, and the value as a text.
type Point = (f64, String);

/// The one number, and of when it is. The error says what there is instead, and what to do, in one line: it becomes an alarm,
/// whatever the answer holds.
pub(crate) fn value(body: &[u8]) -> Result<(Amount, Timestamp), String> {
    read(body).map_err(|said| {
        let plain = said.chars().map(|c| if c.is_control() { ' ' } else { c });
        let mut line: String = plain.take(SAID_LIMIT).collect();
        if said.chars().nth(SAID_LIMIT).is_some() {
            line.push('…');
        }
        line
    })
}

fn read(body: &[u8]) -> Result<(Amount, Timestamp), String> {
    let strange = |cause: serde_json::Error| format!("its answer makes no sense: {cause}");
    let answer: Answer = serde_json::from_slice(body).map_err(strange)?;
    let Some(data) = answer.data.filter(|_| answer.status == "success") else {
        let error = answer.error.unwrap_or(answer.status);
        return Err(format!("it is refused: {error}"));
    };
    match data.kind.as_str() {
        "scalar" => point(&serde_json::from_value(data.result).map_err(strange)?),
        "vector" => {
            let all: Vec<Series> = serde_json::from_value(data.result).map_err(strange)?;
            match all.as_slice() {
                [] => Err(
                    "it finds nothing: no such series has a sample of the last minutes; hint: see whether its source is \
                     scraped"
                        .to_owned(),
                ),
                [one] => point(&one.value),
                several => Err(too_many(several)),
            }
        }
        kind => Err(format!(
            "it gives a {kind}, not a number; hint: take one, as in `rate(…[1m])` or `avg_over_time(…[5m])`"
        )),
    }
}

fn too_many(series: &[Series]) -> String {
    let shown: Vec<String> = series
        .iter()
        .take(SERIES_SHOWN)
        .map(|series| {
            let labels = series.metric.iter();
            let labels: Vec<String> = labels
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("{{{}}}", labels.join(","))
        })
        .collect();
    format!(
        "it finds {} series, and one is needed: {}{}; hint: make them one, as in `sum(…)` or `max(…)`",
        series.len(),
        shown.join(" "),
        if series.len() > SERIES_SHOWN {
            " …"
        } else {
            ""
        },
    )
}

fn point((at, text): &Point) -> Result<(Amount, Timestamp), String> {
    let number: Option<f64> = text.parse().ok();
    let Some(value) = number.and_then(Amount::measured) else {
        return Err(format!(
            "it gives {text}, and a reading is a number from 0 to a billion"
        ));
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float that is too large becomes the largest number, which is no moment"
    )]
    let millis = (at * 1e3) as i64;
    let at = Timestamp::from_millisecond(millis)
        .map_err(|_| format!("its time makes no sense: {at}"))?;
    Ok((value, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(result: &str) -> Result<(Amount, Timestamp), String> {
        value(format!(r#"{{"status":"success","data":{result}}}"#).as_bytes())
    }

    fn vector(values: &[&str]) -> String {
        let series = values.iter().zip(1..).map(|(value, number)| {
            format!(r#"{{"metric":{{"job":"j{number}"}},"value":[1768464000.5,"{value}"]}}"#)
        });
        let series: Vec<_> = series.collect();
        format!(
            r#"{{"resultType":"vector","result":[{}]}}"#,
            series.join(",")
        )
    }

    #[test]
    fn a_scalar_and_a_vector_of_one_are_a_number_and_its_time() {
        let wanted = (
            Amount::from_millionths(12_500_000),
            "2026-01-15T08:00:00.5Z".parse().unwrap(),
        );

        assert_eq!(of(&vector(&["12.5"])), Ok(wanted));
        let scalar = r#"{"resultType":"scalar","result":[1768464000.5,"1.25e1"]}"#;
        assert_eq!(of(scalar), Ok(wanted));
    }

    // C-20
    #[test]
    fn whatever_is_no_number_is_not_zero_and_says_what_it_is() {
        let cases = [
            (vector(&[]), "finds nothing"),
            (
                vector(&["1", "2"]),
                "finds 2 series, and one is needed: {job=j1} {job=j2};",
            ),
            (vector(&["1"; 9]), "{job=j3} …"),
            (vector(&["NaN"]), "gives NaN"),
            (vector(&["+Inf"]), "gives +Inf"),
            (vector(&["-1"]), "gives -1"),
            (vector(&["1e99"]), "gives 1e99"),
            (vector(&["x"]), "gives x"),
            (
                r#"{"resultType":"matrix","result":[]}"#.to_owned(),
                "a matrix",
            ),
            (
                r#"{"resultType":"scalar","result":[1e300,"1"]}"#.to_owned(),
                "its time",
            ),
            (
                r#"{"resultType":"scalar","result":"1"}"#.to_owned(),
                "makes no sense",
            ),
        ];
        for (data, said) in cases {
            let error = of(&data).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn whatever_the_answer_holds_the_error_is_a_line() {
        let long = of(&vector(&["9".repeat(100_000).as_str()])).unwrap_err();
        let odd = of(&vector(&["1\\n\\u0000"])).unwrap_err();

        assert_eq!(long.chars().count(), SAID_LIMIT + 1);
        assert!(!odd.contains(char::is_control), "{odd:?}");
    }

    #[test]
    fn a_refusal_is_told_in_its_own_words() {
        let refused = br#"{"status":"error","errorType":"bad_data","error":"1:5: parse error"}"#;
        assert_eq!(
            value(refused),
            Err("it is refused: 1:5: parse error".to_owned())
        );
        assert!(value(b"<html>").unwrap_err().contains("makes no sense"));
    }
}
