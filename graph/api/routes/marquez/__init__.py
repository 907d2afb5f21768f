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

ROUTERS: tuple[APIRouter, ...] = tuple(
    module.router
    for module in (
        namespaces,
        sources,
        datasets,
        jobs,
        runs,
        lineage,
        column_lineage,
        events,
        tags,
        search,
        stats,
    )
)
"""All of them."""
