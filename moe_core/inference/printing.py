"""Texts on a terminal or in a pipe while they are written."""

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from moe_core.inference.generation import Step


class Printer:
    """Prints texts in their order: the first as it comes, a later one once all before it
    ended, a blank line between.

    stop_id: a token that is not printed.
    """

    def __init__(self, tokenizer: Tokenizer, prompts: Sequence[str], stop_id: int) -> None:
        self.tokenizer, self.stop_id = tokenizer, stop_id
        self.streams = [DecodeStream(skip_special_tokens=False) for _ in prompts]
        self.waiting = list(prompts)  # what each text has that is not printed yet
        self.ended = [False] * len(prompts)
        self.at = 0
        self._print()

    def add(self, step: Step) -> None:
        """Take the next step over, and print what can be."""
        for row, token in enumerate(step.token_ids):
            if token is not None and token != self.stop_id:
                self.waiting[row] += self.streams[row].step(self.tokenizer, token) or ""
        self.ended = step.ended
        self._print()

    def _print(self) -> None:
        while self.at < len(self.waiting):
            print(self.waiting[self.at], end="", flush=True)
            self.waiting[self.at] = ""
            if not self.ended[self.at]:
                return
            self.at += 1
            print("" if self.at == len(self.waiting) else "\n", flush=True)
