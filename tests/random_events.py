"""Random events full of ties and contradictions."""

from __future__ import annotations

from random import Random
from typing import Any

from made_events import dataset, dataset_event, job_event, run_event, schema

PG = "postgres://h:5432"
NAMES = [("ns", name) for name in "abcde"] + [(PG, f"db.s.{name}") for name in "abcd"] + [("s3a://l", "/x/")]
QUERIES = [
    "insert into s.a (x) select x from s.b",
    "select * from s.c",
    "insert into s.d select y from s.a; insert into s.b (x) select z from s.c",
    "no sql (",
    "create table s.c as select * from s.d",
    "insert into s.a select * from s.b join s.c using (x)",
]


def some_dataset(random: Random) -> dict[str, Any]:
    namespace, name = random.choice(NAMES)
    facets: dict[str, Any] = {}
    if random.random() < 0.3:
        facets["schema"] = schema(*random.sample("xyzw", random.randint(1, 3)))
    if random.random() < 0.2:
        link = {"namespace": "hive://h:10000", "name": f"t.{random.choice('abc')}", "type": "TABLE"}
        facets["symlinks"] = {"identifiers": [link]}
    if random.random() < 0.2:
        owned = {"owners": [{"name": random.choice("mno")}]}
        facets["ownership"] = random.choice([owned, {"_deleted": True}])
    if random.random() < 0.3:
        source = dict(zip(("namespace", "name"), random.choice(NAMES), strict=True))
        inputs = [{**source, "field": random.choice("xyz")}]
        facets["columnLineage"] = {"fields": {random.choice("xyz"): {"inputFields": inputs}}}
    if random.random() < 0.2:
        change = random.choice(["DROP", "DROP", "CREATE"])
        facets["lifecycleStateChange"] = {"lifecycleStateChange": change}
    if random.random() < 0.1:
        facets["version"] = {"datasetVersion": random.choice("vw")}
    if random.random() < 0.1:
        facets["lineageGraph_artifact"] = {"contentHash": f"table-sha256:{random.choice('ab') * 64}"}
    assertions = [{"assertion": random.choice("tu"), "success": random.random() < 0.5}]
    made = dataset(name, namespace, **facets)
    if random.random() < 0.2:
        made["outputFacets"] = {"outputStatistics": {"rowCount": random.randint(0, 3)}}
    if random.random() < 0.2:
        made["inputFacets"] = {"dataQualityAssertions": {"assertions": assertions}}
    return made


def some_entry(random: Random) -> dict[str, Any]:
    target, source = (dict(zip(("namespace", "name"), random.choice(NAMES), strict=True)) for _ in range(2))
    return {**target, "type": "DATASET", "inputs": [{**source, "type": "DATASET"}]}


def some_query(random: Random) -> dict[str, Any]:
    counts = {"count": random.randint(1, 5), "totalDurationMs": random.random(), "maxDurationMs": 0.1}
    entry: dict[str, Any] = {"fingerprint": "sha256:" + random.choice("ab") * 64, "counts": counts}
    if random.random() < 0.7:
        entry["statement"] = random.randint(0, 1)
    if random.random() < 0.5:
        entry["actors"] = random.sample("mno", 2)
        entry["startedAt"] = f"2026-01-01T00:00:0{random.randint(0, 9)}.1Z"
    return entry


def some_run_facets(random: Random) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if random.random() < 0.2:
        facets["errorMessage"] = {"message": random.choice("uv")}
    if random.random() < 0.3:
        counted = [{"statement": 0, "rowCount": random.randint(0, 3)}]
        facets["lineageGraph_outputStatistics"] = {"statistics": counted}
    if random.random() < 0.5:
        listed = [some_query(random) for _ in range(random.randint(0, 3))]
        facets["lineageGraph_queryAttribution"] = {"service": random.choice("st"), "queries": listed}
    if random.random() < 0.2:
        facets["test"] = {"tests": [{"name": "x", "status": random.choice(["pass", "fail", "skip"])}]}
    return facets


def some_event(random: Random) -> dict[str, Any]:
    time, kind = random.randint(0, 6), random.random()
    if kind < 0.1:
        return dataset_event(time, random.choice("abc"), lineage={"inputs": [some_entry(random)]})
    facets: dict[str, Any] = {}
    if random.random() < 0.3:
        facets["sql"] = {"query": random.choice(QUERIES)}
        facets["lineageGraph_statements"] = {"statements": [facets["sql"]]}
    if random.random() < 0.2:
        facets["sourceCodeLocation"] = {"version": random.choice("vw"), "url": random.choice("gh")}
    if random.random() < 0.15:
        facets["lineage"] = {"entries": [some_entry(random)]}
    lists = {
        "inputs": [some_dataset(random) for _ in range(random.randint(0, 2))],
        "outputs": [some_dataset(random) for _ in range(random.randint(0, 2))],
    }
    job = random.choice(["one", "two"])
    if kind < 0.2:
        return job_event(time, job=job, job_facets=facets, **lists)
    if random.random() < 0.3:
        facets["jobType"] = {"processingType": "SERVICE", "jobType": "OPERATION"}
        time = random.choice([time, time + 86_400 * random.randint(0, 14)])
    types = ["START", "RUNNING", "COMPLETE", "FAIL", "ABORT", None]
    event = run_event(
        f"r{random.randint(0, 14)}",
        random.choice(types),
        time,
        job=job,
        job_facets=facets,
        parent=random.choice([None, "p", "q"]),
        run_facets=some_run_facets(random),
        **lists,
    )
    if "parent" in event["run"]["facets"]:
        parent = event["run"]["facets"]["parent"]
        parent["job"]["name"] = random.choice(["dag", "other dag"])
        if random.random() < 0.5:
            root = {"namespace": "ns", "name": random.choice(["root", "other root", "dag"])}
            parent["root"] = {"run": {"runId": random.choice("xy")}, "job": root}
    return event
