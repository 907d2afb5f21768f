"""What classes and modules hold: the same before an integration is installed and after it is uninstalled."""

from __future__ import annotations

from typing import Any


def attributes(*holders: Any) -> dict[str, Any]:
    """Return what each holds itself, by its name."""
    return {
        f"{holder.__name__}.{name}": value
        for holder in holders
        for name, value in vars(holder).items()
        if name not in ("__warningregistry__", "__builtins__")
    }
