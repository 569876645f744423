//! The test of the test: mistakes that others have made, each put where the guard is that its story bought, so that it can be
//! shown that the seeded world would have found it. All of it is behind the feature `seeded-bugs`; without it, [`seeded!`]
//! leaves nothing in the code.
//!
//! `seeded!(F4)` is whether the bug is on here and now, and `seeded!(F4 => return false)` does it where it is; `F8 | F32` is either.
//! The one that is on is a thread's own, so that worlds with different bugs run side by side.

#[cfg(feature = "seeded-bugs")]
mod memory;

#[cfg(feature = "seeded-bugs")]
pub(crate) use memory::{has_failed, highest, remember_applied, remember_failed, was_applied};

/// `seeded!(F4)`: whether the bug of this story is on; `false` without the feature. `seeded!(F4 => act)`: `act`, where it is on;
/// nothing at all without the feature.
#[cfg(feature = "seeded-bugs")]
macro_rules! seeded {
    ($($bug:ident)|+) => {
        ($($crate::seeded::Bug::$bug.is_on())||+)
    };
    ($($bug:ident)|+ $(if $condition:expr)? => $act:expr) => {
        if ($($crate::seeded::Bug::$bug.is_on())||+) $(&& $condition)? {
            $act
        }
    };
}

#[cfg(not(feature = "seeded-bugs"))]
macro_rules! seeded {
    ($($bug:ident)|+) => {
        false
    };
    ($($bug:ident)|+ $(if $condition:expr)? => $act:expr) => {};
}

#[cfg(feature = "seeded-bugs")]
macro_rules! bugs {
    ($($story:ident $breaks:literal $guards:literal)*) => {
        /// A bug that can be switched on, by the story that it is taken from.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Bug {
            $(#[doc = $breaks] $story,)*
        }

        impl Bug {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$story,)*];

            /// The story that it is taken from: `F4`; a letter after it where a story has several.
            pub fn story(self) -> &'static str {
                match self {
                    $(Self::$story => stringify!($story),)*
                }
            }

            /// What is broken, in a line.
            pub fn breaks(self) -> &'static str {
                match self {
                    $(Self::$story => $breaks,)*
                }
            }

            /// The invariants that should tell.
            pub fn guards(self) -> &'static str {
                match self {
                    $(Self::$story => $guards,)*
                }
            }
        }
    };
}

#[cfg(feature = "seeded-bugs")]
bugs! {
    F1 "an instance that one listing does not show is believed dead" "I6"
    F2 "an instance that gives no reading is read as idle" "I3"
    F3 "a signal that is silent is left out, and the others lower the number" "I3"
    F4 "a value that falls to exactly zero is believed at once" "I3"
    F5 "a reading that is not a number is read as zero" "I3"
    F6 "a scale-in may go any distance at once" "I4"
    F7 "the network could not be changed, and removals go on" "I10"
    F8 "nobody asks before an effect whether the tenant is still ours, and the epoch is not compared" "I9"
    F9 "the cloud is asked before the intent is durable" "I7 I8 I22"
    F10 "an intent that one listing does not show is given up, and another one is made" "I6 I8"
    F11 "the record could not be written, and the plan is carried out" "I7 I22"
    F12 "an address is given away while the one who had it is still being removed" "I7 I10"
    F13 "instances that never become healthy are launched again without a rest" "I20"
    F14 "whoever the cloud likes is removed, instead of the one that was drained" "I17"
    F15 "an instance that bears no tag that is recorded is removed at first sight" "I7"
    F16a "all who may go are removed, instead of as many as should" "I2 I4"
    F16b "the number may fall below the minimum, to zero" "I2"
    F16c "a paused tenant is acted upon" "I26"
    F16d "one that serves is removed before its successor serves" "I2 I25"
    F17 "the flows of an instance that is gone are not forgotten" "I10"
    F18 "rules are applied only where the plan has changed" "L8"
    F19 "after a failure the rules are not applied again" "L8"
    F20 "a scale-out may go any distance at once" "I4"
    F22 "an instance that does not answer is removed with its connections" "I10 I16"
    F23 "a cloud that gives no answer is taken to have said that there is nothing" "I6"
    F25 "those on their way out are not counted under the maximum" "I1"
    F26 "a launch whose instance was terminated is asked for again, for ever" "L1"
    F27 "waiting times go by the wall clock" "I18"
    F31 "a removal that was refused counts as done" "L1"
    F32 "whoever was deposed goes on" "I9"
    F33 "one silent instance of many keeps the number from falling" "L9"
}

#[cfg(feature = "seeded-bugs")]
impl Bug {
    /// Whether it is on, in this thread.
    pub(crate) fn is_on(self) -> bool {
        memory::on() == Some(self)
    }
}

/// Runs `story` with this bug on, or with none, in this thread.
#[cfg(feature = "seeded-bugs")]
pub fn with<T>(bug: Option<Bug>, story: impl FnOnce() -> T) -> T {
    let _switch = memory::Switch::turn(bug);
    story()
}
