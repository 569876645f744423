//! Every command and every flag of `asaas`, and nothing that they do: `command` does it. `asaas --help` is the reference.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use controller::amount::Amount;
use controller::id::{Generation, InstanceId, MetricName, TenantName};
use jiff::SignedDuration;

use crate::backtest::BacktestArgs;
use crate::chart::ChartArgs;
use crate::demo::DemoArgs;
use crate::exit::Exit;
use crate::load::LoadArgs;
use crate::logs::Kind;
use crate::tune::TuneArgs;

mod lists;
mod moment;
mod value;

pub use lists::{CloudsArgs, NodesArgs, TenantsArgs};
pub use moment::{BackwardsError, Moment};
use value::{amount, duration, generation, number, span};

/// Autoscaling as a service: as many instances as a tenant needs, in the clouds that it prefers, behind one public address.
#[derive(Debug, Parser)]
#[command(name = "asaas", version, after_help = Exit::HELP, max_term_width = 100)]
pub struct Cli {
    /// Settings that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Settings that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The operator's configuration [default: asaas.yml here, then /etc/asaas/asaas.yml, then none].
    #[arg(long, global = true, value_name = "FILE", env = "ASAAS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where the service listens [default: `socket` in the configuration].
    #[arg(long, global = true, value_name = "PATH", env = "ASAAS_SOCKET")]
    pub socket: Option<PathBuf>,
    /// What is told on stderr: error, warn, info, debug, or a filter as in `RUST_LOG`.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service: look after every tenant until stopped. Stopping leaves instances and traffic as they are.
    Serve(ServeArgs),
    /// Say everything that is wrong with a tenant file.
    Validate(ValidateArgs),
    /// Print a tenant file in the long spelling.
    Convert(ConvertArgs),
    /// Print the JSON Schema of tenant files, for completion in editors.
    Schema,
    /// Say what applying a tenant file would launch, remove and change. Touches nothing.
    Plan(PlanArgs),
    /// Try a policy on a known load: what it would have cost, and what it would have left short.
    Backtest(Box<BacktestArgs>),
    /// Look for settings that meet a goal at less cost, and prove them on days that were held out. Changes nothing.
    Tune(Box<TuneArgs>),
    /// Put a tenant file in force.
    Apply(ApplyArgs),
    /// Show a tenant: its number, instances, clouds, and what is wrong.
    Status(StatusArgs),
    /// Say why a number was decided: measurements, the formula, every guard, the clouds.
    Explain(ExplainArgs),
    /// Decide again, with the code of this program, what was decided, and say what comes out otherwise.
    Replay(ReplayArgs),
    /// Order exactly so many instances, or leave it to the policy again.
    Scale(ScaleArgs),
    /// Stop all actions for a tenant, also over restarts, until it is resumed. Traffic flows on.
    Pause(OrderArgs),
    /// Take up the actions for a tenant again.
    Resume(OrderArgs),
    /// Tell a value of the application's own, such as the length of a queue, for policies to follow.
    Push(PushArgs),
    /// Download a tenant's logs.
    Logs(LogsArgs),
    /// Remove a tenant: let its connections finish, then take away everything.
    Destroy(DestroyArgs),
    /// List the tenants.
    Tenants(TenantsArgs),
    /// List the services that share a store, and how many tenants each of them looks after.
    Nodes(NodesArgs),
    /// Look at each cloud of the service: whether it can be reached and used, how much room it has, and what is missing.
    Clouds(CloudsArgs),
    /// Send load at a given rate.
    Load(Box<LoadArgs>),
    /// Run a command where the tenants' clients are, such as `asaas edge curl http://45.45.45.45/`.
    Edge(EdgeArgs),
    /// Draw what happened, from the logs.
    Chart(ChartArgs),
    /// Show one tenant scaling for real on this machine, and check what is promised.
    Demo(DemoArgs),
    /// List the points at which `ASAAS_CRASHPOINT` can end the service.
    #[cfg(feature = "crashpoints")]
    #[command(hide = true)]
    Crashpoints {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// The arguments of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Tell one JSON object per line on stderr.
    #[arg(long)]
    pub log_json: bool,
}

/// The arguments of `validate`.
#[derive(Debug, Clone, Args)]
pub struct ValidateArgs {
    /// A file, or a tenant's name: `demo` stands for `tenants/demo.yml`.
    #[arg(value_name = "FILE|NAME")]
    pub file: String,
    /// Print the problems as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `convert`.
#[derive(Debug, Clone, Args)]
pub struct ConvertArgs {
    /// A file, or a tenant's name: `demo` stands for `tenants/demo.yml`.
    #[arg(value_name = "FILE|NAME")]
    pub file: String,
}

/// The arguments of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// A file, or a tenant's name: `demo` stands for `tenants/demo.yml`.
    #[arg(value_name = "FILE|NAME")]
    pub file: String,
    /// Tell the bounds and the expected size of the time ahead too, such as `24h`; at most 31 days.
    #[arg(long, value_name = "DURATION", value_parser = span)]
    pub timeline: Option<SignedDuration>,
    /// Print the plan as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `apply`.
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    /// A file, or a tenant's name: `demo` stands for `tenants/demo.yml`.
    #[arg(value_name = "FILE|NAME")]
    pub file: String,
    /// Print the plan first, and apply only if nothing has changed since.
    #[arg(long)]
    pub plan: bool,
    /// Only if the tenant is at this generation; 0 for "only if it is new".
    #[arg(long, value_name = "N", value_parser = generation)]
    pub generation: Option<Generation>,
    /// What `--wait` waits for is that the wanted instances serve.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// Print what was done as JSON.
    #[arg(long)]
    pub json: bool,
}

/// How long to wait.
#[derive(Debug, Clone, Args)]
pub struct WaitArgs {
    /// Return when it has come about.
    #[arg(long)]
    pub wait: bool,
    /// Wait no longer than this.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub timeout: SignedDuration,
}

/// The arguments of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Whose; all tenants in a list where it is left out.
    pub tenant: Option<TenantName>,
    /// Print JSON; with `--watch` one object per line.
    #[arg(long)]
    pub json: bool,
    /// Show it again whenever it changes, until Ctrl-C.
    #[arg(long, short)]
    pub watch: bool,
}

/// The arguments of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Whose.
    pub tenant: TenantName,
    /// The last decision at this time: `2026-01-15T08:00:00Z`, `08:00` (today, UTC), or how long ago: `10m` [default: the last of all].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub at: Option<Moment>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `replay`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Ends with 1 where a decision comes out otherwise.")]
pub struct ReplayArgs {
    /// Whose.
    pub tenant: TenantName,
    /// Nothing before this time: `2026-01-15T08:00:00Z`, `08:00` (today, UTC), or how long ago: `7d` [default: a day before
    /// the end].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<Moment>,
    /// Nothing after this time [default: now].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<Moment>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `scale`.
#[derive(Debug, Clone, Args)]
pub struct ScaleArgs {
    /// Whose.
    pub tenant: TenantName,
    /// How many, or `auto` for what the policy says.
    #[arg(value_name = "N|auto", value_parser = number)]
    pub number: Number,
    /// Only if the tenant is at this generation.
    #[arg(long, value_name = "N", value_parser = generation)]
    pub generation: Option<Generation>,
    /// What `--wait` waits for is that so many instances serve.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// Print what is in force as JSON.
    #[arg(long)]
    pub json: bool,
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// What the policy says.
    Auto,
    /// Exactly so many.
    Exactly(u32),
}

/// The arguments of `pause` and `resume`.
#[derive(Debug, Clone, Args)]
pub struct OrderArgs {
    /// Whose.
    pub tenant: TenantName,
    /// Print what is in force as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `push`.
#[derive(Debug, Clone, Args)]
pub struct PushArgs {
    /// Whose.
    pub tenant: TenantName,
    /// What it is called: `queue_length`.
    pub name: MetricName,
    /// How much, from 0 to a billion. It counts for three ticks: push it again before that.
    #[arg(value_parser = amount, allow_negative_numbers = true)]
    pub value: Amount,
    /// Of this instance [default: of all of them together].
    #[arg(long, value_name = "ID")]
    pub instance: Option<InstanceId>,
    /// Print what was taken as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `logs`.
#[derive(Debug, Clone, Args)]
pub struct LogsArgs {
    /// Whose.
    pub tenant: TenantName,
    /// Which log.
    #[arg(long, value_enum, default_value_t = Kind::Actions)]
    pub kind: Kind,
    /// Nothing before this time: `2026-01-15T08:00:00Z`, `08:00` (today, UTC), or how long ago: `1h30m`.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<Moment>,
    /// Nothing at or after this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<Moment>,
    /// Print CSV, as in the files (the default).
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `destroy`.
#[derive(Debug, Clone, Args)]
pub struct DestroyArgs {
    /// Whose.
    pub tenant: TenantName,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Only if the tenant is at this generation.
    #[arg(long, value_name = "N", value_parser = generation)]
    pub generation: Option<Generation>,
    /// What `--wait` waits for is that nothing is left.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// Print what was done as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `edge`.
#[derive(Debug, Clone, Args)]
pub struct EdgeArgs {
    /// The client's address [default: one of `edge.clients` in the configuration].
    #[arg(long, value_name = "IP")]
    pub address: Option<Ipv4Addr>,
    /// The command and its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub command: Vec<OsString>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_and_flags_fit_together() {
        Cli::command().debug_assert();
    }
}
