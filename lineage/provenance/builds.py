"""What continuous integration and deployment say of the code that runs, in variables of the environment.

The variables are those that each system documents as predefined. Nothing else of the environment is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lineage.provenance.repository import without_user


@dataclass(frozen=True, slots=True)
class CiSystem:
    """The variables of a CI system; of several the first that is set counts."""

    name: str
    present: str
    id: str
    number: str
    url: str
    """A template over the variables."""
    commit: str
    branches: tuple[str, ...]
    repository: str


SYSTEMS = (
    CiSystem(
        "github_actions",
        "GITHUB_ACTIONS",
        "GITHUB_RUN_ID",
        "GITHUB_RUN_NUMBER",
        "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
        "GITHUB_SHA",
        ("GITHUB_HEAD_REF", "GITHUB_REF_NAME"),
        "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}",
    ),
    CiSystem(
        "gitlab_ci",
        "GITLAB_CI",
        "CI_PIPELINE_ID",
        "CI_PIPELINE_IID",
        "{CI_PIPELINE_URL}",
        "CI_COMMIT_SHA",
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME"),
        "{CI_PROJECT_URL}",
    ),
    CiSystem(
        "circleci",
        "CIRCLECI",
        "CIRCLE_WORKFLOW_ID",
        "CIRCLE_BUILD_NUM",
        "{CIRCLE_BUILD_URL}",
        "CIRCLE_SHA1",
        ("CIRCLE_BRANCH",),
        "{CIRCLE_REPOSITORY_URL}",
    ),
    CiSystem(
        "buildkite",
        "BUILDKITE",
        "BUILDKITE_BUILD_ID",
        "BUILDKITE_BUILD_NUMBER",
        "{BUILDKITE_BUILD_URL}",
        "BUILDKITE_COMMIT",
        ("BUILDKITE_BRANCH",),
        "{BUILDKITE_REPO}",
    ),
    CiSystem(
        "azure_pipelines",
        "TF_BUILD",
        "BUILD_BUILDID",
        "BUILD_BUILDNUMBER",
        "{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
        "BUILD_SOURCEVERSION",
        ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "BUILD_SOURCEBRANCH"),
        "{BUILD_REPOSITORY_URI}",
    ),
    CiSystem(
        "bitbucket_pipelines",
        "BITBUCKET_BUILD_NUMBER",
        "BITBUCKET_PIPELINE_UUID",
        "BITBUCKET_BUILD_NUMBER",
        "{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",
        "BITBUCKET_COMMIT",
        ("BITBUCKET_BRANCH",),
        "{BITBUCKET_GIT_HTTP_ORIGIN}",
    ),
    CiSystem(
        "jenkins",
        "JENKINS_URL",
        "BUILD_TAG",
        "BUILD_NUMBER",
        "{BUILD_URL}",
        "GIT_COMMIT",
        ("CHANGE_BRANCH", "BRANCH_NAME", "GIT_LOCAL_BRANCH", "GIT_BRANCH"),
        "{GIT_URL}",
    ),
)

_COMMITS = (
    "GIT_COMMIT",
    "GIT_COMMIT_SHA",
    "GIT_SHA",
    "SOURCE_COMMIT",
    "SOURCE_VERSION",
    "COMMIT_SHA",
    "HEROKU_SLUG_COMMIT",
    "RENDER_GIT_COMMIT",
    "VERCEL_GIT_COMMIT_SHA",
    "RAILWAY_GIT_COMMIT_SHA",
    "KOYEB_GIT_SHA",
)
"""What images and platforms call the commit that they were built from."""
_BRANCHES = (
    "GIT_BRANCH",
    "SOURCE_BRANCH",
    "RENDER_GIT_BRANCH",
    "VERCEL_GIT_COMMIT_REF",
    "RAILWAY_GIT_BRANCH",
    "KOYEB_GIT_BRANCH",
)
_REPOSITORIES = ("GIT_URL", "GIT_REPOSITORY", "GIT_REPO_URL", "REPOSITORY_URL", "KOYEB_GIT_REPOSITORY")
_IMAGES = (
    "IMAGE_DIGEST",
    "CONTAINER_IMAGE_DIGEST",
    "OCI_IMAGE_DIGEST",
    "DOCKER_IMAGE_DIGEST",
    "IMAGE_ID",
    "CONTAINER_IMAGE_ID",
    "K8S_IMAGE_ID",
    "KUBERNETES_IMAGE_ID",
    "CONTAINER_IMAGE",
    "DOCKER_IMAGE",
    "IMAGE",
    "CI_JOB_IMAGE",
)
"""What deployments call the image: Kubernetes tells a container none of this unless it is asked to."""

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_BRANCH = re.compile(r"[\w.][\w./#+-]{0,254}")
_NUMBER = re.compile(r"[\w.{}+ -]{1,128}")
_ADDRESS = re.compile(r"(?:[a-z+]+://|git@)[\w.:/@~%+?=&-]{1,1000}")
_DIGEST = re.compile(r"(?:^|@|://)(sha256:[0-9a-f]{64})$")


def ci_system(environment: Mapping[str, str] = os.environ) -> CiSystem | None:
    """Return the CI system that this process runs in; None where none says so."""
    return next((one for one in SYSTEMS if environment.get(one.present)), None)


def build(environment: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """Return `system`, `id`, `number` and `url` of the build, where they are told; None outside of any."""
    if (system := ci_system(environment)) is None:
        return None
    url = _filled(system.url, environment)
    told = {
        "system": system.name,
        "id": _matching(_NUMBER, environment.get(system.id)),
        "number": _matching(_NUMBER, environment.get(system.number)),
        "url": _keeping_query(url) if url else None,
    }
    return {name: value for name, value in told.items() if value}


def deployed_code(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return `commit`, `branch` and `repository` of the code, as far as the environment tells them.

    A value that does not look like one is not taken.
    """
    system = ci_system(environment)
    addresses = [environment.get(one) for one in _REPOSITORIES]
    commits, branches = list(_COMMITS), list(_BRANCHES)
    if system is not None:
        commits.insert(0, system.commit)
        branches[:0] = system.branches
        addresses.insert(0, _filled(system.repository, environment))
    branch = _first(_BRANCH, (environment.get(name) for name in branches))
    address = _first(_ADDRESS, addresses)
    told = {
        "commit": _first(_COMMIT, (environment.get(name) for name in commits)),
        "branch": branch.removeprefix("refs/heads/").removeprefix("origin/") if branch else None,
        "repository": without_user(address) if address else None,
    }
    return {name: value for name, value in told.items() if value}


def image_digest(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the digest of the container image, `sha256:` and 64 digits; None where nobody tells."""
    for name in _IMAGES:
        if (found := _DIGEST.search(environment.get(name, ""))) is not None:
            return found[1]
    return None


def _filled(template: str, environment: Mapping[str, str]) -> str | None:
    names = re.findall(r"{(\w+)}", template)
    if not all(environment.get(name) for name in names):
        return None
    return _matching(_ADDRESS, template.format_map(environment))


def _keeping_query(url: str) -> str:
    """Return an address without the user, but with the query that we ourselves put there."""
    path, mark, query = url.partition("?")
    return without_user(path) + (f"?{query}" if mark and query.startswith("buildId=") else "")


def _first(pattern: re.Pattern[str], values: Iterable[str | None]) -> str | None:
    return next((found for value in values if (found := _matching(pattern, value))), None)


def _matching(pattern: re.Pattern[str], value: str | None) -> str | None:
    return value if value and pattern.fullmatch(value) else None
