"""Tables: what their columns mean, and what a model says of their rows and cells."""

from harmonium.tabular.functional import (
    Completed,
    Explained,
    HiddenContribution,
    Scored,
    decode,
    encode,
    explain,
    given_row,
    impute,
    infer,
    load,
    log_prob,
    read_by_position,
    sample,
    schema_of,
    units_of,
)
from harmonium.tabular.inference import read_schema_file
from harmonium.tabular.schema import SCHEMA, Column, Schema

__all__ = [
    "SCHEMA",
    "Column",
    "Completed",
    "Explained",
    "HiddenContribution",
    "Schema",
    "Scored",
    "decode",
    "encode",
    "explain",
    "given_row",
    "impute",
    "infer",
    "load",
    "log_prob",
    "read_by_position",
    "read_schema_file",
    "sample",
    "schema_of",
    "units_of",
]
