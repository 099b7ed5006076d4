"""A record in words says what was checked and by how much."""

import pytest

from restore.record import Metrics
from restore.reports import describe_check
from restore.reports.describe import name_pictures
from restore.tasks import TASKS
from tests.support.pages import (
    record,
)  # fmt: skip


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "tables of the given file, and compared with the given one: 99.9987 % of the known "
             "DCT coefficients are equal, and they agree to 61.23 dB, a root mean square "
             "difference of 0.22 in 255."),
        ({"metrics": {"consistency_psnr_db": None, "consistency_exact": True,
                      "coefficients_kept": 1.0}}, "100 % of the known DCT coefficients are"),
        ({"metrics": {"consistency_psnr_db": None, "consistency_exact": False}}, "Nothing holds"),
        ({"task": "superres", "size_in": (15, 10),
          "metrics": {"consistency_psnr_db": 70.0, "consistency_exact": False}},
         "shrunk again to 15×10 pixels, by Pillow's bicubic, and compared with the given one: "
         "they agree to 70.00 dB"),
        ({"task": "inpaint", "metrics": {"known_max_error": 0}}, "last bit; largest error 0"),
        ({"task": "inpaint", "metrics": {"known_max_error": 3}}, "some changed; largest error 3"),
        ({"task": "reconstruct", "metrics": {"round_trip_psnr_db": 28.66}}, "back at 28.66 dB"),
        ({"task": "generate", "metrics": {}, "size_in": None}, "noise alone"),
        ({"task": "denoise", "metrics": {"sigma": 25.0, "residual_sigma": 24.312,
          "consistency_psnr_db": None, "consistency_exact": False}},
         "deviation of 24.312 levels in 255; the noise was taken to have 25."),
        ({"task": "deblur", "metrics": {"sigma": 2.0, "residual_sigma": 1.9,
          "consistency_psnr_db": 42.5, "consistency_exact": False}},
         "blurred again, with the kernel, and compared with the given one: they agree to 42.50 dB, "
         "a root mean square difference of 1.9 in 255, its noise being taken to be 2."),
        ({"status": "failed"}, ""),
    ],
)  # fmt: skip
def test_the_proof_is_one_sentence_with_its_numbers(more, words):
    found = describe_check(record(**more))
    assert words in found
    assert bool(words) == bool(found)


def test_nearly_all_coefficients_are_never_called_all():
    assert "99.9999 %" in describe_check(record(metrics={"coefficients_kept": 0.99999999, **NEAR}))


NEAR = {"consistency_psnr_db": 80.0, "consistency_exact": False}


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_a_task_says_itself_what_its_pictures_are_called_and_how_they_are_proved(task):
    held: Metrics = {"consistency_psnr_db": 50.0}
    made = record(task=task.name, metrics=held)
    names = name_pictures(made)
    assert (names["before"], names["after"]) == (task.input_title, task.result_title)
    assert f"The result was {task.check.format(size='61×43')} and" in describe_check(made)
