"""Makes the calls that it reads, one JSON object a line, with the AWS CLI in this
process, which is ten times as fast as a process for each, and writes what came
of each."""
import contextlib
import io
import json
import os
import re
import sys
import tempfile

NAMES = {"licensemanager": "license-manager", "ssooidc": "sso-oidc", "portal": "sso", "sts": "sts"}
ERROR = re.compile(r"An error occurred \(([^)]+)\) when calling the \w+ operation(?: \([^)]*\))?: (.*)", re.S)

config = tempfile.NamedTemporaryFile("w", suffix=".config")
config.write("[default]\nparameter_validation = false\nmax_attempts = 1\n")
config.flush()
os.environ.update(AWS_CONFIG_FILE=config.name, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_MAX_ATTEMPTS="1", AWS_PAGER="")

from awscli.clidriver import create_clidriver  # noqa: E402: after its environment
from botocore import xform_name  # noqa: E402


def run(arguments):
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = create_clidriver().main(arguments)
        except SystemExit as exit:  # of the parser of arguments
            status = exit.code
    out.flush()
    return status, out.buffer.getvalue().decode(), err.getvalue()


def send(call):
    keys = call["keys"]
    os.environ.update(AWS_ACCESS_KEY_ID=keys["accessKeyId"], AWS_SECRET_ACCESS_KEY=keys["secretAccessKey"])
    os.environ.pop("AWS_SESSION_TOKEN", None)
    if keys.get("sessionToken"):
        os.environ["AWS_SESSION_TOKEN"] = keys["sessionToken"]
    model = create_clidriver().session.get_service_model(NAMES[call["service"]]).operation_model(call["operation"])
    known = {name: member for name, member in call["input"].items() if name in model.input_shape.members}
    status, out, err = run([
        NAMES[call["service"]], xform_name(call["operation"], "-"), "--cli-input-json", json.dumps(known),
        "--endpoint-url", call["endpoint"], "--region", call["region"], "--no-paginate", "--output", "json",
    ])
    unknown = sorted(call["input"].keys() - known.keys())
    if status == 0:
        return {"output": json.loads(out) if out.strip() else {}, "unknown": unknown}
    found = ERROR.search(err)
    code, message = found.groups() if found else (f"exit status {status}", err)
    return {"error": {"code": code, "type": "", "message": message.strip(), "status": 0}, "unknown": unknown}


for line in sys.stdin:
    try:
        result = send(json.loads(line))
    except Exception as error:  # whatever it is, the test has to see it
        result = {"error": {"code": type(error).__name__, "type": "", "message": str(error), "status": 0}}
    print(json.dumps(result), flush=True)
