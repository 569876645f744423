//! What can go wrong. Each seed draws a subset of the kinds, and how often each strikes (swarm testing): a world in which
//! everything fails at once hides what a single fault does.

/// How many kinds there are.
pub(crate) const KINDS: usize = Fault::ALL.len();

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name, as the coverage tells it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

faults! {
    /// A call to a cloud never arrives, and nobody says so.
    RequestLost,
    /// A call to a cloud is carried out, and the answer is lost.
    ReplyLost,
    /// A cloud answers 429.
    Throttled,
    /// A cloud answers 5xx for a while.
    ServerErrors,
    /// A cloud refuses everything for a while: 403.
    Denied,
    /// A cloud refuses to remove, and nothing else (F31).
    DeleteDenied,
    /// A cloud has no room for a while, or for fewer than before.
    NoCapacity,
    /// A cloud lists nothing although there is something (F10).
    EmptyListing,
    /// A cloud leaves out a part of the list.
    PartialListing,
    /// A cloud is slower than anybody waits.
    SlowAnswer,
    /// A new instance is not listed for a while.
    LagAfterCreate,
    /// A removed instance is listed for a while.
    LagAfterDelete,
    /// An operation that was accepted fails later.
    OperationFails,
    /// An instance ends while it is made, before anybody sees it or is told (F26).
    Stillborn,
    /// The connection drops when the instance is defined and not started.
    HalfMade,
    /// A removal is accepted, and the instance goes on for long.
    Zombie,
    /// An instance that never starts.
    BootNever,
    /// An instance that runs and never answers (F13).
    NeverHealthy,
    /// An instance takes long to answer.
    BootSlow,
    /// An instance that served answers no more.
    Broken,
    /// An instance answers no more for a while.
    Hiccup,
    /// An instance is stopped behind our back.
    SpotKill,
    /// Somebody else's instance with similar tags.
    Stranger,
    /// The lock of the rules is held by another program (F19).
    LockHeld,
    /// Another program flushes our rules (F18).
    Flush,
    /// Rules are not taken.
    ApplyFails,
    /// Rules are taken, and the answer is lost.
    ApplyReplyLost,
    /// The network cannot be read.
    ObserveFails,
    /// Flows cannot be forgotten.
    ForgetFails,
    /// The probes fail although instances answer.
    ProbesBlind,
    /// A foreign rule appears.
    ForeignRule,
    /// A commit fails.
    CommitFails,
    /// A commit is durable, and the answer is lost.
    CommitReplyLost,
    /// The disk is full for a while.
    DiskFull,
    /// The store cannot be read.
    ReadFails,
    /// A commit takes seconds.
    SlowCommit,
    /// One instance is not measured.
    SilentOne,
    /// No instance is measured.
    SilentAll,
    /// One metric is not measured (F3).
    SilentMetric,
    /// Readings are no numbers (F5).
    NotANumber,
    /// Every meter reads exactly zero (F4).
    LiteralZero,
    /// The meters repeat what they said.
    Stuck,
    /// Readings come with old times.
    Late,
    /// Readings are absurdly high.
    Absurd,
    /// The meter fails as a whole.
    MeterFails,
    /// The wall clock jumps by a second.
    WallSecond,
    /// The wall clock jumps by a day.
    WallDay,
    /// A node is killed.
    Kill,
    /// A node is told to end, and started again.
    Upgrade,
    /// A node is stopped for a while and wakes as if nothing had been.
    Stop,
    /// A node does not reach the store.
    StorePartition,
    /// A node does not reach a cloud.
    CloudPartition,
    /// A cloud lists instances under tags that are not theirs (F15).
    WrongTags,
}

/// Which kinds strike in this world, how often, and how often they have.
#[derive(Debug)]
pub(crate) struct Faults {
    odds: [f64; KINDS],
    struck: [u64; KINDS],
    is_over: bool,
}

impl Faults {
    /// Draws which kinds strike: each is in with the odds of `share`.
    pub(crate) fn drawn(chance: &mut fastrand::Rng, share: f64) -> Self {
        let mut odds = [0.0; KINDS];
        for odds in &mut odds {
            if chance.f64() < share {
                *odds = 0.25 + 1.75 * chance.f64();
            }
        }
        Self {
            odds,
            struck: [0; KINDS],
            is_over: false,
        }
    }

    /// Whether this kind strikes now, at these odds in a world that has it at its usual rate.
    pub(crate) fn strikes(&mut self, kind: Fault, odds: f64, chance: &mut fastrand::Rng) -> bool {
        let mine = self.odds[kind as usize];
        // The draw is made also where the kind is off, so that switching one off leaves the others as they are.
        let is_hit = chance.f64() < odds * mine && !self.is_over;
        if is_hit {
            self.struck[kind as usize] += 1;
        }
        is_hit
    }

    /// How often this kind comes, against its usual rate; zero where it is not in this world or the faults are over.
    pub(crate) fn rate(&self, kind: Fault) -> f64 {
        if self.is_over {
            0.0
        } else {
            self.odds[kind as usize]
        }
    }

    pub(crate) fn has_struck(&mut self, kind: Fault) {
        self.struck[kind as usize] += 1;
    }

    /// Takes a kind out of this world.
    pub(crate) fn leave_out(&mut self, kind: Fault) {
        self.odds[kind as usize] = 0.0;
    }

    /// No fault strikes from now on.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }

    pub(crate) fn are_over(&self) -> bool {
        self.is_over
    }

    pub(crate) fn counts(&self) -> [u64; KINDS] {
        self.struck
    }
}
