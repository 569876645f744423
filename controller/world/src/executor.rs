//! Runs tasks in virtual time, one after the other, always in the same order. A group of tasks is a process: it can be killed
//! at whatever await its tasks are at, stopped, and woken again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use crate::moment::{At, Span};

/// A process. The world's own tasks are in [`WORLD`], which nobody kills.
pub(crate) type Group = usize;

/// The group of clients, clouds and chance.
pub(crate) const WORLD: Group = 0;

/// More polls than this without any time passing are a loop that would never end.
const POLLS_AT_ONCE: u32 = 200_000;

type Task = Pin<Box<dyn Future<Output = ()>>>;
/// Tasks need not be able to move between threads, but whoever asks for one may: so what is asked for is how to make it.
type Birth = Box<dyn FnOnce() -> Task + Send>;
type TaskId = u64;

enum Order {
    Spawn(Group, Birth),
    Kill(Group),
    Stop(Group),
    Wake(Group),
}

#[derive(Default)]
struct Shared {
    now: AtomicU64,
    ready: Mutex<VecDeque<TaskId>>,
    timers: Mutex<Timers>,
    orders: Mutex<Vec<Order>>,
}

#[derive(Default)]
struct Timers {
    next: u64,
    due: BTreeMap<(At, u64), Waker>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("one thread only, and it has not panicked")
}

/// What tasks ask of the executor: the time, sleep, and other tasks.
#[derive(Clone, Default)]
pub(crate) struct Handle(Arc<Shared>);

impl Handle {
    pub(crate) fn now(&self) -> At {
        self.0.now.load(Ordering::Relaxed)
    }

    /// Returns after this long.
    pub(crate) fn sleep(&self, span: Span) -> Sleep {
        Sleep {
            shared: self.0.clone(),
            until: self.now().saturating_add(span),
            key: None,
        }
    }

    /// Runs a task in a group, from now on.
    pub(crate) fn spawn<T>(&self, group: Group, task: impl FnOnce() -> T + Send + 'static)
    where
        T: Future<Output = ()> + 'static,
    {
        self.order(Order::Spawn(group, Box::new(|| Box::pin(task()))));
    }

    /// Drops the tasks of a group, at the await they are at.
    pub(crate) fn kill(&self, group: Group) {
        self.order(Order::Kill(group));
    }

    /// Polls the tasks of a group no more until it is woken.
    pub(crate) fn stop(&self, group: Group) {
        self.order(Order::Stop(group));
    }

    pub(crate) fn wake(&self, group: Group) {
        self.order(Order::Wake(group));
    }

    fn order(&self, order: Order) {
        locked(&self.0.orders).push(order);
    }
}

/// A wait. Dropping it takes its timer away.
pub(crate) struct Sleep {
    shared: Arc<Shared>,
    until: At,
    key: Option<(At, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.shared.now.load(Ordering::Relaxed) >= self.until {
            return Poll::Ready(());
        }
        let until = self.until;
        let known = self.key;
        let key = {
            let mut timers = locked(&self.shared.timers);
            let key = known.unwrap_or_else(|| {
                timers.next += 1;
                (until, timers.next)
            });
            timers.due.insert(key, context.waker().clone());
            key
        };
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            locked(&self.shared.timers).due.remove(&key);
        }
    }
}

struct TaskWaker {
    id: TaskId,
    is_queued: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::Relaxed) {
            locked(&self.shared.ready).push_back(self.id);
        }
    }
}

struct Slot {
    group: Group,
    task: Task,
    flag: Arc<TaskWaker>,
    waker: Waker,
}

/// The tasks, and who of them may run.
#[derive(Default)]
pub(crate) struct Executor {
    handle: Handle,
    tasks: BTreeMap<TaskId, Slot>,
    next: TaskId,
    stopped: BTreeSet<Group>,
    /// Who of the stopped has something to do.
    parked: Vec<TaskId>,
}

impl Executor {
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs everything that is due before `end`; afterwards it is `end`.
    pub(crate) fn run_until(&mut self, end: At) {
        loop {
            self.run_ready();
            let due = {
                let mut timers = locked(&self.handle.0.timers);
                match timers.due.first_entry() {
                    Some(first) if first.key().0 <= end => Some(first.remove_entry()),
                    _ => None,
                }
            };
            let Some(((at, _), waker)) = due else { break };
            self.handle.0.now.fetch_max(at, Ordering::Relaxed);
            waker.wake();
        }
        self.handle.0.now.fetch_max(end, Ordering::Relaxed);
    }

    fn run_ready(&mut self) {
        for _ in 0..POLLS_AT_ONCE {
            self.obey();
            let ready = locked(&self.handle.0.ready).pop_front();
            let Some(id) = ready else { return };
            self.poll(id);
        }
        panic!("a task runs in a circle and no time passes");
    }

    fn poll(&mut self, id: TaskId) {
        let Some(slot) = self.tasks.get_mut(&id) else {
            return;
        };
        if self.stopped.contains(&slot.group) {
            self.parked.push(id);
            return;
        }
        slot.flag.is_queued.store(false, Ordering::Relaxed);
        let mut context = Context::from_waker(&slot.waker);
        if slot.task.as_mut().poll(&mut context).is_ready() {
            self.tasks.remove(&id);
        }
    }

    fn obey(&mut self) {
        let orders = std::mem::take(&mut *locked(&self.handle.0.orders));
        for order in orders {
            match order {
                Order::Spawn(group, task) => self.add(group, task()),
                Order::Kill(group) => {
                    self.stopped.remove(&group);
                    self.tasks.retain(|_, slot| slot.group != group);
                }
                Order::Stop(group) => {
                    self.stopped.insert(group);
                }
                Order::Wake(group) => {
                    self.stopped.remove(&group);
                    let parked = std::mem::take(&mut self.parked);
                    locked(&self.handle.0.ready).extend(parked);
                }
            }
        }
    }

    fn add(&mut self, group: Group, task: Task) {
        self.next += 1;
        let flag = Arc::new(TaskWaker {
            id: self.next,
            is_queued: AtomicBool::new(true),
            shared: self.handle.0.clone(),
        });
        let waker = Waker::from(flag.clone());
        let slot = Slot {
            group,
            task,
            flag,
            waker,
        };
        self.tasks.insert(self.next, slot);
        locked(&self.handle.0.ready).push_back(self.next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::SECOND;

    fn counting(executor: &Executor, group: Group) -> Arc<AtomicU64> {
        let ticks = Arc::new(AtomicU64::new(0));
        let (handle, counted) = (executor.handle(), ticks.clone());
        executor.handle().spawn(group, move || async move {
            loop {
                handle.sleep(SECOND).await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        ticks
    }

    #[test]
    fn a_group_that_is_killed_does_nothing_more() {
        let mut executor = Executor::default();
        let killed = counting(&executor, 1);
        let spared = counting(&executor, 2);

        executor.run_until(5 * SECOND);
        executor.handle().kill(1);
        executor.run_until(9 * SECOND);

        assert_eq!(killed.load(Ordering::Relaxed), 5);
        assert_eq!(spared.load(Ordering::Relaxed), 9);
    }

    #[test]
    fn a_group_that_is_stopped_goes_on_where_it_was() {
        let mut executor = Executor::default();
        let ticks = counting(&executor, 1);

        executor.run_until(5 * SECOND);
        executor.handle().stop(1);
        executor.run_until(60 * SECOND);
        assert_eq!(ticks.load(Ordering::Relaxed), 5);
        executor.handle().wake(1);
        executor.run_until(62 * SECOND);

        assert_eq!(ticks.load(Ordering::Relaxed), 8, "one timer was overdue");
    }

    #[test]
    fn a_wait_that_is_given_up_leaves_no_timer() {
        let executor = Executor::default();
        let handle = executor.handle();
        let mut sleep = Box::pin(handle.sleep(SECOND));
        let mut context = Context::from_waker(Waker::noop());
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        assert_eq!(locked(&handle.0.timers).due.len(), 1);

        drop(sleep);

        assert!(locked(&handle.0.timers).due.is_empty());
    }
}
