"""One call of EC2's Query API as it comes in, and the answers that we give to it ourselves."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.ec2 import ec2_backends

ACCOUNT = "123456789012"

# EC2 counts these among its own errors, not the caller's: they come as 5xx, everything else as 4xx.
SERVER_ERRORS = {
    "InsufficientInstanceCapacity": 500,
    "InsufficientHostCapacity": 500,
    "InternalError": 500,
    "RequestLimitExceeded": 503,
    "Unavailable": 503,
    "ServiceUnavailable": 503,
}


@dataclass
class Call:
    """What is asked: the parameters are the form as it came, every one of them."""

    number: int
    region: str
    action: str
    parameters: dict = field(default_factory=dict)
    change: int = 0

    @staticmethod
    def read(number, authorization, body):
        # AWS4-HMAC-SHA256 Credential=KEY/20261122/us-east-1/ec2/aws4_request, SignedHeaders=…
        scope = authorization.split("Credential=")[-1].split(",")[0].split("/")
        region = scope[2] if len(scope) > 2 else "us-east-1"
        parameters = dict(parse_qsl(body.decode(), keep_blank_values=True))
        return Call(number, region, parameters.get("Action", ""), parameters)

    def get(self, name, default=None):
        return self.parameters.get(name, default)

    def is_change(self):
        return not self.action.startswith("Describe")

    def is_dry_run(self):
        return self.get("DryRun") == "true"

    def backend(self):
        return ec2_backends[ACCOUNT][self.region]

    def instances(self):
        """Every instance of the region, terminated ones included, oldest first."""
        return list(self.backend().all_instances())

    def ids(self):
        """The instances that the call names."""
        return [value for name, value in self.parameters.items() if name.startswith("InstanceId")]


class Refusal(Exception):
    """The answer is an error of this code."""

    def __init__(self, code, message, status=None):
        super().__init__(message)
        self.code = code
        self.status = status or SERVER_ERRORS.get(code, 400)

    def body(self):
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
            f"<Code>{escape(self.code)}</Code><Message>{escape(str(self))}</Message>"
            "</Error></Errors><RequestID>00000000-lab</RequestID></Response>"
        )


class Unheard(Exception):
    """The connection closes without an answer."""
