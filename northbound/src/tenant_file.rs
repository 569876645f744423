//! `tenants/<name>.yml` → [`TenantSpec`]: what a tenant's administrator writes, checked whole.
//!
//! Two spellings mean the same: fourteen flat keys (the *short* one), or sections with a default for nearly everything (the
//! *long* one, `version: 1`). A file is taken whole or not at all; whatever is wrong with it is told at once.
//!
//! What depends on other tenants (who owns a public address) is not known here: the store decides it while it writes, and
//! [`Reading::public_ip_is_taken`] tells it at the right line.

mod defaults;
mod keys;
mod long;
mod network;
mod placement;
mod policy;
mod rules;
mod service;
mod short;
mod signal;
mod sketch;
mod window;
mod write;

use std::collections::BTreeMap;

use controller::id::{CloudName, TemplateName};
use controller::market::Market;
use controller::spec::TenantSpec;
use ipnet::Ipv4Net;

use crate::problem::{Notes, Place, Problem, Problems, Severity};
use crate::reader::Section;
use crate::yaml::{self, Content, Node};

pub use defaults::Defaults;
pub use write::to_long_form;

pub(crate) use defaults::read_defaults;
pub(crate) use keys::DEFAULTS;
pub(crate) use network::reserved;

/// What the operator offers; from his `asaas.yml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Every cloud, in his order of preference. Empty where that is not known: any will do.
    pub clouds: Vec<CloudName>,
    /// Every template. Empty where that is not known: any will do.
    pub templates: Vec<TemplateName>,
    /// Taken where a tenant's file leaves a key out.
    pub defaults: Defaults,
    /// Where public addresses may come from; empty for anywhere.
    pub public_ips: Vec<Ipv4Net>,
    /// What it costs, for those who set a budget.
    pub market: Market,
    /// Where clients on this machine have their addresses: no tenant may use one of them.
    pub clients: Ipv4Net,
}

/// A tenant file, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it asks for.
    pub spec: TenantSpec,
    /// What a person should know, though it does not stand in the way. All of severity [`Severity::Warning`].
    pub warnings: Problems,
    /// How it is written.
    pub spelling: Spelling,
    file: String,
    text: String,
    places: BTreeMap<Key, Place>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// Fourteen flat keys: `t_name`, `nw_name` …
    Short,
    /// Sections: `version: 1`, `tenant`, `network` …
    Long,
}

/// A key whose place is remembered, for problems that only show later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The tenant's name.
    Tenant,
    /// The public address.
    PublicIp,
    /// The first subnet.
    Subnet,
    /// The largest number of instances.
    Max,
}

/// Reads a tenant file. `file` is its name as people know it; it is only shown.
///
/// # Errors
/// Everything that is wrong with it, warnings included, in the order of its lines.
pub fn read(text: &str, file: &str, known: &Known) -> Result<Reading, Problems> {
    read_by(text, file, known, [keys::SHORT, keys::LONG])
}

/// Reads a tenant file of which only the numbers and the policy matter: `instances: { min: 1, max: 60 }` and `policy: { … }` are
/// enough. Tenant, network, clouds and template may be missing, and are then made up; clouds and templates that are named may
/// be any.
///
/// # Errors
/// As [`read`]: what is there is read as strictly.
pub fn read_policy(text: &str, file: &str, defaults: &Defaults) -> Result<Reading, Problems> {
    let known = sketch::anybody(defaults);
    read_by(text, file, &known, [keys::SHORT_SKETCH, keys::SKETCH])
}

/// By the tables of the short and the long spelling.
fn read_by(
    text: &str,
    file: &str,
    known: &Known,
    [short_keys, long_keys]: [&'static [crate::shape::Entry]; 2],
) -> Result<Reading, Problems> {
    let notes = Notes::new(file);
    let mut places = BTreeMap::new();
    let mut spelling = Spelling::Long;
    let spec = yaml::parse(text, &notes).and_then(|node| {
        spelling = spelling_of(&node);
        match spelling {
            Spelling::Short => {
                let root = Section::root(&node, short_keys, &notes, &keys::long_name)?;
                short::read(&root, known, &mut places)
            }
            Spelling::Long => {
                let root = Section::root(&node, long_keys, &notes, &keys::short_name)?;
                long::read(&root, known, &mut places)
            }
        }
    });
    let (spec, warnings) = notes.conclude(text, spec)?;
    Ok(Reading {
        spec,
        warnings,
        spelling,
        file: file.to_owned(),
        text: text.to_owned(),
        places,
    })
}

/// The bytes of a tenant file as text.
///
/// # Errors
/// A [`Problems`] of one, where they are not UTF-8, or too many.
pub fn decode<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, Problems> {
    let notes = Notes::new(file);
    let text = yaml::decode(bytes, &notes);
    notes.conclude("", text).map(|(text, _)| text)
}

/// The JSON Schema of the long spelling, for editors.
pub fn schema() -> serde_json::Value {
    crate::shape::schema::of(
        keys::LONG,
        "asaas tenant file",
        "What a tenant of asaas asks for: `asaas validate` checks more than an editor can.",
    )
}

impl Reading {
    /// Where a key's value is; where its section is, if it was left out.
    pub fn place_of(&self, key: Key) -> Place {
        self.places.get(&key).copied().unwrap_or(Place::START)
    }

    /// A problem at a key of this file that showed later, ready to be rendered.
    pub fn refuse(&self, key: Key, what: impl Into<String>, hint: impl Into<String>) -> Problems {
        let place = self.place_of(key);
        let problem = Problem {
            severity: Severity::Error,
            file: self.file.clone(),
            line: place.line,
            column: place.column,
            length: place.length,
            what: what.into(),
            hint: hint.into(),
        };
        Problems::new(&self.text, vec![problem])
    }

    /// The store says that another tenant owns this public address. It does not say which: that is not this tenant's
    /// business.
    pub fn public_ip_is_taken(&self) -> Problems {
        let address = self.spec.network.public_ip;
        self.refuse(
            Key::PublicIp,
            format!("public address {address} belongs to another tenant"),
            "take another address, or ask the operator for one",
        )
    }
}

/// The spelling that more of the file's keys belong to; the long one where that is undecided.
fn spelling_of(node: &Node) -> Spelling {
    let Content::Map(pairs) = &node.content else {
        return Spelling::Long;
    };
    let of = |entries: &[crate::shape::Entry]| {
        pairs
            .iter()
            .filter(|pair| entries.iter().any(|entry| entry.name == pair.name))
            .count()
    };
    if of(keys::SHORT) > of(keys::LONG) {
        Spelling::Short
    } else {
        Spelling::Long
    }
}

#[cfg(test)]
mod tests;
