"""Which line of which service runs a query, for whom, how often and at what cost."""

from lineage.attribution.capture import TraceQuery, capture_query, trace_query
from lineage.attribution.delivery import flush_queries
from lineage.attribution.functions import Instrument, instrument_function
from lineage.attribution.query import UNRECORDED, Query, begin_query
from lineage.attribution.sinks import CallbackSink, FileJsonlSink, Sink
from lineage.attribution.source import KnownTable, Source
from lineage.attribution.transactions import Transactions

__all__ = [
    "UNRECORDED",
    "CallbackSink",
    "FileJsonlSink",
    "Instrument",
    "KnownTable",
    "Query",
    "Sink",
    "Source",
    "TraceQuery",
    "Transactions",
    "begin_query",
    "capture_query",
    "flush_queries",
    "instrument_function",
    "trace_query",
]
