"""The routes of the server, one module per group of them."""

from __future__ import annotations

from fastapi import APIRouter

from graph.api.routes import actions, health, marquez, questions, record, tail

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    record.router,
    questions.router,
    tail.router,
    actions.router,
    *marquez.ROUTERS,
)
"""All of them, in the order in which they are tried."""
