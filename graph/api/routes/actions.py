"""What people have the store do, by POST: every action of `graph.actions`.

The answer is what the command prints with `--json`. What is commanded is in the name of the request's token.
"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from graph import actions
from graph.api import parameters as asked_with
from graph.api.errors import ApiError
from graph.api.gate import refuse, tell_deed
from graph.api.openapi import failing
from graph.api.parameters import Parameters
from graph.api.rendering import answered
from graph.api.scope import BeyondScopeError, check_namespace
from graph.api.settling import settle
from graph.api.stores import StorePool, Stores
from graph.nodes import Node
from graph.store.access import Token

PARAMETERS: dict[str, type[Parameters]] = {
    "annotate": asked_with.Said,
    "delete": asked_with.Named,
    "undelete": asked_with.Named,
    "sign": asked_with.Parameters,
}
"""What each action takes."""

router = APIRouter(prefix="/api/v2", tags=["actions"])

_FAILING = failing(400, 401, 403, 404, 413, 422, 503)


async def _done(action: str, request: Request, stores: StorePool, told: Parameters) -> Response:
    await settle(stores)
    check = partial(_check, request, action)
    try:
        done = await stores.change(actions.ACTIONS[action], **told.model_dump(), check=check)
    except BeyondScopeError as error:
        refuse(request, str(error))
        raise ApiError(403, str(error)) from None
    return answered(request, done)


def _check(request: Request, action: str, node: Node) -> None:
    token: Token | None = request.scope["caller"]
    check_namespace(token, node.namespace)
    tell_deed(request, f"{action} {node.id}")


def _add(action: str, model: type[Parameters]) -> None:
    """Add the route of an action."""

    # FastAPI reads these annotations when the function is made, so they are not strings here.
    async def post(request: Request, stores: Stores, told: Annotated[model, Body()]) -> Response:  # type: ignore[valid-type]
        return await _done(action, request, stores, told)

    router.add_api_route(
        f"/{action}",
        post,
        methods=["POST"],
        name=f"post_{action}",
        operation_id=f"post_{action}",
        summary=(actions.ACTIONS[action].__doc__ or "").partition("\n")[0],
        responses=_FAILING,
    )


for _action, _model in PARAMETERS.items():
    _add(_action, _model)
