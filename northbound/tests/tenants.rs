//! Many tenants in one service.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::time::{Duration, Instant};

use many::{Stepped, TICK, round, settled};

#[path = "given/many.rs"]
mod many;

/// The bar is 100 ms, which `make bench` measures; ten times that is a fault on any machine.
const LIMIT: Duration = Duration::from_secs(1);

// S4-123, L5
#[tokio::test]
async fn a_tick_of_three_hundred_tenants_is_done_in_time() {
    let clock = Stepped::new();
    let mut controllers = settled(&clock, None).await;
    clock.step(TICK);

    let begin = Instant::now();
    round(&mut controllers).await;

    let took = begin.elapsed();
    assert!(took < LIMIT, "{took:?}");
}
