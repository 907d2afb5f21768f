"""Integrations: code that makes libraries people already use report lineage."""
