"""Edits of pictures on the tiny model: what stays, what the record proves, what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from restore.checkpoints.catalogue import read_catalogue
from restore.editing.editor import Editor, draw_noise
from restore.editing.loading import build_editor, choose_parts
from restore.errors import ImageError, RequestError, ResourceError
from restore.images import Picture, as_picture
from restore.tasks.edit import Edit, edit
from tests.support.editing import TINY, need_extra, tiny_catalogue

SOURCE, TARGET = "a photo of a cat", "a photo of a dog"
GENTLE = Edit(SOURCE, TARGET, side=128)


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    """The tiny model, from its files."""
    need_extra()
    from restore.checkpoints.parts import Fetched

    path = tiny_catalogue(tmp_path_factory.mktemp("tiny") / "tiny.toml")
    row = read_catalogue(path)["tiny-sd"]
    parts = {role: Fetched(part, TINY / part.file) for role, part in choose_parts(row, 8).items()}
    return build_editor(row, parts, torch.device("cpu"), torch.float32)


@pytest.fixture
def picture(photograph) -> Picture:
    return as_picture(photograph("cat", 90, 60))


def test_the_record_proves_itself(editor: Editor, picture: Picture) -> None:
    steps: list[tuple[int, int]] = []
    result = edit(picture, GENTLE, editor, seed=3, progress=lambda *done: steps.append(done))
    assert steps == [(n, 8) for n in range(1, 9)]
    record = result.record.as_dict()
    expected = {
        "task": "edit", "nfe": 8, "branches": 2, "seed": 3, "source": SOURCE, "target": TARGET,
        "control": "p2p", "guidance": 7.0, "tau": 0.8, "cross_steps": 1, "self_steps": 2,
        "size_in": [90, 60], "size_out": [90, 60], "working_size": [128, 128], "model": "tiny-sd",
        "boundaries": [[19, 259, 519, 779, 999], [999, 779, 519, 259, 0]],
    }  # fmt: skip
    assert {key: record[key] for key in expected} == expected
    assert record["parts"].keys() == {"unet", "forward", "reverse", "vae", "text"}
    assert record["model_sha256"] == record["parts"]["unet"]
    found = record["metrics"]
    assert found.keys() == {"reconstruction_psnr_db", "vae_psnr_db", "changed_share"}
    assert 0 <= found["changed_share"] <= 1


def test_one_seed_gives_one_result_and_another_another(editor: Editor, picture: Picture) -> None:
    options = Edit(SOURCE, TARGET, side=128, control="none", keep="none")
    one, again, other = (edit(picture, options, editor, seed=seed).image for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("keep", ["auto", "none"])
def test_outside_a_mask_every_bit_stays(editor: Editor, picture, depth: int, keep) -> None:
    given = picture.at_depth(depth)
    mask = np.zeros((60, 90), bool)
    mask[10:50, 20:70] = True
    options = Edit(SOURCE, TARGET, side=128, control="none", keep=keep, mask=mask, guidance=19)
    result = edit(given, options, editor)
    assert result.image.dtype == given.pixels.dtype
    assert np.array_equal(result.image[~mask], given.pixels[~mask])
    assert not np.array_equal(result.image[mask], given.pixels[mask])
    assert result.record.metrics["outside_max_error"] == 0


def test_words_that_change_nothing_leave_the_picture(editor: Editor, picture) -> None:
    """At w = 0, with all attention the source's, both branches are one."""
    options = Edit(
        SOURCE, "a photo of a  Cat", side=128, cross=1.0, self_=1.0, guidance=0, amplify=()
    )
    for depth in (8, 16):
        given = picture.at_depth(depth)
        result = edit(given, options, editor)
        assert np.array_equal(result.image, given.pixels)
        assert result.record.metrics["changed_share"] == 0


@pytest.mark.parametrize("control", ["p2p", "masactrl", "words", "none"])
def test_every_control_changes_the_picture_in_its_own_way(editor, picture, control) -> None:
    options = Edit(SOURCE, TARGET, side=128, control=control, keep="none", guidance=19)
    result = edit(picture, options, editor)
    plain = Edit(SOURCE, TARGET, side=128, control="none", keep="none", guidance=19)
    assert result.record.more["control"] == control
    if control in ("p2p", "masactrl", "words"):
        assert not np.array_equal(result.image, edit(picture, plain, editor).image)


def test_grey_alpha_profile_and_orientation_come_out_as_they_went_in(editor, photograph) -> None:
    pixels = photograph("cat", 90, 60).mean(axis=2, keepdims=True).astype(np.uint8)
    alpha = np.full((60, 90), 200, np.uint8)
    given = Picture(pixels, alpha, icc=b"profile", exif=None, orientation=6)
    result = edit(given, GENTLE, editor)
    assert result.picture.grey
    assert result.picture.icc == b"profile"
    assert result.picture.size == (60, 90)  # upright
    assert np.array_equal(result.picture.alpha, np.full((90, 60), 200, np.uint8))


def test_a_mask_is_of_the_picture_as_it_is_seen(editor, picture) -> None:
    mask = np.zeros((90, 60), bool)
    mask[:30] = True
    given = Picture(picture.pixels, orientation=6)
    made = edit(given, Edit(SOURCE, TARGET, side=128, control="none", mask=mask), editor)
    before = given.upright().pixels
    assert np.array_equal(made.image[30:], before[30:])
    assert not np.array_equal(made.image[:30], before[:30])


def test_guidance_that_was_not_trained_is_said(editor: Editor) -> None:
    published = read_catalogue()["icd-sd15"]
    assert not Edit(SOURCE, TARGET).warn(published)
    (warning,) = Edit(SOURCE, TARGET, guidance=8).warn(published)
    assert "guidance 8 is none of those the network was distilled at: 0, 7, 11, 15, 19" in warning


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"target": SOURCE}, "both prompts are"),
        ({"target": " "}, "is empty"),
        ({"blend": ("dog", "dog")}, "'dog' is not in the prompt 'a photo of a cat'"),
        ({"amplify": (("cat", 2.0),)}, "'cat' is not in the prompt 'a photo of a dog'"),
        ({"control": "magic"}, "expected auto, p2p, masactrl, words, none"),
        ({"control": "none", "cross": 0.2}, "cross belongs to control 'p2p'"),
        ({"control": "words", "blend": ("cat", "dog")}, "blend belongs to control 'p2p'"),
        ({"cross": 2.0}, "cross is 2"),
        ({"guidance": -1}, "guidance is -1"),
        ({"guidance": float("nan")}, "guidance is nan"),
        ({"tau": 1.5}, "tau is 1.5"),
        ({"start": 0}, "start is 0"),
        ({"side": 10}, "side is 10"),
        ({"keep": "some"}, "keep is 'some'"),
    ],
)
def test_what_cannot_be_honoured_is_refused_before_the_networks_are_there(options, problem) -> None:
    with pytest.raises(RequestError, match=problem):
        Edit(**{"source": SOURCE, "target": TARGET} | options).check(read_catalogue()["icd-sd15"])


def test_xl_takes_words_and_refuses_prompt_to_prompt() -> None:
    xl = read_catalogue()["icd-sdxl"]
    Edit(SOURCE, TARGET).check(xl)
    with pytest.raises(RequestError, match="'p2p' is not for icd-sdxl: give words or none"):
        Edit(SOURCE, TARGET, control="p2p").check(xl)


def test_a_prompt_that_is_too_long_is_said(editor: Editor, picture) -> None:
    with pytest.raises(RequestError, match="77 are taken"):
        edit(picture, Edit(SOURCE, "a zebra " * 30, side=128), editor)


def test_a_picture_or_a_mask_that_makes_no_sense_is_an_error_of_the_image(editor, tmp_path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    with pytest.raises(ImageError):
        edit(Path(tmp_path / "no.png"), GENTLE, editor)
    with pytest.raises(ImageError, match="the mask is empty"):
        edit(
            np.zeros((9, 9), np.uint8),
            Edit(SOURCE, TARGET, side=64, mask=np.zeros((9, 9), bool)),
            editor,
        )


def test_memory_that_runs_out_is_an_error_of_the_environment(
    editor, picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*arguments, **options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Editor, "edit", exhaust)
    with pytest.raises(ResourceError, match="working size of 128×128: a smaller --side"):
        edit(picture, GENTLE, editor)


def test_noise_belongs_to_the_seed_and_the_latents_pixel() -> None:
    whole, part = draw_noise(5, (64, 96)), draw_noise(5, (40, 64))
    assert whole.shape == (1, 4, 64, 96)
    assert torch.equal(whole[..., :40, :64], part)
    assert not torch.equal(whole, draw_noise(6, (64, 96)))
    assert abs(float(whole.mean())) < 0.03
    assert abs(float(whole.std()) - 1) < 0.03
    planes = whole.flatten(2)[0]
    assert torch.allclose(torch.corrcoef(planes), torch.eye(4), atol=0.05)
