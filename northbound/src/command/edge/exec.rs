//! The person's command, in the client's namespace.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitStatus};
use std::thread;

use netsetup::EdgeClient;

/// Runs `command` (a program and its arguments) in the place of `client`, with our own standard streams, and waits for its
/// end. Gives the place back, so that it can be left.
pub(super) fn run_in(
    client: EdgeClient,
    command: &[OsString],
) -> (EdgeClient, io::Result<ExitStatus>) {
    // A thread of its own, since it stays in the namespace for good.
    let ended = thread::scope(|scope| {
        let there = scope.spawn(|| {
            client.enter().map_err(io::Error::other)?;
            let (program, args) = command
                .split_first()
                .ok_or_else(|| io::Error::other("no command was given"))?;
            Command::new(program).args(args).status()
        });
        there
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("its thread panicked")))
    });
    (client, ended)
}
