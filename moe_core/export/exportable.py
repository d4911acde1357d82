"""Whether a row of the table of runs can be exported at all. Free of torch."""

from moe_core.export.faithful import model_type
from moe_core.finished_run import row_of_model
from moe_core.runs import Row, RunSpec


def check_exportable(run: str, spec: Row) -> RunSpec:
    """The row, if it is of a model that a class of transformers decodes alike; else StudyError."""
    row = row_of_model(run, spec)
    model_type(row.model)
    return row
