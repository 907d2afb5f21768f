"""The contract's cases of integrations whose libraries are the clients of clouds."""

from __future__ import annotations

from aws_cases import CASES as AWS
from storage_cases import STORAGES
from warehouse_cases import WAREHOUSES

CASES = {**AWS, **STORAGES, **WAREHOUSES}
