"""The way up and the way down: the released code's traces, and laws in closed form."""

import json

import numpy as np
import pytest
import torch

from restore.editing.attention import Control, prompt_to_prompt
from restore.editing.branches import climb_to_noise, descend_branches
from restore.editing.schedule import Guidance, add_noise, level, step, steps_down, steps_up
from restore.editing.words import Conditioning, read_prompt
from tests.support.editing import (
    DOWN,
    GOLDEN,
    NOTHING_SAID,
    TINY_XL,
    UP,
    Gaussian,
    adapt,
    autoencoder,
    journeys,
    need_extra,
    text_encoder,
    tokenizer,
    unet,
)

EDITS = json.loads((GOLDEN / "edits.json").read_text())
GUIDED = Guidance(19, 0.8)


@pytest.fixture(scope="module")
def reverse():
    """The tiny network with its reverse adapter."""
    need_extra()
    return adapt(unet(), "reverse")


def said(name: str) -> Conditioning:
    return Conditioning(journeys()[f"context_{name}"])


def test_prompts_are_read_as_by_the_released_code() -> None:
    need_extra()
    encoder = text_encoder()
    for name, edit, which in (
        ("source", "refine", 0),
        ("refine", "refine", 1),
        ("replace", "replace_equalizer_blend", 1),
    ):
        prompt = read_prompt(EDITS[edit]["prompts"][which], encoder.tokenize)
        assert torch.allclose(encoder(prompt).context, said(name).context, atol=1e-5)


def test_images_become_latents_and_come_back_as_by_the_released_code() -> None:
    need_extra()
    from PIL import Image

    image = Image.open(GOLDEN / "input.png").convert("RGB").resize((512, 512), Image.BICUBIC)
    x = torch.from_numpy(np.asarray(image, np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    network = autoencoder()
    with torch.inference_mode():
        assert torch.allclose(network.encode(x), journeys()["z0"], atol=1e-4)
        image = network.decode(journeys()["decode_w0"][-1:])[..., 224:288, 224:288]
    assert torch.allclose(image, journeys()["image_of_decode_w0_64"], atol=1e-4)


def test_each_step_up_and_down_is_the_released_codes(reverse) -> None:
    """From the state that the released code was in: ends are not compared, as a random network
    carries one rounding of the first step up a hundredfold."""
    golden, forward = journeys(), adapt(unet(), "forward")
    up, down = golden["encode"], torch.cat([golden["encode"][-1:], golden["decode_w0"]])
    assert torch.allclose(add_noise(golden["z0"], golden["noise"], 19), up[:1], atol=1e-5)
    for network, trace, steps in (
        (forward, up, steps_up(UP)),
        (reverse, down, steps_down(DOWN)),
    ):
        for (t, s), before, after in zip(steps, trace[:-1], trace[1:], strict=True):
            with torch.inference_mode():
                epsilon = network(before[None], t, said("source"), [0.0])
            assert torch.allclose(step(before[None], epsilon, t, s), after[None], atol=1e-3), (t, s)


def test_a_guided_decoding_is_the_released_codes(reverse) -> None:
    golden = journeys()
    with torch.inference_mode():
        found = descend_branches(
            reverse, golden["encode"][-1:], said("source"), said("refine"), DOWN, GUIDED
        )  # fmt: skip
    assert torch.allclose(found.source, golden["decode_w0"][-1:], atol=1e-3)
    assert torch.allclose(found.target, golden["decode_w19_tau08"], atol=5e-3)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_by_prompts_is_the_released_codes(reverse, name) -> None:
    edit, golden, known = EDITS[name], journeys(), tokenizer()
    source, target = (
        read_prompt(text, lambda s: known(s, add_special_tokens=False)["input_ids"])
        for text in edit["prompts"]
    )
    gains = edit["eq"] or {"words": [], "values": []}
    control = prompt_to_prompt(
        source,
        target,
        4,
        cross=edit["cross_replace"],
        self_=edit["self_replace"],
        amplify=list(zip(gains["words"], gains["values"], strict=True)),
        blend=tuple(words[0] for words in edit["blend"]) if edit["blend"] else None,
        threshold=edit["threshold"],
        replace=edit["replace"],
    )
    told = said("replace" if edit["replace"] else "refine")
    with torch.inference_mode():
        found = descend_branches(
            reverse, golden["z"], said("source"), told, DOWN, Guidance(edit["w"], edit["tau"]),
            control=control, switch=reverse.switch,
        )  # fmt: skip
    assert reverse.switch.observer is None
    assert torch.allclose(found.source, golden[f"edit_{name}"][:1], atol=1e-3)
    assert torch.allclose(found.target, golden[f"edit_{name}"][1:], atol=1e-3)


def test_mutual_self_attention_is_as_written_down(reverse) -> None:
    golden = journeys()
    with torch.inference_mode():
        found = descend_branches(
            reverse, golden["z"], said("source"), said("refine"), DOWN, GUIDED,
            control=Control(mutual=True), switch=reverse.switch,
        )  # fmt: skip
    assert torch.allclose(found.target, golden["edit_masactrl_own"], atol=1e-3)


def test_xl_reads_the_targets_words_late_as_in_the_released_code() -> None:
    need_extra()
    with np.load(TINY_XL / "journey.npz") as data:
        golden = {name: torch.from_numpy(data[name]) for name in data}
    source, target = (
        Conditioning(golden[f"context_{name}"], golden[f"pooled_{name}"])
        for name in ("source", "target")
    )
    network = unet(TINY_XL, told_size=tuple(map(int, golden["time_ids"][0, :2])))
    with torch.inference_mode():
        adapt(network, "forward", TINY_XL)
        noise = climb_to_noise(network, golden["z19"], source, (19, 249, 499, 699))
        assert torch.allclose(noise, golden["zT"], atol=1e-4)
        adapt(network, "reverse", TINY_XL)
        found = descend_branches(
            network, golden["zT"], source, target, (999, 699, 499, 249), Guidance(7, 0.7),
            late_words=True,
        )  # fmt: skip
    assert torch.allclose(found.target, golden["edited"], atol=1e-4)


# Laws, without the extra


def spread(steps: int) -> list[int]:
    """Times from 19 to below 999, evenly."""
    return [19 + round(980 * k / steps) for k in range(steps)]


def way_back(times: list[int]) -> list[int]:
    return [999, *reversed(times[1:])]


def test_the_round_trip_comes_nearer_with_every_doubling_of_the_steps() -> None:
    x = 0.8 * torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    at_19, errors = add_noise(x, torch.zeros_like(x), 19), []
    for steps in (1, 2, 4, 8, 16, 50):
        times = spread(steps)
        latent = climb_to_noise(Gaussian(), at_19, NOTHING_SAID, times)
        back = descend_branches(
            Gaussian(), latent, NOTHING_SAID, NOTHING_SAID, way_back(times), Guidance(0)
        ).source  # fmt: skip
        errors.append(float((back - x).square().mean().sqrt()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1 * errors[0]


def test_with_the_ideal_jump_the_round_trip_is_exact() -> None:
    """A point's own noise is the same at all times: each step then lands on its path."""
    x, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(2)).double()

    def ideal(state, t, words, w):
        alpha, sigma = level(t)
        return (state - alpha * x) / sigma

    latent = climb_to_noise(ideal, add_noise(x, noise, 19), NOTHING_SAID, UP)
    assert torch.allclose(latent, add_noise(x, noise, 999), atol=1e-9)
    found = descend_branches(ideal, latent, NOTHING_SAID, NOTHING_SAID, DOWN, Guidance(0))
    assert torch.allclose(found.source, x, atol=1e-9)


def test_a_decoding_step_makes_two_images_and_an_encoding_step_one() -> None:
    network = Gaussian()
    climb_to_noise(network, torch.zeros(1, 4, 8, 8), NOTHING_SAID, UP)
    assert (network.calls, network.images) == (4, 4)
    descend_branches(network, torch.zeros(1, 4, 8, 8), NOTHING_SAID, NOTHING_SAID, DOWN, GUIDED)
    assert (network.calls, network.images) == (8, 12)


def test_each_branch_gets_its_own_words_and_guidance() -> None:
    heard = []

    def network(x, t, words, w):
        heard.append((t, words.context[:, 0, 0].tolist(), list(w)))
        return torch.zeros_like(x)

    source, target = (Conditioning(torch.full((1, 77, 1), float(n))) for n in (1, 2))
    latent = torch.zeros(1, 4, 8, 8)
    descend_branches(network, latent, source, target, DOWN, GUIDED)
    assert heard == [(999, [1, 2], [0, 0]), *((t, [1, 2], [0, 19]) for t in DOWN[1:])]
    heard.clear()
    descend_branches(network, latent, source, target, DOWN, GUIDED, late_words=True)
    assert heard == [(999, [1, 1], [0, 0]), *((t, [1, 2], [0, 19]) for t in DOWN[1:])]


def test_outside_a_mask_the_branches_are_one() -> None:
    def network(x, t, words, w):
        return words.context[:, :1, :1, None].expand_as(x) * 0.1 + 0.5 * x

    source, target = (Conditioning(torch.full((1, 77, 1), float(n))) for n in (1, 2))
    latent = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 2:5, 3:6] = 1
    found = descend_branches(network, latent, source, target, DOWN, GUIDED, mask=mask)
    changed = found.source != found.target
    assert torch.equal(changed, mask.bool().expand_as(changed))


def test_images_beside_each_other_in_a_batch_do_not_meet() -> None:
    latent = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    words = Conditioning(torch.zeros(3, 77, 1))
    together = descend_branches(Gaussian(), latent, words, words, DOWN, GUIDED).target
    for k in range(3):
        alone = descend_branches(
            Gaussian(), latent[k : k + 1], NOTHING_SAID, NOTHING_SAID, DOWN, GUIDED
        )
        assert torch.allclose(together[k : k + 1], alone.target, atol=1e-6)
