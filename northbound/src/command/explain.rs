//! `asaas explain`

use controller::journal::Event;
use controller::replay::Account;
use jiff::Timestamp;
use serde::Serialize;

use super::past::{Asked, decide_again};
use crate::api::Explanation;
use crate::cli::{ExplainArgs, Global};
use crate::client::{Client, ClientError};
use crate::exit::{CommandError, Exit};
use crate::show;

/// So many pieces of the journal are heard to decide one decision again: about a day at a tick of ten seconds. For more there
/// is `asaas replay`.
const PIECES: usize = 12;

pub(super) async fn run(global: &Global, args: &ExplainArgs) -> Result<Exit, CommandError> {
    let at = match args.at {
        Some(at) => format!("?at={}", at.from(Timestamp::now())),
        None => String::new(),
    };
    let path = format!("/v1/tenants/{}/explain{at}", args.tenant);
    let client = super::client(global)?;
    let explanation: Explanation = client.get(&path).await?;
    let again = again(&client, &explanation).await?;
    if args.json {
        super::print_json(&Explained { explanation, again })?;
        return Ok(Exit::Ok);
    }
    let mut text = show::explain::explanation(&explanation);
    text.push_str(&show::explain::again(&explanation, again.as_ref()));
    super::print(&text)?;
    Ok(Exit::Ok)
}

#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    explanation: Explanation,
    /// What deciding again has shown; `None` where it would take long.
    again: Option<Account>,
}

/// Decides the explained decision again, with the code of this command.
async fn again(client: &Client, explanation: &Explanation) -> Result<Option<Account>, ClientError> {
    let decided = explanation
        .entries
        .iter()
        .find(|entry| matches!(entry.event, Event::Decided(_)));
    let Some(decided) = decided else {
        return Ok(None);
    };
    let asked = Asked {
        from: decided.at,
        until: decided.at,
        pieces: Some(PIECES),
    };
    decide_again(client, &explanation.tenant, asked).await
}
