"""Makes the calls that it reads, one JSON object a line, with boto3, and writes
what came of each."""
import json
import sys

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

NAMES = {"licensemanager": "license-manager", "ssooidc": "sso-oidc", "portal": "sso", "sts": "sts"}
CONFIG = Config(parameter_validation=False, retries={"total_max_attempts": 1}, read_timeout=20)
session = boto3.Session()
clients = {}


def client(call):
    key = json.dumps([call["service"], call["endpoint"], call["region"], call["keys"]])
    if key not in clients:
        keys = call["keys"]
        clients[key] = session.client(
            NAMES[call["service"]],
            endpoint_url=call["endpoint"],
            region_name=call["region"],
            aws_access_key_id=keys["accessKeyId"],
            aws_secret_access_key=keys["secretAccessKey"],
            aws_session_token=keys.get("sessionToken") or None,
            config=CONFIG,
        )
    return clients[key]


def send(call):
    if call.get("profile"):
        user = boto3.Session(profile_name=call["profile"], region_name=call["region"])
        return user.client("sts").get_caller_identity()
    return getattr(client(call), xform_name(call["operation"]))(**call["input"])


for line in sys.stdin:
    try:
        output = send(json.loads(line))
        metadata = output.pop("ResponseMetadata")
        result = {"output": output, "requestID": metadata.get("RequestId", "")}
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        details = error.response["Error"]
        result = {"error": {"code": details["Code"], "type": type(error).__name__, "message": details.get("Message", ""), "status": status}}
    except Exception as error:  # whatever it is, the test has to see it
        result = {"error": {"code": type(error).__name__, "type": type(error).__name__, "message": str(error), "status": 0}}
    print(json.dumps(result, default=lambda value: value.isoformat()), flush=True)
