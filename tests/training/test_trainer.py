"""Trainer: it learns, it resumes to the bit, whoever computes; its rate follows the run."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from restore.training import Clock, Photographs, Recipe, Trainer, Workers, denoising_psnr

TINY = {"channels": [8, 12], "blocks": [1], "middle": 1}
MIXED = Recipe(
    network=TINY,
    batch=12,
    chunk=4,
    crop=16,
    shares={"diagonal": 0.5, "semigroup": 0.3, "cycle": 0.2},
)


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [*trainer.model.state_dict().values(), *trainer.average.state_dict().values()]


def run(trainer: Trainer, steps: int) -> Trainer:
    for _ in range(steps):
        trainer.update()
    return trainer


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_few_steps_learn(photographs, tmp_path, optimizer):
    recipe = Recipe(
        network=TINY, batch=16, crop=32, warmup=1, learning_rate=3e-3, ema=0.9, optimizer=optimizer
    )
    trainer = Trainer(tmp_path, photographs, recipe, minutes=60)
    x = photographs.crops(8, 32, torch.Generator().manual_seed(9))
    before = denoising_psnr(trainer.average, list(x[:, None]), 50)
    for _ in range(40):
        trainer.update()
    assert denoising_psnr(trainer.average, list(x[:, None]), 50) > before + 0.5


def test_a_run_goes_on_where_it_stopped_to_the_bit(photographs: Photographs, tmp_path) -> None:
    whole = run(Trainer(tmp_path / "a", photographs, MIXED, minutes=1e6), 4)
    first = Trainer(tmp_path / "b", photographs, MIXED, minutes=1e6)
    assert not first.resume()
    run(first, 2).save()
    second = Trainer(tmp_path / "b", photographs, MIXED, minutes=1e6)
    assert second.resume()
    run(second, 2)
    assert second.step == whole.step == 4
    assert second.patches == whole.patches == 48
    assert all(map(torch.equal, weights(whole), weights(second)))


def test_a_step_is_the_same_whoever_computes_it(photographs: Photographs, tmp_path) -> None:
    alone = run(Trainer(tmp_path, photographs, MIXED, minutes=1e6), 2)
    shared = run(Trainer(tmp_path, photographs, MIXED, minutes=1e6, workers=Workers(3)), 2)
    assert all(map(torch.equal, weights(alone), weights(shared)))


def test_chunks_share_out_the_batch_and_never_draw_alike(photographs, tmp_path) -> None:
    trainer = Trainer(tmp_path, photographs, MIXED, minutes=1e6)
    first = trainer.chunks()
    assert [(c.term, c.n) for c in first] == [
        ("diagonal", 3),
        ("diagonal", 3),
        ("semigroup", 4),
        ("cycle", 2),
    ]
    trainer.step = 1
    seeds = [chunk.seed for chunk in first + trainer.chunks()]
    assert len(set(seeds)) == len(seeds)


def test_a_gradient_is_the_mean_over_chunks(photographs: Photographs, tmp_path) -> None:
    """Shares weigh each chunk by its patches: doubling the shares changes nothing."""
    double = replace(MIXED, shares={k: 2 * v for k, v in MIXED.shares.items()})
    once = run(Trainer(tmp_path, photographs, MIXED, minutes=1e6), 1)
    again = run(Trainer(tmp_path, photographs, double, minutes=1e6), 1)
    assert all(map(torch.equal, weights(once), weights(again)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_what_is_evaluated_follows_the_weights(
    photographs: Photographs, tmp_path, monkeypatch, dtype: torch.dtype
) -> None:
    """In bfloat16 where the device computes in it; elsewhere that is several times slower."""
    monkeypatch.setattr("restore.devices._computes_in_bf16", lambda _: dtype == torch.bfloat16)
    trainer = run(Trainer(tmp_path, photographs, MIXED, minutes=1e6), 1)
    for copy, model in ((trainer.working, trainer.model), (trainer.target, trainer.average)):
        for p, q in zip(copy.parameters(), model.parameters(), strict=True):
            assert p.dtype == dtype
            assert torch.equal(p, q.to(dtype))


def test_a_run_begins_from_given_weights(photographs: Photographs, tmp_path) -> None:
    source = run(Trainer(tmp_path, photographs, MIXED, minutes=1e6), 2)
    given = {k: v.half() for k, v in source.average.network.state_dict().items()}
    trainer = Trainer(tmp_path, photographs, MIXED, minutes=1e6)
    trainer.start_from(given, patches=1000)
    run(trainer, 1)
    assert (trainer.step, trainer.patches) == (1, 1012)
    for p, q in zip(trainer.model.network.parameters(), given.values(), strict=True):
        assert float((p.detach() - q).abs().max()) < 0.01  # a step of a rate that still warms up


def test_a_network_that_sees_more_begins_as_one_that_sees_less(tmp_path, photographs) -> None:
    """A plane of a map beside the image, which counts nothing yet."""
    source = run(Trainer(tmp_path, photographs, MIXED, minutes=1e6), 2).average.network
    recipe = replace(MIXED, architecture="mapped", shares={"mapped": 1.0})
    trainer = Trainer(tmp_path, photographs, recipe, minutes=1e6)
    trainer.start_from(source.state_dict(), patches=1000)
    x, t = torch.randn(1, 3, 16, 16), torch.tensor([0.1])
    with torch.no_grad():
        torch.testing.assert_close(trainer.model.network(x, t, t), source(x, t, t))
    assert math.isfinite(float(trainer.update()["mapped"]))


def test_a_larger_network_begins_as_the_smaller_one_and_all_of_it_learns(
    tmp_path, photographs
) -> None:
    source = run(Trainer(tmp_path, photographs, MIXED, minutes=1e6), 2).average.network
    for p in source.parameters():
        p += 0.1 * torch.randn(p.shape)
    larger = {"channels": [12, 20], "blocks": [2], "middle": 3}
    trainer = Trainer(tmp_path, photographs, replace(MIXED, network=larger), minutes=1e6)
    trainer.start_from(source.state_dict(), patches=1000)
    x, t, u = torch.randn(1, 3, 16, 16), torch.tensor([0.1]), torch.tensor([0.02])
    with torch.no_grad():
        new, old = trainer.model.network(x, t, u), source(x, t, u)
    assert float(old.std()) > 0.1
    torch.testing.assert_close(new, old, atol=1e-4, rtol=0)  # sums over more channels, of zeros
    before = [p.clone() for p in weights(trainer)]
    run(trainer, 3)
    for p, q in zip(weights(trainer), before, strict=True):
        moved = (p - q).flatten(1) if p.ndim > 1 else (p - q)[:, None]
        assert bool(moved.abs().amax(dim=1).gt(0).all())  # no channel is dead


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no card here")
@pytest.mark.parametrize("how", ["compiled", "recorded"])
def test_a_run_on_a_gpu_learns_resumes_and_draws_alike(tmp_path, how) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (80, 96, 3)).astype(np.uint8)
    recipe = replace(MIXED, batch=64, chunk=64)

    def trainer() -> Trainer:
        photographs = Photographs([noise], device="cuda")
        return Trainer(tmp_path, photographs, recipe, 1e6, **{how: True})

    first = run(trainer(), 2)
    first.save()
    second = trainer()
    assert second.resume()
    # Sums on a GPU may come in another order, so what comes back is compared and a step is not.
    assert all(map(torch.equal, weights(first), weights(second)))
    assert run(second, 1).patches == 3 * 64


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no card here")
def test_a_recorded_step_is_the_step(tmp_path) -> None:
    """Each replay draws by the seeds of its own step, as launching anew does."""
    noise = np.random.default_rng(0).integers(0, 255, (80, 96, 3)).astype(np.uint8)
    plain, recorded = (
        Trainer(tmp_path, Photographs([noise], device="cuda"), MIXED, 1e6, recorded=recorded)
        for recorded in (False, True)
    )
    for _ in range(3):
        for (term, loss), other in zip(
            plain.update().items(), recorded.update().values(), strict=True
        ):
            assert float(other) == pytest.approx(float(loss), rel=0.02), term  # sums in bfloat16


def test_a_step_that_is_not_finite_changes_little(photographs: Photographs, tmp_path) -> None:
    trainer = run(Trainer(tmp_path, photographs, MIXED, minutes=1e6), 1)
    before = [p.clone() for p in weights(trainer)]
    trainer._descend([torch.full_like(p, torch.nan) for p in trainer.model.parameters()])
    for p, q in zip(weights(trainer), before, strict=True):
        assert p.isfinite().all()
        assert float((p - q).abs().max()) < 0.01  # momentum goes on


def test_the_clock_sees_every_part_of_a_step(photographs: Photographs, tmp_path) -> None:
    class Listing(Clock):
        def __init__(self) -> None:
            self.parts: list[str] = []

        def __call__(self, part):
            self.parts.append(part)
            return super().__call__(part)

    clock = Listing()
    recipe = replace(MIXED, shares={"diagonal": 1.0}, chunk=12)
    run(Trainer(tmp_path, photographs, recipe, minutes=1e6, clock=clock), 1)
    assert clock.parts == ["data", "forward", "backward", "optimiser", "averages"]


def test_the_learning_rate_warms_up_stays_and_falls(photographs, tmp_path):
    trainer = Trainer(tmp_path, photographs, Recipe(network=TINY, warmup=10), minutes=1)
    assert trainer.learning_rate() == pytest.approx(1e-4)
    trainer.step, trainer.elapsed = 100, 30
    assert trainer.learning_rate() == pytest.approx(1e-3)
    trainer.elapsed = 57
    assert 1e-5 < trainer.learning_rate() < 5e-4
