"""Tables of results -> values of an arm, by seed, or the reason why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from moe_core.claims.arms import Arm, Measure

UNROUTED = ("dense", "ngram")  # nothing to audit


class UntestableError(Exception):
    """Why the tables cannot speak of an arm."""


@dataclass(frozen=True)
class Evidence:
    """What the experiments measured.

    summaries: by experiment, a row a run. stories: by run, a row a test story (story, bytes,
    nats). audits: a row an audit of a cell.
    """

    summaries: Mapping[str, pd.DataFrame]
    stories: Mapping[str, pd.DataFrame]
    audits: pd.DataFrame

    def runs(self, arm: Arm) -> pd.DataFrame:
        """Rows of an arm, by seed.

        Raises UntestableError where there are none or they are of several arms, and where the arm
        failed an audit that it declares to pass or was never audited.
        """
        rows = self._selected(arm)
        if rows.empty:
            raise UntestableError(f"no run of {arm}")
        cells = [str(cell) for cell in rows.cell.unique()]
        if len(cells) > 1 or rows.seed.duplicated().any():
            raise UntestableError(f"{len(rows)} runs for one arm, {arm}: {', '.join(cells)}")
        self._audited(cells[0], str(arm.strategy))
        return rows.assign(seed=rows.seed.astype(int)).set_index("seed").sort_index()

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
        runs = self.runs(arm).run
        for run in runs:
            if run not in self.stories:
                raise UntestableError(f"no stories of {run}")
        by_seed = {seed: self.stories[run].set_index("story").nats for seed, run in runs.items()}
        nats = pd.DataFrame(by_seed).T
        if arm.minus_dense:
            dense = self.nats(self.dense(arm))
            common = nats.index.intersection(dense.index)
            nats = nats.loc[common] - dense.loc[common]
        if nats.isna().any(axis=None):
            raise UntestableError(f"runs of {arm} were tested on different stories")
        return nats

    def bytes(self, arm: Arm) -> "pd.Series[int]":
        """Bytes of each test story."""
        return self.stories[self.runs(arm).run.iloc[0]].set_index("story")["bytes"]

    def drift(self, arm: Arm) -> float:
        """Largest over smallest matmul peak among the timings of an arm's experiment."""
        peaks = self.summaries[arm.experiment].matmul_peak_flops.dropna()
        return float(peaks.max() / peaks.min())

    def dense(self, arm: Arm) -> Arm:
        """The dense model of an arm's experiment and width, of equal active FLOPs."""
        row = self.runs(arm).iloc[0]
        return Arm(
            experiment=arm.experiment,
            strategy="dense",
            ffn_hidden=int(row.dense_width),
            dim=int(row.dim),
        )

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
        audits = self.audits[self.audits.cell == cell]
        if audits.empty:
            audits = self.audits[self.audits.strategy == strategy]
        if audits.empty:
            raise UntestableError(f"{strategy} was not audited")
        failed = audits[audits.declared.eq(True) & audits.passed.ne(True)]
        if not failed.empty:
            first = failed.iloc[0]
            setting = f"{first.router} router, {first['mode']}"
            raise UntestableError(f"{strategy} failed the audit {first.audit} ({setting})")
