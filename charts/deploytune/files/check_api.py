"""Asks the API server, as a Pod of `helm test`, whether tunings are served and checked.

A tuning is created in a dry run, so nothing stays; then one that breaks a rule, which must be
refused. The environment variable TUNING holds the good one as JSON.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CREATED, UNPROCESSABLE = 201, 422


def main() -> int:
    """Return 0 if the right tuning is accepted and the wrong one is not."""
    tuning = json.loads(os.environ["TUNING"])
    wrong = {**tuning, "spec": {**tuning["spec"], "budget": {"maxTrials": 0}}}
    checks = (
        ("a tuning is accepted", tuning, CREATED),
        ("a tuning without trials is refused", wrong, UNPROCESSABLE),
    )
    return sum(not holds(*check) for check in checks)


def holds(what: str, tuning: dict, expected: int) -> bool:
    """Create a tuning in a dry run, and say whether the answer is the expected one."""
    code, message = create(tuning)
    sys.stdout.write(f"{'ok' if code == expected else 'NOT SO'}: {what}: {code} {message}\n")
    return code == expected


def create(tuning: dict) -> tuple[int, str]:
    """Return the code and the message of the API server's answer."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    address = f"[{host}]" if ":" in host else host
    namespace = (ACCOUNT / "namespace").read_text()
    kind = f"/apis/{tuning['apiVersion']}/namespaces/{namespace}/deploymenttunings"
    headers = {
        "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(
        f"https://{address}:{port}{kind}?dryRun=All&fieldValidation=Strict",
        data=json.dumps(tuning).encode(),
        headers=headers,
    )
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    try:
        with urllib.request.urlopen(request, context=trust, timeout=30) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, json.load(error).get("message", "")


if __name__ == "__main__":
    sys.exit(main())
