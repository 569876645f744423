//! Uses processor time: work that takes the same however many others work, so that more instances really help.

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds between two looks at the clock: some 20 µs.
const ROUNDS: u32 = 20_000;
/// Where the share is small, this much time is waited for at most, as a multiple of what is to be used.
const PATIENCE: u32 = 100;

/// Uses this much processor time on this thread.
pub(crate) fn burn(time: Duration) {
    let (began, used) = (Instant::now(), used());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    loop {
        for _ in 0..ROUNDS {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        black_box(state);
        let done = match (used, self::used()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            // A kernel that does not tell.
            _ => began.elapsed(),
        };
        if done >= time || began.elapsed() > time.saturating_mul(PATIENCE) {
            return;
        }
    }
}

/// How much processor time this thread has used. Yielding makes the kernel bring its books up to date.
fn used() -> Option<Duration> {
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burning_uses_about_as_much_processor_time_as_was_asked_for() {
        let before = used().unwrap();

        burn(Duration::from_millis(30));

        let spent = used().unwrap().saturating_sub(before);
        assert!((30..60).contains(&spent.as_millis()), "{spent:?}");
    }
}
