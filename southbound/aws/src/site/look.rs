//! What of a tenant's VPC exists, found by its tags, doubles and all.

use aws_sdk_ec2::types::{
    Address, Instance, InternetGateway, NetworkInterface, RouteTable, SecurityGroup, Subnet, Tag,
    Vpc,
};
use southbound::tag::label;

use super::calls::Calls;
use super::layout::Role;
use crate::convert::value_of;
use crate::error::Trouble;

/// Everything that carries the tenant's tags. Where a lost answer has doubled something, the one in use comes first.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) vpcs: Vec<Vpc>,
    pub(super) internet_gateways: Vec<InternetGateway>,
    pub(super) subnets: Vec<Subnet>,
    pub(super) tables: Vec<RouteTable>,
    pub(super) groups: Vec<SecurityGroup>,
    pub(super) cards: Vec<NetworkInterface>,
    pub(super) addresses: Vec<Address>,
    /// Instances that are gateways, also ones that are gone.
    pub(super) gateways: Vec<Instance>,
    /// All others.
    pub(super) instances: Vec<Instance>,
}

/// Whether something plays this part.
pub(super) fn plays(tags: &[Tag], role: Role) -> bool {
    value_of(tags, label::ROLE) == Some(role.name())
}

fn attached_to(gateway: &InternetGateway) -> Option<&str> {
    gateway.attachments().first().and_then(|each| each.vpc_id())
}

impl Look {
    pub(super) async fn around(calls: &Calls<'_>) -> Result<Self, Trouble> {
        let all = calls.instances().await?;
        let (gateways, instances) = all
            .into_iter()
            .partition(|each| plays(each.tags(), Role::Gateway));
        let mut look = Self {
            vpcs: calls.vpcs().await?,
            internet_gateways: calls.internet_gateways().await?,
            subnets: calls.all_subnets().await?,
            tables: calls.tables().await?,
            groups: calls.all_groups().await?,
            cards: calls.cards().await?,
            addresses: calls.addresses().await?,
            gateways,
            instances,
        };
        look.put_in_order();
        Ok(look)
    }

    /// A VPC is in use once it has its way out, which is the first thing that it gets; so what else there is of a double is
    /// empty.
    fn put_in_order(&mut self) {
        self.internet_gateways.sort_by_key(|each| {
            (
                attached_to(each).is_none(),
                each.internet_gateway_id.clone(),
            )
        });
        let attached = self.internet_gateways.first().and_then(attached_to);
        self.vpcs
            .sort_by_key(|each| (each.vpc_id() != attached, each.vpc_id.clone()));
        self.tables
            .sort_by_key(|each| (each.associations().is_empty(), each.route_table_id.clone()));
        self.addresses
            .sort_by_key(|each| (each.association_id.is_none(), each.allocation_id.clone()));
    }

    pub(super) fn table(&self, role: Role) -> Option<&RouteTable> {
        self.tables.iter().find(|each| plays(each.tags(), role))
    }

    pub(super) fn group(&self, role: Role) -> Option<&SecurityGroup> {
        self.groups.iter().find(|each| plays(each.tags(), role))
    }

    /// Removes all but the first of what a lost answer has doubled.
    pub(super) async fn clear_doubles(&self, calls: &Calls<'_>) -> Result<(), Trouble> {
        for each in self.internet_gateways.iter().skip(1) {
            calls.remove_internet_gateway(each).await?;
        }
        for role in [Role::Outside, Role::Inside] {
            let of_role = self.tables.iter().filter(|each| plays(each.tags(), role));
            for each in of_role.skip(1) {
                calls.remove_table(each).await?;
            }
        }
        for each in self.addresses.iter().skip(1) {
            calls.release(each).await?;
        }
        for each in self.vpcs.iter().skip(1) {
            calls.remove_vpc(each).await?;
        }
        Ok(())
    }

    /// Removes everything but instances, what depends on other things first.
    pub(super) async fn remove_all(&self, calls: &Calls<'_>) -> Result<(), Trouble> {
        for each in &self.addresses {
            calls.release(each).await?;
        }
        for each in &self.cards {
            calls.remove_card(each).await?;
        }
        for each in &self.groups {
            calls.remove_group(each).await?;
        }
        for each in &self.subnets {
            calls.remove_subnet(each).await?;
        }
        for each in &self.tables {
            calls.remove_table(each).await?;
        }
        for each in &self.internet_gateways {
            calls.remove_internet_gateway(each).await?;
        }
        for each in &self.vpcs {
            calls.remove_vpc(each).await?;
        }
        Ok(())
    }
}
