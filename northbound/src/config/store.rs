//! Which store: a file of its own, or an etcd that several services share.

use std::path::Path;

use controller::id::CloudName;
use hyper::Uri;

use crate::reader::scalar::{Misfit, Scalar};
use crate::reader::{Placed, Section};
use crate::store::{EtcdSettings, EtcdTls, StoreSettings};

use super::keys;
use super::read::file_path;

/// `None` after noting what is wrong with it.
pub(super) fn settings(root: &Section<'_>, directory: &Path) -> Option<StoreSettings> {
    if !root.has("store") {
        return Some(StoreSettings::default());
    }
    if root.holds_keys("store") {
        let etcd = root.section("store").section("etcd");
        return etcd
            .is_given()
            .then(|| read_etcd(&etcd, directory).map(StoreSettings::Etcd))?;
    }
    if root.word("store")?.value == "sqlite" {
        return Some(StoreSettings::Sqlite);
    }
    root.refuse(
        "store",
        "nothing says which etcd",
        "write `store: { etcd: { endpoints: [\"http://10.0.0.1:2379\"], cluster: main } }`",
    );
    None
}

fn read_etcd(section: &Section<'_>, directory: &Path) -> Option<EtcdSettings> {
    let endpoints = section.read_each("endpoints", keys::MEMBERS_LIMIT, endpoint);
    let cluster = section.name("cluster");
    let node = section.name::<CloudName>("node");
    let ttl = section.duration("ttl");
    let tls = read_tls(&section.section("tls"), directory);
    let endpoints = endpoints?;
    check_schemes(section, &endpoints);
    Some(EtcdSettings {
        endpoints: endpoints.into_iter().map(|given| given.value).collect(),
        cluster: cluster?.value,
        node: node.and_then(|given| given.value.as_str().parse().ok()),
        ttl: ttl.map_or(keys::TTL, |given| given.value),
        tls: tls?,
    })
}

/// The inner `None` where it is left out, the outer one after noting what is wrong with it.
#[expect(
    clippy::option_option,
    reason = "left out and wrong are different, as for every key that is read"
)]
fn read_tls(section: &Section<'_>, directory: &Path) -> Option<Option<EtcdTls>> {
    if !section.is_given() {
        return Some(None);
    }
    let path = |name| {
        let given = section.read(name, file_path)?;
        Some(directory.join(given.value))
    };
    let (ca, certificate, key) = (path("ca"), path("certificate"), path("key"));
    for (name, other) in [("certificate", "key"), ("key", "certificate")] {
        if section.has(name) && !section.has(other) {
            section.refuse(
                name,
                format!("`{name}` means nothing without `{other}`"),
                format!("give `{other}` too, or take the line away"),
            );
        }
    }
    Some(Some(EtcdTls {
        ca: ca?,
        identity: certificate.zip(key),
    }))
}

/// The address of a member, without anything after its port.
fn endpoint(scalar: &Scalar<'_>) -> Result<String, Misfit> {
    let text = scalar.text()?;
    let refused = || {
        Misfit::new(
            "the address of a member of etcd",
            "write it as `http://10.0.0.1:2379`, or `https` with `tls`",
        )
    };
    let uri: Uri = text.parse().map_err(|_| refused())?;
    let is_ours = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.port().is_some()
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none()
        && !uri
            .authority()
            .is_some_and(|whose| whose.as_str().contains('@'));
    is_ours
        .then(|| text.trim_end_matches('/').to_owned())
        .ok_or_else(refused)
}

/// `https` and `tls` belong together: half of them would be plain text that looks safe, or a connection that never comes.
fn check_schemes(section: &Section<'_>, endpoints: &[Placed<String>]) {
    let has_tls = section.has("tls");
    let odd = endpoints
        .iter()
        .find(|given| given.value.starts_with("https:") != has_tls);
    let Some(odd) = odd else { return };
    let (what, hint) = if has_tls {
        (
            "this member would be spoken to in plain text, and `tls` is given",
            "write `https://`, or take `tls` away",
        )
    } else {
        (
            "nothing says who vouches for this member",
            "add `tls: { ca: /etc/asaas/etcd-ca.pem }`, or write `http://`",
        )
    };
    section.notes().error(odd.place, what, hint);
}
