"""Google's own Python client against the lab: `check.py ADDRESS` ends with 0 where it finds in the lab what it would in Google's cloud."""
import sys

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1 as compute

WHERE = {"project": "lab", "zone": "europe-west1-b"}


def client(kind, address):
    return kind(credentials=AnonymousCredentials(), client_options={"api_endpoint": address})


def instance(name):
    disk = compute.AttachedDisk(boot=True, auto_delete=True, initialize_params=compute.AttachedDiskInitializeParams(
        source_image="projects/debian-cloud/global/images/family/debian-12"))
    interface = compute.NetworkInterface(subnetwork="projects/lab/regions/europe-west1/subnetworks/shared")
    return compute.Instance(name=name, machine_type="zones/europe-west1-b/machineTypes/e2-small", disks=[disk],
                            network_interfaces=[interface], labels={"made-by": "python"})


def main(address):
    instances, operations = client(compute.InstancesClient, address), client(compute.ZoneOperationsClient, address)
    # The client's own poller asks Google's host, whatever address it was given.
    instances.transport._extended_operations_services["zone_operations"] = operations

    for number in range(3):
        instances.insert(**WHERE, instance_resource=instance(f"py-{number}")).result(timeout=30)
    assert instances.get(**WHERE, instance="py-0").labels == {"made-by": "python"}
    assert [each.name for each in instances.list(request={**WHERE, "max_results": 2})] == ["py-0", "py-1", "py-2"]
    scopes = dict(instances.aggregated_list(request={"project": "lab", "filter": 'labels.made-by="python"'}))
    assert len(scopes["zones/europe-west1-b"].instances) == 3
    assert scopes["zones/us-central1-a"].warning.code == "NO_RESULTS_ON_PAGE"

    expect(exceptions.Conflict, lambda: instances.insert(**WHERE, instance_resource=instance("py-0")))
    expect(exceptions.NotFound, lambda: instances.get(**WHERE, instance="nobody"))
    expect(exceptions.BadRequest, lambda: instances.insert(**WHERE, instance_resource=instance("Not_A_Name")))
    expect(exceptions.Forbidden, lambda: instances.get(project="another", zone=WHERE["zone"], instance="py-0"))

    instances.suspend(**WHERE, instance="py-0").result(timeout=30)
    assert instances.get(**WHERE, instance="py-0").status == "SUSPENDED"
    instances.resume(**WHERE, instance="py-0").result(timeout=30)
    assert instances.get(**WHERE, instance="py-0").status == "RUNNING"
    found = instances.get(**WHERE, instance="py-0")
    labels = compute.InstancesSetLabelsRequest(labels={"a": "b"}, label_fingerprint=found.label_fingerprint)
    instances.set_labels(**WHERE, instance="py-0", instances_set_labels_request_resource=labels).result(timeout=30)
    expect(exceptions.PreconditionFailed, lambda: instances.set_labels(
        **WHERE, instance="py-0", instances_set_labels_request_resource=labels))

    for number in range(3):
        instances.delete(**WHERE, instance=f"py-{number}").result(timeout=30)
    assert list(instances.list(**WHERE)) == []

    region = client(compute.RegionsClient, address).get(project="lab", region="europe-west1")
    assert {quota.metric for quota in region.quotas} >= {"CPUS", "INSTANCES"}
    image = client(compute.ImagesClient, address).get_from_family(project="debian-cloud", family="debian-12")
    assert image.status == "READY"


def expect(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


if __name__ == "__main__":
    main(sys.argv[1])
