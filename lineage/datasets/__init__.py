"""What a dataset is called: any URI, DSN, SQLAlchemy URL or path as an OpenLineage namespace and name.

The rules are those of the OpenLineage naming specification
(https://openlineage.io/docs/spec/naming), and docs/naming.md lists them per platform with
every rule of ours that the specification leaves open.
"""

from lineage.datasets.databases import database_namespace
from lineage.datasets.dataset import Dataset, Field
from lineage.datasets.normalising import normalise
from lineage.datasets.parsing import parse_dataset

__all__ = ["Dataset", "Field", "database_namespace", "normalise", "parse_dataset"]
