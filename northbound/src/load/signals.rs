//! What people can tell a run while it goes on.

use std::io;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// A wish of a person, or of a program, during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on to the next segment of the profile now.
    Skip,
    /// End early: start nothing more; the second time, wait for nothing either.
    Stop,
}

/// Listens to SIGINT, SIGTERM and SIGUSR1 until it is dropped.
#[derive(Debug)]
pub(super) struct Signals {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    pub(super) fn listen(controls: Sender<Control>) -> io::Result<Self> {
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let guard = runtime.enter();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let skip = signal(SignalKind::user_defined1())?;
        drop(guard);
        let thread = std::thread::Builder::new()
            .name("load-signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = forward([interrupt, terminate], skip, controls) => {}
                        _ = ended => {}
                    }
                });
            })?;
        Ok(Self {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

async fn forward(
    [mut interrupt, mut terminate]: [Signal; 2],
    mut skip: Signal,
    to: Sender<Control>,
) {
    loop {
        let control = tokio::select! {
            _ = interrupt.recv() => Control::Stop,
            _ = terminate.recv() => Control::Stop,
            _ = skip.recv() => Control::Skip,
        };
        if to.send(control).is_err() {
            return;
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say; a panic in it has been printed.
            drop(thread.join());
        }
    }
}
