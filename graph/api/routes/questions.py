"""Our own API: every question of `graph.questions`, by GET with parameters and by POST with a body.

The answer is what the command prints with `--json`. `Lineage-Incomplete: true` says that events or SQL were
waiting that could not be read in time.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from starlette.responses import Response, StreamingResponse

from graph import questions
from graph.api import parameters as asked_with
from graph.api.errors import ApiError
from graph.api.gate import refuse
from graph.api.openapi import failing
from graph.api.parameters import Paged, Parameters
from graph.api.rendering import answered
from graph.api.scope import BeyondScopeError, check_scope
from graph.api.settling import settle, waits
from graph.api.stores import StorePool, Stores
from graph.queries.answer import Answer
from graph.questions import moment
from graph.questions.log import page_of_lines
from graph.store.base import LineageStore

PARAMETERS: dict[str, type[Parameters]] = {
    "upstream": asked_with.Chain,
    "downstream": asked_with.Chain,
    "impact": asked_with.Chain,
    "changes": asked_with.Changes,
    "diagnose": asked_with.Diagnosed,
    "columns": asked_with.Columns,
    "path": asked_with.Between,
    "compare": asked_with.Compared,
    "search": asked_with.Searched,
    "coverage": asked_with.Covered,
    "check": asked_with.Checked,
    "runs": asked_with.Ran,
    "history": asked_with.Versioned,
    "queries": asked_with.Queried,
    "about": asked_with.Named,
    "deleted": asked_with.Parameters,
    "status": asked_with.Parameters,
    "verify": asked_with.Verified,
    "checkpoints": asked_with.Checkpoints,
    "whence": asked_with.Held,
    "drill": asked_with.Drilled,
}
"""What each question takes."""

router = APIRouter(prefix="/api/v2", tags=["questions"])

_FAILING = failing(400, 401, 403, 404, 413, 422, 503)


async def _answered(question: str, request: Request, stores: StorePool, told: Parameters) -> Response:
    given = told.model_dump(by_alias=False)
    if "schema_" in given:
        given["schema"] = given.pop("schema_")
    as_of = given.pop("as_of", None)
    page = {key: given.pop(key) for key in ("limit", "cursor")} if isinstance(told, Paged) else None
    await settle(stores)
    token = request.scope["caller"]

    def answer(store: LineageStore) -> Response:
        with moment(store, as_of, incomplete=waits(store)) as asked:
            check_scope(token, asked, question, given)
            found = questions.QUESTIONS[question](asked, **given)
            headers = {"Lineage-Incomplete": "true"} if asked.incomplete else {}
            return answered(request, found, partial(_published, page=page), headers)

    try:
        return await stores.ask(answer)
    except BeyondScopeError as error:
        refuse(request, str(error))
        raise ApiError(403, str(error)) from None


def _published(found: Any, page: dict[str, Any] | None) -> dict[str, Any]:
    if page is None:
        told: dict[str, Any] = found.as_json()
        return told
    if isinstance(found, Answer):
        return found.page(**page).as_json()
    return replace(found, answer=found.answer.page(**page)).as_json()  # type: ignore[no-any-return]


def _add(question: str, model: type[Parameters]) -> None:
    """Add the two routes of a question."""

    # FastAPI reads these annotations when the functions are made, so they are not strings here.
    async def get(request: Request, stores: Stores, told: Annotated[model, Query()]) -> Response:  # type: ignore[valid-type]
        return await _answered(question, request, stores, told)

    async def post(request: Request, stores: Stores, told: Annotated[model, Body()]) -> Response:  # type: ignore[valid-type]
        return await _answered(question, request, stores, told)

    said = (questions.QUESTIONS[question].__doc__ or "").partition("\n")[0]
    for method, endpoint in (("GET", get), ("POST", post)):
        router.add_api_route(
            f"/{question}",
            endpoint,
            methods=[method],
            name=f"{method.lower()}_{question}",
            operation_id=f"{method.lower()}_{question}",
            summary=said,
            responses=_FAILING,
        )


for _question, _model in PARAMETERS.items():
    _add(_question, _model)


@router.get("/events", responses=failing(401, 403, 503), response_class=StreamingResponse)
async def events(stores: Stores) -> Response:
    """Export all events as they came, and commands, a line each (JSON Lines), in the order of arrival."""
    first = await stores.ask(page_of_lines, 0)

    async def lines() -> AsyncIterator[bytes]:
        page, after = first
        yield b"".join(page)
        while after is not None:
            page, after = await stores.ask(page_of_lines, after)
            yield b"".join(page)

    return StreamingResponse(lines(), media_type="application/x-ndjson")
