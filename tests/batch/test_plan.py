"""Laws of the plan: which file goes where, found out before any work."""

import pytest

from restore.batch import Kind, Names, Shard, Where, plan, split_names
from restore.errors import RequestError
from tests.support.batches import files


def outputs(given, where=None, shard=None, **names):
    jobs = plan(Names(given, **names), where or Where("out/"), Kind("jpeg"), shard).jobs
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
        return plan(Names(given), Where(output), Kind("jpeg")).folder

    assert folder(["in/a.jpg"]) is None
    assert folder(["in/a.jpg", "in/b.jpg"]) == "in"
    assert folder(["in/a.jpg", "other/c.jpg"]) is None
    assert folder(["in"]) == "in"
    assert folder(["in/a.jpg", "other/c.jpg"], "out") == "out"
    assert folder(["in/a.jpg"], "out.png") is None
