"""A Lambda that answers the name of a connected Jobber account: {"accountId": "Z2lkOi8v..."}."""

import json
import os
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

JOBBER_URL = os.environ.get("JOBBER_BASE_URL", "https://api.getjobber.com") + "/api/graphql"
JOBBER_VERSION = os.environ.get("JOBBER_GRAPHQL_VERSION", "2026-05-12")
TIMEOUT_SECONDS = 30

lambda_client = boto3.client(
    "lambda",
    # boto3 before 1.28 does not read this variable. On Lambda it is not set.
    endpoint_url=os.environ.get("AWS_ENDPOINT_URL_LAMBDA"),
    # A slow get-token is still running, so do not invoke it a second time.
    config=Config(read_timeout=TIMEOUT_SECONDS, retries={"total_max_attempts": 1}),
)


class GetTokenError(Exception):
    """Why get-token gave no token. The project's README.md says what each code means."""

    def __init__(self, code, message, retryable):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.retryable = code, message, retryable


class JobberError(Exception):
    """Jobber answered errors instead of data."""


def get_token(account_id, **options):
    """An access token. Never log it: whoever has it can use the account."""
    try:
        response = lambda_client.invoke(
            FunctionName=os.environ["JOBBER_TOKENS_GET_TOKEN_FUNCTION"],
            Payload=json.dumps({"accountId": account_id, **options}),
        )
        answer = json.load(response["Payload"])
    except ReadTimeoutError:
        raise GetTokenError("get_token_failed", "no answer in time", True) from None
    if "FunctionError" in response:
        raise GetTokenError("get_token_failed", response["FunctionError"], True)
    if not answer["ok"]:
        raise GetTokenError(**answer["error"])
    return answer["accessToken"]


def send(token, query, variables):
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    headers = {"content-type": "application/json", "x-jobber-graphql-version": JOBBER_VERSION}
    request = urllib.request.Request(JOBBER_URL, body, headers)
    # Unredirected: urllib would send an ordinary header on to wherever a redirect leads.
    request.add_unredirected_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        answer = json.load(response)
    if "errors" in answer:
        raise JobberError("; ".join(error["message"] for error in answer["errors"]))
    return answer["data"]


def query_jobber(account_id, query, variables=None):
    """The data of a query. If Jobber rejects the token, asks for another one and tries once more."""
    token = get_token(account_id)
    try:
        return send(token, query, variables)
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
    return send(get_token(account_id, rejectedToken=token), query, variables)


def handler(event, context):
    return query_jobber(event["accountId"], "query { account { name } }")["account"]["name"]
