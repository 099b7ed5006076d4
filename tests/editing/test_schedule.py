"""The schedule against the released code's numbers, and the laws of its step."""

import numpy as np
import pytest
import torch

from restore.editing.schedule import (
    Guidance,
    add_noise,
    alphas_cumprod,
    embed_guidance,
    level,
    step,
    steps_down,
    steps_up,
)
from tests.support.editing import GOLDEN

FUNCTIONS = np.load(GOLDEN / "functions.npz")


def test_the_energy_left_at_each_time_is_stable_diffusions() -> None:
    assert alphas_cumprod().numpy() == pytest.approx(FUNCTIONS["alphas_cumprod"], abs=1e-5)


def test_a_step_is_the_released_codes() -> None:
    names = ("step_sample", "step_noise", "step_result", "step_pairs")
    for x, noise, expected, (t, s) in zip(*(FUNCTIONS[name] for name in names), strict=True):
        found = step(torch.from_numpy(x), torch.from_numpy(noise), int(t), int(s))
        assert found.numpy() == pytest.approx(expected, abs=1e-5, rel=1e-5), (t, s)


def test_guidance_is_embedded_as_the_network_learnt_it() -> None:
    found = embed_guidance(FUNCTIONS["w"].tolist())
    assert found.dtype == torch.float32
    assert found.numpy() == pytest.approx(FUNCTIONS["w_embedding"], abs=1e-5)


def test_guidance_by_time_is_the_released_codes() -> None:
    rows = zip(FUNCTIONS["guidance_tau"], FUNCTIONS["guidance_embedded"], strict=True)
    for (first, last), expected in rows:
        guidance = Guidance(19, first, None if first == last else last)
        found = [guidance.at(int(t)) for t in FUNCTIONS["guidance_t"]]
        assert found == pytest.approx(expected.tolist(), abs=1e-9)


def test_at_four_steps_only_the_step_from_noise_is_unguided_at_either_tau() -> None:
    assert [Guidance(19, 0.8).at(t) for t in (999, 779, 519, 259)] == [0, 19, 19, 19]
    assert [Guidance(19, 0.7).at(t) for t in (999, 699, 499, 249)] == [0, 19, 19, 19]


def test_a_step_to_its_own_time_changes_no_bit() -> None:
    x, noise = torch.randn(2, 2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    for t in (19, 259, 999):
        assert torch.equal(step(x, noise, t, t), x)


def test_with_the_noise_that_is_in_it_a_step_reaches_the_very_image_and_comes_back() -> None:
    x, noise = torch.randn(2, 1, 4, 5, 5, generator=torch.Generator().manual_seed(1)).double()
    for t, s in [(19, 999), (999, 19), (999, 0), (259, 779)]:
        at_t = add_noise(x, noise, t)
        assert torch.allclose(step(at_t, noise, t, s), add_noise(x, noise, s), atol=1e-9)


def test_the_clean_image_is_clean() -> None:
    assert level(0) == (1, 0)
    alpha, sigma = level(999)
    assert alpha**2 + sigma**2 == pytest.approx(1)
    assert sigma / alpha == pytest.approx(14.6, abs=0.05)  # in this project's units


def test_steps_are_pairs_of_times_and_leave_their_list_alone() -> None:
    times = (19, 339, 699)
    assert steps_up(times) == [(19, 339), (339, 699), (699, 999)]
    assert steps_down((999, 699, 339)) == [(999, 699), (699, 339), (339, 0)]
    assert times == (19, 339, 699)
