"""Write a trained run as a checkpoint of transformers: configuration, tensors, tokenizer, card."""

from moe_core.export.export_run import export_run
from workflow_scripts.command import parser, path_argument, run


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--run", required=True)
    path_argument(arguments, "results", "folder")
    given = arguments.parse_args()
    export_run(given.run, given.results, given.folder)


if __name__ == "__main__":
    run(main)
