"""What exists in the lab, and time: operations that end later, and what happens when they do."""
import heapq
import itertools
import json
import os
import threading
import time
import uuid


class Refused(Exception):
    """An answer in Google's form of an error."""

    def __init__(self, status, reason, message):
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


def missing(path):
    return Refused(404, "notFound", f"The resource '{path}' was not found")


def now_text(seconds=None):
    seconds = time.time() if seconds is None else seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}-00:00"


class World:
    """Everything is done under `lock`; `settle` brings what is due about, in order."""

    def __init__(self, faults, on_change=None):
        self.faults, self.on_change = faults, on_change
        self.lock = threading.RLock()
        self.numbers = itertools.count(1_000_000_000_000_000_001)
        self.things, self.operations, self.requests = {}, {}, {}
        self.due, self.order = [], itertools.count()
        self.calls, self.made, self.ghosts = {}, {}, []
        self.written = None

    def number(self):
        return str(next(self.numbers))

    def after(self, seconds, effect):
        heapq.heappush(self.due, (time.monotonic() + seconds, next(self.order), effect))

    def settle(self):
        while self.due and self.due[0][0] <= time.monotonic():
            heapq.heappop(self.due)[2]()

    def write_change(self):
        """Tells whoever puts machines behind instances what there is now."""
        if not self.on_change:
            return
        seen = [item for key, item in sorted(self.things.items()) if key.split("/")[-2] == "instances"]
        text = json.dumps(seen, sort_keys=True)
        if text != self.written:
            self.written = text
            with open(self.on_change + ".new", "w") as file:
                file.write(text)
            os.replace(self.on_change + ".new", self.on_change)

    # A key is a path from the project on: `projects/p/zones/z/instances/i`.

    def get(self, key):
        if key not in self.things:
            raise missing(key)
        return self.things[key]

    def of(self, prefix):
        return [item for key, item in sorted(self.things.items()) if key.startswith(prefix + "/")]

    def begin(self, call, key, kind, seconds, effect=None, error=None):
        """An operation upon what is at `key`, which ends after `seconds` with `effect`, or with `error`."""
        scope = key.rsplit("/", 2)[0]
        name = f"operation-{uuid.uuid4().hex[:13]}-{next(self.order):08x}"
        where = call.url(scope)
        found = {
            "kind": "compute#operation", "id": self.number(), "name": name, "operationType": kind, "status": "RUNNING",
            "progress": 0, "targetLink": call.url(key), "selfLink": f"{where}/operations/{name}", "user": "lab@asaas.test",
            "insertTime": now_text(), "startTime": now_text(),
        }
        if key in self.things:
            found["targetId"] = self.things[key]["id"]
        if "/zones/" in key or "/regions/" in key:
            found["zone" if "/zones/" in key else "region"] = where
        self.operations[f"{scope}/operations/{name}"] = found

        def end():
            if effect and not error:
                failed = effect()
                self.fail(found, failed) if failed else None
            elif effect:
                effect()
            self.fail(found, error) if error else None
            found.update(status="DONE", progress=100, endTime=now_text())

        self.after(seconds, end)
        return found

    @staticmethod
    def fail(operation, error):
        code, message, status = error
        operation["error"] = {"errors": [{"code": code, "message": message}]}
        operation.update(httpErrorStatusCode=status, httpErrorMessage=message.split(".")[0].upper())
