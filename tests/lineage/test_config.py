"""Settings: one table, one order, errors that name the setting."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from openlineage.client import OpenLineageClient

from lineage.config import (
    SETTINGS,
    Config,
    configure,
    current_config,
    load_config,
    openlineage_destination,
    reset_config,
)
from lineage.errors import ConfigError


def config(**environment: str) -> Config:
    return load_config({}, environment)


def test_without_any_setting_events_go_to_the_embedded_store() -> None:
    plain = config()

    assert plain.namespace == "default"
    assert plain.destination.is_store
    assert plain.destination.address == plain.store
    assert Path(plain.store).is_absolute()
    assert plain.outbox.is_absolute()


def test_arguments_come_before_the_environment() -> None:
    given = load_config(
        {"namespace": "argument"}, {"LINEAGE_NAMESPACE": "ours", "OPENLINEAGE_NAMESPACE": "theirs"}
    )
    assert given.namespace == "argument"
    assert config(LINEAGE_NAMESPACE="ours", OPENLINEAGE_NAMESPACE="theirs").namespace == "ours"
    assert config(OPENLINEAGE_NAMESPACE="theirs").namespace == "theirs"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LINEAGE_DISABLED", "perhaps", ["disabled", "'perhaps'", "LINEAGE_DISABLED", "true or false"]),
        ("LINEAGE_OUTBOX_LIMIT", "12", ["outbox_limit", "at least 1M"]),
        ("LINEAGE_OUTBOX_LIMIT", "much", ["outbox_limit", "'much'"]),
        ("LINEAGE_OUTBOX_DURABILITY", "some", ["NORMAL or FULL"]),
        ("LINEAGE_NAMESPACE", " ", ["namespace"]),
        ("LINEAGE_STORE", "", ["store"]),
    ],
)
def test_a_wrong_value_names_itself_its_source_and_what_is_allowed(
    variable: str, value: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as raised:
        config(**{variable: value})
    assert all(word in str(raised.value) for word in words)


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"settings are .*namespace"):
        configure(namespce="typo")


def test_a_wrong_setting_changes_nothing() -> None:
    configure(namespace="kept")
    with pytest.raises(ConfigError):
        configure(namespace="lost", outbox_limit="nonsense")
    assert current_config().namespace == "kept"


def test_configure_keeps_what_is_not_given(tmp_path: Path) -> None:
    configure(namespace="kept")
    after = configure(store=tmp_path / "other.db")
    assert (after.namespace, after.store) == ("kept", str(tmp_path / "other.db"))
    reset_config()
    assert current_config().namespace == "default"


@pytest.mark.parametrize(
    ("text", "size"), [("5M", 5 << 20), ("1g", 1 << 30), ("2GiB", 2 << 30), ("3000000", 3000000)]
)
def test_sizes_have_units(text: str, size: int) -> None:
    assert config(LINEAGE_OUTBOX_LIMIT=text).outbox_limit == size


def test_the_environment_is_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "http://backend:5000")
    before = dict(os.environ)
    reset_config()
    current_config()
    assert dict(os.environ) == before


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_each_setting_is_read_from_its_variables(setting: Any) -> None:
    values = {"disabled": "true", "ship": "false", "outbox_limit": "7M", "outbox_durability": "full"}
    value = values.get(setting.name, "/srv/some-place")
    for variable in setting.variables:
        assert getattr(config(**{variable: value}), setting.name) != getattr(config(), setting.name)


CASES: list[tuple[str, dict[str, str], str | None]] = [
    ("url", {"OPENLINEAGE_URL": "http://a:5000"}, None),
    ("url and endpoint", {"OPENLINEAGE_URL": "http://a:5000", "OPENLINEAGE_ENDPOINT": "/api/v2/x"}, None),
    (
        "variables",
        {"OPENLINEAGE__TRANSPORT__TYPE": "http", "OPENLINEAGE__TRANSPORT__URL": "http://b:5000"},
        None,
    ),
    (
        "variables before url",
        {
            "OPENLINEAGE_URL": "http://a:5000",
            "OPENLINEAGE__TRANSPORT__TYPE": "http",
            "OPENLINEAGE__TRANSPORT__URL": "http://b:5000",
        },
        None,
    ),
    ("json variable", {"OPENLINEAGE__TRANSPORT": '{"type": "http", "url": "http://c:5000"}'}, None),
    (
        "file before variables",
        {"OPENLINEAGE__TRANSPORT__TYPE": "http", "OPENLINEAGE__TRANSPORT__URL": "http://b:5000"},
        "transport:\n  type: http\n  url: http://file:5000\n",
    ),
    ("file", {}, "transport:\n  type: http\n  url: http://file:5000\n  endpoint: x/y\n"),
    (
        "file and variables merge",
        {"OPENLINEAGE__TRANSPORT__ENDPOINT": "from/variable"},
        "transport:\n  type: http\n  url: http://file:5000\n",
    ),
]


@pytest.mark.parametrize(
    ("environment", "file"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_destination_is_that_of_the_official_client(
    environment: dict[str, str], file: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DD-04: OpenLineage's variables and file, in OpenLineage's own order."""
    monkeypatch.chdir(tmp_path)
    if file is not None:
        path = tmp_path / "elsewhere.yml"
        path.write_text(file)
        environment = {**environment, "OPENLINEAGE_CONFIG": str(path)}

    ours = openlineage_destination(environment)

    before = dict(os.environ)
    try:
        os.environ.update(environment)
        theirs = OpenLineageClient().transport
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert ours is not None
    official: Any = theirs
    assert ours.address == f"{official.url.rstrip('/')}/{official.endpoint.strip('/')}"


def test_an_address_holds_no_credentials() -> None:
    environment = {
        "OPENLINEAGE_URL": "https://user:hunter2@host:5000/?token=hunter2",
        "OPENLINEAGE_API_KEY": "hunter2",
    }
    destination = openlineage_destination(environment)
    assert destination is not None
    assert destination.address == "https://host:5000/api/v1/lineage"
    assert "hunter2" not in repr(destination) + destination.identity


def test_credentials_of_other_transports_stay_out_of_the_identity() -> None:
    kafka = {
        "type": "kafka",
        "topic": "lineage",
        "config": {"bootstrap.servers": "b:9092", "sasl.password": "hunter2", "ssl.key.password": "hunter2"},
    }
    destination = openlineage_destination({"OPENLINEAGE__TRANSPORT": json.dumps(kafka)})
    assert destination is not None
    assert destination.kind == "kafka"
    assert "hunter2" not in destination.identity
    assert "b:9092" in destination.identity


def test_our_own_transport_is_looked_through() -> None:
    wrapped = {"type": "lineage.transport.OutboxTransport", "target": {"type": "http", "url": "http://a:1"}}
    destination = openlineage_destination({"OPENLINEAGE__TRANSPORT": json.dumps(wrapped)})
    assert destination is not None
    assert destination.address == "http://a:1/api/v1/lineage"
    embedded = {"type": "lineage.transport.OutboxTransport"}
    assert config(OPENLINEAGE__TRANSPORT=json.dumps(embedded)).destination.is_store


def test_an_unreadable_file_is_named_without_its_contents(tmp_path: Path) -> None:
    path = tmp_path / "openlineage.yml"
    path.write_text("transport: {api_key: hunter2")
    with pytest.raises(ConfigError) as raised:
        config(OPENLINEAGE_CONFIG=str(path))
    assert str(path) in str(raised.value)
    assert "hunter2" not in str(raised.value)
