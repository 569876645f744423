//! `asaas clouds`

use std::pin::pin;
use std::time::Duration;

use controller::ports::Verdict;

use crate::api::CloudReport;
use crate::cli::{CloudsArgs, Global};
use crate::exit::{CommandError, Exit};
use crate::show;

/// What takes no longer than this needs no progress.
const QUIET: Duration = Duration::from_secs(2);

pub(super) async fn run(global: &Global, args: &CloudsArgs) -> Result<Exit, CommandError> {
    let path = match &args.cloud {
        Some(cloud) => format!("/v1/clouds?name={cloud}"),
        None => "/v1/clouds".to_owned(),
    };
    let client = super::client(global)?;
    let clouds: Vec<CloudReport> = {
        let mut asked = pin!(client.get(&path));
        tokio::select! {
            clouds = &mut asked => clouds?,
            () = tokio::time::sleep(QUIET) => {
                super::say("… asking the clouds; those that do not answer are waited for up to 10 s");
                asked.await?
            }
        }
    };
    if args.json {
        super::print_json(&clouds)?;
    } else {
        super::print(&show::clouds::clouds(&clouds))?;
    }
    let is_missing = |cloud: &CloudReport| cloud.checkup.verdict() == Verdict::Missing;
    Ok(if clouds.iter().any(is_missing) {
        Exit::Failed
    } else {
        Exit::Ok
    })
}
