"""What goes wrong, as the file of faults says: it is read anew at each call.

{"seed": 7,                                        what chance is drawn from
 "capacity": [{"machine": "m5.large", "zone": "us-east-1a", "market": "spot", "room": 3}],   what is left out means any
 "quota": 20,                                      so many instances in the account
 "boot": 0.5, "stop": 0.5, "shutdown": 0.5,        how long each takes, in seconds
 "lag": 2,                                         so long, in seconds, a new instance is not shown
 "calls": [{"action": "RunInstances", "at": 17, "chance": 0.2, "fault": "lose_reply"}]}

A fault of a call strikes the call of that action, with that number, with that chance: what is left out means every one.
`at_change` counts only calls that change something.
`throttle`, `refuse` (with `code`, `message` and `status`) and `drop` do nothing; `lose_reply` does what is asked and
closes the connection; `slow` waits `seconds` and then does it.
"""

import json
import random
import time

from call import Refusal, Unheard


class Faults:
    def __init__(self, path):
        self.path = path
        self.random = None
        self.seed = None

    def read(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                faults = json.load(file)
        except FileNotFoundError:
            faults = {}
        seed = faults.get("seed", 0)
        if self.random is None or seed != self.seed:
            self.random, self.seed = random.Random(seed), seed
        return faults

    def strikes(self, fault, call):
        return (
            fault.get("action", call.action) == call.action
            and fault.get("at", call.number) == call.number
            and ("at_change" not in fault or call.is_change() and fault["at_change"] == call.change)
            and self.random.random() < fault.get("chance", 1)
        )

    def before(self, call, faults):
        """Refuses the call, or says whether its answer gets lost."""
        is_unheard = False
        for fault in faults.get("calls", []):
            if not self.strikes(fault, call):
                continue
            kind = fault["fault"]
            if kind == "throttle":
                raise Refusal("RequestLimitExceeded", "Request limit exceeded.")
            if kind == "refuse":
                raise Refusal(fault["code"], fault.get("message", "As ordered."), fault.get("status"))
            if kind == "drop":
                raise Unheard()
            if kind == "slow":
                time.sleep(fault["seconds"])
            if kind == "lose_reply":
                is_unheard = True
        return is_unheard
