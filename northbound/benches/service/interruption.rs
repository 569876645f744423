//! An interruption ends the measurement where it is safe: by a panic, so that everything that is held is given back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

/// From one look whether to go on to the next.
const LOOK: Duration = Duration::from_millis(100);

static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on signals end nothing by themselves.
pub(crate) fn watch() {
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                // What follows the first is bounded: there is nothing to hurry.
                signal(kind).unwrap().recv().await;
                IS_INTERRUPTED.store(true, Ordering::SeqCst);
                std::future::pending::<()>().await;
            });
        });
    }
}

/// Panics where somebody wants it to end.
pub(crate) fn go_on() {
    assert!(
        !IS_INTERRUPTED.load(Ordering::SeqCst),
        "interrupted: everything is being taken away"
    );
}

/// Does nothing for so long.
pub(crate) fn idle(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        go_on();
        std::thread::sleep(LOOK);
    }
}
