"""In front of moto: every call passes through here, one at a time, and is counted."""

import io
import json
import os
import socket
import threading
from collections import Counter

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

import limits
from call import Call, Refusal, Unheard
from faults import Faults
from narrow import narrowed
from states import WAYS, States, enter
from tokens import Tokens


class Front:
    def __init__(self, state, account, on_change=None):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.account = account
        self.faults = Faults(os.path.join(state, "faults.json"))
        self.on_change = on_change
        self.states, self.tokens = States(), Tokens()
        self.calls, self.refused, self.number, self.changes = Counter(), Counter(), 0, 0
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"].startswith("/lab"):
            return self.lab(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            with self.lock:
                status, headers, answer = self.answer(environ, body)
        except Refusal as refusal:
            with self.lock:
                self.refused[refusal.code] += 1
            status, headers = f"{refusal.status} Refused", [("Content-Type", "text/xml;charset=UTF-8")]
            answer = [refusal.body().encode()]
            headers.append(("Content-Length", str(len(answer[0]))))
        except Unheard:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            status, headers, answer = "500 Unheard", [], []
        start_response(status, headers)
        return answer

    def answer(self, environ, body):
        self.number += 1
        call = Call.read(self.number, environ.get("HTTP_AUTHORIZATION", ""), body)
        self.calls[call.action] += 1
        self.changes += call.is_change()
        call.change = self.changes
        faults = self.faults.read()
        self.states.settle()
        is_unheard = self.faults.before(call, faults)
        reply = self.launch(environ, body, call, faults) if call.action == "RunInstances" else None
        if reply is None:
            if call.action == "StartInstances":
                limits.check_start(call, faults)
            with self.states.lagging(call, faults), narrowed(call):
                reply = self.pass_on(environ, body)
            self.moved(call, reply, faults)
        if self.on_change and call.action in WAYS:
            self.write_down(call)
        if is_unheard:
            raise Unheard()
        return reply

    def launch(self, environ, body, call, faults):
        """RunInstances: an earlier reservation told again, or a new one."""
        if earlier := self.tokens.replay(call):
            # Told by moto itself, which is asked to launch and hands out what there is.
            backend = call.backend()
            backend.run_instances = lambda *_, **__: earlier
            try:
                return self.pass_on(environ, body)
            finally:
                del backend.run_instances
        limits.check_launch(call, faults)
        before = set(call.backend().reservations)
        reply = self.pass_on(environ, body)
        for key, reservation in call.backend().reservations.items():
            if key not in before:
                self.tokens.remember(call, reservation)
                for instance in reservation.instances:
                    # moto heeds it only where it is set later.
                    instance.disable_api_termination = call.get("DisableApiTermination") == "true"
                self.states.moves(call, reservation.instances, faults)
        return reply

    def moved(self, call, reply, faults):
        """The instances that moto has moved go the slow way."""
        if call.action in WAYS and reply[0].startswith("200"):
            named = [instance for instance in call.instances() if instance.id in call.ids()]
            self.states.moves(call, named, faults)

    def pass_on(self, environ, body):
        inner = {**environ, "wsgi.input": io.BytesIO(body)}
        heard = []
        application = self.moto.get_application(inner)
        answer = b"".join(application(inner, lambda status, headers, *_: heard.append((status, headers))))
        status, headers = heard[0]
        return status, [(name, value) for name, value in headers if name.lower() != "connection"], [answer]

    def seen(self, call):
        """Every instance that ever was, as its cloud knows it."""
        return [
            {
                "id": each.id,
                "state": each.state,
                "token": each.client_token,
                "machine": each.instance_type,
                "market": limits.market(each),
                "zone": each.availability_zone,
                "subnet": each.subnet_id,
                "vpc": each.vpc_id,
                "address": each.private_ip,
                "public": each.public_ip,
                "protected": each.disable_api_termination in (True, "true"),
                "tags": {tag["key"]: tag["value"] for tag in each.get_tags()},
                "user_data": str(each.user_data or ""),
            }
            for each in call.instances()
        ]

    def networks(self, call):
        """What there is of networks, beside what EC2 makes by itself: by kind, each with its tags."""
        backend = call.backend()
        kinds = {
            "vpcs": backend.vpcs.values(),
            "internet_gateways": backend.internet_gateways.values(),
            "subnets": [each for zone in backend.subnets.values() for each in zone.values()],
            "tables": backend.route_tables.values(),
            "groups": [each for vpc in backend.groups.values() for each in vpc.values()],
            "interfaces": backend.enis.values(),
            "addresses": backend.addresses,
        }
        tagged = lambda each: {tag["key"]: tag["value"] for tag in each.get_tags()}
        return {kind: [tags for each in all_of if (tags := tagged(each))] for kind, all_of in kinds.items()}

    def write_down(self, call):
        """For whoever puts something behind the instances: whole or not at all."""
        with open(self.on_change + ".new", "w", encoding="utf-8") as file:
            json.dump(self.seen(call), file, indent=1)
        os.replace(self.on_change + ".new", self.on_change)

    def meddle(self, call, what, instance_id, body):
        """What happens to an instance behind everybody's back."""
        instance = call.backend().get_instance(instance_id)
        if what == "tags":
            instance.add_tags(json.loads(body))
        else:
            enter(instance, what)

    def lab(self, environ, start_response):
        call = Call(0, self.account["region"], "lab")
        with self.lock:
            self.states.settle()
            parts = environ["PATH_INFO"].strip("/").split("/")
            if environ["REQUEST_METHOD"] == "POST":
                body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                self.meddle(call, *parts[1:], body)
            told = {
                "calls": self.calls,
                "number": self.number,
                "changes": self.changes,
                "refused": self.refused,
                "account": self.account,
                "instances": self.seen(call),
                "networks": self.networks(call),
            }
        answer = json.dumps(told).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]
