"""Downloads, and how they fail."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from restore import checkpoints
from restore.checkpoints import files, sources
from restore.errors import CheckpointError, RequestError, ResourceError
from tests.support.checkpoints import REPO, left_over, row
from tests.support.clock import PATIENCE
from tests.support.hub_server import COMMIT, HubServer


@pytest.mark.parametrize("source", ["hub", "url"])
def test_a_download_happens_once_and_is_the_file(
    source: str, hub: HubServer, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    checkpoint = row(source, hub, model)
    assert sources.locate(checkpoint) is None
    path = sources.fetch(checkpoint)
    assert path.read_bytes() == model.read_bytes()
    assert sources.locate(checkpoint) == path
    asked_for = [seen for seen in hub.seen if not seen[1].startswith("/api/")]  # files alone
    tokens = {headers.get("authorization") for _, _, headers in asked_for}
    assert tokens == ({"Bearer hf_secret"} if source == "hub" else {None})
    asked = len(hub.seen)
    assert sources.fetch(checkpoint) == path
    assert sources.fetch(checkpoint, offline=True) == path
    assert len(hub.seen) == asked
    assert sources.remove(checkpoint) == path
    assert sources.locate(checkpoint) is None
    assert sources.remove(checkpoint) is None


def test_the_hubs_own_hash_checks_what_no_catalogue_pins(hub: HubServer, model: Path) -> None:
    spec = f"hf:{REPO}@{COMMIT}"
    assert checkpoints.load(spec, device="cpu").sha256 == files.digest(model)
    path = sources.locate(checkpoints.resolve(spec))
    assert path is not None
    path.resolve().write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(CheckpointError, match="SHA-256"):
        checkpoints.load(spec, device="cpu")


def test_removing_a_file_leaves_what_another_commit_shares(hub: HubServer, model: Path) -> None:
    one, other = row("hub", hub, model), row("hub", hub, model, revision="f" * 40)
    path = sources.fetch(one)
    twin = Path(str(path).replace(COMMIT, "f" * 40))
    twin.parent.mkdir()
    twin.symlink_to(os.readlink(path))
    sources.remove(one)
    assert sources.locate(one) is None
    assert sources.fetch(other, offline=True).read_bytes() == model.read_bytes()


def test_a_branch_can_move_and_needs_permission(hub: HubServer) -> None:
    with pytest.raises(CheckpointError, match="branch or a tag"):
        checkpoints.load(f"hf:{REPO}@main", device="cpu")
    assert checkpoints.load(f"hf:{REPO}@main", device="cpu", allow_unverified=True)


@pytest.mark.parametrize("source", ["hub", "url"])
def test_wrong_bytes_of_the_right_size_are_dropped(
    source: str, hub: HubServer, model: Path, tmp_path: Path
) -> None:
    hub.fault = "wrong bytes"
    with pytest.raises(CheckpointError, match="SHA-256") as caught:
        sources.fetch(row(source, hub, model))
    assert "dropped" in str(caught.value)
    assert sources.locate(row(source, hub, model)) is None
    assert left_over(tmp_path) == [model.name]
    hub.fault = None
    assert sources.fetch(row(source, hub, model)).read_bytes() == model.read_bytes()


@pytest.mark.parametrize("source", ["hub", "url"])
def test_a_file_of_another_size_is_refused(
    source: str, hub: HubServer, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="expected 17"):
        sources.fetch(row(source, hub, model, bytes=17))
    assert left_over(tmp_path) == [model.name]


def test_a_page_in_place_of_the_file_is_called_a_page(hub: HubServer, model: Path) -> None:
    checkpoint = row("url", hub, model, bytes=0)
    hub.files[model.name] = b"<!doctype html><title>Sign in</title>"
    with pytest.raises(CheckpointError, match="HTML page"):
        sources.fetch(checkpoint)


@pytest.mark.parametrize("source", ["hub", "url"])
def test_a_cut_connection_is_taken_up_where_it_was_cut(
    source: str, hub: HubServer, model: Path
) -> None:
    if source == "hub":
        pytest.importorskip("huggingface_hub", minversion="2.0")  # older clients give up
    hub.cuts = 1
    assert sources.fetch(row(source, hub, model)).read_bytes() == model.read_bytes()
    assert hub.ranges() == ["", "bytes=1000-"]


def test_what_a_cut_download_left_is_used_by_the_next(
    hub: HubServer, model: Path, tmp_path: Path
) -> None:
    hub.cuts = 99
    with pytest.raises(CheckpointError, match="cut after 4,000 of") as caught:
        sources.fetch(row("url", hub, model))
    assert "--model FILE" in str(caught.value)
    assert left_over(tmp_path / "assets") == ["model.safetensors.part"]
    hub.cuts = 0
    assert sources.fetch(row("url", hub, model)).read_bytes() == model.read_bytes()
    assert hub.ranges()[-1] == "bytes=4000-"
    assert left_over(tmp_path / "assets") == ["model.safetensors"]


def test_a_part_that_is_not_of_this_file_does_no_harm(hub: HubServer, model: Path) -> None:
    checkpoint = row("url", hub, model)
    part = sources._folder(checkpoint) / "model.safetensors.part"
    part.parent.mkdir(parents=True)
    for rest in (bytes(10), bytes(checkpoint.bytes)):
        part.write_bytes(rest)
        with pytest.raises(CheckpointError, match="dropped"):
            sources.fetch(checkpoint)
        assert not part.exists()
    part.write_bytes(bytes(checkpoint.bytes + 5))  # too long: it is seen to be another's at once
    assert sources.fetch(checkpoint).read_bytes() == model.read_bytes()


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("missing repository", "no such repository"),
        ("missing revision", "404"),
        ("missing file", "404"),
        ("unauthorised", "HF_TOKEN"),
        ("gated", "gated: accept its terms"),
        ("broken", "the server answered 500"),
    ],
)
def test_a_refusal_names_its_cause_and_the_ways_out(
    fault: str, problem: str, hub: HubServer, model: Path, tmp_path: Path
) -> None:
    hub.fault = fault
    with pytest.raises(CheckpointError, match=problem) as caught:
        sources.fetch(row("hub", hub, model))
    for way in ("HTTPS_PROXY", "HF_ENDPOINT", "--model FILE"):
        assert way in str(caught.value)
    assert "\n" not in str(caught.value)
    if fault in ("missing file", "unauthorised", "broken"):
        with pytest.raises(CheckpointError, match=r"404|401|500"):
            sources.fetch(row("url", hub, model))
    assert left_over(tmp_path) == [model.name]


@pytest.mark.parametrize("source", ["hub", "url"])
def test_an_unreachable_server_is_given_up_soon(
    source: str, hub: HubServer, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = row(source, hub, model)
    monkeypatch.setattr(sources, "TIMEOUT", 0.3)
    hub.silent = True
    started = time.monotonic()
    with pytest.raises(CheckpointError, match="could not be downloaded"):
        sources.fetch(checkpoint)
    hub.server.server_close()
    with pytest.raises(CheckpointError, match="could not be downloaded"):
        sources.fetch(checkpoint)
    assert time.monotonic() - started < PATIENCE


def test_offline_means_that_nobody_is_asked(
    hub: HubServer, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    for source in ("hub", "url"):
        with pytest.raises(CheckpointError, match=r"offline mode is on.*models download mine"):
            sources.fetch(row(source, hub, model), offline=True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(CheckpointError, match="offline mode is on"):
            sources.fetch(row(source, hub, model))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert not hub.seen


@pytest.mark.parametrize("source", ["hub", "url"])
def test_a_full_disk_is_seen_beforehand(
    source: str, hub: HubServer, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources.shutil, "disk_usage", lambda path: type("", (), {"free": 10}))
    with pytest.raises(ResourceError, match=r"10 left.*HF_HOME") as caught:
        sources.fetch(row(source, hub, model))
    assert caught.value.exit_code == 5
    assert hub.ranges() in ([], [""])  # the hub is asked for the size alone


@pytest.mark.parametrize("source", ["hub", "url"])
def test_a_disk_that_fills_up_leaves_nothing_behind(
    source: str, hub: HubServer, model: Path, tmp_path: Path
) -> None:
    if source == "hub":
        pytest.importorskip("huggingface_hub", minversion="2.0")  # older ones keep it to resume
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(ResourceError, match="no space left"):
            sources.fetch(row(source, hub, model))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sources.locate(row(source, hub, model)) is None
    assert left_over(tmp_path) == [model.name]


def test_a_cache_that_cannot_be_written_is_an_error_of_the_environment(
    hub: HubServer, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", "cache")

    monkeypatch.setattr(sources.Path, "mkdir", refuse)
    with pytest.raises(ResourceError, match="HF_HOME"):
        sources.fetch(row("url", hub, model))


def test_the_hubs_environment_variables_are_honoured(
    hub: HubServer, catalogue: Callable[..., Path], tmp_path: Path
) -> None:
    code = "import restore.checkpoints as c; print(c.fetch(c.resolve('mine')))"
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "BCM_RESTORE_CATALOG": str(catalogue()),
    }
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
        environment.pop(name, None)

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, env=environment | more, capture_output=True, text=True, timeout=PATIENCE
        )

    assert "offline mode is on" in run(HF_HUB_OFFLINE="1").stderr
    assert not hub.seen
    assert run().stdout.startswith(str(tmp_path / "home" / "hub"))
    asked = len(hub.seen)
    assert run(HF_HUB_OFFLINE="1").stdout.startswith(str(tmp_path / "home"))
    assert len(hub.seen) == asked


def test_a_users_own_file_and_the_packages_are_never_removed(model: Path) -> None:
    for spec in (str(model), "default"):
        with pytest.raises(RequestError, match="nothing that was downloaded"):
            sources.remove(checkpoints.resolve(spec))
    assert model.exists()


@pytest.mark.parametrize(
    "own",
    [{}, {"HF_HOME": "/a"}, {"XDG_CACHE_HOME": "/b"}, {"HF_HUB_CACHE": "/c", "HF_HOME": "~/d"}],
)
def test_caches_are_those_of_the_hub_s_library(own: dict[str, str]) -> None:
    """They are found without that library too, by its own rule."""
    code = (
        "from restore.checkpoints.sources import find_caches; first = find_caches()\n"
        "import huggingface_hub.constants; assert first == find_caches(), (first, caches())"
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "XDG_"))}
    done = subprocess.run([sys.executable, "-c", code], env={**kept, **own}, capture_output=True)
    assert done.returncode == 0, done.stderr
