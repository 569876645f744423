//! Points at which a test ends the program, to see what is found again: [`crashpoint!`](crate::crashpoint).
//!
//! A point has a name of its own, `where.what`, and stands between two effects. Without the feature `crashpoints` it is nothing
//! at all. With it, whoever has installed a hook is told of each passage; what happens then is the hook's business, for here
//! is no I/O.

#[cfg(feature = "crashpoints")]
use std::sync::OnceLock;

/// A point between two effects, at which a test may end the program: `crashpoint!("tick.recorded")`. With a condition, it is
/// passed only where that holds: a tick that changes nothing has no step in it to be cut short.
#[cfg(feature = "crashpoints")]
#[macro_export]
macro_rules! crashpoint {
    ($name:literal) => {
        $crate::crash::pass($name)
    };
    ($name:literal, $is_passed:expr) => {
        if $is_passed {
            $crate::crash::pass($name);
        }
    };
}

/// A point between two effects, at which a test may end the program. Nothing, without the feature `crashpoints`.
#[cfg(not(feature = "crashpoints"))]
#[macro_export]
macro_rules! crashpoint {
    ($name:literal) => {};
    ($name:literal, $is_passed:expr) => {};
}

/// Is told the name of each point that is passed, on the thread that passes it.
#[cfg(feature = "crashpoints")]
pub type Hook = Box<dyn Fn(&'static str) + Send + Sync>;

#[cfg(feature = "crashpoints")]
static HOOK: OnceLock<Hook> = OnceLock::new();

/// Has the hook told of every passage from now on; the first one that is installed stays.
#[cfg(feature = "crashpoints")]
pub fn install(hook: Hook) {
    // A second one would be a test that is wired twice.
    let _ = HOOK.set(hook);
}

/// Tells the hook, where there is one.
#[cfg(feature = "crashpoints")]
pub fn pass(name: &'static str) {
    if let Some(hook) = HOOK.get() {
        hook(name);
    }
}
