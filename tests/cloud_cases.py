"""The contract's cases of integrations whose libraries are the clients of clouds."""

from __future__ import annotations

from warehouse_cases import WAREHOUSES

CASES = {**WAREHOUSES}
