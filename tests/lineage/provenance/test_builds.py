"""What CI systems and deployments say in their variables; the values are in the form that each documents."""

from __future__ import annotations

import pytest

from lineage.provenance.builds import SYSTEMS, build, deployed_code, image_digest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "ab" * 32

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "1658821493",
    "GITHUB_RUN_NUMBER": "3",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "shop/load",
    "GITHUB_SHA": COMMIT,
    "GITHUB_HEAD_REF": "",
    "GITHUB_REF_NAME": "main",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PIPELINE_ID": "1000",
    "CI_PIPELINE_IID": "10",
    "CI_PIPELINE_URL": "https://gitlab.example/shop/load/-/pipelines/1000",
    "CI_COMMIT_SHA": COMMIT,
    "CI_COMMIT_REF_NAME": "main",
    "CI_PROJECT_URL": "https://gitlab.example/shop/load",
    "CI_REPOSITORY_URL": "https://gitlab-ci-token:hunter2@gitlab.example/shop/load.git",
}
JENKINS = {
    "JENKINS_URL": "https://jenkins.example/",
    "BUILD_TAG": "jenkins-load-7",
    "BUILD_NUMBER": "7",
    "BUILD_URL": "https://jenkins.example/job/load/7/",
    "GIT_COMMIT": COMMIT,
    "GIT_BRANCH": "origin/main",
    "GIT_URL": "https://bot:hunter2@git.example/shop/load.git",
}
CIRCLE = {
    "CIRCLECI": "true",
    "CIRCLE_WORKFLOW_ID": "5034460f-c7c4-4c43-9457-de07e2029e7b",
    "CIRCLE_BUILD_NUM": "42",
    "CIRCLE_BUILD_URL": "https://circleci.example/gh/shop/load/42",
    "CIRCLE_SHA1": COMMIT,
    "CIRCLE_BRANCH": "main",
    "CIRCLE_REPOSITORY_URL": "git@github.example:shop/load.git",
}
BUILDKITE = {
    "BUILDKITE": "true",
    "BUILDKITE_BUILD_ID": "4735ba57-80d0-46e2-8fa0-b28223a86586",
    "BUILDKITE_BUILD_NUMBER": "1514",
    "BUILDKITE_BUILD_URL": "https://buildkite.example/shop/load/builds/1514",
    "BUILDKITE_COMMIT": COMMIT,
    "BUILDKITE_BRANCH": "main",
    "BUILDKITE_REPO": "git@github.example:shop/load.git",
}
AZURE = {
    "TF_BUILD": "True",
    "BUILD_BUILDID": "81",
    "BUILD_BUILDNUMBER": "20260101.1",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.example/shop/",
    "SYSTEM_TEAMPROJECT": "load",
    "BUILD_SOURCEVERSION": COMMIT,
    "BUILD_SOURCEBRANCH": "refs/heads/main",
    "BUILD_REPOSITORY_URI": "https://shop@dev.azure.example/shop/load/_git/load",
}
BITBUCKET = {
    "BITBUCKET_BUILD_NUMBER": "12",
    "BITBUCKET_PIPELINE_UUID": "{a1b2c3d4-0000-4000-8000-000000000001}",
    "BITBUCKET_COMMIT": COMMIT,
    "BITBUCKET_BRANCH": "main",
    "BITBUCKET_GIT_HTTP_ORIGIN": "https://bitbucket.example/shop/load",
}


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            GITHUB,
            ("github_actions", "1658821493", "3", "https://github.example/shop/load/actions/runs/1658821493"),
        ),
        (GITLAB, ("gitlab_ci", "1000", "10", "https://gitlab.example/shop/load/-/pipelines/1000")),
        (JENKINS, ("jenkins", "jenkins-load-7", "7", "https://jenkins.example/job/load/7/")),
        (CIRCLE, ("circleci", CIRCLE["CIRCLE_WORKFLOW_ID"], "42", CIRCLE["CIRCLE_BUILD_URL"])),
        (BUILDKITE, ("buildkite", BUILDKITE["BUILDKITE_BUILD_ID"], "1514", BUILDKITE["BUILDKITE_BUILD_URL"])),
        (
            AZURE,
            (
                "azure_pipelines",
                "81",
                "20260101.1",
                "https://dev.azure.example/shop/load/_build/results?buildId=81",
            ),
        ),
        (
            BITBUCKET,
            (
                "bitbucket_pipelines",
                BITBUCKET["BITBUCKET_PIPELINE_UUID"],
                "12",
                "https://bitbucket.example/shop/load/pipelines/results/12",
            ),
        ),
    ],
    ids=lambda one: "" if isinstance(one, dict) else one[0],
)
def test_a_build_is_told_by_its_system(variables: dict[str, str], told: tuple[str, ...]) -> None:
    """PV-20: CI: commit, branch and build from the variables of each system, and never a credential."""
    found = build(variables)
    assert found == dict(zip(("system", "id", "number", "url"), told, strict=True))
    code = deployed_code(variables)
    assert (code["commit"], code["branch"]) == (COMMIT, "main")
    assert code["repository"].endswith(("shop/load", "shop/load.git", "_git/load"))
    assert "hunter2" not in str((found, code))


def test_every_system_has_a_case() -> None:
    cases = (GITHUB, GITLAB, JENKINS, CIRCLE, BUILDKITE, AZURE, BITBUCKET)
    assert {system.name for system in SYSTEMS} == {(build(case) or {})["system"] for case in cases}


def test_outside_of_any_build_an_image_may_still_say_its_commit() -> None:
    """PV-20: a container without a repository, from the variables that images and platforms set."""
    assert build({}) is None
    assert deployed_code({}) == {}
    assert deployed_code({"GIT_COMMIT": COMMIT[:12], "GIT_BRANCH": "main"}) == {
        "commit": COMMIT[:12],
        "branch": "main",
    }


@pytest.mark.parametrize("value", ["", "unknown", "hunter2", "select * from users", "0123", "A" * 40])
def test_what_does_not_look_like_a_commit_is_not_told(value: str) -> None:
    """PV-23: a variable of that name may hold anything."""
    assert deployed_code({"SOURCE_COMMIT": value, "GIT_BRANCH": "a b", "GIT_URL": "a secret"}) == {}


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"IMAGE_DIGEST": DIGEST}, DIGEST),
        ({"CONTAINER_IMAGE": f"registry.example/shop/load@{DIGEST}"}, DIGEST),
        ({"K8S_IMAGE_ID": f"docker-pullable://registry.example/shop/load@{DIGEST}"}, DIGEST),
        ({"CI_JOB_IMAGE": f"registry.example/shop:1@{DIGEST}"}, DIGEST),
        ({"IMAGE": "registry.example/shop:latest"}, None),
        ({"IMAGE_DIGEST": "sha256:short"}, None),
        ({}, None),
    ],
)
def test_the_digest_of_an_image_is_taken_from_the_variables_of_deployments(
    variables: dict[str, str], told: str | None
) -> None:
    """PV-20: a tag names no image: only a digest does."""
    assert image_digest(variables) == told
