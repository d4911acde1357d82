"""Multiple choice: train on right answers, measure by which option a model finds likeliest."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from moe_core.corpus.questions import KEY, Question
from moe_core.errors import StudyError
from moe_core.measure.metrics import bits_per_byte
from moe_core.model.language_model import LanguageModel
from moe_core.model.moe_layer import CAUSAL, Mode
from moe_core.random_streams import stream
from moe_core.routing.draws import Draws
from moe_core.routing.strategy import RoutedLayer
from moe_core.training.config import TrainingConfig
from moe_core.training.evaluation import Quality, Reading, Tally, routing_steps
from moe_core.training.loop import IGNORED, Measured, Trainer, measure_modes
from moe_core.training.ranks import ALONE, Ranks

COMPLETION = "the correct answer is "  # as LLM-Adapters trains (arXiv 2304.01933)
ENCODED_AT_ONCE = 512
ENOUGH_FOR_LOAD = 1024  # questions


@dataclass(frozen=True)
class EncodedQuestion:
    """Token ids of a prompt, and of each option's completion, the separator last.

    answer: index of the right option.
    """

    prompt: np.ndarray
    completions: tuple[tuple[int, ...], ...]
    answer: int


@dataclass(frozen=True)
class Row:
    """A sequence to read, and the options whose completions it holds but for the last token.

    options: pairs of a place in the split's matrix of scores, flattened, and the tokens scored.
    """

    tokens: np.ndarray
    options: list[tuple[int, tuple[int, ...]]]


@dataclass(frozen=True)
class QuestionSplit:
    """The encoded questions of a split, and the share of them that were cut.

    A question counts as a story of one byte, so that what is called bits per byte elsewhere is
    here bits per answer.
    """

    questions: list[EncodedQuestion]
    share_cut: float

    @property
    def stories(self) -> int:
        """Questions."""
        return len(self.questions)

    @property
    def bytes(self) -> int:
        """Questions, see above."""
        return len(self.questions)

    @property
    def bytes_per_story(self) -> np.ndarray:
        """Ones, see above."""
        return np.ones(len(self.questions), dtype=np.int64)

    def some(self, count: int) -> "QuestionSplit":
        """At most so many questions, spread over the split, whose files stand one after another."""
        places = sorted({i * self.stories // count for i in range(count)})
        return replace(self, questions=[self.questions[i] for i in places])

    @cached_property
    def most_options(self) -> int:
        """Options of the question that has most."""
        return max(len(question.completions) for question in self.questions)

    @cached_property
    def rows(self) -> list[Row]:
        """What must be read to score all options: those that differ in their last token share a
        row."""
        found = []
        for place, question in enumerate(self.questions):
            alike = defaultdict(list)
            for option, (*scored, _) in enumerate(question.completions):
                flat = place * self.most_options + option
                alike[tuple(scored[:-1])].append((flat, tuple(scored)))
            for begun, options in alike.items():
                tokens = np.concatenate([question.prompt, np.array(begun, dtype=np.int32)])
                found.append(Row(tokens, options))
        return found


def encode_questions(
    questions: Sequence[Question], tokenizer: Tokenizer, separator_id: int, seq_len: int
) -> QuestionSplit:
    """Prompts ``instruction`` with a line end, cut on the left to seq_len + 1 tokens with answer.

    An option's completion is "the correct answer is " and the option. Raises StudyError if one
    leaves no room for a prompt, or is how another of the same question begins, which would make it
    the likelier of the two whatever the model.
    """
    known: dict[str, tuple[int, ...]] = {}
    encoded, cut = [], 0
    for start in range(0, len(questions), ENCODED_AT_ONCE):
        some = questions[start : start + ENCODED_AT_ONCE]
        for option in {option for question in some for option in question.options} - known.keys():
            ids = tokenizer.encode(COMPLETION + option, add_special_tokens=False).ids
            known[option] = (*ids, separator_id)
        prompts = tokenizer.encode_batch_fast(
            [question.instruction + "\n" for question in some], add_special_tokens=False
        )
        for question, prompt in zip(some, prompts, strict=True):
            completions = tuple(known[option] for option in question.options)
            _refuse_beginnings(question, completions)
            longest = max(map(len, completions))
            room = seq_len + 1 - longest
            if room < 1:
                raise StudyError(
                    "training.seq_len",
                    f"{seq_len} tokens leave none for question {question.id} beside its options",
                    f"raise it to {longest} or more",
                )
            cut += len(prompt.ids) > room
            kept = np.array(prompt.ids[-room:], dtype=np.int32)
            encoded.append(EncodedQuestion(kept, completions, question.answer))
    return QuestionSplit(encoded, cut / len(questions))


def _refuse_beginnings(question: Question, completions: tuple[tuple[int, ...], ...]) -> None:
    named = zip(completions, question.options, strict=True)
    # what a sequence begins stands right after it
    for (ids, option), (longer, other) in pairwise(sorted((c[:-1], name) for c, name in named)):
        if longer[: len(ids)] == ids:
            raise StudyError(
                KEY,
                f"question {question.id}: option {option!r} is how {other!r} begins, in tokens",
                "rename its options",
            )


class ChoiceTrainer(Trainer):
    """Trains on the right completions of random questions; prompts are read, not learned.

    A batch is padded at its end. Where tokens choose experts, balance losses and states of routers
    do not see the padding; where experts choose among the tokens of a sequence, it competes, as in
    any padded batch. Raises StudyError for a balance loss over sequences, which differ in length.
    """

    def __init__(
        self,
        model: LanguageModel,
        split: QuestionSplit,
        config: TrainingConfig,
        seed: int,
        device: str,
        micro_batches: int = 1,
        ranks: Ranks = ALONE,
    ) -> None:
        no_stream = np.empty(0, dtype=np.int32)
        super().__init__(model, no_stream, config, seed, device, micro_batches, ranks)
        self.split = split
        self.choose = self.strategy is not None and self.strategy.group == "token"
        if self.choose and config.balance_sequences:
            raise StudyError(
                "training.balance_sequences",
                "questions differ in length, and their loads count over the whole batch",
                "set it to null",
            )

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs, padded with 0 to the longest, and targets, IGNORED but for the completions."""
        inputs, targets = [], []
        for question in self._questions(step):
            completion = question.completions[question.answer]
            ids = torch.tensor([*question.prompt.tolist(), *completion])
            inputs.append(ids[:-1])
            targets.append(ids[1:].clone())
            targets[-1][: len(question.prompt) - 1] = IGNORED
        return (
            pad_sequence(inputs, batch_first=True),
            pad_sequence(targets, batch_first=True, padding_value=IGNORED),
        )

    def _questions(self, step: int) -> list[EncodedQuestion]:
        generator = stream(self.seed, "batches", step)
        drawn = torch.randint(self.split.stories, (self.config.batch_size,), generator=generator)
        return [self.split.questions[i] for i in drawn.tolist()]

    def _pass(self, inputs: Tensor, rows: slice, step: int) -> tuple[Tensor, list[RoutedLayer]]:
        logits_BSV, layers = super()._pass(inputs, rows, step)
        if self.choose:
            sizes = [
                len(q.prompt) + len(q.completions[q.answer]) - 1 for q in self._questions(step)
            ]
            size_B = torch.tensor(sizes[rows], device=inputs.device)
            place_S = torch.arange(inputs.shape[1], device=inputs.device)
            real_T = (place_S < size_B.unsqueeze(1)).flatten()
            layers = [among(layer, real_T) for layer in layers]
        return logits_BSV, layers


def among(layer: RoutedLayer, real_T: Tensor) -> RoutedLayer:
    """What a layer decided for some of its tokens, as if there had been no others."""
    place_T = real_T.cumsum(0) - 1
    own = layer.routing.where(real_T[layer.routing.token_A])
    return replace(
        layer,
        routing=replace(
            own,
            token_A=place_T[own.token_A],
            num_tokens=int(real_T.sum()),
            per_token=layer.routing.per_token,
        ),
        logits_TE=None if layer.logits_TE is None else layer.logits_TE[real_T],
        context=replace(
            layer.context,
            token_id_T=layer.context.token_id_T[real_T],
            position_T=layer.context.position_T[real_T],
        ),
    )


def equally_long(rows: Sequence[Row], tokens: int) -> list[list[Row]]:
    """Batches of rows of one length, so that none is padded, of at most ``tokens`` or of one row.

    The largest first: what its routers choose is kept to see how the choice settles.
    """
    of_length: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        of_length[len(row.tokens)].append(row)
    batches = []
    for length, alike in of_length.items():
        size = max(1, tokens // length)
        batches += [alike[start : start + size] for start in range(0, len(alike), size)]
    return sorted(batches, key=lambda batch: -len(batch) * len(batch[0].tokens))


@torch.no_grad()
def score_options(
    model: LanguageModel,
    split: QuestionSplit,
    batch_tokens: int,
    precision: AbstractContextManager[object],
    mode: Mode,
    draws: Draws | None = None,
) -> tuple[Tensor, Tally]:
    """Log-likelihoods in nats of all options given their prompts, and what the routers decided.

    Scores, float64 on the CPU, have a row a question and a column an option, -inf for none. They
    are sums over the tokens of "the correct answer is ..." without the separator that follows.
    """
    device = next(model.parameters()).device
    tally = Tally(model.vocab_size)
    scores = torch.full((split.stories, split.most_options), -torch.inf, dtype=torch.float64)
    for score, question in zip(scores, split.questions, strict=True):
        score[: len(question.completions)] = 0
    model.eval()
    for batch in equally_long(split.rows, batch_tokens):
        inputs = torch.from_numpy(np.stack([row.tokens for row in batch])).long().to(device)
        with precision:
            logits_BSV, routed = model(inputs, mode, draws)
        # of each scored token: its row, its place from the end, its id, its option
        scored = [
            (place, i - len(ids), token, option)
            for place, row in enumerate(batch)
            for option, ids in row.options
            for i, token in enumerate(ids)
        ]
        row, place, token, option = torch.tensor(scored).T
        ends = logits_BSV[:, int(place.min()) :].float().log_softmax(-1)
        found = ends[row.to(device), place.to(device), token.to(device)]
        scores.view(-1).index_add_(0, option, found.double().cpu())
        tally.add(routed)
    model.train()
    return scores, tally


def measure_choices(trainer: Trainer, split: QuestionSplit) -> Measured:
    """How well options are told apart, in all modes (``loop.measure_modes``).

    p(option) is the softmax of log-likelihoods over the options of a question. loss: mean nats
    -ln p(right option), and bits_per_byte the same in bits an answer. accuracy: share of questions
    whose right option is the likeliest; of a tie the share of it. chance_accuracy: of a guess.
    share_cut: share of questions whose prompt was cut. Column ``correct`` has the accuracy of each.
    Where another mode is read for load and drops alone, some questions are enough.
    """
    config = trainer.config
    batch_tokens = config.batch_size * config.seq_len
    own_rule = trainer.strategy is not None and trainer.strategy.decode is not None

    def read(mode: Mode, draws: Draws) -> Reading:
        whole = mode == CAUSAL or own_rule
        part = split if whole else split.some(ENOUGH_FOR_LOAD)
        scores, tally = score_options(
            trainer.model, part, batch_tokens, trainer.precision, mode, draws
        )
        answer_N = torch.tensor([question.answer for question in part.questions])
        every_N = torch.arange(part.stories)
        nats_N = -scores.log_softmax(-1)[every_N, answer_N]
        best = scores == scores.max(-1, keepdim=True).values
        correct_N = best[every_N, answer_N] / best.sum(-1)
        nats = float(nats_N.sum())
        with np.errstate(over="ignore"):  # of a run that diverged
            quality = Quality(
                nats / part.stories,
                float(np.exp(nats / part.stories)),
                bits_per_byte(nats, part.bytes),
            )
        reading = tally.reading(quality, nats_N, routing_steps(trainer.model.routing))
        return replace(reading, columns={"correct": correct_N.numpy()})

    measured = measure_modes(trainer, read)
    own = {
        "accuracy": float(measured.causal.columns["correct"].mean()),
        "chance_accuracy": float(np.mean([1 / len(q.completions) for q in split.questions])),
        "share_cut": split.share_cut,
    }
    measures = own | measured.measures
    if not own_rule and split.stories > ENOUGH_FOR_LOAD:  # of other questions than the rest
        measures.pop("bits_per_byte_at_capacity", None)
    return replace(measured, measures=measures)
