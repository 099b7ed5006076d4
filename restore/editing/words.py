"""Words: which tokens of two prompts belong together, and where a word's tokens lie.

A prompt is 77 tokens: a start, those of its words, an end, and padding. Two prompts are aligned
word by word (`replacement`) where they have as many, else token by token (`refinement`), which is
Needleman and Wunsch's alignment with gap 0, match 1 and mismatch -1 (Prompt-to-Prompt,
arXiv 2208.01626, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from restore.errors import RequestError

LENGTH = 77  # tokens of a prompt, start and end included
NEW = -1  # the place of a token that the other prompt lacks
PUNCTUATION = ".,;:!?\"'()[]"


class Tokenize(Protocol):
    """Takes words, gives their token ids, without start and end."""

    def __call__(self, text: str, /) -> list[int]: ...


@dataclass(frozen=True)
class Prompt:
    """Words with their tokens.

    text: as it was given. words: split at white space. tokens: ids of each word, in its order.
    """

    text: str
    words: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]

    @property
    def ids(self) -> list[int]:
        """The token ids of all words, without start and end."""
        return [token for word in self.tokens for token in word]

    def spans(self) -> list[range]:
        """Where each word's tokens lie among the 77; the first word's start at 1."""
        spans, place = [], 1
        for word in self.tokens:
            spans.append(range(place, place + len(word)))
            place += len(word)
        return spans

    def places(self, word: str) -> list[int]:
        """Where the tokens of a word lie, every time it stands there; RequestError where it is not.

        Letter case, and punctuation around it, do not matter.
        """
        wanted = _bare(word)
        found = [
            place
            for own, span in zip(self.words, self.spans(), strict=True)
            if _bare(own) == wanted
            for place in span
        ]
        if not found:
            known = ", ".join(dict.fromkeys(map(_bare, self.words)))
            raise RequestError(
                f"the word {word!r} is not in the prompt {self.text!r}; it has: {known}"
            )
        return found


@dataclass(frozen=True, eq=False)
class Conditioning:
    """Prompts as the network is told them.

    context: (B, 77, C), a row a token. pooled: (B, P), the whole prompt in one row, for networks
    that ask for it (XL), else None.
    """

    context: Tensor
    pooled: Tensor | None = None

    def and_(self, other: Conditioning) -> Conditioning:
        """Both, one after the other, as a batch."""
        pooled = None
        if self.pooled is not None and other.pooled is not None:
            pooled = torch.cat([self.pooled, other.pooled])
        return Conditioning(torch.cat([self.context, other.context]), pooled)


def read_prompt(text: str, tokenize: Tokenize) -> Prompt:
    """A prompt of at most 75 tokens beside its start and end; RequestError for a longer one."""
    words = tuple(text.split())
    tokens = tuple(tuple(tokenize(word)) for word in words)
    count = sum(map(len, tokens)) + 2
    if not count > 2:
        raise RequestError("a prompt is empty: say in a few words what the picture shows")
    if count > LENGTH:
        raise RequestError(
            f"the prompt {text!r} has {count} tokens and {LENGTH} are taken, start and end "
            "included: shorten it"
        )
    return Prompt(text, words, tokens)


def refinement(source: Prompt, target: Prompt) -> tuple[Tensor, Tensor]:
    """For each of the target's 77 tokens the source's place, and 1.0 where there is one.

    Both are (77,): places of int64, NEW where the token is new, and shares of float32, 0 there.
    """
    a, b = [None, *source.ids, None], [None, *target.ids, None]  # start and end match themselves
    scores = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, left in enumerate(a, start=1):
        for j, right in enumerate(b, start=1):
            aligned = scores[i - 1][j - 1] + (1 if left == right else -1)
            scores[i][j] = max(scores[i][j - 1], scores[i - 1][j], aligned)
    places = list(range(LENGTH))
    i, j = len(a), len(b)
    while j:
        if scores[i][j] == scores[i][j - 1]:  # of equally good alignments, the earliest in both
            j -= 1
            places[j] = NEW
        elif scores[i][j] == scores[i - 1][j]:
            i -= 1
        else:
            i, j = i - 1, j - 1
            places[j] = i
    found = torch.tensor(places)
    return found, (found != NEW).float()


def replacement(source: Prompt, target: Prompt) -> Tensor:
    """M (77, 77): which share of a source token's attention each target token takes.

    A changed word's tokens give theirs to its successor's, evenly where their numbers differ; all
    others keep it. RequestError where the prompts have not as many words.
    """
    if len(source.words) != len(target.words):
        raise RequestError(
            f"replacing word by word needs prompts of as many words; these have "
            f"{len(source.words)} and {len(target.words)}"
        )
    shares = torch.zeros(LENGTH, LENGTH)
    start_source = start_target = 0
    pairs = zip(source.words, target.words, source.spans(), target.spans(), strict=True)
    for word, other, places, others in pairs:
        if word == other:
            continue
        _keep(shares, start_source, start_target, others.start - start_target)
        if len(places) == len(others):
            _keep(shares, places.start, others.start, len(others))
        else:
            columns = slice(others.start, others.stop)
            shares[places.start : places.stop, columns] = 1 / len(others)
        start_source, start_target = places.stop, others.stop
    _keep(shares, start_target, start_target, LENGTH - start_target)
    return shares


def changed_words(source: Prompt, target: Prompt) -> list[str]:
    """The target's words that the source lacks, in their order."""
    known = {_bare(word) for word in source.words}
    return [word for word in map(_bare, target.words) if word not in known]


def _keep(shares: Tensor, row: int, column: int, count: int) -> None:
    """Let `count` tokens from `row` on keep their attention at `column` and on."""
    for k in range(count):
        shares[row + k, column + k] = 1


def _bare(word: str) -> str:
    return word.strip(PUNCTUATION).lower() or word
