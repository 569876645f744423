//! How each part of a tenant's VPC is made: each call sees to one thing, and makes it where it is not.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use aws_sdk_ec2::operation::run_instances::RunInstancesInput;
use aws_sdk_ec2::types::{
    Address, AttributeBooleanValue, DomainType, InstanceNetworkInterfaceSpecification,
    InstanceType, IpPermission, IpRange, NetworkInterface, ResourceType, RouteTable, Vpc,
};
use controller::id::ProviderId;
use controller::ports::CloudErrorKind;
use data_encoding::BASE64;

use super::calls::Calls;
use super::layout::{Layout, Role, Rule};
use super::look::Look;
use crate::error::Trouble;
use crate::settings::Gateway;

const ANYWHERE: &str = "0.0.0.0/0";

fn named(id: Option<String>, what: &str) -> Result<String, Trouble> {
    id.ok_or_else(|| {
        let detail = format!("EC2 has made {what} and not named it");
        Trouble::new(CloudErrorKind::Unreachable, detail)
    })
}

impl Calls<'_> {
    /// The VPC, with the gateway's range beside the tenant's.
    pub(super) async fn vpc(&self, look: &Look, layout: &Layout) -> Result<String, Trouble> {
        let vpc = if let Some(vpc) = look.vpcs.first() {
            vpc.clone()
        } else {
            let call = self
                .client
                .create_vpc()
                .cidr_block(layout.range.to_string())
                .tag_specifications(self.tagged(ResourceType::Vpc, Role::Site));
            call.send()
                .await
                .map_err(Trouble::of)?
                .vpc
                .unwrap_or_else(|| Vpc::builder().build())
        };
        let id = named(vpc.vpc_id.clone(), "a VPC")?;
        let range = layout.gateway_range.to_string();
        let mut ranges = vpc.cidr_block_association_set().iter();
        if !ranges.any(|each| each.cidr_block() == Some(&range)) {
            let call = self
                .client
                .associate_vpc_cidr_block()
                .vpc_id(&id)
                .cidr_block(range);
            call.send().await.map_err(Trouble::of)?;
        }
        Ok(id)
    }

    pub(super) async fn internet_gateway(&self, look: &Look, vpc: &str) -> Result<String, Trouble> {
        let (id, is_attached) = if let Some(gateway) = look.internet_gateways.first() {
            let is_attached = !gateway.attachments().is_empty();
            (gateway.internet_gateway_id.clone(), is_attached)
        } else {
            let tags = self.tagged(ResourceType::InternetGateway, Role::Site);
            let call = self
                .client
                .create_internet_gateway()
                .tag_specifications(tags);
            let made = call.send().await.map_err(Trouble::of)?.internet_gateway;
            (made.and_then(|each| each.internet_gateway_id), false)
        };
        let id = named(id, "an internet gateway")?;
        if !is_attached {
            let call = self
                .client
                .attach_internet_gateway()
                .internet_gateway_id(&id);
            call.vpc_id(vpc).send().await.map_err(Trouble::of)?;
        }
        Ok(id)
    }

    /// The gateway's subnet, and those of the zones.
    pub(super) async fn make_subnets(
        &self,
        look: &Look,
        layout: &Layout,
        vpc: &str,
    ) -> Result<(String, Vec<String>), Trouble> {
        let (zone, range) = (&layout.gateway_zone, layout.gateway_range.to_string());
        let first = self.subnet(look, vpc, Role::Gateway, zone, range).await?;
        let mut zones = Vec::new();
        for (zone, range) in &layout.zones {
            let made = self
                .subnet(look, vpc, Role::Zone, zone, range.to_string())
                .await?;
            zones.push(made);
        }
        Ok((first, zones))
    }

    async fn subnet(
        &self,
        look: &Look,
        vpc: &str,
        role: Role,
        zone: &str,
        range: String,
    ) -> Result<String, Trouble> {
        let mut existing = look.subnets.iter();
        if let Some(found) = existing.find(|each| each.cidr_block() == Some(&range)) {
            return named(found.subnet_id.clone(), "a subnet");
        }
        let call = self
            .client
            .create_subnet()
            .vpc_id(vpc)
            .cidr_block(range)
            .availability_zone(zone)
            .tag_specifications(self.tagged(ResourceType::Subnet, role));
        let made = call.send().await.map_err(Trouble::of)?.subnet;
        named(made.and_then(|each| each.subnet_id), "a subnet")
    }

    /// A route table that these subnets have.
    pub(super) async fn table(
        &self,
        look: &Look,
        vpc: &str,
        role: Role,
        subnets: &[String],
    ) -> Result<RouteTable, Trouble> {
        let table = if let Some(table) = look.table(role) {
            table.clone()
        } else {
            let tags = self.tagged(ResourceType::RouteTable, role);
            let call = self
                .client
                .create_route_table()
                .vpc_id(vpc)
                .tag_specifications(tags);
            let made = call.send().await.map_err(Trouble::of)?.route_table;
            made.unwrap_or_else(|| RouteTable::builder().build())
        };
        let id = named(table.route_table_id.clone(), "a route table")?;
        for subnet in subnets {
            let mut associations = table.associations().iter();
            if !associations.any(|each| each.subnet_id() == Some(subnet)) {
                let call = self.client.associate_route_table().route_table_id(&id);
                call.subnet_id(subnet).send().await.map_err(Trouble::of)?;
            }
        }
        Ok(table)
    }

    /// Everything that is not in the VPC goes to the internet.
    pub(super) async fn route_out(&self, table: &RouteTable, outside: &str) -> Result<(), Trouble> {
        let mut routes = table.routes().iter();
        if routes.any(|each| each.gateway_id() == Some(outside)) {
            return Ok(());
        }
        let call = self
            .client
            .create_route()
            .set_route_table_id(table.route_table_id.clone());
        let call = call.destination_cidr_block(ANYWHERE).gateway_id(outside);
        call.send().await.map(drop).map_err(Trouble::of)
    }

    /// Everything that is not in the VPC goes to the gateway's interface.
    pub(super) async fn route_in(&self, table: &RouteTable, card: &str) -> Result<(), Trouble> {
        let mut routes = table.routes().iter();
        if routes.any(|each| each.network_interface_id() == Some(card)) {
            return Ok(());
        }
        let call = self
            .client
            .create_route()
            .set_route_table_id(table.route_table_id.clone());
        let call = call
            .destination_cidr_block(ANYWHERE)
            .network_interface_id(card);
        call.send().await.map(drop).map_err(Trouble::of)
    }

    /// A security group with exactly these rules for what comes in.
    pub(super) async fn group(
        &self,
        look: &Look,
        vpc: &str,
        role: Role,
        rules: &BTreeSet<Rule>,
    ) -> Result<String, Trouble> {
        let found = look.group(role);
        let id = if let Some(group) = found {
            group.group_id.clone()
        } else {
            let call = self
                .client
                .create_security_group()
                .vpc_id(vpc)
                .group_name(role.name())
                .description("made by asaas")
                .tag_specifications(self.tagged(ResourceType::SecurityGroup, role));
            call.send().await.map_err(Trouble::of)?.group_id
        };
        let id = named(id, "a security group")?;
        let present = found.map_or_else(BTreeSet::new, |group| rules_of(group.ip_permissions()));
        let missing: Vec<_> = rules.difference(&present).map(permission).collect();
        if !missing.is_empty() {
            let call = self.client.authorize_security_group_ingress().group_id(&id);
            let call = call.set_ip_permissions(Some(missing));
            call.send().await.map_err(Trouble::of)?;
        }
        let surplus: Vec<_> = present.difference(rules).map(permission).collect();
        if !surplus.is_empty() {
            let call = self.client.revoke_security_group_ingress().group_id(&id);
            let call = call.set_ip_permissions(Some(surplus));
            call.send().await.map_err(Trouble::of)?;
        }
        Ok(id)
    }

    /// The gateway's interface, which forwards what is not its own.
    pub(super) async fn interface(
        &self,
        look: &Look,
        layout: &Layout,
        subnet: &str,
        group: &str,
    ) -> Result<String, Trouble> {
        let card = if let Some(card) = look.cards.first() {
            card.clone()
        } else {
            let call = self
                .client
                .create_network_interface()
                .subnet_id(subnet)
                .private_ip_address(layout.gateway_address.to_string())
                .groups(group)
                .tag_specifications(self.tagged(ResourceType::NetworkInterface, Role::Gateway));
            let made = call.send().await.map_err(Trouble::of)?.network_interface;
            made.unwrap_or_else(|| NetworkInterface::builder().build())
        };
        let id = named(card.network_interface_id.clone(), "a network interface")?;
        if card.source_dest_check != Some(false) {
            let off = AttributeBooleanValue::builder().value(false).build();
            let call = self.client.modify_network_interface_attribute();
            let call = call.network_interface_id(&id).source_dest_check(off);
            call.send().await.map_err(Trouble::of)?;
        }
        Ok(id)
    }

    /// The elastic address of the gateway's interface.
    pub(super) async fn address(&self, look: &Look, card: &str) -> Result<Ipv4Addr, Trouble> {
        let address = if let Some(address) = look.addresses.first() {
            address.clone()
        } else {
            let tags = self.tagged(ResourceType::ElasticIp, Role::Gateway);
            let call = self.client.allocate_address().domain(DomainType::Vpc);
            let made = call
                .tag_specifications(tags)
                .send()
                .await
                .map_err(Trouble::of)?;
            Address::builder()
                .set_allocation_id(made.allocation_id)
                .set_public_ip(made.public_ip)
                .build()
        };
        let id = named(address.allocation_id.clone(), "an elastic address")?;
        if address.network_interface_id() != Some(card) {
            let call = self.client.associate_address().allocation_id(id);
            call.network_interface_id(card)
                .send()
                .await
                .map_err(Trouble::of)?;
        }
        let public = address.public_ip().and_then(|text| text.parse().ok());
        public.ok_or_else(|| {
            let detail = "EC2 has given an elastic address and not told it";
            Trouble::new(CloudErrorKind::Unreachable, detail)
        })
    }

    pub(super) async fn run_gateway(
        &self,
        gateway: &Gateway,
        card: &str,
        first_boot: &str,
    ) -> Result<(), Trouble> {
        let card = InstanceNetworkInterfaceSpecification::builder()
            .device_index(0)
            .network_interface_id(card);
        let input = RunInstancesInput::builder()
            .min_count(1)
            .max_count(1)
            .image_id(&gateway.image)
            .instance_type(InstanceType::from(gateway.machine.as_str()))
            .network_interfaces(card.build())
            .user_data(BASE64.encode(first_boot.as_bytes()))
            .tag_specifications(self.tagged(ResourceType::Instance, Role::Gateway))
            .tag_specifications(self.tagged(ResourceType::Volume, Role::Gateway));
        self.api.run(input).await.map(drop)
    }

    pub(super) async fn start(&self, id: &str) -> Result<(), Trouble> {
        self.api.start(&ProviderId(id.to_owned())).await
    }
}

fn permission(rule: &Rule) -> IpPermission {
    IpPermission::builder()
        .ip_protocol(&rule.protocol)
        .from_port(rule.from)
        .to_port(rule.to)
        .ip_ranges(IpRange::builder().cidr_ip(&rule.source).build())
        .build()
}

/// EC2 leaves ports out where there are none.
fn rules_of(permissions: &[IpPermission]) -> BTreeSet<Rule> {
    let each = |permission: &IpPermission| {
        let permission = permission.clone();
        let sources = permission.ip_ranges.unwrap_or_default();
        let (from, to) = (
            permission.from_port.unwrap_or(-1),
            permission.to_port.unwrap_or(-1),
        );
        let protocol = permission.ip_protocol.unwrap_or_default();
        sources.into_iter().map(move |source| Rule {
            protocol: protocol.clone(),
            from,
            to,
            source: source.cidr_ip.unwrap_or_default(),
        })
    };
    permissions.iter().flat_map(each).collect()
}
