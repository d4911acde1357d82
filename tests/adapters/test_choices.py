"""Scores of options against a slow float64 reading, one option at a time and never padded."""

import math
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from moe_core.adapters.choices import (
    COMPLETION,
    ChoiceTrainer,
    EncodedQuestion,
    QuestionSplit,
    encode_questions,
    equally_long,
    measure_choices,
    score_options,
)
from moe_core.corpus.questions import Question
from moe_core.corpus.sources import SEPARATOR
from moe_core.corpus.tokenization import bpe_tokenizer, vocabulary_size
from moe_core.errors import StudyError
from moe_core.model.config import TransformerConfig
from moe_core.model.moe_layer import CAUSAL, DROPLESS, TRAINING, Mode
from moe_core.model.transformer import Transformer, build
from moe_core.routing.strategy import RoutedLayer
from moe_core.training.config import HealthConfig, TrainingConfig
from moe_core.training.loop import IGNORED
from moe_core.training.run import complete
from tests.conftest import moe_of

KINDS = [("true", "false"), ("answer1", "answer2", "answer3"), ("yes", "no", "perhaps", "never")]
ANIMALS = ["fox", "hare", "old owl", "very small mouse"]
QUESTIONS = [
    Question(
        f"made/{i}",
        f"Is the {ANIMALS[i % 4]} {'so ' * (i % 7)}happy?\nAnswer format: {'/'.join(KINDS[i % 3])}",
        KINDS[i % 3],
        i % len(KINDS[i % 3]),
    )
    for i in range(12)
]
# so few merges that "answer1" and "answer2" differ in their last token and "true" and "false" not
TOKENIZER = bpe_tokenizer([COMPLETION + "answer"] * 9, 275)
SEPARATOR_ID = TOKENIZER.token_to_id(SEPARATOR)
VOCABULARY = vocabulary_size(TOKENIZER)
SPLIT = encode_questions(QUESTIONS, TOKENIZER, SEPARATOR_ID, 96)


def model_of(strategy: str | None, **moe: Any) -> Transformer:
    config = TransformerConfig(
        dim=16,
        layers=2,
        heads=2,
        ffn_hidden=16,
        activation="swiglu",
        tied_head=False,
        moe=moe_of(strategy, **{"capacity_factor": 1.25} | moe) if strategy else None,
    )
    return build(config, torch.ones(VOCABULARY, dtype=torch.int64), 0)


def trainer_of(model: Transformer, micro_batches: int = 1, **changes: Any) -> ChoiceTrainer:
    defaults: dict[str, Any] = {
        "batch_size": 6,
        "seq_len": 96,
        "steps": 4,
        "learning_rate": 1e-2,
        "warmup_steps": 1,
        "final_learning_rate_fraction": 0.1,
        "weight_decay": 0.1,
        "grad_clip": 1.0,
        "switch_coef": 0.1,
        "balance_sequences": None,
        "z_coef": 0.01,
        "precision": "fp32",
        "compile": False,
        "dispatch": "auto",
        "evaluate_every": 2,
        "valid_tokens": 1,
        "test_tokens": 1,
        "health": HealthConfig(
            max_loss_over_uniform=9.0, max_router_logsumexp=100.0, dead_expert_evaluations=None
        ),
    }
    config = TrainingConfig(**defaults | changes)
    return ChoiceTrainer(model, SPLIT, config, 0, "cpu", micro_batches)


def slow_scores(model: Transformer, mode: Mode) -> list[list[float]]:
    """Sum of ln p over the completion's tokens, from the text, an option at a time, in float64."""
    exact, found = deepcopy(model).double().eval(), []
    for asked in QUESTIONS:
        prompt = TOKENIZER.encode(asked.instruction + "\n").ids
        of_options = []
        for option in asked.options:
            completion = TOKENIZER.encode(COMPLETION + option).ids
            ids = torch.tensor([*prompt, *completion])
            with torch.no_grad():
                logits_BSV, _ = exact(ids[None, :-1], mode)
            log_p_SV = logits_BSV[0, len(prompt) - 1 :].log_softmax(-1)
            terms = [float(log_p_SV[i, token]) for i, token in enumerate(completion)]
            of_options.append(math.fsum(terms))
        found.append(of_options)
    return found


def nats(scores: list[float], answer: int) -> float:
    return math.log(math.fsum(math.exp(s - scores[answer]) for s in scores))


@pytest.mark.parametrize("strategy", [None, "softk", "expert_choice", "remoe"])
def test_scores_against_an_option_at_a_time(strategy: str | None) -> None:
    model = model_of(strategy)
    slow = slow_scores(model, CAUSAL)
    scores, _ = score_options(model, SPLIT, 6 * 96, nullcontext(), CAUSAL)
    assert scores.dtype == torch.float64
    for found, expected in zip(scores, slow, strict=True):
        assert found[: len(expected)].tolist() == pytest.approx(expected, abs=1e-5, rel=1e-5)
        assert (found[len(expected) :] == -math.inf).all()
    measured = measure_choices(trainer_of(model), SPLIT)
    expected = [nats(s, q.answer) for s, q in zip(slow, QUESTIONS, strict=True)]
    assert measured.causal.nats_per_story.tolist() == pytest.approx(expected, abs=1e-5)
    right = [max(s) == s[q.answer] for s, q in zip(slow, QUESTIONS, strict=True)]
    assert measured.causal.columns["correct"].tolist() == right
    of = measured.measures
    assert of["accuracy"] == pytest.approx(np.mean(right))
    assert of["loss"] == pytest.approx(np.mean(expected), abs=1e-5)
    assert of["bits_per_byte"] == pytest.approx(np.mean(expected) / math.log(2), abs=1e-5)
    assert of["chance_accuracy"] == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3)
    assert of["share_cut"] == 0


@pytest.mark.parametrize("strategy", ["softk", "coe", "expert_choice"])
@pytest.mark.parametrize("mode", [CAUSAL, TRAINING], ids=["causal", "training"])
def test_batches_change_nothing(strategy: str, mode: Mode) -> None:
    """A row at a time, nothing can be padded, fill another's slots or be counted twice."""
    model = model_of(strategy, capacity_factor=0.75)
    (one, alone), (many, together) = (
        score_options(model, SPLIT, tokens, nullcontext(), mode) for tokens in (1, 600)
    )
    torch.testing.assert_close(one, many, rtol=1e-5, atol=1e-5)
    tokens = sum(len(row.tokens) for row in SPLIT.rows)
    for a, b in zip(alone.layers, together.layers, strict=True):
        assert a.tokens == b.tokens == tokens
        assert torch.equal(a.counts_VE, b.counts_VE)
        measures = asdict(a.measures())
        for field, value in asdict(b.measures()).items():
            # the Switch loss is of a batch by definition
            if value is not None and field != "switch_loss":
                assert value == pytest.approx(measures[field], rel=1e-5), field


def test_each_row_is_read_once_largest_batch_first() -> None:
    batches = equally_long(SPLIT.rows, 300)
    assert sorted(id(row) for batch in batches for row in batch) == sorted(map(id, SPLIT.rows))
    sizes = [sum(len(row.tokens) for row in batch) for batch in batches]
    assert sizes == sorted(sizes, reverse=True)
    assert all(len({len(row.tokens) for row in batch}) == 1 for batch in batches)
    assert max(sizes) <= 300 < 2 * max(sizes)
    # options that differ in their last token share a row: 1 for answerN, 2 of true and false, 4
    assert len(SPLIT.rows) == 4 * (1 + 2 + 4)


class Knowing(Transformer):
    """A model that knows the instruction's right answer, and one that knows nothing."""

    answers: dict[tuple[int, ...], tuple[int, ...]] | None = None

    def forward(self, *given: Any, **options: Any) -> tuple[Tensor, list[RoutedLayer]]:
        token_id_BS = given[0]
        logits_BSV = torch.zeros(*token_id_BS.shape, VOCABULARY)
        for row, ids in enumerate(token_id_BS.tolist()):
            for prompt, completion in (self.answers or {}).items():
                if tuple(ids[: len(prompt)]) == prompt:
                    for i, token in enumerate(completion):
                        if len(prompt) - 1 + i < len(ids):
                            logits_BSV[row, len(prompt) - 1 + i, token] = 30.0
        return logits_BSV, []


def rigged(knows: bool) -> Knowing:
    model = Knowing(model_of(None).config, torch.ones(VOCABULARY, dtype=torch.int64))
    if knows:
        model.answers = {
            tuple(q.prompt.tolist()): q.completions[q.answer][:-1] for q in SPLIT.questions
        }
    return model


def test_a_model_that_knows_and_one_that_guesses() -> None:
    # one answer a prompt, or nobody could know it
    assert len({q.instruction for q in QUESTIONS}) == len(QUESTIONS)
    knows = measure_choices(trainer_of(rigged(True)), SPLIT)
    assert knows.measures["accuracy"] == 1
    assert knows.measures["loss"] == pytest.approx(0, abs=1e-9)
    # answers of one length are equally likely to it: a tie is worth its share
    alike = [i for i, q in enumerate(SPLIT.questions) if len({*map(len, q.completions)}) == 1]
    guess = measure_choices(trainer_of(rigged(False)), SPLIT).causal
    assert alike
    for i in alike:
        options = len(QUESTIONS[i].options)
        assert guess.columns["correct"][i] == pytest.approx(1 / options)
        assert guess.nats_per_story[i] == pytest.approx(math.log(options))


def test_permuted_options_permute_scores() -> None:
    model = model_of("softk")
    turned = [
        replace(q, options=q.options[1:] + q.options[:1], answer=(q.answer - 1) % len(q.options))
        for q in QUESTIONS
    ]
    other = encode_questions(turned, TOKENIZER, SEPARATOR_ID, 96)
    (a, _), (b, _) = (score_options(model, s, 600, nullcontext(), CAUSAL) for s in (SPLIT, other))
    for one, two, q in zip(a, b, QUESTIONS, strict=True):
        n = len(q.options)
        torch.testing.assert_close(one[:n].roll(-1), two[:n], rtol=1e-6, atol=1e-6)
    first, second = (measure_choices(trainer_of(model), s).measures for s in (SPLIT, other))
    assert first == pytest.approx(second, rel=1e-5)


def test_prompts_are_cut_on_the_left() -> None:
    longest = max(len(c) for q in SPLIT.questions for c in q.completions)
    for seq_len in (longest, 40, 60, 96):
        cut = encode_questions(QUESTIONS, TOKENIZER, SEPARATOR_ID, seq_len)
        changed = 0
        for whole, part in zip(SPLIT.questions, cut.questions, strict=True):
            room = seq_len + 1 - max(map(len, whole.completions))
            assert part.prompt.tolist() == whole.prompt.tolist()[-room:]
            assert part.completions == whole.completions
            changed += len(part.prompt) < len(whole.prompt)
        assert cut.share_cut == changed / 12
    with pytest.raises(StudyError, match=rf"raise it to {longest} or more"):
        encode_questions(QUESTIONS, TOKENIZER, SEPARATOR_ID, longest - 1)


def test_an_option_that_begins_another_is_refused() -> None:
    question = Question("made/1", "Which?", ("answer2", "answer1", "answer10"), 0)
    with pytest.raises(StudyError, match="made/1: option 'answer1' is how 'answer10' begins"):
        encode_questions([question], TOKENIZER, SEPARATOR_ID, 96)


def texts(ids: list[int], tokenizer: Tokenizer = TOKENIZER) -> str:
    return tokenizer.decode(ids, skip_special_tokens=False)


def test_a_batch_teaches_right_completions_only() -> None:
    trainer = trainer_of(model_of(None), batch_size=40)
    known = {q.instruction + "\n": COMPLETION + q.options[q.answer] + SEPARATOR for q in QUESTIONS}
    inputs, targets = trainer.batch(3)
    assert torch.equal(inputs, trainer.batch(3)[0])
    assert not torch.equal(inputs, trainer.batch(4)[0][:, : inputs.shape[1]])
    assert inputs.shape == targets.shape
    lengths = set()
    for ids, wanted in zip(inputs.tolist(), targets.tolist(), strict=True):
        learned = [place for place, token in enumerate(wanted) if token != IGNORED]
        first, last = learned[0], learned[-1]
        assert learned == [*range(first, last + 1)]
        assert known[texts(ids[: first + 1])] == texts(wanted[first : last + 1])
        assert ids[first + 1 : last + 1] == wanted[first:last]
        assert ids[last + 1 :] == [0] * (len(ids) - last - 1)
        lengths.add(last + 1)
    assert max(lengths) == inputs.shape[1]
    assert len(lengths) > 5


@pytest.mark.parametrize("strategy", [None, "softk", "remoe", "expert_choice", "expert_threshold"])
def test_micro_batches_make_the_steps_of_the_whole_batch(strategy: str | None) -> None:
    whole, cut = (trainer_of(model_of(strategy), n) for n in (1, 2))
    for step in range(3):
        assert float(cut.step(step)) == pytest.approx(float(whole.step(step)), rel=1e-5)
    assert cut.router_grad_norm() == pytest.approx(whole.router_grad_norm(), rel=1e-3)
    expected = whole.model.state_dict()
    for name, tensor in cut.model.state_dict().items():
        if ".states." in name:
            torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("strategy", ["softk", "remoe", "expert_threshold"])
def test_padding_is_not_balanced(strategy: str) -> None:
    """What losses and updates read is what the same questions decide without any padding."""
    trainer = trainer_of(model_of(strategy))
    inputs, targets = trainer.batch(0)
    _, layers = trainer._pass(inputs, slice(0, 6), 0)
    ends = [max(i for i, t in enumerate(row) if t != IGNORED) + 1 for row in targets.tolist()]
    assert len(set(ends)) > 1
    alone = [
        trainer.model(ids[None, :end], DROPLESS)[1] for ids, end in zip(inputs, ends, strict=True)
    ]
    for place, layer in enumerate(layers):
        logits = torch.cat([decided[place].logits_TE for decided in alone])
        torch.testing.assert_close(layer.logits_TE, logits, rtol=1e-4, atol=1e-5)
        load_E = sum(decided[place].routing.load_E() for decided in alone)
        assert torch.equal(layer.routing.load_E(), load_E)
        assert layer.routing.num_tokens == sum(ends) == len(layer.context.token_id_T)


def test_a_loss_over_sequences_is_refused() -> None:
    with pytest.raises(StudyError, match=r"training\.balance_sequences: .*set it to null"):
        trainer_of(model_of("softk"), balance_sequences=1)


def test_a_run_ends_with_a_column_of_right_answers() -> None:
    half = QuestionSplit(SPLIT.questions[:6], SPLIT.share_cut)
    run = complete("run", trainer_of(model_of("softk")), half, SPLIT, read=measure_choices)
    assert [row["step"] for row in run.rows] == [2, 4]
    assert {"accuracy", "drop_rate", "router_saturation"} <= run.rows[-1].keys()
    assert run.test["stories"] == run.test["bytes"] == 12
    assert run.stories["correct"].mean() == run.test["accuracy"]
    assert run.test["loss"] == pytest.approx(run.stories["nats"].mean())
    assert run.test["bits_per_byte"] == pytest.approx(
        run.stories["nats"].sum() / math.log(2) / run.stories["bytes"].sum()
    )


@pytest.mark.parametrize("count", [1, 3, 4, 7, 100])
def test_some_questions_are_spread_over_the_split(count: int) -> None:
    split = QuestionSplit(
        [EncodedQuestion(np.array([i]), ((1, 0), (2, 0)), 0) for i in range(7)], 0.0
    )
    places = [int(question.prompt[0]) for question in split.some(count).questions]
    assert len(places) == min(count, 7)
    assert places == sorted({*places})
    assert places[0] == 0
    if 1 < count < 7:
        assert max(np.diff(places)) <= -(-7 // count)
