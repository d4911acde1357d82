import pytest

from moe_core.measure.scaling import Shape, StepModel, communication, fitted

SHAPE = Shape(
    layers=2,
    row_bytes=256,
    kept=1.5,
    decided_bytes=100.0,
    decided_tensors=7,
    replicated_bytes=1000,
)


def test_a_fit_finds_the_model_that_made_its_data() -> None:
    true = StepModel(fixed_s=1e-3, token_s=2e-5, alpha_s=5e-5, beta_s=1e-9)
    steps = [(tokens, true.step_s(SHAPE, 1, tokens)) for tokens in (128, 512, 1024)]
    exchanges = [
        (n - 1, sent, true.alpha_s * (n - 1) + true.beta_s * sent)
        for n in (2, 4)
        for sent in (0, 1 << 12, 1 << 20)
    ]
    found = fitted(steps, exchanges)
    for name, value in vars(true).items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-6)


def test_no_coefficient_is_negative() -> None:
    found = fitted([(1, 2.0), (2, 1.0)], [(1, 0, 2.0), (1, 1000, 1.0)])
    assert min(vars(found).values()) >= 0


def test_communication_by_hand() -> None:
    assert communication(SHAPE, 1, 512) == (0, 0)
    messages, sent = communication(SHAPE, 4, 512)
    # a layer: counts and four exchanges of rows, 14 all-gathers, each three messages
    assert messages == 2 * (5 + 14) * 3 + 2 * 2 * 3
    rows = 2 * 4 * 512 * 1.5 * 3 / 4 * 256
    assert sent == pytest.approx(rows + 2 * 3 * 512 * 100 + 2 * 3 / 4 * 1000)


def test_sharing_a_core_takes_as_long_as_there_are_processes_on_it() -> None:
    model = StepModel(1e-3, 2e-5, 5e-5, 1e-9)
    assert model.step_s(SHAPE, 4, 512, 2.0) == pytest.approx(2 * model.step_s(SHAPE, 4, 512))
