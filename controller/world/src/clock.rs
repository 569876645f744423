//! A node's clocks: the steady one begins where the wall clock stands, but never before what the store last saw; the wall clock
//! is set by people, and wrong.

use async_trait::async_trait;
use controller::ports::Clock;
use controller::time::Now;
use jiff::SignedDuration;

use crate::moment::{shown, span};
use crate::seat::Seat;

#[async_trait]
impl Clock for Seat {
    fn now(&self) -> Now {
        let truth = &*self.truth();
        let node = &truth.nodes[self.node];
        Now {
            steady: shown(truth.now, node.steady_wrong),
            wall: shown(truth.now, node.wall_wrong),
        }
    }

    async fn sleep(&self, duration: SignedDuration) {
        Seat::sleep(self, span(duration)).await;
    }
}
