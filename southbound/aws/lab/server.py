"""An EC2 to test against: moto, and what it lacks to be a cloud that an autoscaler has to survive.

    server.py --port 0 --state DIR [--check-signatures] [--on-change FILE]

Prints its address, then serves until its standard input ends, so that it never outlives whoever started it. In DIR is
`faults.json` (see faults.py), read at each call; into FILE goes what exists, after each change, for whoever puts something
behind the instances.

    any call of EC2 ─► faults ─► token known? ─► limits ─► moto ─► states ─► reply, or none

GET /lab tells what was counted. Behind everybody's back, POST /lab/<state>/<id> moves an instance, and POST /lab/tags/<id>
tags it.
"""

import argparse
import os
import sys
import threading

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--state", required=True)
parser.add_argument("--check-signatures", action="store_true")
parser.add_argument("--on-change")
arguments = parser.parse_args()

os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "true"
os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"
if arguments.check_signatures:
    os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"

# moto reads its settings when it is imported.
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402

from account import furnish  # noqa: E402
from front import Front  # noqa: E402


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


front = Front(arguments.state, furnish(), arguments.on_change)
server = make_server("127.0.0.1", arguments.port, front, threaded=True, request_handler=Quiet)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
os._exit(0)
