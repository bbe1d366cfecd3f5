"""Proxies in front of a server that is well, each with one setting wrong."""

from pathlib import Path

import pytest

from syncserver import __version__
from syncserver.control.doctor import exchange
from syncserver.control.doctor.findings import Verdict
from tests.doctor.visits import TOO_SHORT, visit
from tests.support.accounts import Account
from tests.support.odd_proxy import odd_proxy
from tests.support.our_server import OurServer
from tests.support.processes import free_port
from tests.support.staged_nginx import RIGHT, nginx, passing_on


def test_a_body_limit_of_one_megabyte_is_named(upstream: str, folder: Path) -> None:
    rules = f"location / {{ proxy_pass {upstream}; proxy_http_version 1.1; }}"
    with nginx(folder, rules) as url:
        visited = visit(url)
    assert visited.only_failure.startswith("large bodies: A proxy refuses bodies of 1.5 MB")
    # Who answered comes first.
    assert visited["large bodies"].directives[0].startswith("nginx: client_max_body_size")
    assert any("LimitRequestBody" in one for one in visited["large bodies"].directives)


def test_a_body_limit_is_told_from_that_of_the_server(folder: Path, tmp_path: Path) -> None:
    small = OurServer(
        tmp_path / "small",
        {"max_collection_bytes": "2MB", "max_request_bytes": "2MB", "max_media_zip_bytes": "110MB"},
    )
    try:
        visited = visit(small.url)
    finally:
        small.stop()
    assert visited.failed == []
    assert visited["large bodies"].verdict is Verdict.WARNING
    assert "max_collection_bytes" in visited["large bodies"].remedy


def test_a_proxy_that_drops_chunked_bodies_is_named(server: OurServer) -> None:
    with odd_proxy("drops-chunks", server.port) as url:
        visited = visit(url, Account("nobody", "asked"))
    assert visited.only_failure.startswith("chunked bodies: Bodies sent in chunks")
    assert "body_missing" in visited.only_failure
    assert "proxy_http_version 1.1" in visited.only_failure
    assert "WSGIChunkedRequest On" in visited.only_failure
    assert visited["login"].verdict is Verdict.SKIPPED
    assert "body_missing" in server.log()


def test_a_proxy_that_waits_for_a_length_is_given_up(
    server: OurServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with odd_proxy("waits-for-length", server.port) as url:
        monkeypatch.setattr(exchange, "STALL_SECONDS", 1.0)
        told = visit(url).only_failure
    assert told.startswith("chunked bodies: A body in chunks")
    assert "gets no answer: Nobody answered" in told
    assert "proxy_http_version 1.1" in told


def test_a_proxy_that_cuts_answers_is_noticed(server: OurServer, account: Account) -> None:
    with odd_proxy("cuts-answers", server.port) as url:
        visited = visit(url, account)
    assert visited.failed == ["login"]
    assert "cut off" in visited["login"].what


def test_a_proxy_that_hangs_up_on_large_bodies_is_noticed(server: OurServer) -> None:
    with odd_proxy("hangs-up", server.port) as url:
        assert "large bodies: A body of 1.5 MB gets no answer" in visit(url).only_failure


def test_a_header_that_is_removed_is_named(upstream: str, folder: Path) -> None:
    rules = passing_on(upstream, 'proxy_set_header anki-sync "";')
    with nginx(folder, rules) as url:
        visited = visit(url)
    assert visited.failed == ["sync header"]
    assert "does not get the header anki-sync" in visited["sync header"].what
    assert "proxy_set_header" in visited["sync header"].directives[0]


def test_a_header_that_is_removed_from_answers_is_named(
    upstream: str, folder: Path, account: Account
) -> None:
    with nginx(folder, passing_on(upstream, "proxy_hide_header anki-original-size;")) as url:
        assert "proxy_hide_header anki-original-size" in visit(url, account).only_failure


def test_pages_in_the_place_of_the_servers_answers_are_noticed(upstream: str, folder: Path) -> None:
    extra = "proxy_intercept_errors on; error_page 400 403 =403 /error.html;"
    rules = f"{passing_on(upstream, extra)} location = /error.html {{ return 403; }}"
    with nginx(folder, rules) as url:
        visited = visit(url)
    assert visited.failed == ["sync header"]
    assert "nginx: proxy_intercept_errors off;" in visited["sync header"].directives


def test_a_password_of_the_proxy_is_noticed(upstream: str, folder: Path) -> None:
    (folder.parent / "people").write_text("")
    protection = f'auth_basic "members"; auth_basic_user_file {folder.parent / "people"};'
    with nginx(folder, passing_on(upstream, protection)) as url:
        told = visit(url).only_failure
    assert told.startswith("server: Something in front of the server lets nobody pass (HTTP 401)")
    assert "auth_basic" in told


def test_a_redirect_to_https_is_named(folder: Path) -> None:
    with nginx(folder, "location / { return 301 https://$host$request_uri; }") as url:
        told = visit(url).only_failure
    assert told.startswith("server: Requests are sent on to the same address with https://")
    assert "becomes a GET" in told
    assert "Enter https://127.0.0.1/ in clients" in told


def test_a_server_that_is_down_behind_a_proxy_is_named(folder: Path) -> None:
    with nginx(folder, passing_on(f"http://127.0.0.1:{free_port()}")) as url:
        told = visit(url).only_failure
    assert told.startswith("server: A proxy answers, but cannot reach the sync server")
    assert "ctl.py start" in told
    assert "nginx: proxy_pass" in told


def test_a_path_that_the_proxy_does_not_take_away_is_named(upstream: str, folder: Path) -> None:
    with nginx(folder, passing_on(upstream, path="/anki/")) as url:
        told = visit(f"{url}anki/").only_failure
    assert told.startswith("server: The sync server answers, but is asked for the wrong path")
    assert "with a slash at both ends" in told


def test_a_missing_slash_is_named_with_what_clients_would_ask(upstream: str, folder: Path) -> None:
    with nginx(folder, passing_on(f"{upstream}/", path="/anki/")) as url:
        visited = visit(f"{url}anki")
    assert visited.only_failure.startswith(
        f"address: The slash at the end of the address is missing: clients drop “anki” and ask"
        f" {url}sync/…"
    )
    assert f"Enter {url}anki/" in visited.only_failure
    assert visited.steps(Verdict.SKIPPED)[0] == "name"


def test_media_that_are_not_passed_on_are_noticed(upstream: str, folder: Path) -> None:
    rules = f"{passing_on(upstream)} location /msync/ {{ return 404; }}"
    with nginx(folder, rules) as url:
        visited = visit(url)
    assert visited.only_failure.startswith("media path: Cards can pass, media cannot")
    assert visited["double slashes"].verdict is Verdict.WARNING


@pytest.mark.parametrize("elsewhere", ["return 404;", "return 200 '<html>a blog</html>';"])
def test_a_proxy_that_passes_on_syncs_alone_is_enough(
    upstream: str, folder: Path, account: Account, elsewhere: str
) -> None:
    passed = f"{passing_on(upstream, path='/sync/')} {passing_on(upstream, path='/msync/')}"
    with nginx(folder, f"{passed} location / {{ {elsewhere} }}") as url:
        visited = visit(url, account)
    assert visited.failed == []
    assert "somebody else at the address itself" in visited["server"].what
    assert visited["chunked bodies"].verdict is Verdict.OK


def test_doubled_slashes_that_are_redirected_are_noticed(upstream: str, folder: Path) -> None:
    rules = f"""
        merge_slashes off;
        {passing_on(upstream)}
        location /anki//msync {{ return 301 /anki/msync/begin; }}
        location /anki/ {{ proxy_pass {upstream}/;{RIGHT} }}
    """
    with nginx(folder, rules) as url:
        visited = visit(f"{url}anki/")
    assert visited.failed == []
    assert "HTTP 301" in visited["double slashes"].what
    assert "merge_slashes on" in visited["double slashes"].directives[0]


def test_a_time_out_that_is_too_short_is_named_with_its_seconds(
    patient: OurServer, folder: Path
) -> None:
    account = patient.new_account()
    rules = passing_on(patient.url.rstrip("/"), f"proxy_read_timeout {TOO_SHORT}s;")
    with nginx(folder, rules) as url:
        visited = visit(url, account, quick=False, largest=1_000_000)
    assert visited.cut_after("slow answers") >= TOO_SHORT
    assert "HTTP 504" in visited.only_failure
    assert visited["slow answers"].directives[0].startswith("nginx: proxy_read_timeout")


def test_an_answer_that_was_cut_off_begins_no_sync_that_others_wait_for(
    patient: OurServer, folder: Path
) -> None:
    account = patient.new_account()
    rules = passing_on(patient.url.rstrip("/"), f"proxy_read_timeout {TOO_SHORT}s;")
    with nginx(folder, rules) as url:
        visit(url, account, quick=False, largest=1_000_000)
    its_own = f"client=syncserver-doctor,{__version__},linux user={account.name} "
    lines = [line for line in patient.log().splitlines() if its_own in line]
    assert sum("path=/sync/start " in line for line in lines) == 1, lines


def test_answers_that_are_held_back_are_noticed(server: OurServer, account: Account) -> None:
    with odd_proxy("holds-answers", server.port) as url:
        visited = visit(url, account)
    assert visited.failed == []
    assert "holds answers back" in visited["answers"].what
    assert any("proxy_buffering off" in one for one in visited["answers"].directives)


def test_answers_that_are_compressed_again_are_named(server: OurServer, account: Account) -> None:
    with odd_proxy("compresses", server.port) as url:
        told = visit(url, account).only_failure
    assert told.startswith("login: A proxy compresses the server's answers once more")
    assert "gzip off" in told


def test_headers_that_are_too_large_for_the_proxy_are_named(upstream: str, folder: Path) -> None:
    limit = "client_header_buffer_size 256; large_client_header_buffers 2 512;"
    with nginx(folder, f"{limit} {passing_on(upstream)}") as url:
        visited = visit(url)
    assert visited.only_failure.startswith("sync header: The headers of a request are too large")
    assert "large_client_header_buffers" in visited["sync header"].directives[0]
