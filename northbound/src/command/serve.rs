//! `asaas serve`

use std::io::Write;

use crate::cli::Global;
use crate::exit::{CommandError, Exit};
use crate::serve::{ServeError, serve};

pub(super) fn run(global: &Global) -> Result<Exit, CommandError> {
    #[cfg(feature = "crashpoints")]
    crate::crash::obey_environment().map_err(|error| CommandError::new(Exit::BadInput, error))?;
    let mut config = super::configuration(global)?;
    if let Some(socket) = &global.socket {
        config.socket.clone_from(socket);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ready = |socket: &std::path::PathBuf| {
        // Whoever started us may wait for this line; if nobody reads it, we run all the same.
        let _ = writeln!(std::io::stdout(), "READY {}", socket.display());
    };
    let served = runtime.block_on(serve(config, ready));
    runtime.shutdown_background();
    served.map_err(told)?;
    Ok(Exit::Ok)
}

fn told(error: ServeError) -> CommandError {
    let exit = match &error {
        ServeError::State(crate::store::StateDirError::InUse { .. })
        | ServeError::Socket(crate::serve::SocketError::InUse { .. }) => Exit::Refused,
        ServeError::Rootless { .. }
        | ServeError::Wire(_)
        | ServeError::Socket(crate::serve::SocketError::Foreign { .. }) => Exit::BadInput,
        ServeError::Missing { .. }
        | ServeError::State(_)
        | ServeError::Store(_)
        | ServeError::Socket(_)
        | ServeError::System { .. } => Exit::Failed,
    };
    let hints = error.hints();
    let mut told = CommandError::new(exit, error);
    told.hints = hints;
    told
}
