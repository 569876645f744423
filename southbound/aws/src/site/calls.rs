//! What exists of a tenant's VPC, and how each thing is removed. `make` has the other half.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    Address, Filter, Instance, InternetGateway, NetworkInterface, ResourceType, RouteTable,
    SecurityGroup, Subnet, Tag, TagSpecification, Vpc,
};
use controller::id::{ProviderId, TenantName};
use southbound::tag::label;

use super::layout::Role;
use super::look::plays;
use crate::api::Api;
use crate::convert::{self, filters_of, tagged, with_tags};
use crate::error::Trouble;
use crate::settings::Settings;

/// EC2, as one tenant's VPC needs it.
pub(super) struct Calls<'a> {
    pub(super) api: &'a Api,
    pub(super) client: &'a Client,
    owner: Vec<Tag>,
}

/// What is gone already is gone.
fn gone_is_well(answer: Result<(), Trouble>) -> Result<(), Trouble> {
    match answer {
        Err(trouble) if is_unknown(&trouble) => Ok(()),
        answer => answer,
    }
}

fn is_unknown(trouble: &Trouble) -> bool {
    let code = trouble.code.as_deref().unwrap_or_default();
    code.ends_with(".NotFound") || code.ends_with("NotFound") || code == "Gateway.NotAttached"
}

impl<'a> Calls<'a> {
    pub(super) async fn new(settings: &Settings, api: &'a Api, tenant: &TenantName) -> Self {
        Self {
            api,
            client: api.client().await,
            owner: convert::owner(settings, tenant),
        }
    }

    fn tags(&self, role: Role) -> Vec<Tag> {
        let mut tags = self.owner.clone();
        tags.push(tagged(label::ROLE, role.name()));
        tags
    }

    /// Whose it is and which part, for a thing of this kind that the same call makes.
    pub(super) fn tagged(&self, kind: ResourceType, role: Role) -> TagSpecification {
        with_tags(kind, &self.tags(role))
    }

    fn ours(&self) -> Vec<Filter> {
        filters_of(&self.owner)
    }
}

/// What exists. A tenant has so few of each that one page holds them all.
impl Calls<'_> {
    pub(super) async fn instances(&self) -> Result<Vec<Instance>, Trouble> {
        self.api.describe(filters_of(&self.owner)).await
    }

    pub(super) async fn vpcs(&self) -> Result<Vec<Vpc>, Trouble> {
        let answer = self
            .client
            .describe_vpcs()
            .set_filters(Some(self.ours()))
            .send()
            .await;
        Ok(answer.map_err(Trouble::of)?.vpcs.unwrap_or_default())
    }

    pub(super) async fn internet_gateways(&self) -> Result<Vec<InternetGateway>, Trouble> {
        let call = self
            .client
            .describe_internet_gateways()
            .set_filters(Some(self.ours()));
        let answer = call.send().await.map_err(Trouble::of)?;
        Ok(answer.internet_gateways.unwrap_or_default())
    }

    pub(super) async fn all_subnets(&self) -> Result<Vec<Subnet>, Trouble> {
        let answer = self
            .client
            .describe_subnets()
            .set_filters(Some(self.ours()))
            .send()
            .await;
        Ok(answer.map_err(Trouble::of)?.subnets.unwrap_or_default())
    }

    pub(super) async fn subnets(&self, role: Role) -> Result<Vec<Subnet>, Trouble> {
        let mut all = self.all_subnets().await?;
        all.retain(|each| plays(each.tags(), role));
        Ok(all)
    }

    pub(super) async fn tables(&self) -> Result<Vec<RouteTable>, Trouble> {
        let answer = self
            .client
            .describe_route_tables()
            .set_filters(Some(self.ours()))
            .send()
            .await;
        Ok(answer
            .map_err(Trouble::of)?
            .route_tables
            .unwrap_or_default())
    }

    pub(super) async fn all_groups(&self) -> Result<Vec<SecurityGroup>, Trouble> {
        let call = self
            .client
            .describe_security_groups()
            .set_filters(Some(self.ours()));
        let answer = call.send().await.map_err(Trouble::of)?;
        Ok(answer.security_groups.unwrap_or_default())
    }

    pub(super) async fn groups(&self, role: Role) -> Result<Vec<SecurityGroup>, Trouble> {
        let mut all = self.all_groups().await?;
        all.retain(|each| plays(each.tags(), role));
        Ok(all)
    }

    pub(super) async fn cards(&self) -> Result<Vec<NetworkInterface>, Trouble> {
        let call = self
            .client
            .describe_network_interfaces()
            .set_filters(Some(self.ours()));
        let answer = call.send().await.map_err(Trouble::of)?;
        Ok(answer.network_interfaces.unwrap_or_default())
    }

    pub(super) async fn addresses(&self) -> Result<Vec<Address>, Trouble> {
        let answer = self
            .client
            .describe_addresses()
            .set_filters(Some(self.ours()))
            .send()
            .await;
        Ok(answer.map_err(Trouble::of)?.addresses.unwrap_or_default())
    }
}

/// What should not be.
impl Calls<'_> {
    pub(super) async fn end_gateway(&self, id: &str) -> Result<(), Trouble> {
        gone_is_well(self.api.terminate(&ProviderId(id.to_owned())).await)
    }

    pub(super) async fn release(&self, address: &Address) -> Result<(), Trouble> {
        if let Some(association) = address.association_id() {
            let call = self
                .client
                .disassociate_address()
                .association_id(association);
            gone_is_well(call.send().await.map(drop).map_err(Trouble::of))?;
        }
        let call = self
            .client
            .release_address()
            .set_allocation_id(address.allocation_id.clone());
        gone_is_well(call.send().await.map(drop).map_err(Trouble::of))
    }

    pub(super) async fn remove_card(&self, card: &NetworkInterface) -> Result<(), Trouble> {
        let call = self.client.delete_network_interface();
        let call = call.set_network_interface_id(card.network_interface_id.clone());
        gone_is_well(call.send().await.map(drop).map_err(Trouble::of))
    }

    pub(super) async fn remove_group(&self, group: &SecurityGroup) -> Result<(), Trouble> {
        let call = self
            .client
            .delete_security_group()
            .set_group_id(group.group_id.clone());
        gone_is_well(call.send().await.map(drop).map_err(Trouble::of))
    }

    pub(super) async fn remove_subnet(&self, subnet: &Subnet) -> Result<(), Trouble> {
        let call = self
            .client
            .delete_subnet()
            .set_subnet_id(subnet.subnet_id.clone());
        gone_is_well(call.send().await.map(drop).map_err(Trouble::of))
    }

    pub(super) async fn remove_table(&self, table: &RouteTable) -> Result<(), Trouble> {
        for association in table.associations() {
            let call = self.client.disassociate_route_table();
            let id = association.route_table_association_id.clone();
            let answer = call.set_association_id(id).send().await;
            gone_is_well(answer.map(drop).map_err(Trouble::of))?;
        }
        let call = self.client.delete_route_table();
        let call = call.set_route_table_id(table.route_table_id.clone());
        gone_is_well(call.send().await.map(drop).map_err(Trouble::of))
    }

    pub(super) async fn remove_internet_gateway(
        &self,
        gateway: &InternetGateway,
    ) -> Result<(), Trouble> {
        let id = gateway.internet_gateway_id.clone();
        for attachment in gateway.attachments() {
            let call = self
                .client
                .detach_internet_gateway()
                .set_internet_gateway_id(id.clone());
            let call = call.set_vpc_id(attachment.vpc_id.clone());
            gone_is_well(call.send().await.map(drop).map_err(Trouble::of))?;
        }
        let call = self
            .client
            .delete_internet_gateway()
            .set_internet_gateway_id(id);
        gone_is_well(call.send().await.map(drop).map_err(Trouble::of))
    }

    pub(super) async fn remove_vpc(&self, vpc: &Vpc) -> Result<(), Trouble> {
        let call = self.client.delete_vpc().set_vpc_id(vpc.vpc_id.clone());
        gone_is_well(call.send().await.map(drop).map_err(Trouble::of))
    }
}
