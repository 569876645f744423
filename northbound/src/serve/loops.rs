//! The thread on which the tenants' loops run: apart from the requests, so that a flood of those never delays a tick. A loop
//! only ever waits; whatever takes time runs in tasks and processes of the adapters.

use std::io;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, LocalSet, spawn_local};

/// More loops than this are not handed over at the same time.
const QUEUE: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// The thread. It ends when this is dropped.
pub(super) struct Loops {
    jobs: mpsc::Sender<Job>,
}

impl Loops {
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, mut inbox) = mpsc::channel::<Job>(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("asaas-loops".to_owned())
            .spawn(move || {
                LocalSet::new().block_on(&runtime, async move {
                    while let Some(job) = inbox.recv().await {
                        job();
                    }
                });
            })?;
        Ok(Self { jobs })
    }

    /// Runs a future there to its end. `None` where the thread has ended before; an error where the future has panicked.
    pub(super) async fn run<F>(
        &self,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> Option<Result<F::Output, JoinError>>
    where
        F: Future<Output: Send + 'static> + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            let task = spawn_local(make());
            spawn_local(async move {
                let _ = answer.send(task.await);
            });
        });
        self.jobs.send(job).await.ok()?;
        answered.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // I19
    #[tokio::test]
    async fn a_loop_that_panics_is_the_only_one_that_ends() {
        let loops = Loops::start().unwrap();

        let broken = loops.run(|| async { panic!("a test") }).await;
        let other = loops.run(|| async { 7 }).await;

        assert!(
            broken
                .unwrap()
                .is_err_and(|error: JoinError| error.is_panic())
        );
        assert_eq!(other.unwrap().unwrap(), 7);
    }
}
