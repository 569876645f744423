//! `asaas replay`

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::past::{Asked, decide_again};
use crate::cli::{BackwardsError, Global, Moment, ReplayArgs};
use crate::exit::{CommandError, Exit};
use crate::show;

/// What is decided again where nobody says from when.
const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn run(global: &Global, args: &ReplayArgs) -> Result<Exit, CommandError> {
    let now = Timestamp::now();
    let (from, until) = Moment::bounds(args.from, args.until, now).map_err(|error| {
        let hint = BackwardsError::HINT.replace("--since", "--from");
        CommandError::new(Exit::BadInput, error).hint(hint)
    })?;
    let until = until.unwrap_or(now);
    let from = from.unwrap_or_else(|| controller::time::later(until, -DAY));
    let asked = Asked {
        from,
        until,
        pieces: None,
    };
    let account = decide_again(&super::client(global)?, &args.tenant, asked)
        .await?
        .unwrap_or_default();
    if account.is_empty() {
        let error = format!(
            "nothing was decided for tenant `{}` from {from:.0} to {until:.0}",
            args.tenant
        );
        return Err(CommandError::new(Exit::Failed, error)
            .hint("ask for an earlier time, such as `--from 7d`; entries older than `logs.keep` are dropped"));
    }
    let replayed = Replayed {
        tenant: args.tenant.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        from,
        until,
        account: &account,
    };
    if args.json {
        super::print_json(&replayed)?;
    } else {
        super::print(&show::replay::account(&args.tenant, from, until, &account))?;
    }
    Ok(if account.different > 0 {
        Exit::Failed
    } else {
        Exit::Ok
    })
}

#[derive(Serialize)]
struct Replayed<'a> {
    tenant: String,
    version: &'static str,
    from: Timestamp,
    until: Timestamp,
    #[serde(flatten)]
    account: &'a controller::replay::Account,
}
