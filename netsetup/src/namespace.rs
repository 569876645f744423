//! Network namespaces: making, finding and deleting them, and doing things inside them.
//!
//! A namespace belongs to a thread, so a few threads of our own go from one namespace to another; what they make there (a
//! socket, a child process, a netlink connection) stays in the namespace wherever it is used afterwards. A namespace is made
//! the way `ip netns` does it, with a bind mount below `/run/netns`, so that people can look into it with `ip netns exec`;
//! unlike there, this process is never forked.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use controller::crashpoint;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, statfs};
use tokio::sync::oneshot;

use crate::name::NamespaceName;

/// Where named namespaces are bound.
const RUN: &str = "/run/netns";
/// The namespace that the process was started in.
const HOST: &str = "/proc/self/ns/net";
/// The namespace of the thread that asks.
const OWN: &str = "/proc/thread-self/ns/net";
/// Two jobs at a time: each only makes sockets, children or files, and never waits for the network.
const WORKERS: usize = 2;
/// So many jobs may wait; whoever asks for more is held up until there is room.
const QUEUE: usize = 256;

/// Where a namespace is bound.
pub(crate) fn path(name: &NamespaceName) -> PathBuf {
    if *name == NamespaceName::own() {
        return PathBuf::from(HOST);
    }
    Path::new(RUN).join(name.as_str())
}

/// Moves the calling thread into a namespace, for good.
pub(crate) fn enter(name: &NamespaceName) -> io::Result<()> {
    let target = File::open(path(name))?;
    setns(&target, CloneFlags::CLONE_NEWNET)?;
    Ok(())
}

/// Opens a namespace, to move a link into it.
pub(crate) fn open(name: &NamespaceName) -> io::Result<File> {
    File::open(path(name))
}

/// Whether the namespace exists: a file alone, left by a crash, is not one.
pub(crate) fn exists(name: &NamespaceName) -> bool {
    statfs(&path(name)).is_ok_and(|found| found.filesystem_type() == NSFS_MAGIC)
}

/// Every namespace whose name begins with `prefix`, in order.
pub(crate) fn list(prefix: &str) -> io::Result<Vec<NamespaceName>> {
    let entries = match std::fs::read_dir(RUN) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if let Some(name) = name.to_str().filter(|name| name.starts_with(prefix)) {
            found.push(NamespaceName::found(name));
        }
    }
    found.sort();
    Ok(found)
}

/// Makes the namespace; `false` where it exists already. Its loopback is down and nothing is set in it.
pub(crate) fn create(name: &NamespaceName) -> io::Result<bool> {
    if exists(name) {
        return Ok(false);
    }
    share_run_directory()?;
    let path = path(name);
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o444)
        .open(&path);
    match opened {
        // A file without a namespace is what a crash between the two steps below leaves.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    crashpoint!("namespace.unbound");
    let made = thread::scope(|scope| {
        let bind = || -> nix::Result<()> {
            unshare(CloneFlags::CLONE_NEWNET)?;
            mount(
                Some(OWN),
                &path,
                None::<&str>,
                MsFlags::MS_BIND,
                None::<&str>,
            )
        };
        let thread = thread::Builder::new().spawn_scoped(scope, bind)?;
        let bound = thread
            .join()
            .map_err(|_| io::Error::other("the thread that makes a namespace panicked"))?;
        bound.map_err(io::Error::from)
    });
    if made.is_err() {
        // The next attempt begins anew anyway; an empty file would only confuse people.
        let _ = std::fs::remove_file(&path);
    }
    made.map(|()| true)
}

/// Makes what is mounted below the directory visible to every mount namespace, as `ip netns` does.
fn share_run_directory() -> io::Result<()> {
    std::fs::create_dir_all(RUN)?;
    let share = || {
        let flags = MsFlags::MS_SHARED | MsFlags::MS_REC;
        mount(None::<&str>, RUN, None::<&str>, flags, None::<&str>)
    };
    if share().is_ok() {
        return Ok(());
    }
    // Only a mount point can be shared, so the directory is first bound to itself.
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(RUN), RUN, None::<&str>, flags, None::<&str>)?;
    share()?;
    Ok(())
}

/// Deletes the namespace's name; the namespace itself goes with its last process and socket. `Ok` where it is gone.
pub(crate) fn delete(name: &NamespaceName) -> io::Result<()> {
    let path = path(name);
    match umount2(&path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => {}
        Err(error) => return Err(error.into()),
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The namespace of the process, to which a worker returns.
fn own() -> io::Result<File> {
    File::open(HOST)
}

type Job = Box<dyn FnOnce() + Send>;

/// Threads that do short jobs inside namespaces.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    jobs: SyncSender<Job>,
    /// The folder in which tools are looked for first.
    tools: Option<Arc<Path>>,
}

impl Workers {
    /// Starts the threads. They end when the last clone of this is dropped.
    pub(crate) fn start(tools: Option<&Path>) -> Self {
        let (jobs, queue) = sync_channel::<Job>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..WORKERS {
            let queue = Arc::clone(&queue);
            let started = thread::Builder::new()
                .name(format!("asaas-netns-{number}"))
                .spawn(move || work(&queue));
            if let Err(error) = started {
                tracing::error!(%error, "a thread for namespaces could not be started");
            }
        }
        Self {
            jobs,
            tools: tools.map(Arc::from),
        }
    }

    /// The folder in which tools are looked for first.
    pub(crate) fn tools(&self) -> Option<&Path> {
        self.tools.as_deref()
    }

    /// Does a job inside a namespace and returns its answer. The job must not wait for anything but the kernel.
    pub(crate) async fn within<T: Send + 'static>(
        &self,
        name: &NamespaceName,
        job: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let name = name.clone();
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Whoever asked may have gone away meanwhile.
            let _ = answer.send(visit(&name, job));
        });
        let mut waiting = Some(job);
        while let Some(job) = waiting.take() {
            match self.jobs.try_send(job) {
                Ok(()) => {}
                Err(std::sync::mpsc::TrySendError::Full(job)) => {
                    waiting = Some(job);
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => break,
            }
        }
        answered
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the threads for namespaces are gone")))
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A job that panics must not take the thread along: the answer's other end sees that nobody answers.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("a job inside a namespace panicked");
        }
        // Wherever the job has left the thread, the next one starts from home.
        if let Err(error) = own().and_then(|home| Ok(setns(&home, CloneFlags::CLONE_NEWNET)?)) {
            tracing::error!(%error, "a thread could not return from a namespace");
        }
    }
}

fn visit<T>(name: &NamespaceName, job: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    enter(name).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("entering the namespace {name}: {error}"),
        )
    })?;
    job()
}
