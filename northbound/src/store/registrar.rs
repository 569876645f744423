//! What people, and the service for them, write down beside what a tick records.

use async_trait::async_trait;
use controller::id::{Generation, TenantName};
use controller::ports::{Store, StoreError};
use controller::spec::TenantSpec;
use controller::time::Now;

use super::order::{Applied, Order, Refusal};

/// A store that people's wishes are written to. In each answer the outer error is the store's, the inner one a refusal; whatever
/// was answered is seen by whoever reads afterwards through the same store.
#[async_trait]
pub trait Registrar: Store {
    /// Puts this spec in force, as one transaction: compare with `expected` (where given; 0 means that the tenant must not be
    /// there), own the public address, write the spec and the journal (I13, I27). The same spec again is no new generation.
    async fn apply(
        &self,
        spec: &TenantSpec,
        text: &str,
        expected: Option<Generation>,
        now: Now,
        who: &str,
    ) -> Result<Result<Applied, Refusal>, StoreError>;

    /// Writes down what a person orders. An order that holds already changes nothing, and is no refusal.
    async fn order(
        &self,
        tenant: &TenantName,
        order: Order,
        expected: Option<Generation>,
        now: Now,
        who: &str,
    ) -> Result<Result<Generation, Refusal>, StoreError>;

    /// The tenant's network is as this generation wants it: others may have the addresses that it had before. Nothing where
    /// another generation is in force by now.
    async fn release_addresses(
        &self,
        tenant: &TenantName,
        generation: Generation,
    ) -> Result<(), StoreError>;

    /// Writes down an alarm that no tick has raised.
    async fn alarm(&self, tenant: &TenantName, now: Now, what: &str) -> Result<(), StoreError>;
}
