"""Loading: parts from a loopback Hub, each verified, and what is told beforehand."""

import gc
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from restore.checkpoints import parts as parts_module
from restore.checkpoints import sources
from restore.checkpoints.catalogue import Checkpoint, read_catalogue
from restore.editing import loading, networks
from restore.editing.loading import choose_parts, estimate_memory, load_editor
from restore.errors import CheckpointError, RequestError, ResourceError
from tests.support.editing import TINY, autoencoder, need_extra, text_encoder, tiny_catalogue
from tests.support.hub_server import HubServer


@pytest.fixture(autouse=True)
def extra(request: pytest.FixtureRequest) -> None:
    if "without_extra" not in request.node.name:
        need_extra()


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Checkpoint]:
    """tiny(**changes of parts by role): the tiny model's row."""

    def row(**changes: dict) -> Checkpoint:
        path = tiny_catalogue(tmp_path / "tiny.toml")
        found = read_catalogue(path)["tiny-sd"]
        return replace(
            found,
            parts=tuple(replace(part, **changes.get(part.role, {})) for part in found.parts),
        )

    return row


def downloads(hub: HubServer) -> list[str]:
    """What was downloaded; the Hub's client asks for other things too."""
    return [path for method, path, _ in hub.seen if method == "GET" and "/resolve/" in path]


def test_all_parts_are_fetched_verified_and_told_beforehand(hub, tiny) -> None:
    said: list[str] = []
    editor = load_editor(tiny(), device="cpu", announce=said.append)
    assert said == ["tiny-sd: downloading 1.3 MB in 10 files; licences: MIT"]
    assert editor.nfe == 8
    assert editor.sha256["vae"] == hashlib.sha256(
        (TINY / "vae" / "diffusion_pytorch_model.safetensors").read_bytes()
    ).hexdigest()  # fmt: skip
    assert editor.sha256.keys() == {"unet", "forward", "reverse", "vae", "text"}
    asked = len(downloads(hub))
    assert asked == 10
    load_editor(tiny(), device="cpu", offline=True, announce=said.append)
    assert (len(downloads(hub)), len(said)) == (asked, 1)


def test_one_unet_is_in_memory_whichever_adapter_it_carries(hub, tiny) -> None:
    from diffusers import UNet2DConditionModel

    editor = load_editor(tiny(), device="cpu")
    network = editor.unet.network
    original = load_file(TINY / "unet" / "diffusion_pytorch_model.safetensors")
    places = {name: value.data_ptr() for name, value in network.named_parameters()}
    states = {}
    for direction in ("forward", "reverse", "forward"):
        editor.merge(direction)
        state = {name: value.clone() for name, value in network.state_dict().items()}
        assert all(torch.equal(state[k], v) for k, v in states.get(direction, {}).items())
        states[direction] = state
    assert any(not torch.equal(states["forward"][k], states["reverse"][k]) for k in original)
    assert {name: value.data_ptr() for name, value in network.named_parameters()} == places
    gc.collect()
    assert sum(type(x) is UNet2DConditionModel for x in gc.get_objects()) == 1
    editor.close()


def test_an_adapter_of_fewer_modules_leaves_nothing_of_the_one_before(
    hub, tiny, tmp_path: Path
) -> None:
    adapter = load_file(TINY / "reverse-259-519-779-999.safetensors")
    kept = {k: v.contiguous() for k, v in adapter.items() if "mid_block" in k}
    save_file(kept, tmp_path / "few.safetensors")
    name = "reverse-259-519-779-999.safetensors"
    hub.files[name] = (tmp_path / "few.safetensors").read_bytes()
    few = {"sha256": hashlib.sha256(hub.files[name]).hexdigest(), "bytes": len(hub.files[name])}
    editor = load_editor(tiny(reverse=few), device="cpu")
    original = load_file(TINY / "unet" / "diffusion_pytorch_model.safetensors")
    editor.merge("forward")
    editor.merge("reverse")
    for key, value in editor.unet.network.state_dict().items():
        if "mid_block" not in key:
            assert torch.equal(value, original[key]), key


def test_wrong_bytes_are_dropped_and_named(hub, tiny) -> None:
    hub.fault = "wrong bytes"
    with pytest.raises(CheckpointError, match="not the file it should be") as caught:
        load_editor(tiny(), device="cpu")
    assert caught.value.exit_code == 4
    assert "--model FILE" not in str(caught.value)
    hub.fault = None
    assert load_editor(tiny(), device="cpu")


def test_a_part_changed_in_the_cache_is_found_out(hub, tiny) -> None:
    checkpoint = tiny()
    load_editor(checkpoint, device="cpu").close()
    for role in ("vocabulary", "vae"):
        row = next(row for row in checkpoint.files() if row.role == role)
        path = sources.locate(row)
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(CheckpointError, match="is not the file it should be"):
            load_editor(checkpoint, device="cpu")
        path.write_bytes(good)


def test_a_missing_part_is_named(hub, tiny) -> None:
    hub.missing.add("vae/diffusion_pytorch_model.safetensors")
    with pytest.raises(CheckpointError, match=r"someone/tiny/vae/diffusion.*not there \(404\)"):
        load_editor(tiny(), device="cpu")


def test_an_interrupted_download_goes_on_with_what_is_missing(hub, tiny) -> None:
    hub.missing.add("reverse-259-519-779-999.safetensors")
    with pytest.raises(CheckpointError):
        load_editor(tiny(), device="cpu")
    before = len(downloads(hub))
    hub.missing.clear()
    assert load_editor(tiny(), device="cpu")
    assert [path.split("/")[-1] for path in downloads(hub)[before:]] == [
        "reverse-259-519-779-999.safetensors"
    ]


def test_offline_means_that_nobody_is_asked(hub, tiny) -> None:
    with pytest.raises(CheckpointError, match=r"its unet/diff.*offline mode is on"):
        load_editor(tiny(), device="cpu", offline=True)
    assert not hub.seen


def test_a_part_without_a_hash_is_taken_where_that_is_allowed(hub, tiny, caplog) -> None:
    unknown = tiny(merges={"sha256": ""})
    with pytest.raises(CheckpointError, match=r"merges\.txt\. --allow-unverified takes it"):
        load_editor(unknown, device="cpu")
    assert not hub.seen
    assert load_editor(unknown, device="cpu", allow_unverified=True)
    assert "merges.txt is unverified: the SHA-256 seen is" in caplog.text


def test_memory_and_disk_are_looked_at_before_anything_comes(
    hub, tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(loading, "free_memory", lambda device: 1000)
        with pytest.raises(ResourceError, match="of memory and cpu has") as caught:
            load_editor(tiny(), device="cpu")
        assert caught.value.exit_code == 5
    with monkeypatch.context() as patch:
        patch.setattr(parts_module.shutil, "disk_usage", lambda path: type("", (), {"free": 1000}))
        with pytest.raises(ResourceError, match=r"1,000 left: make room, or set HF_HOME"):
            load_editor(tiny(), device="cpu")
    assert not downloads(hub)


def test_an_adapter_for_another_network_is_refused_by_its_first_missing_name(
    hub, tiny, tmp_path: Path
) -> None:
    adapter = load_file(TINY / "reverse-259-519-779-999.safetensors")
    other = {k.replace("mid_block", "mid_blocks"): v.contiguous() for k, v in adapter.items()}
    save_file(other, tmp_path / "x.safetensors")
    data = (tmp_path / "x.safetensors").read_bytes()
    hub.files["reverse-259-519-779-999.safetensors"] = data
    changed = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    with pytest.raises(CheckpointError, match=r"another UNet: .*'mid_blocks_attentions_0_proj_in'"):
        load_editor(tiny(reverse=changed), device="cpu")


def test_without_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    plain = builtins.__import__

    def absent(name: str, *args, **options):
        if name.split(".")[0] in ("diffusers", "transformers"):
            raise ImportError(f"No module named {name!r}", name=name)
        return plain(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ResourceError, match=r"pip install 'bcm-restore\[edit\]'") as caught:
        load_editor("icd-sd15", device="cpu", offline=True)
    assert caught.value.exit_code == 5


def test_what_cannot_be_asked_is_refused_before_anything_else() -> None:
    for nfe in (0, 5, 9):
        with pytest.raises(RequestError, match="expected 6, 7, 8"):
            load_editor(nfe=nfe)
    with pytest.raises(RequestError, match="is no model for editing"):
        load_editor("default")
    with pytest.raises(RequestError, match="no forward adapter of 3 evaluations, only of 4"):
        load_editor("icd-sdxl", nfe=6)


def test_the_published_model_is_told_with_its_pairs_of_adapters() -> None:
    row = read_catalogue()["icd-sd15"]
    pairs = {nfe: choose_parts(row, nfe) for nfe in (6, 7, 8)}
    times = {n: (p["forward"].times, p["reverse"].times) for n, p in pairs.items()}
    three, four = ((19, 339, 699), (999, 699, 339)), ((19, 259, 519, 779), (999, 779, 519, 259))
    assert times == {6: three, 7: (three[0], four[1]), 8: four}
    assert sum(part.size for part in pairs[8].values()) == pytest.approx(4.8e9, rel=0.02)
    assert all(part.sha256 for part in pairs[8].values())
    needed = estimate_memory(row, pairs[8], torch.float32)
    assert needed == pytest.approx(6e9, rel=0.1)
    assert estimate_memory(row, pairs[8], torch.bfloat16) < 0.6 * needed


def test_published_architectures_have_the_published_sizes() -> None:
    """The bytes of Stable Diffusion's files are 4 a parameter and a header."""
    known = networks.ARCHITECTURES["sd15"]
    counts = {
        "unet": networks.build_unet(known["unet"]),
        "vae": networks.build_autoencoder(known["vae"]),
        "text": networks.build_text_encoder(known["text"]),
    }
    found = {
        role: 4 * sum(value.numel() for value in network.parameters())
        for role, network in counts.items()
    }
    sizes = {part.role: part.size for part in read_catalogue()["icd-sd15"].parts if not part.times}
    for role, count in found.items():
        assert count == pytest.approx(sizes[role], rel=2e-3), role


def test_a_published_adapter_has_the_published_size() -> None:
    """269127064 bytes: rank 64 for 278 modules of the UNet, and a header of their names."""
    unet = networks.build_unet(networks.ARCHITECTURES["sd15"]["unet"])
    skipped = ("conv_in.", "conv_out.", "time_embedding.", "norm")
    weights = {
        name: value.shape
        for name, value in unet.named_parameters()
        if name.endswith(".weight") and value.ndim >= 2 and not name.startswith(skipped)
    }
    assert len(weights) == 278
    numbers = sum(64 * (shape[1:].numel() + shape[0]) + 1 for shape in weights.values())
    header = 269127064 - 4 * numbers
    assert 834 * 100 < header < 834 * 200  # a line of JSON for each tensor


def test_older_names_of_tensors_are_taken() -> None:
    names = list(autoencoder().network.state_dict())
    old = {
        name.replace("to_q", "query")
        .replace("to_k", "key")
        .replace("to_v", "value")
        .replace("to_out.0", "proj_attn"): name
        for name in names
    }
    assert old.keys() != set(names)
    assert networks.rename_autoencoder(list(old)) == old
    names = list(text_encoder().encoders[0].state_dict())
    before = [f"text_model.{name.removeprefix('text_model.')}" for name in names]
    renamed = networks.rename_text_encoder([*before, "text_model.embeddings.position_ids"], names)
    assert list(renamed.values()) == names


def test_both_text_encoders_of_xl_take_their_files_names() -> None:
    encoder = networks.build_text_encoder(networks.ARCHITECTURES["sdxl"]["text-2"], projected=True)
    names = list(encoder.state_dict())
    assert "text_projection.weight" in names
    assert networks.rename_text_encoder(names, names) == {name: name for name in names}
