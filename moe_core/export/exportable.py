"""Whether a row of the table of runs can be exported at all. Free of torch."""

from moe_core.errors import StudyError
from moe_core.export.faithful import model_type
from moe_core.runs import AdapterSpec, RunSpec


def check_exportable(run: str, spec: RunSpec | AdapterSpec) -> RunSpec:
    """The row, if it is of a model that a class of transformers decodes alike; else StudyError."""
    if isinstance(spec, AdapterSpec):
        raise StudyError("run", f"{run} is adapters", "see `python -m moe_core adapter --help`")
    model_type(spec.model)
    return spec
