"""Input that means harm: bounded memory, a clear 4xx, and everybody else is answered meanwhile."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import pytest
import requests
from served import ServeProcess, event, serving

MEBI = 1024 * 1024

NAMES = [
    "../../../../etc/passwd",
    "..",
    "/etc/passwd",
    "a/../../b",
    "'; DROP TABLE event; --",
    '" OR 1=1 --',
    "%2e%2e%2f",
    "%00",
    "name\nwith\tlines",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "\u202e\U0001f4a3",
    "?",
    "#",
    "a b",
    "*",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    store = tmp_path_factory.mktemp("hostile") / "lineage.db"
    with serving("--store", str(store)) as served:
        yield served


@contextmanager
def asked_meanwhile(url: str) -> Iterator[list[float]]:
    """Ask the server again and again while the block runs, and give how many seconds each answer took."""
    took: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not stop.wait(0.02):
                start = time.monotonic()
                assert session.get(f"{url}/ping", timeout=30).status_code == 200
                took.append(time.monotonic() - start)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join(30)


@contextmanager
def memory_of(server: ServeProcess, most: int) -> Iterator[None]:
    """Watch the memory of the process, which must not grow by more than so many bytes in the block."""
    process = psutil.Process(server.process.pid)
    before = peak = process.memory_info().rss
    stop = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not stop.wait(0.01):
            peak = max(peak, process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
    assert peak - before < most, f"grew by {(peak - before) // MEBI} MiB"


def large() -> Iterator[bytes]:
    """Yield a hundred megabytes."""
    for _ in range(100):
        yield b" " * MEBI


def test_a_body_of_a_hundred_megabytes_is_refused_and_not_kept_in_memory(server: ServeProcess) -> None:
    url = f"{server.url}/api/v1/lineage"
    with memory_of(server, 80 * MEBI), asked_meanwhile(server.url) as took:
        bomb = gzip.compress(b" " * (100 * MEBI))
        answers = [
            requests.post(url, data=bomb, headers={"Content-Encoding": "gzip"}, timeout=60),
            requests.post(f"{url}/batch", data=bomb, headers={"Content-Encoding": "gzip"}, timeout=60),
        ]
        # The answer comes before all is sent, and the rest is not read: some clients see a broken pipe.
        for body in (large(), b" " * (100 * MEBI)):
            try:
                answers.append(requests.post(url, data=body, timeout=60))
            except requests.ConnectionError:
                continue

    assert {answer.status_code for answer in answers} == {413}
    assert answers[0].json()["code"] == 413
    assert max(took) < 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" * 5_000_000, "nested too deep"),
        (b'{"a":' * 1_000_000, "nested too deep"),
        (json.dumps(event()).encode()[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too deep"),
        (b'{"eventTime": "\xff\xfe"}', "not UTF-8"),
        (b'{"eventTime": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"eventTime": NaN}', "not JSON"),
        (b'{"eventTime": -Infinity}', "not JSON"),
        (b'{"eventTime": 1e999}', ""),
        (b'{"eventTime": "\\ud800"}', ""),
        (json.dumps(event()).encode()[:-1] + b',"producer":"https://other.example.com"}', "stands twice"),
        (b'{"job": 1, "run": "x", "inputs": {}, "eventTime": []}', "eventTime"),
        (b"\x00" * 1000, "not JSON"),
        (b'"' + b"\\u0000" * 1000 + b'"', "not a JSON object"),
        (b"1" * 1_000_000, ""),
    ],
)
def test_a_body_that_is_meant_to_break_a_parser_is_a_clear_error(
    server: ServeProcess, body: bytes, words: str
) -> None:
    with memory_of(server, 200 * MEBI):
        answer = requests.post(f"{server.url}/api/v1/lineage", data=body, timeout=30)
        batch = requests.post(f"{server.url}/api/v1/lineage/batch", data=b"[" + body + b"]", timeout=30)

    assert answer.status_code in (400, 422), answer.text[:300]
    assert words in answer.json()["message"]
    assert (batch.status_code == 400) or batch.json()["failed_events"][0]["retriable"] is False


def test_ten_thousand_datasets_in_one_event(server: ServeProcess) -> None:
    """What would be millions of edges is refused; a job that reads ten thousand files is not."""

    def naming(inputs: int, outputs: int) -> dict[str, Any]:
        return event(
            f"wide{inputs}",
            inputs=[{"namespace": "s3://lake", "name": f"in/{number}"} for number in range(inputs)],
            outputs=[{"namespace": "s3://lake", "name": f"out/{number}"} for number in range(outputs)],
        )

    with memory_of(server, 200 * MEBI), asked_meanwhile(server.url) as took:
        wide = requests.post(f"{server.url}/api/v1/lineage", json=naming(9_999, 1), timeout=60)
        square = requests.post(f"{server.url}/api/v1/lineage", json=naming(5_000, 5_000), timeout=60)
        both = [naming(5_000, 5_000), event("beside")]
        batch = requests.post(f"{server.url}/api/v1/lineage/batch", json=both, timeout=60)

    assert wide.status_code == 201
    assert (square.status_code, "25000000 edges" in square.json()["message"]) == (422, True)
    assert [one["index"] for one in batch.json()["failed_events"]] == [0]
    assert max(took) < 5


@pytest.mark.parametrize("path", ["/api/v1/namespaces/n", "/api/v1/tags/t", "/api/v2/upstream"])
def test_no_other_body_is_read_without_a_bound(server: ServeProcess, path: str) -> None:
    method = "POST" if "v2" in path else "PUT"
    with memory_of(server, 80 * MEBI):
        for body in (b" " * (5 * MEBI), (b" " * MEBI for _ in range(5))):
            try:
                answer = requests.request(method, server.url + path, data=body, timeout=30)
            except requests.ConnectionError:
                continue
            assert (answer.status_code, answer.json()["code"]) == (413, 413)
        deep = requests.request(method, server.url + path, data=b"[" * 1_000_000, timeout=30)

    assert deep.status_code in (400, 422)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_only_a_name(server: ServeProcess, name: str, tmp_path: Path) -> None:
    """Path traversal, SQL, templates: kept as they are, found again, and nothing happens."""
    body = event(name, job={"namespace": "hostile", "name": name}, outputs=[{"namespace": "h", "name": name}])
    assert requests.post(f"{server.url}/api/v1/lineage", json=body, timeout=30).status_code == 201

    whole = quote(name, safe="").replace(".", "%2E")  # a client would take `..` as a step upwards
    job = requests.get(f"{server.url}/api/v1/namespaces/hostile/jobs/{whole}", timeout=30)
    dataset = requests.get(f"{server.url}/api/v1/namespaces/h/datasets/{whole}", timeout=30)
    asked = requests.post(f"{server.url}/api/v2/upstream", json={"name": ["h", name]}, timeout=30)
    found = requests.get(f"{server.url}/api/v2/search", params={"text": name}, timeout=30)
    page = requests.get(f"{server.url}/api/v1/search", params={"q": name}, timeout=30)

    assert (dataset.status_code, dataset.json()["name"]) == (200, name)
    assert (job.status_code, job.json()["name"]) == (200, name)
    assert asked.status_code == 200 or "may mean any of" in asked.json()["message"]
    assert found.status_code in (200, 400)
    assert page.status_code in (200, 400)
    assert all("json" in answer.headers["Content-Type"] for answer in (job, dataset, asked, found, page))


@pytest.mark.parametrize("parameter", ["cursor", "asOf", "depth", "limit"])
@pytest.mark.parametrize("value", [*NAMES, "-1", "9" * 400, "1e9", "\x00"])
def test_what_is_asked_with_is_only_a_value(server: ServeProcess, parameter: str, value: str) -> None:
    told = {"name": "gold.load", parameter: value}

    answer = requests.get(f"{server.url}/api/v2/upstream", params=told, timeout=30)

    assert answer.status_code in (200, 400, 404), answer.text
    assert answer.status_code == 200 or answer.json()["code"] == answer.status_code


@pytest.mark.parametrize("text", ["a\0b", "\0"])
def test_a_text_that_a_store_cannot_hold_is_refused_everywhere(served: Any, text: str) -> None:
    """On each of the engines: PostgreSQL knows no NUL, and neither takes half of a surrogate pair."""
    path = f"/api/v1/namespaces/{quote(text, safe='')}"
    answers = [
        served.get(path),
        served.get(f"{path}/jobs/x"),
        served.request("PUT", "/api/v1/namespaces/n", json={"ownerName": text}),
        served.get("/api/v2/upstream", params={"name": text}),
        served.get("/api/v1/search", params={"q": text}),
        served.post("/api/v2/upstream", json={"name": [text]}),
        served.post("/api/v2/upstream", data=b'{"name": ["\\ud800"]}'),
        served.post("/api/v1/lineage", json=event("x", job={"namespace": "n", "name": text})),
        served.post("/api/v1/lineage", data=json.dumps(event("\ud800")).encode()),
    ]

    assert {answer.status_code for answer in answers} <= {400, 422}, [answer.text for answer in answers]
    assert all(answer.json()["message"] for answer in answers)


def test_slow_clients_keep_nobody_waiting(place: str, serve: Callable[..., Any]) -> None:
    """Two hundred connections that send a byte now and then, of headers and of bodies."""
    served = serve(place, body_seconds=2.0)
    address = urlsplit(served.url)
    head = b"POST /api/v1/lineage HTTP/1.1\r\nHost: localhost\r\n"
    with ExitStack() as stack, asked_meanwhile(served.url) as took:
        slow = [
            stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=30))
            for _ in range(200)
        ]
        for number, connection in enumerate(slow):
            connection.sendall(head if number % 2 else head + b"Content-Length: 1000\r\n\r\n{")
        for _ in range(4):
            time.sleep(0.2)
            for connection in slow:
                connection.sendall(b"a")
        posted = served.post("/api/v1/lineage", json=event())
        answers = [connection.recv(100) for connection in slow[::2]]

    assert posted.status_code == 201
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}
    assert sorted(took)[len(took) * 95 // 100] < 1


def test_the_store_is_whole_afterwards(server: ServeProcess) -> None:
    """No table was dropped by a name, and no event became unreadable."""
    for name in NAMES:
        body = event(name, job={"namespace": name, "name": name})
        assert requests.post(f"{server.url}/api/v1/lineage", json=body, timeout=30).status_code == 201

    kept = requests.get(f"{server.url}/api/v2/status", timeout=30).json()["items"][0]
    lines = requests.get(f"{server.url}/api/v2/events", timeout=60).content.splitlines()
    assert kept["events"] == len(lines) >= len(NAMES)
    assert {json.loads(line)["job"]["namespace"] for line in lines} >= set(NAMES)
