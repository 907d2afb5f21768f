"""Marquez's API: `/api/v1` and `/api/v2beta/search`, a module for each subject."""

from __future__ import annotations

from fastapi import APIRouter

from graph.api.routes.marquez import (
    column_lineage,
    datasets,
    events,
    jobs,
    lineage,
    namespaces,
    runs,
    search,
    sources,
    stats,
    tags,
)

ROUTERS: tuple[APIRouter, ...] = (
    namespaces.router,
    sources.router,
    datasets.router,
    jobs.router,
    runs.router,
    lineage.router,
    column_lineage.router,
    events.router,
    tags.router,
    search.router,
    search.beta,
    stats.router,
)
"""All of them."""
