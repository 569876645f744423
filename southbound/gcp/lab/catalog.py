"""What is there before anybody asks: projects, regions with quotas, zones, machine types, images; and operations."""
import time

from world import missing, now_text

PROJECT = "lab"
ZONES = {"europe-west1": ["europe-west1-b", "europe-west1-c", "europe-west1-d"], "us-central1": ["us-central1-a", "us-central1-b"]}
MACHINES = {"e2-micro": (2, 1024), "e2-small": (2, 2048), "e2-medium": (2, 4096), "n2-standard-2": (2, 8192)}
# Not every zone has every machine.
ONLY_IN = {"n2-standard-2": {"europe-west1-b", "europe-west1-c"}}
IMAGES = {("debian-cloud", "debian-12-bookworm-v20261101"): "debian-12", (PROJECT, "web-1"): "web", (PROJECT, "web-2"): "web"}
QUOTA = {"CPUS": 240, "INSTANCES": 10_000, "STATIC_ADDRESSES": 8}
STARTED = now_text()


def zone_of(name):
    return next((region for region, zones in ZONES.items() if name in zones), None)


class Catalog:
    """Handlers of what only is read."""

    def __init__(self, world):
        self.world = world

    def handlers(self):
        return {
            "projects.get": self.project, "regions.get": self.region, "zones.get": self.zone, "zones.list": self.zones,
            "machineTypes.get": self.machine, "machineTypes.list": self.machines, "images.get": self.image,
            "images.getFromFamily": self.family, "images.testIamPermissions": self.permissions,
            "subnetworks.testIamPermissions": self.permissions, "instances.testIamPermissions": self.permissions,
            "zoneOperations.get": self.operation, "zoneOperations.wait": self.wait, "zoneOperations.list": self.operations,
            "regionOperations.get": self.operation, "regionOperations.wait": self.wait,
            "globalOperations.get": self.operation, "globalOperations.wait": self.wait,
        }

    def project(self, call):
        call.ours()
        return {"kind": "compute#project", "id": "4242", "name": PROJECT, "selfLink": call.url(f"projects/{PROJECT}"),
                "creationTimestamp": STARTED, "commonInstanceMetadata": {"kind": "compute#metadata", "fingerprint": "AAAA"},
                "defaultServiceAccount": "lab@asaas.test", "quotas": []}

    def quota(self, region, metric):
        if metric in self.world.faults.get("quota", {}):
            return self.world.faults.get("quota")[metric]
        return QUOTA[metric]

    def usage(self, region, metric):
        zones = tuple(f"projects/{PROJECT}/zones/{zone}/instances" for zone in ZONES[region])
        instances = [key for key in self.world.things if key.startswith(zones)]
        if metric == "INSTANCES":
            return len(instances)
        if metric == "CPUS":
            return 2 * len(instances)
        return len(self.world.of(f"projects/{PROJECT}/regions/{region}/addresses"))

    def exceeded(self, region):
        """The quota that one more instance would exceed."""
        for metric, each in (("INSTANCES", 1), ("CPUS", 2)):
            if self.usage(region, metric) + each > (limit := self.quota(region, metric)):
                return ("QUOTA_EXCEEDED", f"Quota '{metric}' exceeded.  Limit: {float(limit)} in region {region}.", 403)
        return None

    def region(self, call):
        name = call.path["region"]
        if name not in ZONES:
            raise missing(call.key())
        where = f"projects/{PROJECT}"
        return {"kind": "compute#region", "id": "1100", "name": name, "status": "UP", "selfLink": call.url(f"{where}/regions/{name}"),
                "creationTimestamp": STARTED, "description": name, "zones": [call.url(f"{where}/zones/{zone}") for zone in ZONES[name]],
                "quotas": [{"metric": metric, "limit": float(self.quota(name, metric)), "usage": float(self.usage(name, metric))}
                           for metric in QUOTA]}

    def zone_item(self, call, name):
        where = f"projects/{PROJECT}"
        status = "DOWN" if name in self.world.faults.get("down", []) else "UP"
        return {"kind": "compute#zone", "id": "2200", "name": name, "status": status, "description": name, "creationTimestamp": STARTED,
                "selfLink": call.url(f"{where}/zones/{name}"), "region": call.url(f"{where}/regions/{zone_of(name)}")}

    def zone(self, call):
        if not zone_of(call.path["zone"]):
            raise missing(call.key())
        return self.zone_item(call, call.path["zone"])

    def zones(self, call):
        return call.listed("compute#zoneList", [self.zone_item(call, zone) for zones in ZONES.values() for zone in zones])

    def machine_item(self, call, zone, name):
        cpus, memory = MACHINES[name]
        return {"kind": "compute#machineType", "id": "3300", "name": name, "description": name, "guestCpus": cpus, "memoryMb": memory,
                "zone": zone, "selfLink": call.url(f"projects/{PROJECT}/zones/{zone}/machineTypes/{name}"), "creationTimestamp": STARTED,
                "isSharedCpu": name != "n2-standard-2", "maximumPersistentDisks": 16, "maximumPersistentDisksSizeGb": "3072"}

    @staticmethod
    def has(zone, name):
        return name in MACHINES and zone in ONLY_IN.get(name, {zone})

    def machine(self, call):
        zone, name = call.path["zone"], call.path["machineType"]
        if not zone_of(zone) or not self.has(zone, name):
            raise missing(call.key())
        return self.machine_item(call, zone, name)

    def machines(self, call):
        zone = call.path["zone"]
        return call.listed("compute#machineTypeList", [self.machine_item(call, zone, name) for name in MACHINES if self.has(zone, name)])

    @staticmethod
    def image_item(call, project, name):
        return {"kind": "compute#image", "id": "4400", "name": name, "family": IMAGES[project, name], "status": "READY", "diskSizeGb": "10",
                "sourceType": "RAW", "selfLink": call.url(f"projects/{project}/global/images/{name}"), "creationTimestamp": STARTED}

    def image(self, call):
        if (call.path["project"], call.path["image"]) not in IMAGES:
            raise missing(call.key())
        return self.image_item(call, call.path["project"], call.path["image"])

    def family(self, call):
        project = call.path["project"]
        names = [name for (owner, name), family in IMAGES.items() if owner == project and family == call.path["family"]]
        if not names:
            raise missing(f"projects/{project}/global/images/family/{call.path['family']}")
        return self.image_item(call, project, max(names))

    @staticmethod
    def boot_image(link):
        """Whether a disk can be made from this link."""
        parts = link.split("/")
        if "projects" not in parts or "images" not in parts:
            return False
        project, rest = parts[parts.index("projects") + 1], parts[parts.index("images") + 1:]
        if rest[0] == "family":
            return any(owner == project and family == rest[1] for (owner, _), family in IMAGES.items())
        return (project, rest[0]) in IMAGES

    def permissions(self, call):
        denied = self.world.faults.get("denied", [])
        return {"permissions": [each for each in call.body.get("permissions", []) if each not in denied]}

    def operation(self, call):
        key = call.key()
        if key not in self.world.operations:
            raise missing(key)
        return self.world.operations[key]

    def wait(self, call):
        """Answers when the operation has ended, or after a while; the lock is held by us only in between."""
        until = time.monotonic() + 2
        while self.operation(call)["status"] != "DONE" and time.monotonic() < until:
            self.world.lock.release()
            time.sleep(0.005)
            self.world.lock.acquire()
            self.world.settle()
        return self.operation(call)

    def operations(self, call):
        prefix = call.scope() + "/operations/"
        is_shown = not self.world.faults.get("operations_hidden")
        found = [each for key, each in self.world.operations.items() if is_shown and key.startswith(prefix)]
        return call.listed("compute#operationList", found)
