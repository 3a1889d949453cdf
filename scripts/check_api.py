#!/usr/bin/env python3
"""Does a running tollbook keep to its own description? Schemathesis (scripts/requirements.txt) asks it thousands of questions.

    check_api.py http://127.0.0.1:8080 --token tok_… --examples 200

It reads the server's OpenAPI document and sends what that allows and what it does not. Every check of Schemathesis is on: no
fault, no status, content type, header or body that is not described, no wrong request that is taken, no good one that is
refused for its form, nothing without a token. What it sends is written down: use a database made for it, such as that of
`tollbook demo`, and no limit of requests (`--set http.requests_per_second=0`).

The same seed asks the same questions. Exit status 1 and a curl command for each answer that is wrong.
"""

import argparse
import json
import os
import pathlib
import tempfile

import schemathesis
from schemathesis.cli import schemathesis as command

# What a schema cannot say: rules between fields, what is stored, the calendar. Who is told of these sent a sound request.
ABOUT_MEANING = {"/problems/invalid-field", "/problems/key-reused", "/problems/changed-meanwhile", "/problems/insufficient-balance"}
# So is this, though it comes with 400: only the server knows its cursors, zones, regions and columns, and counts lines.
MEANT = (
    "the cursor is none of ours", "is no IANA time zone", "is no region with a numbering plan", "columns: ",
    "a batch holds 1 to 10000 records", "the last day comes after the first",
)
# But these words are of form, and a schema can say it. JSON Schema takes 61.0 for an integer; a client that counts sends 61.
FORM = ("invalid type", "invalid length", "unknown field", "unknown variant", "missing field", "is no id", "is not a decimal")
NOT_FORM = ("invalid type: floating point",)


def is_of_form(detail):
    return any(word in detail for word in FORM) and not any(word in detail for word in NOT_FORM)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Takes a refusal of a sound request for right if it says what no schema says."""
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    if case.operation.path.startswith("/oauth/"):
        # RFC 6749, 5.2: a client that is not known, or says who it is twice, is refused by 400.
        return False
    problem = json.loads(response.content)
    details = [problem["detail"], *(error["detail"] for error in problem.get("errors", []))]
    if problem["type"] in ABOUT_MEANING:
        return any(map(is_of_form, details))
    return not any(words in problem["detail"] for words in MEANT)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Leaves the asking client alone: revoked, it would prove nothing more."""
    parameters = case.path_parameters or {}
    if parameters.get("client_id") == os.environ.get("CHECK_API_SELF"):
        case.path_parameters["client_id"] = "cli_0000000000001"


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.deserializer("application/pdf")
def document(context, response):
    """A schema says no more of a document than that it is bytes."""
    return response.content.decode("latin-1")


def settings(known):
    """The settings of Schemathesis, with what is known to exist."""
    text = """
# A record that cannot be read is not refused: it waits in suspense (202), so that no call is lost.
[[operations]]
include-name = "POST /v1/calls"
checks.negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 411, 413, 415, 422, 202]
"""
    values = {}
    for name, value in known:
        values.setdefault(name, []).append(value)
    parameters = "[parameters]\n"
    for name, found in values.items():
        text += f"[dictionaries.{name}]\nvalues = {json.dumps(found)}\n"
        parameters += f'"path.{name}" = {{ dictionary = "{name}", probability = 0.9 }}\n'
    return parameters + text if values else text


def known(text):
    name, _, value = text.partition("=")
    if not value:
        raise argparse.ArgumentTypeError("write NAME=VALUE")
    return name, int(value) if value.isdigit() else value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="where tollbook is served")
    parser.add_argument("--token", help="ask with this token; without one, who asks is not known")
    parser.add_argument("--self", metavar="CLIENT_ID", default="", help="the token's client, which is not to be revoked")
    parser.add_argument("--known", metavar="NAME=VALUE", type=known, action="append", default=[],
                        help="what a parameter of paths may be: customer_id=cus_…; may be given often")
    parser.add_argument("--examples", metavar="N", type=int, default=20, help="questions to each operation (default: 20)")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="which questions (default: 1)")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful", help="(default: %(default)s)")
    arguments = parser.parse_args()
    os.environ["CHECK_API_SELF"] = arguments.self
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "schemathesis.toml")
        path.write_text(settings(arguments.known))
        os.chdir(folder)
        asked = ["--config-file", str(path), "run", f"{arguments.url}/openapi.json", "--checks", "all", "--no-color",
                 "--continue-on-failure", "--generation-database", "none",
                 "--phases", arguments.phases, "--max-examples", str(arguments.examples), "--seed", str(arguments.seed)]
        if arguments.token:
            asked += ["--header", f"Authorization: Bearer {arguments.token}"]
        command(asked)


if __name__ == "__main__":
    main()
