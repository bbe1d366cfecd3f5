"""The whole server has its limit too: who comes then is told at once, and /health is answered."""

from tests.limits.conftest import Stall
from tests.support.accounts import Account
from tests.support.device import NO_CHANGES, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.raw_client import RawClient

AT_ONCE = 6
OPTIONS = {"max_requests": AT_ONCE, "max_requests_per_user": 4}


def test_a_full_server_says_so_at_once_and_goes_on_when_there_is_room(
    server: WatchedServer, account: Account, device: Device, stall: Stall
) -> None:
    users = [server.new_account() for _ in range(2)]
    begun = [stall(RawClient(server.url).login(user)) for user in users for _ in range(3)]
    for user in users:
        wait_until(lambda: len(server.temporary_files(user)) == 3, "all of them are in")  # noqa: B023
    client = RawClient(server.url)
    reply = client.call("abort")
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) > 0
    assert b"too much to do" in reply.body
    assert server.answers(), "/health is answered whatever there is to do"
    (told,) = server.events("limit_reached")
    assert told["limit"] == "max_requests"
    begun[0].cut()
    wait_until(lambda: client.call("abort").status != 503, "there is room")
    device.add_note("afterwards", "back")
    assert device.sync() == NO_CHANGES
    assert server.notes(account) == ["afterwards", "one"]
