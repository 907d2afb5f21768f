"""What Marquez's API says, from what the store knows: the only place where names are in camelCase.

Each module takes a store and gives JSON values in Marquez's shapes; `graph.api.routes.marquez` puts them on
paths. Where Marquez's own answers are followed and where not is in docs/marquez.md.
"""
