"""Tables: what their columns mean, and a model's distribution of their rows and cells."""

from harmonium.tabular.conditions import conditions
from harmonium.tabular.explain import Explanation, HiddenContribution, explain
from harmonium.tabular.imputation_scores import ImputationScores, log_scores, score_draws
from harmonium.tabular.infer_schema import infer, read_schema_file
from harmonium.tabular.layers import load, read_by_position, schema_of, units_of
from harmonium.tabular.predict import TablePrediction, predict
from harmonium.tabular.schema import SCHEMA, Column, ColumnSpec, Schema
from harmonium.tabular.table_comparison import compare
from harmonium.tabular.table_functions import (
    TableDraws,
    TableImputation,
    TableLogProbs,
    decode,
    encode,
    impute,
    log_prob,
    sample,
)

__all__ = [
    "SCHEMA",
    "Column",
    "ColumnSpec",
    "Explanation",
    "HiddenContribution",
    "ImputationScores",
    "Schema",
    "TableDraws",
    "TableImputation",
    "TableLogProbs",
    "TablePrediction",
    "compare",
    "conditions",
    "decode",
    "encode",
    "explain",
    "impute",
    "infer",
    "load",
    "log_prob",
    "log_scores",
    "predict",
    "read_by_position",
    "read_schema_file",
    "sample",
    "schema_of",
    "score_draws",
    "units_of",
]
