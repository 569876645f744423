//! `asaas load`: sends requests at a given rate and says what became of them.
//!
//! It is *open loop*: every request starts when the profile says so, whatever became of those before it, and its latency is counted from
//! that moment. A server that stalls for a second is then seen by every request that was due in this second, where a loop of
//! "ask, wait, ask again" would have asked once and called the rest fast.
//!
//! It refuses to send anywhere but to this machine's loopback, or from inside a network namespace that was named, unless it is told
//! `--i-own-the-target`. It is not a benchmark of HTTP servers: one connection per request is its default, since connections are what a
//! load balancer shares out.

mod args;
mod engine;
mod failure;
mod http;
mod icmp;
mod netns;
mod profile;
mod report;
mod schedule;
mod sender;
mod series;
mod signals;
mod stats;
mod talk;
mod target;
mod watch;

#[cfg(fuzzing)]
pub(crate) use http::answered;

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, mpsc};

use hyper::Uri;
use hyper::body::Bytes;

pub use args::LoadArgs;
pub use failure::Failure;
pub use profile::{Profile, ProfileError, Segment};
pub use report::{Counts, Generator, InstanceAnswers, Report, SegmentReport};
pub use schedule::Arrivals;
pub use signals::Control;
pub use stats::Latency;
pub use target::{Mode, Target, TargetError};

use http::HttpRequest;
use netns::Namespace;
use schedule::Schedule;
use sender::{Request, What};
use series::Series;
use signals::Signals;

/// A request has failed.
const FAILURES: u8 = 1;
/// The largest body that is sent.
const MAX_BODY: u64 = 64 * 1024 * 1024;
/// What a datagram says where nothing was given: an empty one would be lost on most servers.
const DATAGRAM: &[u8] = b"asaas load\n";

/// The run could not begin, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The guard on targets.
    #[error(
        "{0} is not this machine's loopback\nhint: send from inside a network namespace with `--netns NAME`, or say `--i-own-the-target`"
    )]
    NotOurs(String),
    /// Arguments that do not fit together.
    #[error("{0}")]
    Arguments(String),
    /// The namespace cannot be used.
    #[error("the network namespace `{name}` cannot be entered")]
    Namespace {
        /// As given.
        name: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A file cannot be read or written.
    #[error("`{path}` cannot be {operation}")]
    File {
        /// Which.
        path: PathBuf,
        /// `read` or `written`.
        operation: &'static str,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The threads cannot do their work.
    #[error("the generator cannot send")]
    Generator(#[source] io::Error),
}

/// Runs `asaas load`: the summary goes to standard output. The code is 0, or 1 where a request failed.
pub fn command(args: &LoadArgs) -> Result<ExitCode, LoadError> {
    let (to, controls) = mpsc::channel();
    let _signals = Signals::listen(to).map_err(LoadError::Generator)?;
    let report = run(args, &controls)?;
    let text = if args.json {
        serde_json::to_string_pretty(&report).expect("a report is made of plain values")
    } else {
        report.to_string()
    };
    // Where nobody reads the summary, the exit code still tells.
    drop(writeln!(io::stdout(), "{text}"));
    Ok(if report.has_failures() && !args.allow_failures {
        ExitCode::from(FAILURES)
    } else {
        ExitCode::SUCCESS
    })
}

/// Sends what the arguments ask for, in threads of its own, and returns when the last answer is there or given up.
/// Blocks: not for the threads of an async runtime.
pub fn run(args: &LoadArgs, controls: &mpsc::Receiver<Control>) -> Result<Report, LoadError> {
    let request = request(args)?;
    let namespace = namespace(args)?;
    let profile = args.profile.repeated(args.repeat).ok_or_else(|| {
        LoadError::Arguments(format!(
            "the profile, {} times, is longer than a day or has too many segments",
            args.repeat
        ))
    })?;
    let series = match &args.csv {
        Some(path) => Some(Series::create(path).map_err(|cause| LoadError::File {
            path: path.clone(),
            operation: "written",
            cause,
        })?),
        None => None,
    };
    watch::raise_descriptor_limit();
    let schedule = Schedule::new(&profile, args.arrivals, args.seed);
    let engine = engine::Engine::new(schedule, request, namespace);
    watch::Watch::new(args, engine, series).run(controls)
}

/// The guard on targets, and the namespace that the sockets live in.
fn namespace(args: &LoadArgs) -> Result<Option<Namespace>, LoadError> {
    match &args.netns {
        Some(name) => Namespace::open(name)
            .map(Some)
            .map_err(|cause| LoadError::Namespace {
                name: name.clone(),
                cause,
            }),
        None if args.target.is_loopback() || args.i_own_the_target || netns::is_apart() => Ok(None),
        None => Err(LoadError::NotOurs(args.target.to_string())),
    }
}

/// What is sent, checked as a whole.
fn request(args: &LoadArgs) -> Result<Request, LoadError> {
    let address = args.target.address;
    let body = body(args.body.as_deref())?;
    let what = match args.target.mode {
        Mode::Http => What::Http(Box::new(HttpRequest {
            address,
            method: args.method.clone(),
            path: args.target.path.parse::<Uri>().map_err(|error| {
                LoadError::Arguments(format!("`{}`: {error}", args.target.path))
            })?,
            headers: http::headers(&args.headers).map_err(LoadError::Arguments)?,
            body,
            expect: args
                .expect_status
                .map(|code| hyper::StatusCode::from_u16(code).expect("clap has checked its range")),
            keep_alive: args.keep_alive,
        })),
        Mode::Tcp => What::Tcp(address, body),
        Mode::Udp if body.is_empty() => What::Udp(address, Bytes::from_static(DATAGRAM)),
        Mode::Udp => What::Udp(address, body),
        Mode::Icmp => match address.ip() {
            IpAddr::V4(ip) => What::Icmp(ip, Arc::new(AtomicU32::new(fastrand::u32(..)))),
            IpAddr::V6(_) => unreachable!("a target's ICMP is IPv4"),
        },
    };
    let request = Request {
        what,
        timeout: args.timeout,
        retries: args.retries,
    };
    if request.retries > 0 && !request.is_idempotent() {
        return Err(LoadError::Arguments(
            "what is sent cannot be repeated safely, so `--retries` is refused".to_owned(),
        ));
    }
    Ok(request)
}

fn body(text: Option<&str>) -> Result<Bytes, LoadError> {
    let Some(text) = text else {
        return Ok(Bytes::new());
    };
    let Some(path) = text.strip_prefix('@') else {
        return Ok(Bytes::copy_from_slice(text.as_bytes()));
    };
    let fail = |cause| LoadError::File {
        path: path.into(),
        operation: "read",
        cause,
    };
    let length = std::fs::metadata(path).map_err(fail)?.len();
    if length > MAX_BODY {
        return Err(fail(io::Error::other(format!(
            "it has {length} bytes, and at most {MAX_BODY} are sent"
        ))));
    }
    std::fs::read(path).map(Bytes::from).map_err(fail)
}

#[cfg(test)]
mod tests;
