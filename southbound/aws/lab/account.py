"""What an account has before anybody does anything in it: an image, users with keys, and a VPC with a subnet in three zones."""

import json

from moto.ec2 import ec2_backends
from moto.ec2.models.amis import Ami
from moto.iam import iam_backends

from call import ACCOUNT

REGION = "us-east-1"
IMAGE = "ami-0123456789abcdef0"
SUBNETS = {"us-east-1a": "19.0.0.0/24", "us-east-1b": "19.0.1.0/28", "us-east-1c": "19.0.16.0/20"}


def furnish():
    """Returns what a client needs to know."""
    backend = ec2_backends[ACCOUNT][REGION]
    backend.amis[IMAGE] = Ami(backend, IMAGE, name="web", architecture="x86_64", virtualization_type="hvm")
    iam = iam_backends[ACCOUNT]["aws"]
    keys = {}
    for name, actions in [("service", ["ec2:*"]), ("reader", ["ec2:Describe*"])]:
        iam.create_user(REGION, name)
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        iam.put_user_policy(name, "may", json.dumps(policy))
        key = iam.create_access_key(name)
        keys[name] = {"id": key.access_key_id, "secret": key.secret_access_key}
    vpc = backend.create_vpc("19.0.0.0/16")
    subnets = {zone: backend.create_subnet(vpc.id, cidr, availability_zone=zone).id for zone, cidr in SUBNETS.items()}
    return {"subnets": subnets, "image": IMAGE, "region": REGION, "keys": keys}
