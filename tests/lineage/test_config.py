"""Settings: one table, one order, errors that name the setting."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from openlineage.client import OpenLineageClient

from lineage.config import (
    Config,
    configure,
    configured,
    current_config,
    load_config,
    reset_config,
)
from lineage.errors import ConfigError
from lineage.settings import SETTINGS


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
    values |= {"queries": "false", "sink": "stderr", "include_query_text": "false"}
    values |= {"include_raw_query_text": "true", "callsite_frames": "3", "otel_old_names": "true"}
    values |= {"provenance": "full"}
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
    ("async", {"OPENLINEAGE__TRANSPORT__TYPE": "async_http", "OPENLINEAGE_URL": "http://a:5000"}, None),
    (
        "async with an own url",
        {
            "OPENLINEAGE__TRANSPORT__TYPE": "async_http",
            "OPENLINEAGE__TRANSPORT__URL": "http://b:5000",
            "OPENLINEAGE_URL": "http://a:5000",
        },
        None,
    ),
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

    ours = config(**environment).destination

    before = dict(os.environ)
    try:
        os.environ.update(environment)
        client = OpenLineageClient()
    finally:
        os.environ.clear()
        os.environ.update(before)
    official: Any = getattr(client.transport, "config", client.transport)
    assert ours.address == f"{official.url.rstrip('/')}/{official.endpoint.strip('/')}"
    client.close(0)


def test_an_address_holds_no_credentials() -> None:
    environment = {
        "OPENLINEAGE_URL": "https://user:hunter2@host:5000/?token=hunter2",
        "OPENLINEAGE_API_KEY": "hunter2",
    }
    destination = config(**environment).destination
    assert destination.address == "https://host:5000/api/v1/lineage"
    assert "hunter2" not in repr(destination) + destination.identity


def test_credentials_of_other_transports_stay_out_of_the_identity() -> None:
    kafka = {
        "type": "kafka",
        "topic": "lineage",
        "config": {"bootstrap.servers": "b:9092", "sasl.password": "hunter2", "ssl.key.password": "hunter2"},
    }
    destination = config(OPENLINEAGE__TRANSPORT=json.dumps(kafka)).destination
    assert destination.kind == "kafka"
    assert "hunter2" not in destination.identity
    assert "b:9092" in destination.identity


def test_our_own_transport_is_looked_through() -> None:
    wrapped = {"type": "lineage.transport.OutboxTransport", "target": {"type": "http", "url": "http://a:1"}}
    destination = config(OPENLINEAGE__TRANSPORT=json.dumps(wrapped)).destination
    assert destination.address == "http://a:1/api/v1/lineage"
    embedded = {"type": "lineage.transport.OutboxTransport"}
    assert config(OPENLINEAGE__TRANSPORT=json.dumps(embedded)).destination.is_store


def test_a_destination_in_code_may_be_our_own_transport_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a target it is the store, whatever the environment names."""
    wrapped = {"type": "lineage.transport.OutboxTransport", "target": {"type": "http", "url": "http://a:1"}}
    monkeypatch.setenv("OPENLINEAGE_URL", "http://elsewhere:5000")

    assert configure(destination=wrapped).destination.address == "http://a:1/api/v1/lineage"
    assert configure(destination={"type": "lineage.transport.OutboxTransport"}).destination.is_store
    with pytest.raises(ConfigError):
        configure(destination={"url": "http://a:1"})
    assert current_config().destination.is_store


def test_an_unreadable_file_is_named_without_its_contents(tmp_path: Path) -> None:
    path = tmp_path / "openlineage.yml"
    path.write_text("transport: {api_key: hunter2")
    with pytest.raises(ConfigError) as raised:
        config(OPENLINEAGE_CONFIG=str(path))
    assert str(path) in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_composite_gets_the_simple_url_as_openlineage_adds_it() -> None:
    transport = {"type": "composite", "transports": {"log": {"type": "console"}}}
    made = config(OPENLINEAGE__TRANSPORT=json.dumps(transport), OPENLINEAGE_URL="http://a:5000").destination

    assert set(made.options["transports"]) == {"log", "default_http"}
    assert made.options["transports"]["default_http"] == {"type": "http", "url": "http://a:5000"}


@pytest.mark.parametrize(
    ("word", "disabled"), [("true", True), (" TRUE ", True), ("1", False), ("perhaps", False)]
)
def test_openlineages_own_switch_is_read_as_openlineage_reads_it(word: str, disabled: bool) -> None:
    assert config(OPENLINEAGE_DISABLED=word).disabled is disabled
    assert config(OPENLINEAGE_DISABLED=word, LINEAGE_DISABLED="false").disabled is False


def test_a_file_is_read_after_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lineage.toml"
    path.write_text('namespace = "file"\nship = false\noutbox_limit = "5M"\n')
    monkeypatch.chdir(tmp_path)

    assert (config().namespace, config().ship, config().outbox_limit) == ("file", False, 5 << 20)
    assert config(LINEAGE_NAMESPACE="variable").namespace == "variable"
    other = tmp_path / "other.toml"
    other.write_text('namespace = "named"')
    assert config(LINEAGE_CONFIG=str(other)).namespace == "named"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("namespce = 1", ["namespce", "lineage.toml", "settings are"]),
        ('outbox_limit = "tiny"', ["outbox_limit", "tiny", "lineage.toml", "at least 1M"]),
        ("namespace = ", ["lineage.toml", "readable TOML"]),
    ],
)
def test_a_wrong_file_says_what_is_wrong(
    content: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lineage.toml").write_text(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as raised:
        config()
    assert all(word in str(raised.value) for word in words)


def test_a_named_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"LINEAGE_CONFIG.*nothing\.toml"):
        config(LINEAGE_CONFIG=str(tmp_path / "nothing.toml"))


def test_temporary_settings_hold_inside_their_block_alone() -> None:
    configure(namespace="process")
    with configured(namespace="block", store="/srv/other.db") as inside:
        assert (inside.namespace, inside.store) == ("block", "/srv/other.db")
        assert inside.destination.address == "/srv/other.db"
        assert current_config() is inside
        with configured(ship=False) as deeper:
            assert (deeper.namespace, deeper.ship, deeper.store) == ("block", False, "/srv/other.db")
    assert (current_config().namespace, current_config().ship) == ("process", True)


def test_temporary_settings_stay_in_their_thread() -> None:
    import threading

    seen: list[str] = []
    with configured(namespace="block"):
        thread = threading.Thread(target=lambda: seen.append(current_config().namespace))
        thread.start()
        thread.join()
    assert seen == ["default"]


def test_temporary_settings_that_are_wrong_never_begin() -> None:
    with pytest.raises(ConfigError), configured(outbox_limit="tiny"):
        raise AssertionError("the block must not run")
    assert current_config().outbox_limit == 1 << 30


FILTERS = [
    {"type": "exact", "match": "noise"},
    {"type": "regex", "regex": "tmp_.*"},
    {"type": "exact", "match": "a.b"},
]


@pytest.mark.parametrize(
    "name", ["noise", "noise.not", "tmp_", "tmp_x", "a tmp_x", "a.b", "axb", "a.b\n", ""]
)
def test_filters_leave_out_what_openlineages_filters_leave_out(name: str) -> None:
    from openlineage.client.event_v2 import Job, Run, RunEvent
    from openlineage.client.filter import FilterConfig, create_filter

    event = RunEvent(
        eventTime="2026-01-01T00:00:00Z", run=Run("01941f29-7c00-7000-8000-000000000001"), job=Job("ns", name)
    )
    filters = [create_filter(FilterConfig(**one)) for one in FILTERS]
    theirs = all(one is not None and one.filter_event(event) is not None for one in filters)

    assert config(OPENLINEAGE__FILTERS=json.dumps(FILTERS)).openlineage.reports(name) is theirs


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("OPENLINEAGE__FILTERS", '[{"type": "exact"}]', "filters"),
        ("OPENLINEAGE__FILTERS", '[{"type": "regex", "regex": "("}]', "regular expression"),
        ("OPENLINEAGE__FILTERS", "all", "list"),
        ("OPENLINEAGE__TAGS", "5", "tags"),
        ("OPENLINEAGE__TRANSPORT", '{"type": "http"}', "transport.url"),
    ],
)
def test_a_wrong_openlineage_setting_is_said(variable: str, value: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        config(**{variable: value})


def test_tags_and_facets_of_openlineages_configuration() -> None:
    theirs = config(
        OPENLINEAGE__TAGS__JOB__TEAM="finance",
        OPENLINEAGE__TAGS__RUN__PRIORITY="1",
        OPENLINEAGE__FACETS__ENVIRONMENT_VARIABLES='["STAGE"]',
        OPENLINEAGE__FACETS__SOURCE_CODE_LOCATION__DISABLED="true",
    ).openlineage

    assert theirs.job_tags == {"team": "finance"}
    assert theirs.run_tags == {"priority": "1"}
    assert theirs.environment_variables == ("STAGE",)
    assert theirs.source_location is False
