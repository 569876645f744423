"""ClientToken, as EC2 keeps it: one token, one launch, for as long as the lab runs.

moto stores the token and launches again.
"""

from call import Refusal

# Beside the token itself, what may differ between two calls that mean the same.
NO_PART_OF_IT = {"DryRun"}


class Tokens:
    def __init__(self):
        self.launches = {}

    @staticmethod
    def meaning(call):
        return {name: value for name, value in call.parameters.items() if name not in NO_PART_OF_IT}

    def replay(self, call):
        """The reservation of an earlier launch with this token; nothing where there is none."""
        token = call.get("ClientToken")
        earlier = self.launches.get((call.region, token))
        if not token or earlier is None or call.is_dry_run():
            return None
        meaning, reservation = earlier
        if meaning != self.meaning(call):
            raise Refusal(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request.",
            )
        if all(instance.state == "terminated" for instance in reservation.instances):
            raise Refusal(
                "IdempotentInstanceTerminated",
                "The request uses the same client token as a previous request, but the instance has been terminated.",
            )
        return reservation

    def remember(self, call, reservation):
        if token := call.get("ClientToken"):
            self.launches[(call.region, token)] = (self.meaning(call), reservation)
