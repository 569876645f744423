"""Compute Engine on loopback: `gce.py [--port N] [--faults FILE] [--on-change FILE]` prints its address and serves until it is ended.

Routes and validation come from Google's discovery document (`discovery.py`), behaviour from the handlers beside this file. Below `/lab/`
is what no cloud has: `GET /lab/state` counts, `POST /lab/kill/NAME` has a guest die, `POST /lab/token` grants a token.
"""
import argparse
import json
import re
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fastjsonschema

from catalog import PROJECT, Catalog
from discovery import Api
from faults import Faults
from filters import select
from instances import Instances
from networks import Networks
from world import Refused, World, missing

SERVICE = "/compute/v1/"


class Call:
    """One request, as the handlers see it."""

    def __init__(self, lab, method, host, path, query, body, rule):
        self.lab, self.method, self.host = lab, method, host
        self.path, self.query, self.body, self.rule = path, query, body, rule

    def url(self, key):
        return f"http://{self.host}{SERVICE}{key}"

    def scope(self):
        """The project's zone or region, or what is global in it."""
        self.ours()
        for name in ("zone", "region"):
            if name in self.path:
                return f"projects/{PROJECT}/{name}s/{self.path[name]}"
        return f"projects/{PROJECT}/global"

    def key(self):
        """What the request is about: the path's last parameter in its collection."""
        collection, name = self.method.id.split(".")[0], list(self.path)[-1]
        collection = "operations" if collection.endswith("Operations") else collection
        return f"{self.scope()}/{collection}/{self.path[name]}"

    def ours(self):
        project = self.path["project"]
        if project != PROJECT and self.method.id not in ("images.get", "images.getFromFamily", "images.testIamPermissions"):
            raise Refused(403, "forbidden", f"Required 'compute.*' permission for 'projects/{project}'")

    @staticmethod
    def matches(field, pattern, value):
        if not re.fullmatch(pattern, value):
            raise Refused(400, "invalid", f"Invalid value for field '{field}': '{value}'.")

    def page(self, items):
        """A page of these, and the token of the next."""
        size = min(int(self.query.get("maxResults", 500)), self.lab.faults.get("page", 500), 500)
        at = int(self.query.get("pageToken") or 0)
        return items[at:at + size], str(at + size) if at + size < len(items) else None

    def listed(self, kind, items):
        page, following = self.page(select(self.query.get("filter"), items))
        answer = {"kind": kind, "id": self.scope(), "selfLink": self.url(self.scope()), "items": page}
        return answer | ({"nextPageToken": following} if following else {})


class Lab:
    def __init__(self, faults, on_change):
        self.faults = Faults(faults)
        self.world = World(self.faults, on_change)
        catalog, networks = Catalog(self.world), Networks(self.world)
        self.instances = Instances(self.world, catalog, networks)
        self.handlers = catalog.handlers() | networks.handlers() | self.instances.handlers()
        self.api = Api(self.handlers)

    def tick(self):
        while True:
            time.sleep(0.02)
            with self.world.lock:
                self.world.settle()
                self.world.write_change()

    def answer(self, verb, target, headers, raw):
        """What to reply: status and body; `None` where the connection is to be closed without a word."""
        url = urllib.parse.urlsplit(target)
        self.faults.look()
        if url.path.startswith("/lab/"):
            return self.own(verb, url.path)
        method, path = self.api.find(verb, url.path)
        name = method.id if method else "unknown"
        with self.world.lock:
            self.world.settle()
            self.world.calls[name] = self.world.calls.get(name, 0) + 1
        rule = self.faults.rule(name)
        try:
            if method is None or name not in self.handlers:
                raise Refused(501 if method else 404, "notImplemented" if method else "notFound", f"{verb} {url.path}")
            self.check_token(headers)
            if rule and rule.get("lose") == "before":
                return None
            if rule and "status" in rule and "operation" not in rule:
                raise Refused(rule["status"], rule.get("reason", "backendError"), rule.get("message", "on order"))
            query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
            answer = self.call(method, headers["Host"], path, query, raw, rule)
        except Refused as refused:
            answer = refused.status, {"error": {"code": refused.status, "message": refused.message, "errors": [
                {"message": refused.message, "domain": "global", "reason": refused.reason}]}}
        return None if rule and rule.get("lose") == "after" else answer

    def check_token(self, headers):
        tokens = self.faults.get("tokens")
        if tokens is not None and headers.get("Authorization", "").removeprefix("Bearer ") not in tokens:
            raise Refused(401, "authError", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
                          "or other valid authentication credential.")

    def call(self, method, host, path, query, raw, rule):
        if complaint := method.complaint(path | query):
            raise Refused(400, "invalid", complaint)
        try:
            body = json.loads(raw) if raw else {}
            if method.request:
                self.api.check(method.request, body, strict=False)
        except (ValueError, fastjsonschema.JsonSchemaException) as cause:
            raise Refused(400, "invalid", f"Invalid JSON payload received. {cause}") from cause
        call = Call(self, method, host, path, query, body, rule)
        with self.world.lock:
            self.world.settle()
            found = self.once(call)
            answer = json.loads(json.dumps(found))
        self.api.check(method.response, answer, strict=True)
        return 200, answer

    def once(self, call):
        """Does what is asked, unless it was done before under the same request id."""
        handler, token = self.handlers[call.method.id], call.query.get("requestId")
        if not token:
            return handler(call)
        if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", token) or set(token) <= set("0-"):
            raise Refused(400, "invalid", f"Invalid value for field 'requestId': '{token}'. Must be a valid UUID that is not zero.")
        asked = json.dumps([call.method.id, call.path, call.body], sort_keys=True)
        since, before, operation = self.world.requests.get(token, (0, None, None))
        if time.monotonic() - since < self.faults.get("request_id_memory", 3600) and operation:
            if before != asked:
                raise Refused(409, "conflict", f"The request ID '{token}' was used by a request with other parameters.")
            return operation
        operation = handler(call)
        self.world.requests[token] = (time.monotonic(), asked, operation)
        return operation

    def own(self, verb, path):
        with self.world.lock:
            self.world.settle()
            if (verb, path) == ("GET", "/lab/state"):
                shown = [key for key in sorted(self.world.things)]
                statuses = {item["name"]: item["status"] for key, item in self.world.things.items() if "/instances/" in key}
                return 200, {"calls": self.world.calls, "made": self.world.made, "things": shown, "instances": statuses}
            if verb == "POST" and path.startswith("/lab/kill/"):
                return 200, self.instances.kill(path.rsplit("/", 1)[1])
            if (verb, path) == ("POST", "/lab/token"):
                self.world.calls["token"] = self.world.calls.get("token", 0) + 1
                if self.faults.get("grants", True):
                    return 200, {"access_token": "good", "expires_in": 3600, "token_type": "Bearer"}
                return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        return 404, {}


class Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", 1 << 16

    def log_message(self, *_):
        """Nobody reads it."""

    def serve(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.lab.answer(self.command, self.path, self.headers, raw)
        if answer is None:
            self.close_connection = True
            return
        status, body = answer[0], json.dumps(answer[1]).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = serve


class Server(ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 256


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", default="")
    parser.add_argument("--on-change")
    arguments = parser.parse_args()
    server = Server(("127.0.0.1", arguments.port), Handler)
    server.lab = Lab(arguments.faults, arguments.on_change)
    threading.Thread(target=server.lab.tick, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
