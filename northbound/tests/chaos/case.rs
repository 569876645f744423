//! One case: bring a tenant there, have the service killed or stopped in the middle, and see what is found again.

use std::fmt;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::exec::ServiceState;
use crate::host::{Host, LIMIT};
use crate::outside::{self, Foreign};
use crate::trickle::{Flow, Manner, Trickle};
use crate::workflow::{Begun, PUBLIC, State, TENANT, Workflow, wait_until_settled};

/// Where a service looks for the point at which it has to end, and writes down which it has passed.
const ORDER: &str = "crash.order";
const SEEN: &str = "crash.seen";
const ENVIRONMENT: [(&str, &str); 2] = [
    ("ASAAS_CRASHPOINT", "@crash.order"),
    ("ASAAS_CRASHPOINT_SEEN", SEEN),
];
/// A service that is stopped sleeps this long.
const SLEEP: Duration = Duration::from_secs(2);
/// Requests are answered all the while; on a busy machine a client is itself held up for some time.
const HOLE_LIMIT: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(2);
const MANNER: Manner = Manner {
    pace: Duration::from_millis(25),
    limit: Duration::from_secs(5),
};

/// How the service ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blow {
    /// SIGKILL.
    Kill,
    /// SIGSTOP, and a while later SIGCONT.
    Stop,
}

/// In the middle of what, where, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    pub(crate) workflow: Workflow,
    pub(crate) point: String,
    pub(crate) passage: u64,
    pub(crate) blow: Blow,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blow = match self.blow {
            Blow::Kill => "kill",
            Blow::Stop => "stop",
        };
        let point = match self.passage {
            1 => self.point.clone(),
            n => format!("{}:{n}", self.point),
        };
        write!(f, "{:8} {blow}  {point:28}", self.workflow)
    }
}

/// What a case has shown, beside that all held.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// From the start of the next service to its first answer.
    pub(crate) recovery: Option<Duration>,
    pub(crate) flow: Flow,
}

/// A service of its own, with one tenant, and a client that asks it all the while.
pub(crate) struct Lane {
    pub(crate) host: Host,
    pub(crate) trickle: Trickle,
    pub(crate) state: State,
}

impl Lane {
    pub(crate) fn new() -> Self {
        Self::on(&[], |_| {})
    }

    /// With more in the service's environment, in a directory that is prepared before it starts.
    pub(crate) fn on(
        environment: &[(&'static str, &'static str)],
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let environment = [&ENVIRONMENT, environment].concat();
        let host = Host::on(&environment, prepare);
        let trickle = Trickle::new(&host.client(), PUBLIC, MANNER);
        Self {
            host,
            trickle,
            state: State::Gone,
        }
    }

    /// Which points a workflow passes when nobody disturbs it, one for each passage. What only the first tick of a service
    /// passes is none of them, but in the start itself.
    pub(crate) fn points(&mut self, workflow: Workflow) -> Vec<String> {
        if workflow == Workflow::Create && self.state == State::Gone {
            self.undisturbed(Workflow::Create);
        }
        self.prepare(workflow.before());
        // The file may not be there yet.
        let _ = fs::remove_file(self.host.path(SEEN));
        self.undisturbed(workflow);
        outside::assert_written_down(&self.host);
        let text = fs::read_to_string(self.host.path(SEEN)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Brings the tenant into this state.
    pub(crate) fn prepare(&mut self, wanted: State) {
        while let Some(workflow) = Workflow::towards(self.state, wanted) {
            self.undisturbed(workflow);
        }
    }

    fn undisturbed(&mut self, workflow: Workflow) {
        if workflow == Workflow::Start {
            self.host.kill();
        }
        let begun = self.begin(workflow);
        if let Begun::Service(service) = begun {
            assert!(service.gets_ready(), "{}", self.host.place.service_log());
        } else {
            workflow.finish(&mut self.host, begun);
        }
        self.settle(workflow);
    }

    fn begin(&mut self, workflow: Workflow) -> Begun {
        if !workflow.serves() {
            self.trickle.set(false);
        }
        workflow.begin(&mut self.host)
    }

    pub(crate) fn settle(&mut self, workflow: Workflow) {
        let state = workflow.after();
        wait_until_settled(&self.host, state);
        self.state = state;
        self.trickle.set(state != State::Gone);
    }

    /// Runs a case; panics with what does not hold.
    pub(crate) fn run(&mut self, case: &Case) -> Shown {
        let workflow = case.workflow;
        self.prepare(workflow.before());
        let foreign = Foreign::plant(&self.host);
        if workflow == Workflow::Start {
            self.host.kill();
        }
        let how = match case.blow {
            Blow::Kill => "kill",
            Blow::Stop => "stop",
        };
        let order = format!("{}:{}:{how}", case.point, case.passage);
        fs::write(self.host.path(ORDER), order).unwrap();
        let since = Instant::now();
        let begun = self.begin(workflow);
        self.wait_for(case);

        let mut shown = Shown::default();
        let begun = match case.blow {
            Blow::Kill => {
                shown.recovery = Some(self.recover());
                begun
            }
            Blow::Stop => {
                sleep(SLEEP);
                if workflow.loses_nothing() {
                    let flow = self.trickle.since(since);
                    assert!(flow.lost.is_empty() && flow.hole < HOLE_LIMIT, "{flow:?}");
                }
                self.host.place.go_on();
                match begun {
                    Begun::Service(service) => {
                        assert!(service.gets_ready(), "{}", self.host.place.service_log());
                        Begun::Done
                    }
                    other => other,
                }
            }
        };
        workflow.finish(&mut self.host, begun);
        self.settle(workflow);
        if workflow.serves() {
            shown.flow = self.trickle.since(since);
            let flow = &shown.flow;
            assert!(flow.sent > 0 && flow.hole < HOLE_LIMIT, "{flow:?}");
            assert!(
                flow.lost.is_empty() || !workflow.loses_nothing(),
                "{flow:?}"
            );
        }
        foreign.assert_untouched(&self.host);
        outside::assert_written_down(&self.host);
        shown
    }

    /// Waits until the service has ended, or stands still, where it should.
    fn wait_for(&mut self, case: &Case) {
        let wanted = match case.blow {
            Blow::Kill => ServiceState::Ended,
            Blow::Stop => ServiceState::Stopped,
        };
        let began = Instant::now();
        while self.host.place.service_state() != wanted {
            assert!(began.elapsed() < LIMIT, "{} was not passed", case.point);
            sleep(LOOK);
        }
    }

    /// Starts the next service; how long until it answers.
    fn recover(&mut self) -> Duration {
        let began = Instant::now();
        self.host.serve();
        // Any answer will do: the tenant may be there or not.
        let told = self.host.asaas(&["tenants"]);
        let recovery = began.elapsed();
        assert_eq!(told.code, Some(0), "{told:?}");
        recovery
    }

    /// Fails where a request was lost since then; what became of them.
    pub(crate) fn loses_nothing_since(&self, moment: Instant) -> String {
        let flow = self.trickle.since(moment);
        assert!(flow.sent > 0 && flow.lost.is_empty(), "{flow:?}");
        assert!(flow.hole < HOLE_LIMIT, "{flow:?}");
        let hole = flow.hole.as_millis();
        format!(", {} requests, 0 lost, longest hole {hole} ms", flow.sent)
    }

    /// What the services have said.
    pub(crate) fn log(&self) -> String {
        self.host.place.service_log()
    }

    /// The last that the service says of the tenant.
    pub(crate) fn status(&self) -> String {
        self.host.asaas(&["status", TENANT]).out
    }
}
