"""The commands about users and keys reach a running server within a second."""

from tests.control.operator import META, Operator, is_refused, wait_until
from tests.support.raw_client import RawClient

NO_SUCH_KEY = 67


def test_a_new_user_can_sync_at_once(running: Operator) -> None:
    account = running.add_somebody()
    assert running.client(account).call("meta", META).status == 200


def test_a_deleted_user_is_refused(running: Operator) -> None:
    account = running.add_somebody()
    client = running.client(account)
    running.must("deluser", account.name, "--yes")
    wait_until(lambda: is_refused(client))
    assert _login_status(running, account.name, account.password) == 403


def test_a_new_password_logs_all_devices_out(running: Operator) -> None:
    account = running.add_somebody()
    phone, laptop = running.client(account), running.client(account)
    running.must("passwd", account.name, "--password-stdin", stdin="new\n")
    wait_until(lambda: is_refused(phone))
    wait_until(lambda: is_refused(laptop))
    assert _login_status(running, account.name, account.password) == 403
    assert _login_status(running, account.name, "new") == 200


def test_each_login_is_listed_as_a_key(running: Operator) -> None:
    account = running.add_somebody()
    running.client(account)
    running.client(account)
    keys = running.must("lskeys", account.name, "--json").json
    assert len({key["key"] for key in keys}) == 2
    assert {key["address"] for key in keys} == {"127.0.0.1"}
    assert all("26.09.3" in key["client_version"] for key in keys)
    assert len(running.must("lskeys", account.name).output.splitlines()) == 3
    users = {user["name"]: user for user in running.must("lsuser", "--json").json}
    assert users[account.name]["devices"] == 2


def test_no_command_and_no_log_shows_a_key_itself(running: Operator) -> None:
    account = running.add_somebody()
    client = running.client(account)
    assert client.host_key not in running.must("lskeys", account.name, "--json").output
    assert client.host_key not in running.log


def test_a_revoked_key_is_refused_and_the_others_stay(running: Operator) -> None:
    account = running.add_somebody()
    phone = running.client(account)
    [phone_key] = running.must("lskeys", account.name, "--json").json
    laptop = running.client(account)
    running.must("revoke", account.name, str(phone_key["key"]))
    wait_until(lambda: is_refused(phone))
    assert laptop.call("meta", META).status == 200


def test_all_keys_of_a_user_are_revoked_together(running: Operator) -> None:
    account, neighbour = running.add_somebody(), running.add_somebody()
    phone, laptop = running.client(account), running.client(account)
    other = running.client(neighbour)
    revoked = running.must("revoke", account.name, "--json").json
    assert revoked == {"name": account.name, "revoked": 2}
    wait_until(lambda: is_refused(phone))
    wait_until(lambda: is_refused(laptop))
    assert other.call("meta", META).status == 200


def test_a_key_of_somebody_else_is_not_revoked(running: Operator) -> None:
    account, neighbour = running.add_somebody(), running.add_somebody()
    client = running.client(neighbour)
    [key] = running.must("lskeys", neighbour.name, "--json").json
    refused = running.ctl("revoke", account.name, str(key["key"]))
    assert refused.exit_code == NO_SUCH_KEY
    assert client.call("meta", META).status == 200


def test_purging_leaves_nothing_for_the_next_user_of_the_name(running: Operator) -> None:
    account = running.add_somebody()
    running.client(account).expect("meta", META)
    folder = running.data_root / "users" / account.name
    folder.mkdir(exist_ok=True)
    (folder / "media.db").write_bytes(b"old")
    running.must("deluser", account.name, "--purge", "--yes")
    assert not folder.exists()
    newcomer = running.client(running.add(account.name))
    assert newcomer.expect("meta", META)["usn"] == 0
    assert not (folder / "media.db").exists()


def _login_status(running: Operator, name: str, password: str) -> int:
    return RawClient(running.url).call("hostKey", {"u": name, "p": password}).status
