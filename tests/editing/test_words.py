"""Words: alignment and places against the released code's, and what is refused."""

import pytest
import torch

from restore.editing.attention import prompt_to_prompt
from restore.editing.words import changed_words, read_prompt, refinement, replacement
from restore.errors import RequestError
from tests.support.editing import need_extra, tokenizer, word_pairs


def letters(text: str) -> list[int]:
    """A tokenizer of our own: each pair of letters is a token."""
    return [hash(text[i : i + 2]) for i in range(0, len(text), 2)]


def read(text: str):
    return read_prompt(text, letters)


def test_alignment_and_places_are_the_released_codes() -> None:
    need_extra()
    known = tokenizer()
    for pair in word_pairs():
        source, target = (
            read_prompt(pair[name], lambda s: known(s, add_special_tokens=False)["input_ids"])
            for name in ("source", "target")
        )
        assert source.ids == pair["source_ids"][1:-1]
        assert target.ids == pair["target_ids"][1:-1]
        places, shares = refinement(source, target)
        assert places.tolist() == pair["refine_index"]
        assert shares.tolist() == pair["refine_alpha"]
        assert {word: target.places(word) for word in target.words} == pair["word_places"]
        if "replace_entries" in pair:
            expected = torch.zeros(77, 77)
            for row, column, share in pair["replace_entries"]:
                expected[row, column] = share
            assert torch.allclose(replacement(source, target), expected, atol=1e-5)


def test_equal_prompts_align_to_themselves() -> None:
    prompt = read("a photo of a cat")
    assert torch.equal(replacement(prompt, prompt), torch.eye(77))
    places, shares = refinement(prompt, prompt)
    assert places.tolist() == list(range(77))
    assert bool((shares == 1).all())


def test_no_attention_is_lost_or_made_whichever_word_is_longer() -> None:
    for a, b in [("a house", "a lighthouse"), ("a lighthouse", "a house")]:
        shares = replacement(read(a), read(b))
        word = read(b).places(b.split()[1])
        longer = len(read(a).places(a.split()[1])) / len(word)
        assert shares[:, word].sum(0).tolist() == pytest.approx([longer] * len(word))
        others = [column for column in range(77) if column not in word]
        assert shares[:, others].sum(0).tolist() == pytest.approx([1.0] * len(others))


def test_a_word_is_found_in_any_case_and_beside_punctuation_every_time_it_stands_there() -> None:
    prompt = read("A cat, a Cat!")
    assert len(prompt.places("cat")) == len(prompt.tokens[1]) + len(prompt.tokens[3])


def test_a_word_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(RequestError, match=r"'dog' is not in .*it has: a, photo, of, cat"):
        read("a photo of a cat").places("dog")


def test_a_prompt_past_its_length_is_refused_and_not_cut() -> None:
    assert len(read("ab " * 75).ids) == 75
    with pytest.raises(RequestError, match="has 78 tokens and 77 are taken"):
        read("ab " * 76)
    with pytest.raises(RequestError, match="is empty"):
        read("  ")


def test_replacing_needs_as_many_words() -> None:
    with pytest.raises(RequestError, match="as many words; these have 2 and 3"):
        replacement(read("a cat"), read("a big cat"))


def test_the_words_that_are_new() -> None:
    assert changed_words(read("a photo of a cat"), read("A photo of a lego cat.")) == ["lego"]


@pytest.mark.parametrize(("share", "steps"), [(0, 0), (0.2, 1), (0.3, 1), (0.5, 2), (0.8, 4)])
def test_the_share_of_cross_attention_counts_steps_as_the_released_code_does(share, steps) -> None:
    control = prompt_to_prompt(read("a cat"), read("a dog"), 4, cross=share, self_=share)
    assert control.cross_steps == steps
    assert control.self_steps == int(4 * share)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"cross": 1.2}, "cross is 1.2"),
        ({"self_": -0.1}, "self is -0.1"),
        ({"threshold": 2}, "threshold is 2"),
        ({"amplify": [("cow", 2)]}, "'cow' is not in the prompt 'a dog'"),
        ({"amplify": [("dog", -1)]}, "amplified -1 times"),
        ({"blend": ("dog", "dog")}, "'dog' is not in the prompt 'a cat'"),
    ],
)
def test_controls_that_cannot_be_are_refused(options, problem) -> None:
    with pytest.raises(RequestError, match=problem):
        prompt_to_prompt(read("a cat"), read("a dog"), 4, **options)
