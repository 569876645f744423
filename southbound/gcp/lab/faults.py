"""What goes wrong, and how slow things are: a JSON file, looked at before each call.

    {"seed": 7,
     "delays": {"insert": 0.05, "boot": 0.1, "delete": 0.05, "suspend": 0.05, "start": 0.05, "network": 0.0},
     "listing_lag": 0.0, "operations_hidden": false, "request_id_memory": 3600, "quota": {"INSTANCES": 3},
     "stockout": ["europe-west1-b"], "unreachable": ["europe-west1-c"], "down": [], "denied": [], "tokens": ["good"],
     "grants": false, "page": 2,
     "rules": [{"method": "instances.insert", "status": 503, "reason": "backendError", "times": 1, "chance": 0.5}]}

A rule's `method` may end in `*`. It answers `status` with `reason`, or has the operation end with the error `operation`, or loses the
reply: `"lose": "before"` does nothing, `"lose": "after"` does it, and either closes the connection without a word. `skip` lets so many
calls pass first.
"""
import fnmatch
import json
import os
import random
import threading

DELAYS = {"insert": 0.02, "boot": 0.02, "delete": 0.02, "suspend": 0.02, "start": 0.02, "network": 0.0}


class Faults:
    def __init__(self, path):
        self.path, self.stamp, self.lock = path, None, threading.Lock()
        self.take({})

    def take(self, told):
        self.told, self.delays = told, {**DELAYS, **told.get("delays", {})}
        self.left = [rule.get("times") for rule in told.get("rules", [])]
        self.skip = [rule.get("skip", 0) for rule in told.get("rules", [])]
        self.chance = random.Random(told.get("seed", 0))

    def look(self):
        """Reads the file again where it has changed. Who writes it renames it into place."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return
        stamp = (found.st_mtime_ns, found.st_ino)
        with self.lock:
            if stamp != self.stamp:
                self.stamp = stamp
                with open(self.path) as file:
                    self.take(json.load(file))

    def get(self, name, otherwise=None):
        return self.told.get(name, otherwise)

    def rule(self, method):
        """The rule that this call falls under, if any."""
        with self.lock:
            for at, rule in enumerate(self.told.get("rules", [])):
                if not fnmatch.fnmatchcase(method, rule["method"]) or self.left[at] == 0:
                    continue
                if self.skip[at] > 0:
                    self.skip[at] -= 1
                    continue
                if self.chance.random() < rule.get("chance", 1):
                    if self.left[at] is not None:
                        self.left[at] -= 1
                    return rule
        return None
