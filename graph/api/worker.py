"""The application of a worker process, made from settings that its parent left in the environment."""

from __future__ import annotations

import gc
import json
import os
from asyncio import constants

from fastapi import FastAPI

from graph.api.app import create_app
from graph.api.settings import ServerSettings

VARIABLE = "LINEAGE_SERVER_SETTINGS"
_TLS_END_SECONDS = 2.0


def app() -> FastAPI:
    """Return the application of this worker."""
    # A client with an idle connection does not answer the end of TLS, for which a server that stops waits;
    # uvicorn has no setting for how long.
    constants.SSL_SHUTDOWN_TIMEOUT = _TLS_END_SECONDS
    told = json.loads(os.environ[VARIABLE])
    made = create_app(ServerSettings(**{**told, "cors": tuple(told["cors"])}))
    # What is there now stays: it need not be looked through whenever a large answer makes many objects.
    gc.collect()
    gc.freeze()
    return made
