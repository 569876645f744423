"""Google's discovery document of Compute Engine, as routes and as validators of what is asked and of what we answer.

Nothing here is written by hand: a field, an enum or a path that Google does not have is refused, in requests and in our own replies.
"""
import json
import pathlib
import re

import fastjsonschema
import googleapiclient

DOCUMENT = pathlib.Path(googleapiclient.__path__[0]) / "discovery_cache/documents/compute.v1.json"

# Of a discovery schema; what JSON Schema does not know or means otherwise. `format` is dropped too: int64 is text in a reply.
SAME = {"type", "enum", "pattern", "items"}


def schema(found, strict):
    """A discovery schema as a JSON schema. `strict` is for our replies: there, 64 bit numbers are text, as Google's are."""
    made = {key: value for key, value in found.items() if key in SAME}
    if "$ref" in found:
        return {"$ref": "#/definitions/" + found["$ref"]}
    if made.get("type") == "any":
        return {}
    if found.get("format") in ("int64", "uint64"):
        digits = {"type": "string", "pattern": r"^-?\d+$"}
        return digits if strict else {"anyOf": [digits, {"type": "integer"}]}
    if found.get("format") == "byte":
        return {"type": "string", "pattern": "^[A-Za-z0-9_-]*=*$"}
    if "pattern" in made:
        made["pattern"] = f"^(?:{made['pattern']})$"
    if isinstance(made.get("items"), dict):
        made["items"] = schema(made["items"], strict)
    if made.get("type") == "object":
        named = found.get("properties", {})
        made["properties"] = {key: schema(value, strict) for key, value in named.items()}
        others = found.get("additionalProperties")
        made["additionalProperties"] = schema(others, strict) if others else False
    return made


class Method:
    """One method of the API: its id, how it is reached, and what goes in and out."""

    def __init__(self, name, found, base):
        path = found.get("flatPath") or found["path"]
        pattern = re.sub(r"\\{\\?\+?(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(base + path))
        self.id, self.verb = name, found["httpMethod"]
        self.path = re.compile("/" + pattern)
        self.parameters = found.get("parameters", {})
        self.request = found.get("request", {}).get("$ref")
        self.response = found.get("response", {}).get("$ref")

    def complaint(self, values):
        """What is wrong with the parameters of a call; `None` where nothing is."""
        for name, value in values.items():
            known = self.parameters.get(name)
            if known is None and name not in EVERYWHERE:
                return f"Unknown name \"{name}\": Cannot bind query parameter."
            pattern = (known or {}).get("pattern")
            if pattern and not re.fullmatch(pattern, value):
                return f"Invalid value for field '{name}': '{value}'. Must be a match of regex '{pattern}'"
        for name, known in self.parameters.items():
            if known.get("required") and name not in values:
                return f"Required field '{name}' not specified"
        return None


EVERYWHERE = {"$alt", "$apiVersion", "alt", "prettyPrint", "fields", "key", "quotaUser", "userIp", "$.xgafv"}


class Api:
    """The methods that have a handler here, and validators, each compiled when it is first needed."""

    def __init__(self, handled):
        document = json.loads(DOCUMENT.read_text())
        self.methods, self.others, self.compiled = [], [], {}
        self.definitions = {
            strict: {name: schema(found, strict) for name, found in document["schemas"].items()} for strict in (False, True)
        }
        for resource, holds in document["resources"].items():
            for name, found in holds.get("methods", {}).items():
                method = Method(f"{resource}.{name}", found, document["servicePath"])
                (self.methods if method.id in handled else self.others).append(method)
        unknown = set(handled) - {method.id for method in self.methods}
        assert not unknown, f"Google has no {unknown}"

    def find(self, verb, path):
        """The method behind a request and its path parameters."""
        for methods in (self.methods, self.others):
            for method in methods:
                if method.verb == verb and (found := method.path.fullmatch(path)):
                    return method, found.groupdict()
        return None, {}

    def check(self, name, body, strict):
        """Raises `fastjsonschema.JsonSchemaException` where a body is not what the document says."""
        key = (name, strict)
        if key not in self.compiled:
            whole = {"definitions": self.definitions[strict], "$ref": f"#/definitions/{name}"}
            self.compiled[key] = fastjsonschema.compile(whole)
        self.compiled[key](body)
