//! `asaas status`

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{TenantReport, TenantSummary};
use crate::cli::{Global, StatusArgs};
use crate::client::Client;
use crate::exit::{CommandError, Exit};
use crate::show;

/// From one look to the next, with `--watch`.
const LOOK: Duration = Duration::from_secs(1);
/// Clears the screen and goes to its top.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) async fn run(global: &Global, args: &StatusArgs) -> Result<Exit, CommandError> {
    let client = super::client(global)?;
    let Some(tenant) = &args.tenant else {
        let text = |tenants: &Vec<TenantSummary>| show::status::tenants(tenants);
        return show(&client, "/v1/tenants", args, text).await;
    };
    let path = format!("/v1/tenants/{tenant}");
    let text = |report: &TenantReport| show::status::tenant(report, Timestamp::now());
    show(&client, &path, args, text).await
}

async fn show<T: Serialize + DeserializeOwned>(
    client: &Client,
    path: &str,
    args: &StatusArgs,
    text: impl Fn(&T) -> String,
) -> Result<Exit, CommandError> {
    if !args.watch {
        let seen: T = client.get(path).await?;
        if args.json {
            super::print_json(&seen)?;
        } else {
            super::print(&text(&seen))?;
        }
        return Ok(Exit::Ok);
    }
    let mut last = String::new();
    loop {
        let seen: T = client.get(path).await?;
        let json = format!("{}\n", serde_json::to_string(&seen)?);
        let mut out = stdout().lock();
        let is_screen = !args.json && out.is_terminal();
        // A screen shows how old it is; elsewhere there is only something to say when something is new.
        if is_screen || json != last {
            if is_screen {
                out.write_all(CLEAR.as_bytes())?;
            }
            let text = if args.json { &json } else { &text(&seen) };
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        last = json;
        drop(out);
        tokio::time::sleep(LOOK).await;
    }
}
