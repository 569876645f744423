//! `asaas edge`: runs a command where the tenants' clients are. The public addresses of a service whose edge is not joined to
//! anything exist in its own namespaces only, so a person who wants to try one has to be there too.

use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use ipnet::Ipv4Net;
use netsetup::EdgeClient;

use crate::api::ServiceReport;
use crate::cli::{EdgeArgs, Global};
use crate::exit::{CommandError, Exit};

mod exec;

/// Ends with the command's own exit code.
pub(super) fn run(global: &Global, args: &EdgeArgs) -> Result<ExitCode, CommandError> {
    let clients = super::configuration(global)?.edge.clients;
    let client = super::client(global)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let service: ServiceReport = client.get("/v1/service").await?;
        let failed = |error| {
            CommandError::new(Exit::Failed, error)
                .hint("joining the edge takes root on the machine where the service runs")
        };
        let address = args
            .address
            .unwrap_or_else(|| address_among(clients, std::process::id()));
        let place = EdgeClient::join(&service.deployment, address)
            .await
            .map_err(failed)?;
        let command = args.command.clone();
        // Ctrl-C is for the command; we stay until it has ended, to leave nothing behind.
        let interrupts = tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
        let place = tokio::task::spawn_blocking(move || exec::run_in(place, &command)).await;
        interrupts.abort();
        let (place, ended) = place.map_err(|error| CommandError::new(Exit::Failed, error))?;
        place.leave().await.map_err(failed)?;
        let status = ended.map_err(|error| {
            let what = format!(
                "`{}` cannot be run: {error}",
                args.command[0].to_string_lossy()
            );
            CommandError::new(Exit::BadInput, std::io::Error::other(what))
        })?;
        let code = status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(ExitCode::from(
            code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        ))
    })
}

/// An address for this process, so that several at once do not meet; the first few are left to people and tests.
fn address_among(clients: Ipv4Net, process: u32) -> Ipv4Addr {
    const LEFT_FREE: u32 = 100;
    let size = u32::from(clients.broadcast()) - u32::from(clients.network());
    let offset = if size > 2 * LEFT_FREE {
        LEFT_FREE + process % (size - LEFT_FREE)
    } else {
        1
    };
    Ipv4Addr::from(u32::from(clients.network()) + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_address_is_in_the_configured_range_and_not_its_ends() {
        let clients: Ipv4Net = "198.18.0.0/15".parse().unwrap();
        for process in [0, 1, 99_999, 4_194_303, u32::MAX] {
            let address = address_among(clients, process);
            assert!(clients.contains(&address), "{address}");
            assert!(
                address != clients.network() && address != clients.broadcast(),
                "{address}"
            );
        }
        assert_eq!(
            address_among("10.0.0.0/30".parse().unwrap(), 7),
            Ipv4Addr::new(10, 0, 0, 1)
        );
    }
}
