//! What happens at a `crashpoint!`: the service ends or stops there, if it was told to. Only with the feature `crashpoints`.
//!
//! | variable | what |
//! |---|---|
//! | `ASAAS_CRASHPOINT=name[:n][:kill\|stop]` | at the `n`-th passage of this point SIGKILL, or SIGSTOP, to itself |
//! | `ASAAS_CRASHPOINT=@file` | the same, written in a file while the service runs; it goes when its point is reached |
//! | `ASAAS_CRASHPOINT_SEEN=file` | the name of every point is written there, a line for each passage |

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use nix::sys::signal::{Signal, raise};

include!(concat!(env!("OUT_DIR"), "/crashpoints.rs"));

/// What is to happen, where, and when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    point: String,
    passage: u64,
    signal: Signal,
}

/// An order that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no crash point; hint: name[:n][:kill|stop], with a name of `asaas crashpoints`"
)]
pub struct OrderError {
    text: String,
}

impl FromStr for Order {
    type Err = OrderError;
    fn from_str(text: &str) -> Result<Self, OrderError> {
        let unknown = || OrderError {
            text: text.to_owned(),
        };
        let mut words = text.trim().split(':');
        let mut order = Self {
            point: words.next().unwrap_or_default().to_owned(),
            passage: 1,
            signal: Signal::SIGKILL,
        };
        for word in words {
            match word {
                "kill" => order.signal = Signal::SIGKILL,
                "stop" => order.signal = Signal::SIGSTOP,
                number => order.passage = number.parse().map_err(|_| unknown())?,
            }
        }
        if POINTS.contains(&order.point.as_str()) && order.passage > 0 {
            Ok(order)
        } else {
            Err(unknown())
        }
    }
}

/// Where the order stands.
#[derive(Debug)]
enum Orders {
    None,
    Given(Order),
    /// In a file, once there is one.
    In(PathBuf),
}

#[derive(Debug)]
struct Watch {
    orders: Orders,
    seen: Option<PathBuf>,
    /// How often each point was passed since the order for it was first seen.
    passed: Mutex<BTreeMap<Order, u64>>,
}

/// Does from now on what the environment says.
///
/// # Errors
/// Where it names no point that there is: a test that waits for it would wait for ever.
pub fn obey_environment() -> Result<(), OrderError> {
    let orders = match env::var("ASAAS_CRASHPOINT") {
        Err(_) => Orders::None,
        Ok(text) => match text.strip_prefix('@') {
            Some(file) => Orders::In(PathBuf::from(file)),
            None => Orders::Given(text.parse()?),
        },
    };
    let seen = env::var_os("ASAAS_CRASHPOINT_SEEN").map(|file: OsString| file.into());
    let watch = Watch {
        orders,
        seen,
        passed: Mutex::default(),
    };
    controller::crash::install(Box::new(move |point| watch.pass(point)));
    Ok(())
}

impl Watch {
    fn pass(&self, point: &'static str) {
        self.write_down(point);
        let Some(order) = self.order().filter(|order| order.point == point) else {
            return;
        };
        {
            let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            let passage = passed.entry(order.clone()).or_default();
            *passage += 1;
            if *passage < order.passage {
                return;
            }
            passed.clear();
        }
        if let Orders::In(file) = &self.orders {
            // Another thread may pass the same point in this very moment.
            let _ = fs::remove_file(file);
        }
        let _ = raise(order.signal);
    }

    fn order(&self) -> Option<Order> {
        match &self.orders {
            Orders::None => None,
            Orders::Given(order) => Some(order.clone()),
            Orders::In(file) => fs::read_to_string(file).ok()?.parse().ok(),
        }
    }

    fn write_down(&self, point: &str) {
        let Some(seen) = &self.seen else { return };
        let line = OpenOptions::new().create(true).append(true).open(seen);
        // Whoever reads it misses the point, and says so.
        let _ = line.and_then(|mut file| file.write_all(format!("{point}\n").as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_a_point_and_may_say_which_passage_and_how() {
        let point = POINTS[0];
        let order = |text: &str| text.parse::<Order>();

        let plain = order(point).unwrap();
        assert_eq!((plain.passage, plain.signal), (1, Signal::SIGKILL));
        let full = order(&format!("{point}:3:stop\n")).unwrap();
        assert_eq!((full.passage, full.signal), (3, Signal::SIGSTOP));
        for wrong in [
            "",
            "no.such.point",
            &format!("{point}:0"),
            &format!("{point}:now"),
        ] {
            assert!(order(wrong).is_err(), "{wrong}");
        }
    }
}
