"""Judge the claims that speak of images alone, without the rest of the study.

Holm's family is these claims: in the ledger of all claims the same p values are corrected for more.
"""

from pathlib import Path

import pandas as pd

from moe_core.claims.evidence import Evidence
from moe_core.claims.rules import Measured, leaves
from moe_core.claims.schema import Claim, load_claims
from moe_core.provenance import write_atomic
from workflow_scripts.command import parser, path_argument, run
from workflow_scripts.ledger import judged, with_specialisation


def of_images(claim: Claim) -> bool:
    """Whether a claim and its premise rest on the experiment on images and on nothing else."""
    parts = [leaf for rule in (claim.premise, claim.rule) if rule for leaf in leaves(rule)]
    experiments = {arm.experiment for leaf in parts for arm in leaf.arms()}
    return experiments == {"vision"} and not any(isinstance(leaf, Measured) for leaf in parts)


def main() -> None:
    arguments = parser(__doc__)
    path_argument(arguments, "claims", "summary", "specialisation", "audits", "out")
    arguments.add_argument("--stories", type=Path, nargs="+", required=True, help="RUN/stories.csv")
    arguments.add_argument("--smoke", choices=["true", "false"], required=True)
    given = arguments.parse_args()
    routers = pd.read_csv(given.specialisation)
    evidence = Evidence(
        summaries={"vision": with_specialisation(pd.read_csv(given.summary), routers)},
        stories={path.parent.name: pd.read_csv(path) for path in given.stories},
        audits=pd.read_csv(given.audits),
    )
    claims = [claim for claim in load_claims(given.claims) if of_images(claim)]
    table = judged(claims, evidence, given.smoke == "true", before={})
    write_atomic(given.out, table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
