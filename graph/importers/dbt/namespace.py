"""The namespace of a project's tables: where its profile connects to, of which artifacts say nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from graph.errors import InvalidSourceError
from graph.importers.dbt.artifacts import Artifacts
from lineage.datasets import normalise

_GIVE = "give it by --namespace, such as postgres://host:5432"

_ENV_VAR = re.compile(
    r"""\{\{-?\s*env_var\(\s*(['"])(?P<name>\w+)\1\s*(?:,\s*(['"])(?P<default>[^'"]*)\3\s*)?\)"""
    r"""\s*(?:\|\s*\w+(?:\(\s*\))?\s*)*-?\}\}"""
)

Value = Callable[..., str]
"""Gives a value of the profile by the first of its names that is there."""


def _server(scheme: str, port: str, host: str = "host") -> Callable[[Value], str]:
    return lambda value: f"{scheme}://{value(host)}:{value('port', default=port)}"


def _spark(value: Value) -> str:
    ports = {"http": "443", "odbc": "443", "thrift": "10001"}
    port = value("port", default=ports.get(value("method", default=""), ""))
    return f"spark://{value('host')}" + (f":{port}" if port else "")


def _glue(value: Value) -> str:
    role = value("role_arn", default="").split(":")
    account = value("account_id", default=role[4] if len(role) > 4 else "")
    return f"arn:aws:glue:{value('region')}:{account}"


_NAMESPACES: dict[str, Callable[[Value], str]] = {
    "athena": lambda value: f"awsathena://athena.{value('region_name')}.amazonaws.com",
    "bigquery": lambda value: "bigquery",
    "clickhouse": _server("clickhouse", "8123"),
    "databricks": lambda value: f"databricks://{value('host')}",
    "dremio": _server("dremio", "9047", "software_host"),
    "fabric": lambda value: f"fabric-warehouse://{value('server', 'host')}",
    "glue": _glue,
    "mysql": _server("mysql", "3306", "server"),
    "postgres": _server("postgres", "5432"),
    "presto": _server("presto", "8080"),
    "redshift": _server("redshift", "5439"),
    "snowflake": lambda value: f"snowflake://{value('account')}",
    "spark": _spark,
    "sqlserver": _server("mssql", "1433", "server"),
    "trino": _server("trino", "8080"),
    "watsonx_presto": _server("presto", "8080"),
}
"""By the adapter, as dbt-ol has them: both name the same tables."""


def dataset_namespace(artifacts: Artifacts) -> str:
    """Return the namespace of the project's tables, from the profile that the invocation used.

    The profile is looked for where the run results say, then where dbt looks for it. Nothing else of it than
    the address is read. Raises InvalidSourceError, which tells of `--namespace`, where there is none.
    """
    args = artifacts.run_results.args if artifacts.run_results else {}
    project = Path(args.get("project_dir") or artifacts.folder.parent)
    if not (project / "dbt_project.yml").is_file():
        project = artifacts.folder.parent
    profile = args.get("profile") or _value(_mapping_of(project / "dbt_project.yml"), "profile")
    output = _output(_profiles(args, project), str(profile), args.get("target"))
    adapter = str(output.get("type") or artifacts.manifest.metadata.adapter_type)
    if adapter == "duckdb":
        return _duckdb(_value(output, "path", default=":memory:"), project)
    if adapter not in _NAMESPACES:
        raise InvalidSourceError(
            f"the namespace of the tables is not known for dbt's adapter {adapter!r}: {_GIVE}"
        )
    made = _NAMESPACES[adapter](lambda *names, default=None: _value(output, *names, default=default))
    return normalise(made, "")[0]


def _duckdb(path: str, project: Path) -> str:
    if path != ":memory:" and not path.startswith(("md:", "motherduck:")):
        path = os.path.normpath(project / Path(path).expanduser())
    return normalise(f"duckdb://{path}", "")[0]


def _profiles(args: Mapping[str, Any], project: Path) -> Mapping[str, Any]:
    folders = [args.get("profiles_dir"), os.environ.get("DBT_PROFILES_DIR"), project, Path.home() / ".dbt"]
    for folder in folders:
        if folder and (file := Path(folder).expanduser() / "profiles.yml").is_file():
            return _mapping_of(file)
    raise InvalidSourceError(
        "the namespace of the tables is not known, as there is no profiles.yml (looked for in"
        f" {project} and in ~/.dbt): {_GIVE}"
    )


def _output(profiles: Mapping[str, Any], profile: str, target: object) -> Mapping[str, Any]:
    found = profiles.get(profile)
    if not isinstance(found, dict):
        raise InvalidSourceError(f"profiles.yml has no profile {profile!r}: {_GIVE}")
    name = str(target or _value(found, "target", default="default"))
    output = (found.get("outputs") or {}).get(name)
    if not isinstance(output, dict):
        raise InvalidSourceError(f"profile {profile!r} has no output {name!r}: {_GIVE}")
    return output


def _mapping_of(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise InvalidSourceError(f"{path} cannot be read ({error.strerror}): {_GIVE}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # The message of the parser quotes the line, which may hold a password.
        raise InvalidSourceError(f"{path} is no YAML ({type(error).__name__}): {_GIVE}") from None
    return content if isinstance(content, dict) else {}


def _value(output: Mapping[str, Any], *names: str, default: str | None = None) -> str:
    for name in names:
        if output.get(name) not in (None, ""):
            return _rendered(name, str(output[name]))
    if default is None:
        raise InvalidSourceError(f"the profile, or the project, has no {names[0]!r}: {_GIVE}")
    return default


def _rendered(name: str, text: str) -> str:
    """Return a value with its `env_var(...)` put in; other templates only dbt can read."""

    def variable(found: re.Match[str]) -> str:
        value = os.environ.get(found["name"], found["default"])
        if value is None:
            raise InvalidSourceError(
                f"{name!r} of the profile needs the environment variable {found['name']}, which is not set:"
                f" set it, or {_GIVE}"
            )
        return value

    made = _ENV_VAR.sub(variable, text)
    if "{{" in made or "{%" in made:
        raise InvalidSourceError(f"{name!r} of the profile is a template that only dbt can read: {_GIVE}")
    return made
