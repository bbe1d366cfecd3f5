"""Who may call the API: logins, tokens, scopes, hosts, origins."""

from tests.support.accounts import Account
from tests.support.our_server import OurServer
from tests.support.rest_client import RestClient


def test_a_login_gives_a_token_that_works(ours: OurServer, account: Account) -> None:
    body = {"name": account.name, "password": account.password, "scope": "read"}
    issued = RestClient(ours.url).ok("POST", "/api/v1/login", body)

    access = RestClient(ours.url, issued["token"]).ok("GET", "/api/v1/access")

    assert access == {
        "user": account.name,
        "scope": "read",
        "expires_at": issued["expires_at"],
    }
