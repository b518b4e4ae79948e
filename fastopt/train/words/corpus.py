"""The words of Python's own standard library, which every installed Python has: a text with a long tail."""

import functools
import itertools
import re
import sysconfig
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

# Folders that are not of the library, hold its tests, or hold tables made by programs.
SKIPPED = {"site-packages", "dist-packages", "test", "tests", "idle_test", "encodings", "pydoc_data", "__pycache__"}
HELD_OUT = 5  # one paragraph in this many is not trained on

# A word of an identifier: HTTPServer_fileno is http, server, fileno.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Text:
    """ids: the number of each word in the vocabulary. paragraphs: the paragraph that each is in. Both of one length."""

    ids: Any
    paragraphs: Any


@dataclass(frozen=True)
class Corpus:
    """A vocabulary and the texts written in it.

    words: the most frequent first. counts: how often each stands in the text to train with, as an array.
    """

    words: tuple[str, ...]
    counts: Any
    train: Text
    held_out: Text


def stdlib(limit: int) -> Corpus:
    """The text of the standard library, up to a number of words; each fifth paragraph is held out.

    The files come in an order that has nothing to do with their names, so that a part of the text is of all subjects.
    The text is the same on every machine with the same version of Python. Raises RuntimeError where there is no source.
    """
    return corpus(_read(limit))


@functools.cache
def _read(limit: int) -> list[list[str]]:
    word_lists = list(_up_to(limit, itertools.chain.from_iterable(map(paragraphs, texts()))))
    if not word_lists:
        raise RuntimeError(f"Python's standard library has no source files in {_root()}")
    return word_lists


def _root() -> Path:
    return Path(sysconfig.get_paths()["stdlib"])


def texts() -> Iterator[str]:
    """The source files of the standard library, in an order that has nothing to do with their names."""
    root = _root()
    names = [path.relative_to(root) for path in root.rglob("*.py")]
    chosen = [name for name in names if not SKIPPED.intersection(name.parts)]
    for name in sorted(chosen, key=lambda name: (zlib.crc32(name.as_posix().encode()), name)):
        yield (root / name).read_text(encoding="utf-8", errors="replace")


def _up_to(limit: int, found: Iterable[list[str]]) -> Iterator[list[str]]:
    for paragraph in found:
        if limit <= 0:
            return
        yield paragraph[:limit]
        limit -= len(paragraph)


def paragraphs(text: str) -> Iterator[list[str]]:
    """The words of each paragraph, which empty lines end: identifiers are split and in lower case.

    Single letters are left out, and paragraphs without words.
    """
    for paragraph in re.split(r"\n\s*\n", text):
        words = [word.lower() for word in _WORD.findall(paragraph) if len(word) > 1]
        if words:
            yield words


def corpus(found: Sequence[Sequence[str]], least: int = 3) -> Corpus:
    """A vocabulary, and the texts to train with and held out, with other words left out.

    found: paragraphs, as lists of words. least: how often a word of the vocabulary stands in the text to train with.
    Raises ValueError for a text that is too short for a vocabulary of two words.
    """
    parts: list[list[Sequence[str]]] = [[], []]
    for number, paragraph in enumerate(found):
        parts[number % HELD_OUT == HELD_OUT - 1].append(paragraph)
    counts = Counter(itertools.chain.from_iterable(parts[0]))
    words = sorted((word for word in counts if counts[word] >= least), key=lambda word: (-counts[word], word))
    if len(words) < 2:
        raise ValueError(f"a text of {sum(map(len, found))} words has no two that stand {least} times in it; take more")
    numbers = {word: number for number, word in enumerate(words)}
    train, held_out = (_encoded(part, numbers) for part in parts)
    return Corpus(tuple(words), np.array([counts[word] for word in words]), train, held_out)


def halves(corpus: Corpus) -> tuple[Corpus, Corpus]:
    """The corpus with every other paragraph of the held-out text, to choose by, and with the rest, to report."""
    ids, places = corpus.held_out.ids, corpus.held_out.paragraphs
    chosen = [places % 2 == k for k in range(2)]
    first, second = (replace(corpus, held_out=Text(ids[part], places[part])) for part in chosen)
    return first, second


def _encoded(part: Sequence[Sequence[str]], numbers: dict[str, int]) -> Text:
    known = [(numbers[word], k) for k, paragraph in enumerate(part) for word in paragraph if word in numbers]
    ids, places = np.array(known, np.int64).reshape(-1, 2).T
    return Text(np.ascontiguousarray(ids), np.ascontiguousarray(places))
