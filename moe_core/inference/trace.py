"""Which experts a text used, token by token, as it was written."""

from collections.abc import Sequence
from typing import Any

from moe_core.analysis.packed import packed
from moe_core.inference.generation import Step
from moe_core.routing.routing import Routing

Choices = list[tuple[int, float]]  # experts of a token with their weights, by falling weight


def choices_of(routing: Routing) -> list[Choices]:
    """Of each token."""
    columns = (routing.token_A, routing.expert_A, routing.weight_A)
    choices: list[Choices] = [[] for _ in range(routing.num_tokens)]
    entries = zip(*(column.tolist() for column in columns), strict=True)
    for token, expert, weight in sorted(entries, key=lambda entry: (entry[0], -entry[2])):
        choices[token].append((expert, weight))
    return choices


class Trace:
    """Decisions on every token of B texts that was read.

    The token that ends a text is not: nothing is written after it, and no expert sees it.
    steps: of a layer. token_ids: of each text, prompt included. parts: by layer and step, then by
    text, what each token chose.
    """

    def __init__(self, prompts: Sequence[Sequence[int]], steps: int) -> None:
        self.steps = steps
        self.token_ids = [list(prompt) for prompt in prompts]
        self.next: list[int | None] = []  # chosen, and not read as far as is known
        self.parts: list[list[list[Choices]]] = []

    def add(self, step: Step) -> None:
        """Take the next step over."""
        if not self.parts:
            longest = max(map(len, self.token_ids))
            rows = [range(row * longest, row * longest + len(ids)) for row, ids in self.numbered()]
            self.parts = [[[] for _ in rows] for _ in step.routed]
        else:
            # what a text chose was read for it if it goes on; otherwise by chance, for a neighbour
            going = [token is not None for token in step.token_ids]
            rows = [range(row, row + on) for row, on in enumerate(going)]
            for ids, token, on in zip(self.token_ids, self.next, going, strict=True):
                ids += [token] * on if token is not None else []
        for part, layer in zip(self.parts, step.routed, strict=True):
            choices = choices_of(layer.routing)
            for text, places in zip(part, rows, strict=True):
                text += choices[places.start : places.stop]
        self.next = step.token_ids

    def numbered(self) -> list[tuple[int, list[int]]]:
        """Texts with their places."""
        return [*enumerate(self.token_ids)]

    def as_json(self, run: str, texts_V: Sequence[str]) -> dict[str, Any]:
        """As the explorer opens it: the shape of its stories, with one arm.

        texts_V: what each id of the vocabulary stands for.
        """
        stories = [
            {"story": row, "cut": False, "tokens": [texts_V[i] for i in ids]}
            for row, ids in self.numbered()
        ]
        parts = [
            {
                "layer": place // self.steps,
                "step": place % self.steps,
                "stories": [
                    packed(
                        [[expert for expert, _ in choices] for choices in text],
                        [[weight for _, weight in choices] for choices in text],
                        [[False] * len(choices) for choices in text],
                    )
                    for text in part
                ],
            }
            for place, part in enumerate(self.parts)
        ]
        return {"stories": stories, "arms": [{"run": run, "parts": parts}]}

    def lines(self, row: int, texts_V: Sequence[str]) -> list[str]:
        """A line a token of one text: experts and weights of each layer, each step with a +."""
        lines = []
        for place, token in enumerate(self.token_ids[row]):
            told = [
                ", ".join(f"{expert} {weight:.3f}" for expert, weight in part[row][place]) or "none"
                for part in self.parts
            ]
            layers = [
                " + ".join(told[first : first + self.steps])
                for first in range(0, len(told), self.steps)
            ]
            columns = "   ".join(f"layer {layer}: {text}" for layer, text in enumerate(layers))
            lines.append(f"{place:4}  {texts_V[token]!r:16} {columns}")
        return lines
