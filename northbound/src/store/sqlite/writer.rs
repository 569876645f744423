//! One thread writes, for everybody. All who wait at the same time share one transaction, and so one flush of the disk, which
//! is what takes the time: a thousand tenants that tick in the same second wait for it a few dozen times, and not a thousand.
//!
//! ```text
//! ticks, apply, orders ─► queue ─► BEGIN  SAVEPOINT work RELEASE  SAVEPOINT work ROLLBACK TO …  COMMIT ─► all are answered
//! ```
//!
//! Nobody is told that something is written before it is on the disk (I22). Work that fails, or panics, takes nothing of the
//! others' with it; a transaction that cannot be committed fails for all who were in it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use controller::crashpoint;
use controller::id::TenantName;
use rusqlite::{Connection, Error, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot, watch};

use super::wishes::Wishes;

/// More than these do not wait in the queue; whoever comes then waits to get into it.
const QUEUE: usize = 1_024;
/// So many share a transaction at most, so that the first of them is answered soon …
const BATCH: usize = 256;
/// … and none is begun with after this long.
const BATCH_TIME: Duration = Duration::from_millis(50);

/// Why something was not written.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The file does not do as asked.
    Sql(Arc<Error>),
    /// The work panicked, or the thread is gone: a fault of ours.
    Stopped,
}

/// The thread. It ends, with all that was begun, when this is dropped.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Begins to write on this connection. `wishes` is told whose wish has changed, and `grown` is counted up, after each
    /// commit and before anybody is answered.
    pub(super) fn start(
        connection: Connection,
        wishes: Arc<Wishes>,
        grown: watch::Sender<u64>,
    ) -> io::Result<Self> {
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("asaas-store".to_owned())
            .spawn(move || run(connection, inbox, &wishes, &grown))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Does this work, all of it or nothing, and returns once that is on the disk. `changes` names whose wish it may change.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        changes: Option<TenantName>,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        let task = Task {
            changes,
            work: Some(work),
            done: None,
            answer,
        };
        let jobs = self.jobs.as_ref().ok_or(Failure::Stopped)?;
        if jobs.send(Box::new(task)).await.is_err() {
            return Err(Failure::Stopped);
        }
        answered.await.unwrap_or(Err(Failure::Stopped))
    }
}

impl Drop for Writer {
    /// Returns when the file is let go of, so that whoever opens it next finds it free.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A piece of work, whatever the type of its answer.
trait Job: Send {
    /// False once nobody waits for the answer: then nobody has been promised anything.
    fn is_awaited(&self) -> bool;

    fn run(&mut self, tx: &Transaction<'_>) -> Result<(), Arc<Error>>;

    fn changes(&self) -> Option<&TenantName>;

    /// Tells whoever waits what came of it, or why the whole transaction has failed.
    fn answer(self: Box<Self>, committed: Result<(), Failure>);
}

struct Task<T, W> {
    changes: Option<TenantName>,
    work: Option<W>,
    /// `None` where the work was not begun, or has panicked.
    done: Option<Result<T, Arc<Error>>>,
    answer: oneshot::Sender<Result<T, Failure>>,
}

impl<T, W> Job for Task<T, W>
where
    T: Send,
    W: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send,
{
    fn is_awaited(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(&mut self, tx: &Transaction<'_>) -> Result<(), Arc<Error>> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        let done = work(tx).map_err(Arc::new);
        let outcome = done.as_ref().map(|_| ()).map_err(Arc::clone);
        self.done = Some(done);
        outcome
    }

    fn changes(&self) -> Option<&TenantName> {
        self.changes.as_ref()
    }

    fn answer(self: Box<Self>, committed: Result<(), Failure>) {
        let outcome = match (self.done, committed) {
            (Some(Err(own)), _) => Err(Failure::Sql(own)),
            (_, Err(shared)) => Err(shared),
            (Some(Ok(done)), Ok(())) => Ok(done),
            (None, Ok(())) => Err(Failure::Stopped),
        };
        let _ = self.answer.send(outcome);
    }
}

fn run(
    mut connection: Connection,
    mut inbox: mpsc::Receiver<Box<dyn Job>>,
    wishes: &Wishes,
    grown: &watch::Sender<u64>,
) {
    while let Some(first) = inbox.blocking_recv() {
        let mut batch = Vec::new();
        let committed = commit(&mut connection, first, &mut inbox, &mut batch);
        // Whatever became of it: what is read anew is true.
        for tenant in batch.iter().filter_map(|job| job.changes()) {
            wishes.changed(tenant);
        }
        if committed.is_ok() {
            grown.send_modify(|count| *count += 1);
        }
        for job in batch {
            job.answer(committed.clone().map_err(Failure::Sql));
        }
    }
}

/// One transaction of the first job and of those that wait behind it. Each that was begun is in `batch` afterwards.
fn commit(
    connection: &mut Connection,
    first: Box<dyn Job>,
    inbox: &mut mpsc::Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
) -> Result<(), Arc<Error>> {
    let began = Instant::now();
    let tx = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(tx) => tx,
        Err(error) => {
            batch.push(first);
            return Err(Arc::new(error));
        }
    };
    let mut next = Some(first);
    while let Some(mut job) = next {
        if job.is_awaited() {
            let done = run_apart(&tx, &mut *job);
            batch.push(job);
            done?;
        }
        let is_over = batch.len() >= BATCH || began.elapsed() >= BATCH_TIME;
        next = if is_over { None } else { inbox.try_recv().ok() };
    }
    crashpoint!("store.uncommitted");
    tx.commit().map_err(Arc::new)?;
    crashpoint!("store.committed");
    Ok(())
}

/// Runs a job so that, where it fails, nothing of it stays. An error where that could not be had: then nothing of the whole
/// transaction stays either.
fn run_apart(tx: &Transaction<'_>, job: &mut dyn Job) -> Result<(), Arc<Error>> {
    let command = |sql| -> Result<(), Arc<Error>> {
        let mut statement = tx.prepare_cached(sql)?;
        statement.execute([])?;
        Ok(())
    };
    command("SAVEPOINT job")?;
    let done = catch_unwind(AssertUnwindSafe(|| job.run(tx)));
    if let Ok(Err(error)) = &done
        && tx.is_autocommit()
    {
        // A full disk undoes the transaction by itself, with what others have done in it.
        return Err(Arc::clone(error));
    }
    if !matches!(done, Ok(Ok(()))) {
        command("ROLLBACK TO job")?;
    }
    command("RELEASE job")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as threads;

    use super::*;

    fn writer() -> (Writer, watch::Receiver<u64>) {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE number (value INTEGER PRIMARY KEY) STRICT")
            .unwrap();
        let grown = watch::Sender::new(0);
        let commits = grown.subscribe();
        let writer = Writer::start(connection, Arc::default(), grown).unwrap();
        (writer, commits)
    }

    fn put(tx: &Transaction<'_>, value: i64) -> rusqlite::Result<usize> {
        tx.execute("INSERT INTO number VALUES (?1)", [value])
    }

    async fn numbers(writer: &Writer) -> Vec<i64> {
        let read = |tx: &Transaction<'_>| {
            let mut statement = tx.prepare("SELECT value FROM number ORDER BY value")?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        writer.write(None, read).await.unwrap()
    }

    /// Holds the thread up until the sender is dropped, so that all that comes meanwhile waits together.
    fn hold(writer: &Writer) -> (threads::Sender<()>, impl Future<Output = ()>) {
        let (let_go, held) = threads::channel::<()>();
        let holding = writer.write(None, move |_| {
            let _ = held.recv();
            // Longer than a transaction may take: what waits goes into the next one.
            thread::sleep(BATCH_TIME);
            Ok(())
        });
        (let_go, async move { holding.await.unwrap() })
    }

    #[tokio::test]
    async fn those_who_wait_together_share_a_transaction() {
        let (writer, commits) = writer();
        let (let_go, held) = hold(&writer);
        let many = (0..100).map(|value| writer.write(None, move |tx| put(tx, value)));
        let many = futures_util::future::join_all(many);

        let all = async { tokio::join!(biased; held, many, async { drop(let_go) }) };
        let ((), answers, ()) = all.await;

        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(numbers(&writer).await.len(), 100);
        assert_eq!(
            *commits.borrow(),
            3,
            "the holder, the hundred, and the look"
        );
    }

    // I19
    #[tokio::test]
    async fn work_that_fails_or_panics_takes_nothing_of_the_others_with_it() {
        let (writer, commits) = writer();
        let (let_go, held) = hold(&writer);
        let first = writer.write(None, |tx| put(tx, 1));
        let twice = writer.write(None, |tx| put(tx, 2).and_then(|_| put(tx, 1)));
        let broken = writer.write(None, |tx| -> rusqlite::Result<()> {
            put(tx, 3)?;
            panic!("a test")
        });
        let other = writer.write(None, |tx| put(tx, 4));

        let all = async {
            tokio::join!(biased; held, first, twice, other, broken, async { drop(let_go) })
        };
        let ((), first, twice, other, broken, ()) = all.await;

        assert!(first.is_ok() && other.is_ok());
        assert!(matches!(twice, Err(Failure::Sql(_))), "{twice:?}");
        assert!(matches!(broken, Err(Failure::Stopped)), "{broken:?}");
        assert_eq!(numbers(&writer).await, [1, 4]);
        assert_eq!(*commits.borrow(), 3, "the holder, the four, and the look");
    }

    // I22
    #[tokio::test]
    async fn a_full_disk_fails_for_all_who_share_the_transaction() {
        let (writer, _) = writer();
        let pages = |tx: &Transaction<'_>| tx.pragma_update(None, "max_page_count", 2);
        writer.write(None, pages).await.unwrap();
        let (let_go, held) = hold(&writer);
        let small = writer.write(None, |tx| put(tx, 1));
        let large = writer.write(None, |tx| {
            (2..10_000).try_for_each(|value| put(tx, value).map(|_| ()))
        });

        let all = async { tokio::join!(biased; held, small, large, async { drop(let_go) }) };
        let ((), small, large, ()) = all.await;

        let is_full = |failure: &Failure| {
            let Failure::Sql(error) = failure else {
                return false;
            };
            error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        };
        assert!(large.as_ref().is_err_and(is_full), "{large:?}");
        // Either it was undone with the large one, and is told so, or it is there.
        assert_eq!(numbers(&writer).await.len(), usize::from(small.is_ok()));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_begun() {
        let (writer, _) = writer();
        let (let_go, held) = hold(&writer);
        let given_up = async {
            let wait = writer.write(None, |tx| put(tx, 1));
            let _ = tokio::time::timeout(Duration::from_millis(1), wait).await;
            drop(let_go);
        };

        tokio::join!(biased; held, given_up);

        assert_eq!(numbers(&writer).await, [] as [i64; 0]);
    }
}
