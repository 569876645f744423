"""VPC networks and what belongs to them: subnetworks, firewalls, routes, addresses. One set of handlers for all, and what each is refused for."""
import ipaddress

from catalog import ZONES
from world import Refused, missing, now_text

KINDS = {"networks": "network", "subnetworks": "subnetwork", "firewalls": "firewall", "routes": "route", "addresses": "address"}

PUBLIC = ipaddress.ip_network("203.0.113.0/24")


def tail(link):
    """The path from the project on of a link, in whichever form it was written."""
    return "projects/" + link.split("projects/", 1)[1] if "projects/" in link else link


class Networks:
    def __init__(self, world):
        self.world = world

    def public(self):
        """An address that nobody has."""
        taken = {item.get("address") for item in self.world.things.values()}
        for item in self.world.things.values():
            for interface in item.get("networkInterfaces", []):
                taken |= {access.get("natIP") for access in interface.get("accessConfigs", [])}
        return next(str(address) for address in PUBLIC.hosts() if str(address) not in taken)

    def handlers(self):
        made = {}
        for collection in KINDS:
            for verb in ("insert", "get", "list", "delete"):
                made[f"{collection}.{verb}"] = (lambda call, do=getattr(self, verb), kind=collection: do(call, kind))
        return made | {"firewalls.patch": self.patch_firewall}

    def insert(self, call, collection):
        body, key = dict(call.body), f"{call.scope()}/{collection}/{call.body.get('name', '')}"
        if key in self.world.things:
            raise Refused(409, "alreadyExists", f"The resource '{key}' already exists")
        if "region" in call.path and call.path["region"] not in ZONES:
            raise missing(call.scope())
        getattr(self, "check_" + collection)(call, body)
        body |= {"kind": f"compute#{KINDS[collection]}", "id": self.world.number(), "selfLink": call.url(key), "creationTimestamp": now_text()}
        if "region" in call.path:
            body["region"] = call.url(call.scope())
        self.world.things[key] = body
        return self.world.begin(call, key, "insert", self.world.faults.delays["network"])

    def check_networks(self, call, body):
        if body.get("autoCreateSubnetworks") is not False:
            raise Refused(400, "invalid", "The lab knows only custom mode networks: 'autoCreateSubnetworks' has to be false.")

    def network(self, body):
        key = tail(body.get("network") or "")
        if key not in self.world.things:
            raise Refused(404, "notFound", f"The resource '{key}' was not found")
        body["network"] = self.world.things[key]["selfLink"]
        return key

    def check_subnetworks(self, call, body):
        network, cidr = self.network(body), ipaddress.ip_network(body["ipCidrRange"])
        for key, other in self.world.things.items():
            if "/subnetworks/" in key and tail(other["network"]) == network and cidr.overlaps(ipaddress.ip_network(other["ipCidrRange"])):
                raise Refused(400, "invalid", f"Invalid IPCidrRange: {cidr} conflicts with existing subnetwork '{other['name']}'")
        body |= {"gatewayAddress": str(next(cidr.hosts())), "fingerprint": "AAAA", "purpose": "PRIVATE", "stackType": "IPV4_ONLY"}

    def check_firewalls(self, call, body):
        self.network(body)
        if not body.get("allowed") and not body.get("denied"):
            raise Refused(400, "required", "One of 'allowed' and 'denied' is required.")
        body.setdefault("priority", 1000), body.setdefault("direction", "INGRESS"), body.setdefault("disabled", False)

    def check_routes(self, call, body):
        self.network(body)
        hops = [body[hop] for hop in ("nextHopInstance", "nextHopIp", "nextHopGateway") if hop in body]
        if len(hops) != 1:
            raise Refused(400, "invalid", "Exactly one next hop has to be given.")
        if "nextHopInstance" in body and tail(body["nextHopInstance"]) not in self.world.things:
            raise missing(tail(body["nextHopInstance"]))

    def check_addresses(self, call, body):
        limit = self.world.faults.get("quota", {}).get("STATIC_ADDRESSES", 8)
        if len(self.world.of(f"{call.scope()}/addresses")) >= limit:
            raise Refused(403, "quotaExceeded", f"Quota 'STATIC_ADDRESSES' exceeded.  Limit: {float(limit)} in region {call.path['region']}.")
        body |= {"address": self.public(), "status": "RESERVED", "addressType": "EXTERNAL", "networkTier": "PREMIUM"}

    def get(self, call, collection):
        return self.world.get(call.key())

    def list(self, call, collection):
        return call.listed(f"compute#{KINDS[collection]}List", self.world.of(f"{call.scope()}/{collection}"))

    def users(self, key):
        """What cannot be without this."""
        for other, item in self.world.things.items():
            links = [item.get("network"), item.get("nextHopInstance")]
            for interface in item.get("networkInterfaces", []):
                links += [interface.get("network"), interface.get("subnetwork")]
            links += [other] if key in [tail(link) for link in item.get("users", [])] else []
            if key in [tail(link) for link in links if link]:
                yield other
        yield from [tail(user) for user in self.world.things[key].get("users", [])]

    def delete(self, call, collection):
        key = call.key()
        self.world.get(key)
        if user := next(self.users(key), None):
            raise Refused(400, "resourceInUseByAnotherResource", f"The {KINDS[collection]} resource '{key}' is already being used by '{user}'")
        operation = self.world.begin(call, key, "delete", self.world.faults.delays["network"])
        del self.world.things[key]
        return operation

    def patch_firewall(self, call):
        found = self.world.get(call.key())
        found |= {name: value for name, value in call.body.items() if name not in ("name", "network")}
        return self.world.begin(call, call.key(), "patch", self.world.faults.delays["network"])
