"""Where apps are mounted, and the page that tells people which address to enter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from webob import Request

from syncserver import __version__
from syncserver.app import Mount, make_root_app
from syncserver.services import services_for
from syncserver.settings import Settings, SettingsError


def echo(name: str):
    def app(environ: Mapping[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{name} {environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()]

    return app


def get(app: Any, path: str, **options: Any):
    return Request.blank(path, **options).get_response(app)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/sync/meta", "sync /sync /meta"),
        ("//sync//meta", "sync /sync /meta"),
        ("/sync/meta/", "sync /sync /meta/"),
        ("/sync", "sync /sync "),
        ("/sync/", "sync /sync /"),
        ("/syncmeta", "pages  /syncmeta"),
        ("/msync//begin", "msync /msync /begin"),
        ("/", "pages  /"),
        ("/anything", "pages  /anything"),
    ],
)
def test_a_request_goes_to_the_longest_path_that_matches(path: str, answer: str) -> None:
    app = Mount({"/": echo("pages"), "/sync": echo("sync"), "/msync": echo("msync")})
    assert get(app, "http://host" + path).text == answer


def test_without_an_app_at_the_root_other_paths_are_not_found() -> None:
    assert get(Mount({"/sync": echo("sync")}), "/other").status_int == 404


def test_below_a_prefix_the_script_name_grows() -> None:
    app = Mount({"/sync": echo("sync")})
    assert get(app, "/sync/meta", environ={"SCRIPT_NAME": "/anki"}).text == "sync /anki/sync /meta"


def browse(app: Any, path: str, **options: Any):
    """Ask as a browser does, for HTML before all else."""
    headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", **options.pop("headers", {})}
    return get(app, path, headers=headers, **options)


@pytest.fixture
def root_app(tmp_path: Path):
    app = make_root_app({"data_root": str(tmp_path), "server_name": "Anki & <Friends>"})
    yield app
    services_for(Settings(data_root=tmp_path, server_name="Anki & <Friends>")).close()


@pytest.mark.parametrize("path", ["/", "/sync/", "/msync/", "/sync"])
def test_a_browser_is_told_the_address_wherever_it_looks(root_app, path: str) -> None:
    response = browse(root_app, f"http://school.example:8080{path}")
    assert response.status_int == 200
    assert "<code>http://school.example:8080/</code>" in response.text
    assert __version__ in response.text
    assert "Anki &amp; &lt;Friends&gt;" in response.text
    assert "<script" not in response.text


def test_a_hostile_host_is_shown_as_text(root_app) -> None:
    response = browse(root_app, "/", headers={"Host": '"><script>alert(1)</script>'})
    assert "<script" not in response.text


def test_a_trusted_proxy_says_how_the_client_reached_it(root_app) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "anki.example"}
    behind = {"REMOTE_ADDR": "127.0.0.1"}
    assert "https://anki.example/" in browse(root_app, "/", headers=headers, environ=behind).text
    stranger = {"REMOTE_ADDR": "192.0.2.7"}
    assert "anki.example" not in browse(root_app, "/", headers=headers, environ=stranger).text


@pytest.mark.parametrize("prefix", ["/anki", "/anki/", "anki, outer"])
@pytest.mark.parametrize("path", ["/", "/sync/"])
def test_a_trusted_proxy_says_which_path_it_took_away(root_app, path: str, prefix: str) -> None:
    headers = {"X-Forwarded-Prefix": prefix, "Host": "school.example"}
    behind = {"REMOTE_ADDR": "127.0.0.1"}
    page = browse(root_app, path, headers=headers, environ=behind).text
    assert "<code>http://school.example/anki/</code>" in page
    stranger = {"REMOTE_ADDR": "192.0.2.7"}
    assert "/anki/" not in browse(root_app, path, headers=headers, environ=stranger).text


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
def test_a_program_is_told_the_version_as_text(root_app, accept: str | None) -> None:
    response = get(root_app, "/", headers={"Accept": accept} if accept else {})
    assert response.content_type == "text/plain"
    assert response.text == f"syncserver {__version__}"


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/health", 200),
        ("HEAD", "/health", 200),
        ("POST", "/health", 405),
        ("POST", "/", 405),
        ("GET", "/nothing", 404),
        ("POST", "/sync/", 404),
        ("GET", "/sync/meta", 405),
        ("POST", "/sync/unknown", 404),
    ],
)
def test_verbs_and_paths_that_are_not_meant(root_app, verb: str, path: str, status: int) -> None:
    assert get(root_app, path, method=verb).status_int == status


def test_health_has_an_empty_body(root_app) -> None:
    assert get(root_app, "/health").body == b""


def test_a_slash_is_added_to_the_public_url(tmp_path: Path) -> None:
    options = {"data_root": str(tmp_path), "public_url": "https://example.org/anki"}
    app = make_root_app(options)
    try:
        assert "<code>https://example.org/anki/</code>" in browse(app, "/").text
    finally:
        services_for(Settings(data_root=tmp_path, public_url="https://example.org/anki")).close()


def test_options_of_apps_belong_into_the_default_section(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DEFAULT"):
        make_root_app({"data_root": str(tmp_path)}, sync_timeout="5")


def test_two_apps_cannot_disagree_about_one_data_root(tmp_path: Path) -> None:
    make_root_app({"data_root": str(tmp_path)})
    with pytest.raises(SettingsError, match="different settings"):
        make_root_app({"data_root": str(tmp_path), "sync_timeout": "5"})
