//! The program, run on the hypervisor.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::lab::Lab;

/// What a command has said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) is_ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

fn command(home: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_asaas"));
    command
        .args(arguments)
        .current_dir(home)
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end, on the hypervisor.
pub(crate) fn asaas(lab: &Lab, home: &Path, arguments: &[&str]) -> Said {
    let (home, arguments) = (home.to_owned(), owned(arguments));
    let output = lab.inside(move || command(&home, &arguments).output().unwrap());
    Said {
        is_ok: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .map(|&argument| argument.to_owned())
        .collect()
}

/// The service, until it is dropped.
pub(crate) struct Service {
    child: Child,
    lab: Arc<Lab>,
}

impl Service {
    pub(crate) fn start(lab: &Arc<Lab>, home: &Path) -> Self {
        let log = std::fs::File::create(home.join("serve.log")).unwrap();
        let home = home.to_owned();
        let child = lab.inside(move || {
            let mut service = command(&home, &["serve".to_owned()]);
            service.stdout(Stdio::null()).stderr(log).spawn().unwrap()
        });
        Self {
            child,
            lab: Arc::clone(lab),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
