"""What there is no room for: machines, quotas, addresses. moto never runs out of anything."""

from ipaddress import ip_address, ip_network

from call import Refusal


def exists(instance):
    return instance.state != "terminated"


def market(instance):
    return "spot" if instance.lifecycle == "spot" else "on-demand"


def check_capacity(machine, zone, bought, present, faults):
    """One more of this machine, in this zone, bought like this."""
    asked = {"machine": machine, "zone": zone, "market": bought}
    for limit in faults.get("capacity", []):
        narrowed = {name: limit[name] for name in asked if name in limit}
        if any(asked[name] != value for name, value in narrowed.items()):
            continue
        has = [{"machine": i.instance_type, "zone": i.availability_zone, "market": market(i)} for i in present]
        taken = sum(all(each[name] == value for name, value in narrowed.items()) for each in has)
        if taken >= limit["room"]:
            raise Refusal(
                "InsufficientInstanceCapacity",
                f"We currently do not have sufficient {machine} capacity in the Availability Zone you requested ({zone}).",
            )


def check_address(call, subnet, present):
    """The address that is asked for is in the subnet, not reserved and free; where none is, one is left."""
    network = ip_network(subnet.cidr_block)
    reserved = {network[0], network[1], network[2], network[3], network[-1]}
    taken = {ip_address(i.private_ip) for i in present if i.subnet_id == subnet.id}
    if wanted := call.get("PrivateIpAddress"):
        wanted = ip_address(wanted)
        if wanted not in network or wanted in reserved:
            raise Refusal("InvalidParameterValue", f"Address {wanted} does not fall within the subnet's address range")
        if wanted in taken:
            raise Refusal("InvalidIPAddress.InUse", f"Address {wanted} is in use.")
    elif len(taken) + len(reserved) >= network.num_addresses:
        raise Refusal(
            "InsufficientFreeAddressesInSubnet",
            f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the requested number of instances.",
        )


def check_card(call, card):
    """An interface that exists takes one instance."""
    if card not in call.backend().enis:
        raise Refusal("InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{card}' does not exist")
    has = [each for each in call.instances() if exists(each) and any(nic.id == card for nic in each.nics.values())]
    if has:
        raise Refusal("InvalidNetworkInterface.InUse", f"Interface {card} is in use by {has[0].id}.")


def check_launch(call, faults):
    """Everything that EC2 would see before it launches one instance."""
    if card := call.get("NetworkInterface.1.NetworkInterfaceId"):
        return check_card(call, card)
    subnets = call.backend().subnets
    wanted = call.get("SubnetId")
    if not wanted:
        if call.is_dry_run():
            return
        raise Refusal("MissingInput", "The lab launches into no default subnet: name one.")
    subnet = next((zone[wanted] for zone in subnets.values() if wanted in zone), None)
    if subnet is None:
        raise Refusal("InvalidSubnetID.NotFound", f"The subnet ID '{wanted}' does not exist")
    if call.is_dry_run():
        return
    present = [instance for instance in call.instances() if exists(instance)]
    check_address(call, subnet, present)
    if "quota" in faults and len(present) >= faults["quota"]:
        raise Refusal(
            "VcpuLimitExceeded",
            "You have requested more vCPU capacity than your current vCPU limit allows for the instance bucket.",
        )
    machine = call.get("InstanceType", "m1.small")
    bought = call.get("InstanceMarketOptions.MarketType", "on-demand")
    check_capacity(machine, subnet.availability_zone, bought, present, faults)


def check_start(call, faults):
    """A stopped instance has no room of its own while it is stopped; the lab gives it none back where there is none."""
    present = call.instances()
    for instance in present:
        if instance.id in call.ids() and instance.state == "stopped":
            others = [other for other in present if exists(other) and other is not instance]
            check_capacity(instance.instance_type, instance.availability_zone, market(instance), others, faults)
        if instance.id in call.ids() and instance.state == "terminated":
            raise Refusal("IncorrectInstanceState", f"The instance '{instance.id}' is not in a state from which it can be started.")
