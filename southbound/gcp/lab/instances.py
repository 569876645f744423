"""Instances: from the insert, whose operation may fail long after it was accepted, to the delete.

    PROVISIONING ─► STAGING ─► RUNNING ─► STOPPING ─► (gone, or TERMINATED)
                       ▲          │  ▲
                       └─ start ──┘  └─► SUSPENDING ─► SUSPENDED
"""
import base64
import copy
import hashlib
import ipaddress
import json
import time

from catalog import PROJECT, ZONES, zone_of
from networks import tail
from filters import select
from world import Refused, missing, now_text

LABEL = r"[a-z][-_a-z0-9]{0,62}", r"[-_a-z0-9]{0,63}"


def fingerprint(found):
    return base64.urlsafe_b64encode(hashlib.sha256(json.dumps(found, sort_keys=True).encode()).digest()[:8]).decode()


class Instances:
    def __init__(self, world, catalog, networks):
        self.world, self.catalog, self.networks = world, catalog, networks
        self.born, self.leaving = {}, set()

    def handlers(self):
        return {"instances." + name: getattr(self, name) for name in (
            "insert", "get", "list", "aggregatedList", "delete", "start", "stop", "suspend", "resume", "setLabels", "setMetadata")}

    # Making one.

    def insert(self, call):
        zone, key = call.path["zone"], f"{call.scope()}/instances/{call.body.get('name', '')}"
        region = zone_of(zone)
        if not region:
            raise missing(call.scope())
        if key in self.world.things:
            raise Refused(409, "alreadyExists", f"The resource '{key}' already exists")
        found = self.checked(call, zone, copy.deepcopy(call.body))
        error, delays = self.refusal(call, zone, region, found), self.world.faults.delays
        found |= {"kind": "compute#instance", "id": self.world.number(), "selfLink": call.url(key), "zone": call.url(call.scope()),
                  "status": "PROVISIONING", "creationTimestamp": now_text(), "labelFingerprint": fingerprint(found.get("labels"))}
        found["metadata"] = {"kind": "compute#metadata", "fingerprint": fingerprint(found.get("metadata")), **found.get("metadata", {})}
        self.world.things[key] = found
        self.born[key] = time.monotonic()
        if error:
            return self.world.begin(call, key, "insert", delays["insert"], lambda: self.forget(key, is_ghost=False), error)
        self.world.made.setdefault(found["name"], []).append(found["labels"] if found.get("labels") else {})
        self.world.after(delays["insert"] / 2, lambda: self.become(key, "STAGING", ("PROVISIONING",)))
        self.world.after(delays["insert"] + delays["boot"], lambda: self.become(key, "RUNNING", ("STAGING",)))
        return self.world.begin(call, key, "insert", delays["insert"])

    def checked(self, call, zone, found):
        """The body with what Google fills in; refused where something in it is not there."""
        machine = found.get("machineType", "").split("/")[-1]
        if not self.catalog.has(zone, machine):
            raise Refused(400, "invalid", f"Invalid value for field 'resource.machineType': '{found.get('machineType')}'. "
                          f"Machine type with name '{machine}' does not exist in zone '{zone}'.")
        for key, value in found.get("labels", {}).items():
            call.matches("resource.labels", LABEL[0], key), call.matches("resource.labels", LABEL[1], value)
        found["machineType"] = call.url(f"{call.scope()}/machineTypes/{machine}")
        disks = found.get("disks", [])
        if not any(disk.get("boot") for disk in disks):
            raise Refused(400, "invalid", "Invalid value for field 'resource.disks': ''. No boot disk specified.")
        for disk in disks:
            image = disk.get("initializeParams", {}).get("sourceImage", "")
            if not self.catalog.boot_image(image):
                raise Refused(404, "notFound", f"The resource '{tail(image)}' was not found")
        scheduling = found.get("scheduling", {})
        if scheduling.get("provisioningModel") == "SPOT" and scheduling.get("automaticRestart") is not False:
            raise Refused(400, "invalid", "Invalid value for field 'resource.scheduling.automaticRestart': a Spot VM cannot be restarted.")
        if len(found.get("networkInterfaces", [])) != 1:
            raise Refused(400, "invalid", "At least one network interface is required.")
        self.plug(call, zone, found)
        return found

    def plug(self, call, zone, found):
        """The address that is asked for, or the next free one; the subnetwork has to be of the zone's region."""
        interface = found["networkInterfaces"][0]
        key = tail(interface.get("subnetwork", ""))
        subnetwork = self.world.things.get(key)
        if not subnetwork or f"/regions/{zone_of(zone)}/" not in key:
            raise Refused(400, "invalid", f"Invalid value for field 'resource.networkInterfaces[0].subnetwork': '{key}'. "
                          "The referenced subnetwork resource cannot be found.")
        cidr = ipaddress.ip_network(subnetwork["ipCidrRange"])
        kept = {cidr[0], cidr[1], cidr[-2], cidr[-1]}
        wanted = ipaddress.ip_address(interface.get("networkIP") or next(str(at) for at in cidr if at not in kept and not self.holder(key, str(at))))
        if wanted not in cidr or wanted in kept:
            raise Refused(400, "invalid", f"Invalid value for field 'resource.networkInterfaces[0].networkIP': '{wanted}'. "
                          f"Requested internal IP is outside the subnetwork/network range or reserved.")
        interface |= {"networkIP": str(wanted), "subnetwork": subnetwork["selfLink"], "network": subnetwork["network"], "name": "nic0"}
        for access in interface.get("accessConfigs", []):
            self.publish(call, key, found, access)

    def publish(self, call, subnetwork, found, access):
        """The public address: a static one that is free, or any."""
        address = next((item for key, item in self.world.things.items()
                        if "/addresses/" in key and item["address"] == access.get("natIP")), None)
        if "natIP" in access and (not address or address["status"] != "RESERVED"):
            raise Refused(400, "invalid", f"Invalid value for field 'resource.networkInterfaces[0].accessConfigs[0].natIP': "
                          f"'{access['natIP']}'. The specified external IP address was not found or is in use.")
        if address:
            link = call.url(f"{call.scope()}/instances/{found['name']}")
            address |= {"status": "IN_USE", "users": [link]}
        access["natIP"] = access.get("natIP") or self.networks.public()

    def holder(self, subnetwork, address):
        for key, item in self.world.things.items():
            for interface in item.get("networkInterfaces", []) if "/instances/" in key else []:
                if tail(interface["subnetwork"]) == subnetwork and interface["networkIP"] == address:
                    return key
        return None

    def refusal(self, call, zone, region, found):
        """The error with which the operation is going to end."""
        interface, name = found["networkInterfaces"][0], found["name"]
        if rule := call.rule and call.rule.get("operation"):
            return (rule, f"The operation failed with {rule}.", call.rule.get("status", 400))
        if zone in self.world.faults.get("stockout", []):
            return ("ZONE_RESOURCE_POOL_EXHAUSTED", f"The zone 'projects/{PROJECT}/zones/{zone}' does not have enough resources available "
                    "to fulfill the request.  Try a different zone, or try again later.", 503)
        if holder := self.holder(tail(interface["subnetwork"]), interface["networkIP"]):
            return ("IP_IN_USE_BY_ANOTHER_RESOURCE", f"IP '{interface['networkIP']}' is already being used by another resource '{holder}'.", 400)
        return self.catalog.exceeded(region)

    # Time.

    def become(self, key, status, before=None):
        found = self.world.things.get(key)
        if found and (before is None or found["status"] in before):
            found["status"] = status

    def forget(self, key, is_ghost=True):
        found = self.world.things.pop(key, None)
        for other, item in self.world.things.items():
            if found and found["selfLink"] in item.get("users", []):
                item.pop("users"), item.update(status="RESERVED")
        if found and is_ghost:
            self.world.ghosts.append((time.monotonic(), key, found))

    # Looking.

    def get(self, call):
        return self.world.get(call.key())

    def seen(self, zone=None):
        """What listings show: with a lag, neither what is new nor that something has gone."""
        lag, now = self.world.faults.get("listing_lag", 0), time.monotonic()
        self.world.ghosts = [each for each in self.world.ghosts if each[0] + lag > now]
        zones = [zone] if zone else [each for zones in ZONES.values() for each in zones]
        for each in sorted(zones):
            prefix = f"projects/{PROJECT}/zones/{each}/instances/"
            alive = {key: item for key, item in self.world.things.items() if key.startswith(prefix) and self.born[key] + lag <= now}
            gone = {key: item for _, key, item in self.world.ghosts if key.startswith(prefix)}
            for _, item in sorted((gone | alive).items()):
                yield each, item

    def list(self, call):
        return call.listed("compute#instanceList", [item for _, item in self.seen(call.path["zone"])])

    def aggregatedList(self, call):
        call.ours()
        wanted = call.query.get("filter")
        found = [(zone, item) for zone, item in self.seen() if select(wanted, [item])]
        page, following = call.page(found)
        items = {}
        for zone in sorted(each for zones in ZONES.values() for each in zones):
            here = [item for each, item in page if each == zone]
            items[f"zones/{zone}"] = {"instances": here} if here else {"warning": self.warning("NO_RESULTS_ON_PAGE", zone)}
        answer = {"kind": "compute#instanceAggregatedList", "id": f"projects/{PROJECT}/aggregated/instances", "items": items,
                  "selfLink": call.url(f"projects/{PROJECT}/aggregated/instances")}
        for zone in self.world.faults.get("unreachable", []):
            items[f"zones/{zone}"] = {"warning": self.warning("UNREACHABLE", zone)}
            answer["unreachables"] = answer.get("unreachables", []) + [f"zones/{zone}"]
        return answer | ({"nextPageToken": following} if following else {})

    @staticmethod
    def warning(code, zone):
        text = f"There are no results for scope 'zones/{zone}' on this page." if code.startswith("NO") else f"zones/{zone} is unreachable."
        return {"code": code, "message": text, "data": [{"key": "scope", "value": f"zones/{zone}"}]}

    # Changing.

    def change(self, call, kind, froms, through, to, seconds):
        key = call.key()
        found = self.world.get(key)
        if found["status"] not in froms:
            raise Refused(400, "resourceNotReady", f"The resource '{key}' is not ready")
        found["status"] = through
        return self.world.begin(call, key, kind, seconds, lambda: self.become(key, to, (through,)))

    def delete(self, call):
        key, delays = call.key(), self.world.faults.delays
        found = self.world.get(key)
        if found.get("deletionProtection"):
            raise Refused(412, "conditionNotMet", "Invalid resource usage: 'Resource cannot be deleted if it's protected against deletion.'")
        if key in self.leaving:
            raise Refused(400, "resourceNotReady", f"The resource '{key}' is not ready")
        self.leaving.add(key)
        found["status"] = "STOPPING"

        def gone():
            self.leaving.discard(key)
            self.forget(key)

        return self.world.begin(call, key, "delete", delays["delete"], gone)

    def start(self, call):
        return self.change(call, "start", ("TERMINATED",), "STAGING", "RUNNING", self.world.faults.delays["start"])

    def stop(self, call):
        return self.change(call, "stop", ("RUNNING", "STAGING", "TERMINATED"), "STOPPING", "TERMINATED", self.world.faults.delays["suspend"])

    def suspend(self, call):
        if self.world.get(call.key())["machineType"].endswith("e2-micro"):
            raise Refused(400, "invalid", "Invalid value for field 'instance': the machine type e2-micro cannot be suspended in this lab.")
        return self.change(call, "suspend", ("RUNNING",), "SUSPENDING", "SUSPENDED", self.world.faults.delays["suspend"])

    def resume(self, call):
        return self.change(call, "resume", ("SUSPENDED",), "STAGING", "RUNNING", self.world.faults.delays["start"])

    def setLabels(self, call):
        found = self.world.get(call.key())
        if call.body.get("labelFingerprint") != found["labelFingerprint"]:
            raise Refused(412, "conditionNotMet", "Labels fingerprint either invalid or resource labels have changed")
        found["labels"] = call.body.get("labels", {})
        found["labelFingerprint"] = fingerprint(found["labels"])
        return self.world.begin(call, call.key(), "setLabels", 0)

    def setMetadata(self, call):
        found = self.world.get(call.key())
        if call.body.get("fingerprint") != found["metadata"]["fingerprint"]:
            raise Refused(412, "conditionNotMet", "Supplied fingerprint does not match current metadata fingerprint.")
        found["metadata"] = {**call.body, "kind": "compute#metadata", "fingerprint": fingerprint(call.body)}
        return self.world.begin(call, call.key(), "setMetadata", 0)

    # What happens behind everybody's back.

    def kill(self, name):
        """The guest shuts itself down."""
        for key in list(self.world.things):
            if key.endswith("/instances/" + name):
                self.become(key, "TERMINATED")
                return {"killed": key}
        raise missing(name)
