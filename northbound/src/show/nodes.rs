//! `asaas nodes`.

use super::{lines, table};
use crate::api::ServiceReport;

/// The services that share a store, a line each.
pub fn nodes(report: &ServiceReport) -> String {
    if report.nodes.is_empty() {
        return "this service is alone: it remembers in a file of its own, and looks after every tenant\n".to_owned();
    }
    let mut table = table(&["NODE", "HOST", "PROCESS", "TENANTS", "SOCKET", ""]);
    for node in &report.nodes {
        table.add_row([
            node.name.to_string(),
            node.host.clone(),
            node.process.to_string(),
            node.tenants.len().to_string(),
            node.socket.display().to_string(),
            if node.is_this { "this one" } else { "" }.to_owned(),
        ]);
    }
    lines(&table, "")
}
