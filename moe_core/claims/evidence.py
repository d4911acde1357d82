"""Tables of results -> values of an arm, by seed, or the reason why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from moe_core.adapters.labels import LABELS
from moe_core.claims.arms import RESNET, Arm, Measure
from moe_core.claims.facts import Fact
from moe_core.failures import brief, by_seed

UNROUTED = ("dense", RESNET, "ngram", *LABELS)  # nothing to audit, or nothing new


class UntestableError(Exception):
    """Why the tables cannot speak of an arm."""


@dataclass(frozen=True)
class Evidence:
    """What the experiments measured.

    summaries: by experiment, a row a run. stories: by run, a row a test story (story, bytes, nats,
    and correct where it has one answer), which may be a question or an image. audits: a row an
    audit of a cell. facts: of code and machines, by name. Runs that failed are no evidence.
    """

    summaries: Mapping[str, pd.DataFrame]
    stories: Mapping[str, pd.DataFrame]
    audits: pd.DataFrame
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def fact(self, name: str) -> Fact:
        """What was measured. Raises UntestableError where it was not."""
        if name not in self.facts:
            raise UntestableError(f"no experiment tells {name}")
        found = self.facts[name]
        if found.not_measured:
            raise UntestableError(f"{found.about}: {found.not_measured}")
        return found

    def runs(self, arm: Arm) -> pd.DataFrame:
        """Rows of the finished runs of an arm, by seed.

        Raises UntestableError where there are none or they are of several arms, and where the arm
        failed an audit that it declares to pass or was never audited.
        """
        rows = self._one_arm(arm)
        finished = rows[rows.status.eq("finished")]
        if finished.empty:
            raise UntestableError(f"every run of {arm} failed: {by_seed(rows)}")
        self._audited(str(rows.cell.iloc[0]), str(arm.strategy))
        return finished.assign(seed=finished.seed.astype(int)).set_index("seed").sort_index()

    def failed(self, arm: Arm) -> dict[str, str]:
        """By run of an arm, or of its dense model, that failed: strategy, seed and why."""
        try:
            rows = self._one_arm(arm)
        except UntestableError:  # which `runs` raises again
            return {}
        found = {
            str(row.run): f"{row.strategy} seed {row.seed:.0f} ({brief(row.failure)})"
            for _, row in rows[rows.status.eq("failed")].iterrows()
        }
        return found | self.failed(self.dense(arm)) if arm.minus_dense else found

    def values(self, arm: Arm, measure: Measure) -> dict[int, float]:
        """One value a seed. Raises UntestableError where any is missing."""
        rows = self.runs(arm)
        if measure not in rows or rows[measure].isna().all():
            raise UntestableError(f"{measure} of {arm} was not measured")
        if rows[measure].isna().any():
            without = ", ".join(map(str, rows.index[rows[measure].isna()]))
            raise UntestableError(f"{arm} has no {measure} on seeds {without}")
        values = dict(zip(rows.index.astype(int), rows[measure].astype(float), strict=True))
        if arm.minus_dense:
            dense = self.values(self.dense(arm), measure)
            values = {seed: values[seed] - dense[seed] for seed in values if seed in dense}
        return values

    def nats(self, arm: Arm) -> pd.DataFrame:
        """Negative log-likelihood in nats, seeds by stories.

        Raises UntestableError where any is missing.
        """
        return self._by_story(arm, "nats")

    def correct(self, arm: Arm) -> pd.DataFrame:
        """1 where the answer was right and 0 where not, seeds by questions or images.

        Raises UntestableError where any is missing.
        """
        return self._by_story(arm, "correct")

    def _by_story(self, arm: Arm, column: str) -> pd.DataFrame:
        runs = self.runs(arm).run
        for run in runs:
            if run not in self.stories:
                raise UntestableError(f"no stories of {run}")
            if column not in self.stories[run]:
                raise UntestableError(f"stories of {run} do not tell what is {column}")
        by_seed = {seed: self.stories[run].set_index("story")[column] for seed, run in runs.items()}
        values = pd.DataFrame(by_seed).T
        if arm.minus_dense:
            dense = self._by_story(self.dense(arm), column)
            common = values.index.intersection(dense.index)
            values = values.loc[common] - dense.loc[common]
        if values.isna().any(axis=None):
            raise UntestableError(f"runs of {arm} were tested on different stories")
        return values

    def bytes(self, arm: Arm) -> "pd.Series[int]":
        """Bytes of each test story."""
        return self.stories[self.runs(arm).run.iloc[0]].set_index("story")["bytes"]

    def drift(self, arm: Arm) -> float:
        """Largest over smallest matmul peak among the timings of an arm's experiment."""
        peaks = self.summaries[arm.experiment].matmul_peak_flops.dropna()
        return float(peaks.max() / peaks.min())

    def dense(self, arm: Arm) -> Arm:
        """The dense model of an arm's experiment and width, or the CNN, of equal active FLOPs."""
        row = self._one_arm(arm).iloc[0]
        if "dense_channels" in row:
            size: dict[str, Any] = {"channels": row.dense_channels}
        else:
            size = {"ffn_hidden": int(row.dense_width), "dim": int(row.dim)}
        return Arm(experiment=arm.experiment, strategy="dense", **size)

    def _one_arm(self, arm: Arm) -> pd.DataFrame:
        rows = self._selected(arm)
        if rows.empty:
            raise UntestableError(f"no run of {arm}")
        cells = [str(cell) for cell in rows.cell.unique()]
        if len(cells) > 1 or rows.seed.duplicated().any():
            raise UntestableError(f"{len(rows)} runs for one arm, {arm}: {', '.join(cells)}")
        return rows

    def _selected(self, arm: Arm) -> pd.DataFrame:
        if arm.experiment not in self.summaries:
            raise UntestableError(f"no results of the experiment {arm.experiment}")
        rows = self.summaries[arm.experiment]
        filters = arm.filters()
        for column in filters:
            if column not in rows:
                raise UntestableError(f"no column {column} in the experiment {arm.experiment}")
        extremes = {k: v for k, v in filters.items() if v in ("smallest", "largest")}
        for column, value in filters.items():
            if column not in extremes:
                rows = rows[rows[column].isna() if value == "batch" else rows[column] == value]
        for column, extreme in extremes.items():
            end = rows[column].min() if extreme == "smallest" else rows[column].max()
            rows = rows[rows[column] == end]
        return rows

    def _audited(self, cell: str, strategy: str) -> None:
        if strategy in UNROUTED:
            return
        # an arm of another experiment is judged by the audits of its strategy
        audited = self.audits.not_audited.isna()  # of a failed run there is the reason alone
        audits = self.audits[audited & self.audits.cell.eq(cell)]
        if audits.empty:
            alike = self.audits.cell.str.startswith("image-") == cell.startswith("image-")
            audits = self.audits[audited & alike & self.audits.strategy.eq(strategy)]
        if audits.empty:
            why = self.audits[self.audits.strategy == strategy].not_audited.map(brief).unique()
            raise UntestableError(": ".join([f"{strategy} was not audited", *why]))
        failed = audits[audits.declared.eq(True) & audits.passed.ne(True)]
        if not failed.empty:
            first = failed.iloc[0]
            setting = f"{first.router} router, {first['mode']}"
            raise UntestableError(f"{strategy} failed the audit {first.audit} ({setting})")
