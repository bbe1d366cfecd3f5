"""Where options come from, which one wins, and how a wrong one is named."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

import pytest

from syncserver.settings import (
    ServerSettings,
    Settings,
    SettingsError,
    load_options,
    unknown_variables,
)

INI = "production.ini"


def load(values: Mapping[str, str], environment: Mapping[str, str] | None = None) -> Settings:
    """Load [DEFAULT] with a data root beside `values`."""
    given = {"data_root": "/srv/anki", **values}
    return load_options(Settings, "DEFAULT", given, file=INI, environment=environment or {}).options


def test_only_the_data_root_must_be_given() -> None:
    assert load({}).sync_timeout == 300
    with pytest.raises(SettingsError, match=r"production.ini \[DEFAULT\]: data_root: .* required"):
        load_options(Settings, "DEFAULT", {}, file=INI, environment={})


def test_the_environment_is_stronger_than_the_file() -> None:
    given = {"sync_timeout": "60"}
    assert load(given).sync_timeout == 60
    assert load(given, {"SYNCSERVER_SYNC_TIMEOUT": "30"}).sync_timeout == 30


def test_a_file_named_by_the_environment_is_the_strongest(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("postgresql://anki:password@host/accounts\n")
    environment = {
        "SYNCSERVER_DATABASE_URL": "sqlite:///other.db",
        "SYNCSERVER_DATABASE_URL_FILE": str(secret),
    }
    url = load({"database_url": "sqlite:///one.db"}, environment).database_url
    assert url == "postgresql://anki:password@host/accounts"


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(SettingsError, match=str(missing)):
        load({}, {"SYNCSERVER_DATABASE_URL_FILE": str(missing)})


def test_a_named_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    binary = tmp_path / "secret"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=f"{binary}: is not UTF-8"):
        load({}, {"SYNCSERVER_DATABASE_URL_FILE": str(binary)})


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("HOTS", "HOST"),
        ("DATAROOT", "DATA_ROOT"),
        ("sync_timeout", "SYNC_TIMEOUT"),
        ("METRIC_TOKEN_FILE", "METRICS_TOKEN_FILE"),
        ("CONFG", "CONFIG"),
    ],
)
def test_a_variable_that_is_nearly_one_of_ours_is_refused(slip: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=f"SYNCSERVER_{slip}: .*SYNCSERVER_{meant}[?]"):
        load({}, {f"SYNCSERVER_{slip}": ""})


def test_every_slip_is_named() -> None:
    with pytest.raises(SettingsError) as refused:
        load({}, {"SYNCSERVER_HOTS": "::", "SYNCSERVER_PROT": "1", "SYNCSERVER_HOST": "::"})
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "SYNCSERVER_HOTS",
        "SYNCSERVER_PROT",
    ]


def test_somebody_elses_variable_refuses_nothing_and_is_told() -> None:
    environment = {"SYNCSERVER_IMAGE": "x", "SYNCSERVER_VERSION": "1", "SYNC_HOST": "::"}
    assert load({}, environment) == load({})
    assert unknown_variables(environment) == ["SYNCSERVER_IMAGE", "SYNCSERVER_VERSION"]


@pytest.mark.parametrize("name", ["CONFIG", "TRACEBACK", "TEST_URL", "TEST_USER1", "PORT_FILE"])
def test_our_own_variables_that_are_no_options_are_known(name: str, tmp_path: Path) -> None:
    value = tmp_path / "port"
    value.write_text("1")
    environment = {f"SYNCSERVER_{name}": str(value)}
    assert load({}, environment) == load({})
    assert unknown_variables(environment) == []


def test_what_kubernetes_tells_of_a_service_of_our_name_is_no_option() -> None:
    address = "tcp://10.96.0.7:8080"
    told = {
        "SERVICE_HOST": "10.96.0.7",
        "SERVICE_PORT": "8080",
        "SERVICE_PORT_HTTP": "8080",
        "PORT": address,
        "PORT_8080_TCP": address,
        "PORT_8080_TCP_PROTO": "tcp",
        "PORT_8080_TCP_PORT": "8080",
        "PORT_8080_TCP_ADDR": "10.96.0.7",
        "WEB_SERVICE_HOST": "10.96.0.7",
        "REDIRECT_PORT": address,
    }
    environment = {f"SYNCSERVER_{name}": value for name, value in told.items()}
    loaded = load_options(ServerSettings, "server:main", {}, file=INI, environment=environment)
    assert loaded.options == ServerSettings()
    assert loaded.sources == {}
    assert unknown_variables(environment) == []
    with pytest.raises(SettingsError, match="SYNCSERVER_PORT: port"):
        load_options(
            *(ServerSettings, "server:main", {}), file=INI, environment={"SYNCSERVER_PORT": "tcp"}
        )


def test_each_value_knows_where_it_came_from(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sqlite:///one.db")
    loaded = load_options(
        Settings,
        "DEFAULT",
        {"data_root": "/srv/anki"},
        file=INI,
        environment={
            "SYNCSERVER_LOG_LEVEL": "DEBUG",
            "SYNCSERVER_DATABASE_URL_FILE": str(secret),
        },
    )
    assert loaded.sources == {
        "data_root": "production.ini [DEFAULT]",
        "log_level": "SYNCSERVER_LOG_LEVEL",
        "database_url": f"SYNCSERVER_DATABASE_URL_FILE={secret}",
    }


def test_an_unknown_option_is_named_with_its_file_and_section() -> None:
    with pytest.raises(SettingsError) as refused:
        load({"sync_tiemout": "60"})
    assert str(refused.value) == "production.ini [DEFAULT]: sync_tiemout: there is no such option"


def test_a_wrong_value_from_the_environment_names_the_variable() -> None:
    with pytest.raises(SettingsError, match=r"^SYNCSERVER_SYNC_TIMEOUT: sync_timeout: .*'soon'"):
        load({}, {"SYNCSERVER_SYNC_TIMEOUT": "soon"})


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        load({"sync_timeout": "soon", "log_level": "LOUD"})
    lines = str(refused.value).splitlines()
    assert len(lines) == 2
    assert "sync_timeout" in lines[0]
    assert "log_level" in lines[1]


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("sync_timeout", "0"),
        ("sync_wait", "26"),  # clients give up at 30
        ("max_collection_bytes", "much"),
        ("backups_keep", "0"),
        ("log_level", "info"),
        ("public_url", "anki.example.org"),
        ("trusted_proxies", "127.0.0.1, proxy"),
        ("password_hash_memory", "1KiB"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(option: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=option):
        load({option: wrong})


def test_sizes_may_have_units() -> None:
    assert load({"max_collection_bytes": "1GB"}).max_collection_bytes == 10**9
    assert load({"max_collection_bytes": "1GiB"}).max_collection_bytes == 2**30
    assert load({"max_collection_bytes": "1000"}).max_collection_bytes == 1000


def test_proxies_are_addresses_and_networks() -> None:
    proxies = load({"trusted_proxies": "10.1.2.3, 172.16.5.0/16 ::1"}).trusted_proxies
    assert proxies == tuple(map(ip_network, ("10.1.2.3/32", "172.16.0.0/16", "::1/128")))
    assert load({"trusted_proxies": ""}).trusted_proxies == ()


@pytest.mark.parametrize("option", ["allowed_hosts", "cors_origins", "import_url_hosts"])
def test_names_are_separated_by_commas_or_spaces_in_any_case(option: str) -> None:
    names = getattr(load({option: "Anki.Example.org, other:8080 third"}), option)
    assert names == ("anki.example.org", "other:8080", "third")
    assert getattr(load({option: ""}), option) == ()


def test_the_data_root_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/anki")
    assert load({"data_root": "data"}).data_root == tmp_path / "data"
    assert load({"data_root": "~/data"}).data_root == Path("/home/anki/data")


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_a_blank_data_root_is_not_the_current_folder(blank: str) -> None:
    with pytest.raises(SettingsError, match="data_root: must not be empty"):
        load({"data_root": blank})
    with pytest.raises(SettingsError, match="SYNCSERVER_DATA_ROOT: data_root: must not be empty"):
        load({}, {"SYNCSERVER_DATA_ROOT": blank})


def test_the_accounts_are_in_the_data_root_unless_said_otherwise() -> None:
    assert load({}).accounts_url == "sqlite:////srv/anki/accounts.db"
    assert load({"database_url": "postgresql://h/d"}).accounts_url == "postgresql://h/d"


@pytest.mark.parametrize(("option", "wrong"), [("port", "-1"), ("port", "65536"), ("threads", "1")])
def test_a_server_option_that_makes_no_sense_is_refused(option: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=option):
        load_options(ServerSettings, "server:main", {option: wrong}, file=INI, environment={})
