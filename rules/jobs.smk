import shutil
from types import SimpleNamespace


@cache
def jobs_of_all():
    """The jobs behind `all`, but for the manifest: rule, code digest, inputs and outputs of each.

    Without TeX the PDF is left out, and all that it is compiled from is in.
    """
    left_out = {"manifest"} | (
        set() if shutil.which("latexmk") else {"report", "slides"}
    )
    pending = [*rules.report_inputs.input, *rules.all.input]
    jobs, seen = [], set()
    while pending:
        file = pending.pop()
        if file in seen:
            continue
        seen.add(file)
        maker = next((r for r in workflow.rules if r.is_producer(file)), None)
        if maker is None or maker.name in left_out:
            continue
        values = maker.get_wildcards(file)
        code = maker.params.code
        inputs = [str(path) for path in maker.expand_input(values)[0]]
        outputs = [str(path) for path in maker.expand_output(values)[0]]
        jobs.append(
            {
                "rule": maker.name,
                "code": code(SimpleNamespace(**values)) if callable(code) else code,
                "inputs": sorted(set(inputs)),
                "outputs": sorted(outputs),
            }
        )
        seen.update(outputs)
        pending += inputs
    return sorted(jobs, key=lambda job: job["outputs"])


def files_of_all(wildcards):
    """Every file that the manifest lists."""
    return [file for job in jobs_of_all() for file in job["outputs"]]
