//! The arguments of `asaas load`.

use std::path::PathBuf;
use std::time::Duration;

use super::profile::{self, Profile};
use super::schedule::Arrivals;
use super::target::Target;

/// What `--help` says at its end.
const HELP: &str = "\
The generator is open loop: each request starts when the profile says so, whatever became of those before it, and its latency is \
counted from that moment; a server that stalls is seen by every request that was due meanwhile.

SIGUSR1 goes on to the profile's next segment at once. Ctrl-C ends the run and still prints the summary; a second one does so \
without waiting for answers.

Exit code: 0 when all went well, 1 when a request failed, 2 when the run could not begin.";

/// Sends requests at the rate of a profile and says what became of them.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = HELP)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct LoadArgs {
    /// Where to send: `http://ADDRESS[:PORT]/PATH`, `tcp://ADDRESS:PORT`, `udp://ADDRESS:PORT` or `icmp://ADDRESS`.
    pub target: Target,

    /// Requests per second over time, such as `low=10/s:20s,high=50/s:1m,ramp 50/s..10/s:30s`.
    #[arg(short, long, default_value = "10/s:10s", value_name = "PROFILE")]
    pub profile: Profile,

    /// Run the profile so many times in a row.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub repeat: usize,

    /// How the starts are spread within a segment.
    #[arg(long, value_enum, default_value_t = Arrivals::Even)]
    pub arrivals: Arrivals,

    /// Where chance starts from: the same seed gives the same starts.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,

    /// At most so many clients, each with one request at a time; a request that finds none free waits, and its latency counts on.
    #[arg(short, long, default_value_t = 1000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub clients: u32,

    /// So many clients are added per second from the start on; all are there at once where this is not given.
    #[arg(short = 'r', long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub spawn_rate: Option<u32>,

    /// A request without its whole answer after this long has failed; the same for each attempt.
    #[arg(long, default_value = "5s", value_parser = timeout, value_name = "DURATION")]
    pub timeout: Duration,

    /// Try again so many times, with growing pauses, where a connection is refused or breaks; the latency counts on. Only for what can be
    /// repeated safely: HTTP GET, HEAD, PUT, DELETE, and TCP without a body.
    #[arg(long, default_value_t = 0, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=10))]
    pub retries: u32,

    /// HTTP: keep connections and use them again; otherwise each request has its own.
    #[arg(long)]
    pub keep_alive: bool,

    /// HTTP: the method.
    #[arg(short = 'X', long, default_value = "GET", value_name = "METHOD")]
    pub method: hyper::Method,

    /// HTTP: a further header, `Name: value`; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub headers: Vec<String>,

    /// HTTP, TCP, UDP: what is sent; `@FILE` for the content of a file.
    #[arg(short, long, value_name = "TEXT")]
    pub body: Option<String>,

    /// HTTP: the status that counts as an answer; any 2xx where this is not given.
    #[arg(long, value_name = "CODE",
          value_parser = clap::value_parser!(u16).range(100..=599))]
    pub expect_status: Option<u16>,

    /// Send from inside this network namespace: a name in /run/netns, or a path.
    #[arg(long, value_name = "NAME|PATH")]
    pub netns: Option<String>,

    /// Allow a target that is neither this machine's loopback nor reached from inside a namespace.
    #[arg(long)]
    pub i_own_the_target: bool,

    /// Threads that send.
    #[arg(long, default_value_t = 1, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: u16,

    /// Write one row per second to this file: counts, latencies, requests in flight.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,

    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,

    /// No marks and no progress on standard error.
    #[arg(short, long)]
    pub quiet: bool,

    /// Exit with 0 although requests failed.
    #[arg(long)]
    pub allow_failures: bool,
}

/// Longer than this nobody waits, and the run's end is bounded by it.
const MAX_TIMEOUT: Duration = Duration::from_mins(5);

fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = profile::duration(text)?;
    if timeout > MAX_TIMEOUT {
        return Err(format!(
            "a timeout is at most {MAX_TIMEOUT:?}, found `{text}`"
        ));
    }
    Ok(timeout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        load: LoadArgs,
    }

    fn parse(args: &[&str]) -> Result<LoadArgs, String> {
        Cli::try_parse_from([&["load"], args].concat())
            .map(|cli| cli.load)
            .map_err(|error| error.to_string())
    }

    // S0-38
    #[test]
    fn clients_and_spawn_rate_are_read() {
        let args = parse(&["http://127.0.0.1/", "-c", "50", "-r", "5"]).unwrap();

        assert_eq!((args.clients, args.spawn_rate), (50, Some(5)));
    }

    #[test]
    fn a_bad_profile_is_answered_with_a_hint() {
        let error = parse(&["http://127.0.0.1/", "-p", "10/x:5s"]).unwrap_err();

        assert!(error.contains("found `/x`"), "{error}");
        assert!(error.contains("hint:"), "{error}");
    }

    #[test]
    fn what_cannot_be_bounded_is_refused() {
        for args in [["--timeout", "1h"], ["-c", "0"], ["--retries", "11"]] {
            assert!(parse(&[&["http://127.0.0.1/"], &args[..]].concat()).is_err());
        }
    }
}
