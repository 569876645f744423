"""Listings in the time that they should take. moto holds every instance against every filter, a second for a thousand of them;
it is shown only those that the filters by tag and by name leave. It still applies all filters itself. And for the tags of one
thing it goes through those of all: twenty seconds for a thousand instances."""

from contextlib import contextmanager

from moto.ec2.models.core import TaggedEC2Resource


def get_tags(self):
    tags = self.ec2_backend.tags.get(self.id, {})
    return [{"key": key, "value": value} for key, value in tags.items()]


TaggedEC2Resource.get_tags = get_tags


def filters(call):
    """By name: the values of one filter each."""
    named = {}
    for name, value in call.parameters.items():
        parts = name.split(".")
        if parts[0] == "Filter" and len(parts) > 2:
            named.setdefault(parts[1], {"values": []})
            if parts[2] == "Name":
                named[parts[1]]["name"] = value
            else:
                named[parts[1]]["values"].append(value)
    return [(each.get("name", ""), each["values"]) for each in named.values()]


def fits(backend, instance, wanted):
    tags = backend.tags.get(instance.id, {})
    return all(
        tags.get(name.removeprefix("tag:")) in values if name.startswith("tag:") else instance.id in values
        for name, values in wanted
    )


@contextmanager
def narrowed(call):
    wanted = [
        (name, values)
        for name, values in filters(call)
        if name == "instance-id" or name.startswith("tag:") and not any("*" in value for value in values)
    ]
    if call.action != "DescribeInstances" or not wanted:
        yield
        return
    backend = call.backend()
    shown = backend.reservations
    backend.reservations = {
        key: reservation
        for key, reservation in shown.items()
        if any(fits(backend, each, wanted) for each in reservation.instances)
    }
    try:
        yield
    finally:
        backend.reservations = shown
