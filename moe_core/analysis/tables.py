"""Tidy tables of what one recorded layer decides, a function a table."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pandas as pd

from moe_core.analysis.conditional import conditional_specialisation
from moe_core.analysis.recording import Ints, RecordedLayer
from moe_core.analysis.token_class import CLASSES, token_class
from moe_core.measure.specialisation import entropy, specialisation

DRAWS = 99  # of permutation nulls
FIRST = "class by first expert"


def class_of_tokens(token_T: Ints, texts: Mapping[int, str]) -> Ints:
    """Place among ``CLASSES`` of each token."""
    class_V = np.zeros(int(token_T.max()) + 1, dtype=np.int64)
    for token, text in texts.items():
        class_V[token] = CLASSES.index(token_class(text))
    return class_V[token_T]


def expert_load(layer: RecordedLayer) -> pd.DataFrame:
    """Assignments of each expert before dropping, and those kept."""
    load_E = layer.load_E
    kept_A = layer.expert_A[~layer.dropped_A]
    return pd.DataFrame(
        {
            "expert": np.arange(layer.num_experts),
            "num_tokens": len(layer.token_T),
            "assignments": load_E,
            "kept": np.bincount(kept_A, minlength=layer.num_experts),
            "share": load_E / max(1, load_E.sum()),
        }
    )


def first_choices(layer: RecordedLayer, class_T: Ints) -> Ints:
    """Tokens by class and first expert, classes x (E + 1); the last column: no expert."""
    columns = layer.num_experts + 1
    pair_T = class_T * columns + layer.first_T
    return np.bincount(pair_T, minlength=len(CLASSES) * columns).reshape(-1, columns)


def class_preference(layer: RecordedLayer, class_T: Ints) -> pd.DataFrame:
    """Where the tokens of each class go: all their assignments, and their first choices."""
    counts_CE = layer.counts(class_T, len(CLASSES))
    first_CE = first_choices(layer, class_T)[:, :-1]
    tokens_C = np.bincount(class_T, minlength=len(CLASSES))
    present = np.flatnonzero(tokens_C)
    experts = np.arange(layer.num_experts)
    table = pd.DataFrame(
        {
            "token_class": np.repeat(np.array(CLASSES, dtype=object)[present], layer.num_experts),
            "num_tokens": np.repeat(tokens_C[present], layer.num_experts),
            "expert": np.tile(experts, len(present)),
            "assignments": counts_CE[present].ravel(),
            "primary": first_CE[present].ravel(),
        }
    )
    for count, share in (("assignments", "share"), ("primary", "primary_share")):
        total = table.groupby("token_class")[count].transform("sum")
        table[share] = table[count] / total.where(total > 0)
    return table


def information(layer: RecordedLayer, class_T: Ints, with_stories: bool) -> pd.DataFrame:
    """Mutual information of expert and class, or token, over assignments.

    with_stories: and, over tokens, of a token's first expert (or its lack) and its class, and its
    story given the token.
    """
    rows = {
        "class": specialisation(layer.counts(class_T, len(CLASSES)), DRAWS),
        "token": specialisation(layer.counts(layer.token_T, int(layer.token_T.max()) + 1), DRAWS),
    }
    if with_stories:
        rows[FIRST] = specialisation(first_choices(layer, class_T), DRAWS)
        rows["story given token"] = conditional_specialisation(
            layer.story_T, layer.token_T, layer.first_T
        )
    table = pd.DataFrame([{"of": of, **asdict(found)} for of, found in rows.items()])
    return table.assign(expert_entropy_nats=entropy(layer.load_E), assignments=layer.load_E.sum())


def coactivation(layer: RecordedLayer) -> pd.DataFrame:
    """Tokens that have both of two experts; the diagonal: one. Empty where none has two."""
    chosen_TE = layer.chosen_TE.astype(np.float64)
    together_EE = (chosen_TE.T @ chosen_TE).astype(np.int64)
    own_E = together_EE.diagonal()
    if together_EE.sum() == own_E.sum():
        return pd.DataFrame()
    expert, other = np.indices(together_EE.shape)
    return pd.DataFrame(
        {
            "expert": expert.ravel(),
            "with_expert": other.ravel(),
            "num_tokens": together_EE.ravel(),
            "share": (together_EE / np.maximum(own_E, 1)[:, None]).ravel(),
        }
    )


def vocabulary(layer: RecordedLayer, texts: Mapping[int, str]) -> pd.DataFrame:
    """The expert that each token chooses most often, and how often, beside how often all do.

    share: the vocabulary specialisation of that expert on this token, N(token to expert) /
    N(token), as OLMoE defines it (arXiv 2409.02060, section 5.4).
    """
    ids, index_T = np.unique(layer.token_T, return_inverse=True)
    chosen_VE = np.zeros((len(ids), layer.num_experts), dtype=np.int64)
    np.add.at(chosen_VE, index_T, layer.chosen_TE)
    occurrences_V, best_V = np.bincount(index_T), chosen_VE.argmax(1)
    share_E = layer.chosen_TE.mean(0)
    return pd.DataFrame(
        {
            "token": ids,
            "text": [texts[i] for i in ids.tolist()],
            "token_class": [token_class(texts[i]) for i in ids.tolist()],
            "num_tokens": occurrences_V,
            "expert": best_V,
            "share": chosen_VE.max(1) / occurrences_V,
            "expert_share": share_E[best_V],
        }
    )


def excerpt(layer: RecordedLayer, texts: Mapping[int, str], count: int) -> pd.DataFrame:
    """The first ``count`` tokens with all their assignments, as lists parted by spaces."""
    count = min(count, len(layer.token_T))
    starts = np.searchsorted(layer.row_A, np.arange(count + 1))
    columns = {"experts": layer.expert_A, "dropped": layer.dropped_A.astype(int)}
    columns |= {"weights": np.array([f"{w:.4g}" for w in layer.weight_A[: starts[-1]]])}
    ids = layer.token_T[:count].tolist()
    return pd.DataFrame(
        {
            "place": np.arange(len(ids)),
            "story": layer.story_T[:count],
            "token": ids,
            "text": [texts[i] for i in ids],
            "token_class": [token_class(texts[i]) for i in ids],
            **{
                name: [" ".join(map(str, values[a:b])) for a, b in pairwise(starts)]
                for name, values in columns.items()
            },
        }
    )
