//! What meters read: answers of Prometheus, and access logs in any format. What is no reading says why, in a message that fits
//! into a log; a reading is an amount that policies can work with.
#![no_main]

use std::time::Duration;

use arbitrary::Arbitrary;
use controller::amount::Amount;
use controller::example;
use controller::load::Metric;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use northbound::fuzzing::{access_log_lines, access_log_samples, prometheus_value};
use northbound::meter::Format;

const FORMATS: [&str; 5] = [
    "%w %V %T",
    "[%t] %w %V %T",
    "%w %{ms}T",
    "%h %l %u [%t] \"%r\" %>s %b %D %{BALANCER_WORKER_NAME}e",
    "100%% %D",
];
/// A message is a line in a log and on a screen.
const MESSAGE: usize = 2_000;
const MOST: f64 = 1e9;

#[derive(Debug, Arbitrary)]
struct Read<'a> {
    prometheus: &'a [u8],
    value: f64,
    at: f64,
    format: u8,
    other: &'a str,
    micros: u64,
    log: Vec<&'a [u8]>,
}

fuzz_target!(|read: Read<'_>| {
    answer(read.prometheus);
    let (at, value) = (read.at, read.value);
    let vector = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[{at:e},"{value:e}"]}}]}}}}"#
    );
    answer(vector.as_bytes());
    for format in [
        FORMATS[usize::from(read.format) % FORMATS.len()],
        read.other,
    ] {
        // The operator's own words are shown as they are.
        if format.contains(char::is_control) {
            continue;
        }
        if let Ok(format) = format.parse::<Format>() {
            log(&format, &read);
        }
    }
});

fn answer(body: &[u8]) {
    match prometheus_value(body) {
        Ok((value, _)) => assert!((0.0..=MOST).contains(&value.as_f64()), "{value}"),
        Err(message) => fits(&message),
    }
}

fn fits(message: &str) {
    assert!(message.chars().count() <= MESSAGE, "{message}");
    assert!(!message.chars().any(char::is_control), "{message:?}");
}

fn log(format: &Format, read: &Read<'_>) {
    assert_eq!(format.to_string().parse::<Format>().as_ref(), Ok(format));
    let whole = read.log.concat();
    let lines = access_log_lines(&read.log);
    assert_eq!(
        lines,
        access_log_lines(&[&whole]),
        "it matters in which pieces it is read"
    );
    let instances = [example::instance(0), example::instance(1)];
    let span = Duration::from_secs(1) + Duration::from_micros(read.micros % 300_000_000);
    let samples = access_log_samples(&lines, format, &instances, span, Timestamp::UNIX_EPOCH);
    let samples = match samples {
        Ok(samples) => samples,
        Err(message) => return fits(&message),
    };
    let requests = samples
        .iter()
        .filter(|s| s.metric == Metric::RequestsPerSecond);
    let requests: Amount = requests.map(|sample| sample.value).sum();
    let most = lines.len() as f64 / span.as_secs_f64() + 1e-3;
    assert!(
        requests.as_f64() <= most,
        "{requests} of {} lines",
        lines.len()
    );
    for sample in &samples {
        assert!(sample.value.as_f64() <= MOST, "{sample:?}");
        assert_eq!(sample.instance.is_some(), format.has_worker());
    }
}
