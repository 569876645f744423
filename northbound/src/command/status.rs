//! `asaas status`

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

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
    show::<TenantReport>(&client, &path, args, show::status::tenant).await
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
        let shown = if args.json {
            format!("{}\n", serde_json::to_string(&seen)?)
        } else {
            text(&seen)
        };
        if shown != last {
            let mut out = stdout().lock();
            if !args.json && out.is_terminal() {
                out.write_all(CLEAR.as_bytes())?;
            }
            out.write_all(shown.as_bytes())?;
            out.flush()?;
            last = shown;
        }
        tokio::time::sleep(LOOK).await;
    }
}
