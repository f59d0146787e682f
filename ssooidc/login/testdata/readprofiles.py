"""Prints what botocore makes of every profile of AWS config files, as JSON.

usage: readprofiles.py FILE...

Of each file it tells each profile: the session, account, role and Region; null
where botocore refuses the profile or finds nothing for SSO in it. The file
itself is null where botocore cannot read it.
"""

import json
import os
import sys

import botocore.credentials
import botocore.exceptions
import botocore.session
import botocore.tokens


def new_session(profile=None):
    return botocore.session.Session(profile=profile, include_builtin_handlers=False)


def read(path):
    os.environ["AWS_CONFIG_FILE"] = path
    try:
        names = new_session().full_config["profiles"]
    except botocore.exceptions.BotoCoreError:
        return None
    return {name: read_profile(name) for name in names}


def read_profile(name):
    session = new_session(name)
    provider = botocore.credentials.SSOProvider(lambda: session.full_config, None, name)
    try:
        config = provider._load_sso_config()
        tokens = botocore.tokens.SSOTokenProvider(session, profile_name=name)
        token_config = tokens._load_sso_config()  # None for the older kind
        config = config or token_config  # without a role, a session all the same
        if not config:
            return None
        region = session.get_config_variable("region")
    except botocore.exceptions.BotoCoreError:
        return None
    return {
        "session": config.get("sso_session", config.get("session_name", "")),
        "startUrl": config["sso_start_url"],
        "ssoRegion": config["sso_region"],
        "accountId": config.get("sso_account_id", ""),
        "roleName": config.get("sso_role_name", ""),
        "region": region or "",
    }


for variable in [v for v in os.environ if v.startswith("AWS_")]:
    del os.environ[variable]
os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
result = {os.path.basename(path): read(path) for path in sys.argv[1:]}
json.dump(result, sys.stdout, indent=2, sort_keys=True)
print()
