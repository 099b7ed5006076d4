"""Laws of the plan: which file goes where, found out before any work."""

from pathlib import Path

import pytest
from PIL import Image

from restore.batch.inputs import split_names
from restore.batch.plan import Names, OutputKind, Where, plan
from restore.batch.shards import Shard
from restore.errors import RequestError
from tests.support.batches import files


def outputs(given, where=None, shard=None, **names):
    jobs = plan(Names(given, **names), where or Where("out/"), OutputKind("jpeg"), shard).jobs
    return [job.output for job in jobs]


def test_a_pattern_stands_for_its_files_and_a_file_of_that_name_for_itself():
    files("in/b.jpg", "in/a.jpg", "in/deep/c.jpg", "[ab].jpg")
    assert outputs(["in/*.jpg"]) == ["out/a.png", "out/b.png"]
    assert outputs(["in/**/*.jpg"]) == ["out/a.png", "out/b.png", "out/c.png"]
    assert outputs(["[ab].jpg"]) == ["out/[ab].png"]
    with pytest.raises(RequestError, match="none matches"):
        outputs(["in/*.tiff"])


def test_a_list_is_literal_and_keeps_its_tree():
    files("in/a.jpg", "in/deep/a.jpg", "in/*.jpg")
    listed = split_names(b"in/a.jpg\n\nin/deep/a.jpg\r\nin/*.jpg\n", null=False)
    assert outputs([], listed=listed) == ["out/in/a.png", "out/in/deep/a.png", "out/in/*.png"]
    assert split_names(b"a\nb.jpg\0\xff.jpg\0", null=True) == ["a\nb.jpg", "\udcff.jpg"]


def test_names_outside_the_current_folder_keep_no_tree(here):
    files("in/a.jpg")
    assert outputs([], listed=[str(here / "in/a.jpg")]) == ["out/a.png"]
    assert outputs([], listed=["in/../../" + here.name + "/in/a.jpg"]) == ["out/a.png"]


def test_collisions_are_found_over_all_shards():
    files("a/x.jpg", "b/x.jpg")
    for index in (1, 2):
        with pytest.raises(RequestError, match="one output"):
            outputs(["a/x.jpg", "b/x.jpg"], shard=Shard(index, 2))


def test_the_folder_of_all_outputs_is_known_where_there_is_one():
    files("in/a.jpg", "in/b.jpg", "other/c.jpg")

    def folder(given, output=None):
        return plan(Names(given), Where(output), OutputKind("jpeg")).folder

    assert folder(["in/a.jpg"]) is None
    assert folder(["in/a.jpg", "in/b.jpg"]) == "in"
    assert folder(["in/a.jpg", "other/c.jpg"]) is None
    assert folder(["in"]) == "in"
    assert folder(["in/a.jpg", "other/c.jpg"], "out") == "out"
    assert folder(["in/a.jpg"], "out.png") is None


# What concerns one file


def picture(name, size, mode="RGB", **options):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(name, **options)


def refusals(given, kind, where=None):
    jobs = plan(Names(given), where or Where("out/"), kind).jobs
    return {Path(job.input.path).name: job.refusal for job in jobs}


def test_a_result_that_cannot_be_made_is_that_file_s_failure():
    def double(size):
        if size[0] > 10:
            raise RequestError("too large")
        return 2 * size[0], 2 * size[1]

    picture("in/large.png", (20, 20))
    picture("in/small.png", (5, 5))
    assert refusals(["in"], OutputKind("superres", double)) == {
        "large.png": "too large",
        "small.png": "",
    }
    for given in (["in/large.png"], ["in/large.png", "in/large.png"]):  # alone or in company
        assert refusals(given, OutputKind("superres", double)) == {"large.png": "too large"}
    beside = Where()
    found = refusals(["in/large.png", "in/small.png"], OutputKind("superres", double), beside)
    assert found == {"large.png": "too large", "small.png": ""}


@pytest.mark.parametrize("output", ["out.png", None])
def test_a_command_that_names_one_file_and_its_output_is_asked_wrongly(output):
    def refuse(size):
        raise RequestError("too large")

    picture("in/a.png", (5, 5))
    with pytest.raises(RequestError, match=r"a\.png': too large"):
        refusals(["in/a.png"], OutputKind("superres", refuse), Where(output))
    assert refusals(["in"], OutputKind("superres", refuse), Where()) == {"a.png": "too large"}


def test_only_what_hides_something_is_too_much_for_jpeg():
    picture("in/opaque.png", (5, 5), "RGBA")
    Image.new("RGBA", (5, 5), (9, 9, 9, 255)).save("in/opaque.png")
    Image.new("RGBA", (5, 5), (9, 9, 9, 254)).save("in/clear.png")
    found = refusals(["in"], OutputKind("jpeg"), Where("out/", format="jpg"))
    assert found["opaque.png"] == ""
    assert "transparency" in found["clear.png"]


def test_a_link_below_the_output_folder_is_refused():
    files("in/sub/x.jpg", "other/y")
    Path("out").mkdir()
    Path("out/sub").symlink_to("../other")
    with pytest.raises(RequestError, match=r"out/sub' is a symbolic link"):
        outputs(["in"], recursive=True)
    Path("linked").symlink_to("other")  # the folder that was named may be one
    assert outputs(["in"], Where("linked"), recursive=True) == ["linked/sub/x.png"]


# Names of outputs


def test_a_template_keeps_endings_apart():
    files("in/a.jpg", "in/a.webp")
    with pytest.raises(RequestError, match=r"--name '\{stem\}_\{task\}\{ext\}' keeps them apart"):
        outputs(["in"])
    found = outputs(["in"], Where("out", name="{stem}_{task}{ext}"))
    assert found == ["out/a_jpeg.jpg", "out/a_jpeg.webp"]
    assert outputs(["in"], Where("out", name="{name}")) == ["out/a.jpg.png", "out/a.webp.png"]
    where = Where(name="{task}-{stem}", format="webp")
    assert outputs(["in/a.jpg"], where) == ["in/jpeg-a.webp"]


def test_an_output_keeps_the_format_of_its_input():
    files("in/a.JPG", "in/b.webp", "in/c.gif")
    names = ["a.JPG", "b.webp", "c.png"]
    assert outputs(["in"], Where("out", format="same")) == [f"out/{name}" for name in names]
    assert outputs(["in"], Where("out", name="{stem}{ext}")) == [f"out/{name}" for name in names]
    assert outputs(["in/a.JPG"], Where(name="{stem}-1{ext}", format="png")) == ["in/a-1.png"]
    with pytest.raises(RequestError, match="--format same does nothing"):
        outputs(["in/a.JPG"], Where("x.png", format="same"))
    with pytest.raises(RequestError, match=r"and \{ext\} last"):
        outputs(["in/a.JPG"], Where(name="{ext}{stem}"))


def test_files_of_one_name_that_we_read_alone_are_told_what_helps():
    files("in/a.bmp", "in/a.gif")
    with pytest.raises(RequestError, match=r"--name '\{name\}' keeps them apart"):
        outputs(["in"])
    assert outputs(["in"], Where("out", name="{name}")) == ["out/a.bmp.png", "out/a.gif.png"]


def test_files_of_one_name_in_two_folders_are_told_what_helps():
    files("in/a/x.jpg", "in/b/x.jpg")
    with pytest.raises(RequestError, match="with -r and -o DIR"):
        outputs(["in/a", "in/b"])
    assert outputs(["in"], recursive=True) == ["out/a/x.png", "out/b/x.png"]


@pytest.mark.parametrize("name", ["x", "", "{stem}{", "{stem}/x", "{0}{stem}", "{stem.__class__}"])
def test_what_is_no_template_is_refused(name):
    files("a.jpg")
    with pytest.raises(RequestError, match="--name"):
        outputs(["a.jpg"], Where("out/", name=name))


def test_a_template_that_would_do_nothing_is_refused():
    files("a.jpg")
    for where in (Where("out.png", name="{stem}"), Where("out/", suffix="x", name="{stem}")):
        with pytest.raises(RequestError, match="--name"):
            outputs(["a.jpg"], where)
