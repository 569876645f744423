"""States that last, and listings that lag. In moto everything has happened when it has been asked for."""

import time
from contextlib import contextmanager

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

# By action: through which state, for how long by which key of the faults, into which state.
WAYS = {
    "RunInstances": ("pending", "boot", "running"),
    "StartInstances": ("pending", "boot", "running"),
    "StopInstances": ("stopping", "stop", "stopped"),
    "TerminateInstances": ("shutting-down", "shutdown", "terminated"),
}


def enter(instance, state):
    instance._state.name, instance._state.code = state, CODES[state]
    if state == "terminated":
        # moto keeps the addresses of what is gone.
        for card in instance.nics.values():
            card.subnet.del_subnet_ip(card.private_ip_address)
        instance._private_ips = set()


class States:
    def __init__(self):
        self.due = {}
        self.made = {}

    def settle(self):
        """What has come to its end by now."""
        now = time.monotonic()
        for key, (when, instance, state) in list(self.due.items()):
            if when <= now:
                enter(instance, state)
                del self.due[key]

    def moves(self, call, instances, faults):
        """These instances have been told to move."""
        through, delay, into = WAYS[call.action]
        now = time.monotonic()
        for instance in instances:
            self.made.setdefault(instance.id, now)
            if instance.state == "terminated" and into != "terminated":
                continue
            is_pending_stop = instance.id in self.due and self.due[instance.id][2] == into
            if not is_pending_stop:
                enter(instance, through)
                self.due[instance.id] = (now + faults.get(delay, 0), instance, into)
        self.settle()

    @contextmanager
    def lagging(self, call, faults):
        """What is younger than the lag does not exist, for whoever is not launching."""
        lag, backend = faults.get("lag", 0), call.backend()
        shown = backend.reservations
        if lag and call.action != "RunInstances":
            newest = time.monotonic() - lag
            backend.reservations = {
                key: reservation
                for key, reservation in shown.items()
                if all(self.made.get(each.id, 0) <= newest for each in reservation.instances)
            }
        try:
            yield
        finally:
            backend.reservations = shown
