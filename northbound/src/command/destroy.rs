//! `asaas destroy`

use std::io::{BufRead, Write, stderr, stdin};

use controller::id::TenantName;

use super::wait::{Progress, Step, poll};
use crate::api::{FailureKind, OrderReply, OrderRequest, OrderWord, TenantReport, TenantSummary};
use crate::cli::{DestroyArgs, Global};
use crate::client::Client;
use crate::exit::{CommandError, Exit};
use crate::show;
use crate::store::Refusal;

pub(super) async fn run(global: &Global, args: &DestroyArgs) -> Result<Exit, CommandError> {
    let tenant = &args.tenant;
    let request = OrderRequest {
        order: OrderWord::Destroy,
        desired: None,
        generation: args.generation,
    };
    let client = super::client(global)?;
    let path = format!("/v1/tenants/{tenant}");
    if !args.yes {
        known(&client, tenant).await?;
        confirm(tenant)?;
    }
    let reply: OrderReply = client.post(&format!("{path}/orders"), &request).await?;
    super::say(&format!("{tenant} is being removed"));
    if args.wait.wait {
        let mut progress = Progress::new(tenant, "is still there", "removed", args.wait.timeout);
        let gone = poll(&client, &path, &mut progress, |report: TenantReport| {
            Step::<()>::Waiting(show::status::headline(&report.status))
        })
        .await;
        match gone {
            Err(error) if is_unknown(&error) => super::say(&format!("{tenant} is gone")),
            Err(error) => return Err(error.hint(format!("see `asaas status {tenant}`"))),
            Ok(()) => {}
        }
    }
    if args.json {
        super::print_json(&reply)?;
    }
    Ok(Exit::Ok)
}

fn is_unknown(error: &CommandError) -> bool {
    error
        .error
        .downcast_ref::<crate::api::Failure>()
        .is_some_and(|failure| failure.kind == FailureKind::Unknown)
}

/// Nobody is asked about a tenant that is not there.
async fn known(client: &Client, tenant: &TenantName) -> Result<(), CommandError> {
    let tenants: Vec<TenantSummary> = client.get("/v1/tenants").await?;
    if tenants.iter().any(|row| row.tenant == *tenant) {
        return Ok(());
    }
    let refusal = Refusal::Unknown {
        tenant: tenant.clone(),
    };
    let hint = refusal.hint();
    Err(CommandError::new(Exit::Refused, refusal).hint(hint))
}

/// Asks for the name, as a person types it.
fn confirm(tenant: &TenantName) -> Result<(), CommandError> {
    let declined = |error: &str| CommandError::new(Exit::BadInput, error.to_owned());
    if !super::is_terminal() {
        return Err(declined(
            "standard input is no terminal: add `--yes`, nothing was changed",
        ));
    }
    let mut talk = stderr();
    write!(
        talk,
        "This removes tenant `{tenant}` with all its instances. Type its name to go on: "
    )?;
    talk.flush()?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    if answer.trim() == tenant.as_str() {
        Ok(())
    } else {
        Err(declined("not confirmed, nothing was changed"))
    }
}
