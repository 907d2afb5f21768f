"""DataHub's own client library, loaded in one place; MissingDependencyError with the pip line without it."""

from __future__ import annotations

from lineage.errors import MissingDependencyError

try:
    from datahub.cli.config_utils import MissingConfigError, load_client_config
    from datahub.configuration.common import ConfigurationError, OperationalError
    from datahub.emitter.mce_builder import (
        make_data_platform_urn,
        make_dataplatform_instance_urn,
        make_dataset_urn_with_platform_instance,
        make_schema_field_urn,
    )
    from datahub.emitter.mcp import MetadataChangeProposalWrapper
    from datahub.emitter.rest_emitter import DatahubRestEmitter
    from datahub.metadata import schema_classes as classes
    from datahub.metadata.urns import DataFlowUrn, DataJobUrn
except ImportError as error:
    fault = MissingDependencyError("acryl-datahub", extra="datahub")
    raise fault from error

__all__ = [
    "ConfigurationError",
    "DataFlowUrn",
    "DataJobUrn",
    "DatahubRestEmitter",
    "MetadataChangeProposalWrapper",
    "MissingConfigError",
    "OperationalError",
    "classes",
    "load_client_config",
    "make_data_platform_urn",
    "make_dataplatform_instance_urn",
    "make_dataset_urn_with_platform_instance",
    "make_schema_field_urn",
]
