"""Kafka for tests: the mock cluster that librdkafka has built in, and a real broker where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from confluent_kafka import cimpl
from postgres_server import free_port


@cache
def _mock_cluster() -> Any:
    return cimpl.Producer({"test.mock.num.brokers": 1, "log_level": 0})


@cache
def mock_servers() -> str:
    """Return where librdkafka's mock cluster listens in this process: `host:port`."""
    (broker,) = _mock_cluster().list_topics(timeout=10).brokers.values()
    return f"{broker.host}:{broker.port}"


MOCK_VERSION = (2, 0)
"""The version of the mock cluster, for clients that do not find it out by themselves."""


def why_not() -> str | None:
    """Return why there is no real broker to be had on this machine; None where there is one."""
    home = os.environ.get("KAFKA_HOME")
    if home is None or shutil.which("java") is None:
        return "needs Java, and KAFKA_HOME: a folder with Kafka's jars in its folder `libs`"
    return None if (Path(home) / "libs").is_dir() else f"there is no folder {home}/libs"


@contextmanager
def real_cluster() -> Iterator[str]:
    """Start a broker, give its address, and stop and remove it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="lineage-kafka-"))
    port, other = free_port(), free_port()
    (home / "server.properties").write_text(_SETTINGS.format(port=port, other=other, data=home / "data"))
    java = ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-cp", f"{os.environ['KAFKA_HOME']}/libs/*"]
    name = ["format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", "server.properties"]
    subprocess.run([*java, "kafka.tools.StorageTool", *name], cwd=home, check=True, capture_output=True)
    broker = subprocess.Popen(
        [*java, "kafka.Kafka", "server.properties"],
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        client = cimpl.Producer({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
        client.list_topics(timeout=90)
        yield f"127.0.0.1:{port}"
    finally:
        broker.terminate()
        broker.wait(30)
        shutil.rmtree(home, ignore_errors=True)


_SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{other}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{other}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
"""
