"""Repeatable identifiers of lines: the same keys and inputs give the same text on every machine and version."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from shelfcast.replenish.keys import Integers

Words = NDArray[np.uint64]

_ALPHABET = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)


@njit(cache=True, nogil=True)
def _mix(state, value):  # type: ignore[no-untyped-def]
    """One round of splitmix64 over state xor value (Steele, Lea & Flood 2014)."""
    z = (state ^ value) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def _text_words(offsets, data, seed, out):  # type: ignore[no-untyped-def]
    for i in range(offsets.shape[0] - 1):
        state = _mix(np.uint64(seed), np.uint64(offsets[i + 1] - offsets[i]))
        word, shift = np.uint64(0), 0
        for k in range(offsets[i], offsets[i + 1]):
            word |= np.uint64(data[k]) << np.uint64(shift)
            shift += 8
            if shift == 64:
                state = _mix(state, word)
                word, shift = np.uint64(0), 0
        out[i] = _mix(state, word)


@njit(cache=True, nogil=True)
def _combine(words, other):  # type: ignore[no-untyped-def]
    for i in range(words.shape[0]):
        words[i] = _mix(words[i], other[i])


@njit(cache=True, nogil=True)
def _spell(first, second, alphabet, out):  # type: ignore[no-untyped-def]
    """Eight letters of five bits from each of the two words."""
    for i in range(first.shape[0]):
        for k in range(8):
            out[i, k] = alphabet[(first[i] >> np.uint64(5 * k)) & np.uint64(31)]
            out[i, 8 + k] = alphabet[(second[i] >> np.uint64(5 * k)) & np.uint64(31)]


def words_of_texts(texts: pl.Series, seed: int) -> Words:
    """A 64-bit word per text."""
    array = texts.fill_null("").to_arrow().cast(pa.large_string())
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    buffer = array.buffers()[2]
    data = np.frombuffer(buffer, dtype=np.uint8) if buffer is not None and buffer.size else np.zeros(1, np.uint8)
    out = np.zeros(len(array), dtype=np.uint64)
    _text_words(offsets, data, seed, out)
    return out


def words_of_numbers(values: NDArray[np.generic]) -> Words:
    """A 64-bit word per number, from its bits (-0 is 0, every NaN the same)."""
    numbers = np.asarray(values, dtype=np.float64) + 0.0
    numbers = np.where(np.isnan(numbers), np.nan, numbers)
    return np.ascontiguousarray(numbers).view(np.uint64)


def identifiers(parts: list[Words], prefix: str) -> pl.Series:
    """A text of 16 letters and digits (80 bits) per line from the words of its parts and a common prefix."""
    size = len(parts[0])
    both = []
    for seed in (1, 2):
        state = np.full(size, words_of_texts(pl.Series([prefix]), seed)[0], dtype=np.uint64)
        for part in parts:
            _combine(state, part)
        both.append(state)
    letters = np.empty((size, 16), dtype=np.uint8)
    _spell(both[0], both[1], _ALPHABET, letters)
    offsets = np.arange(size + 1, dtype=np.int64) * 16
    array = pa.LargeStringArray.from_buffers(size, pa.py_buffer(offsets), pa.py_buffer(letters))
    return pl.Series(pl.from_arrow(array), dtype=pl.String)


def key_identifiers(prefix: str, names: list[pl.Series], codes: list[Integers]) -> pl.Series:
    """Identifier of lines by named things: each name is hashed once and gathered by its code (-1: none)."""
    parts = []
    for texts, code in zip(names, codes):
        words = np.append(words_of_texts(texts, 7), np.uint64(0)) if len(texts) else np.zeros(1, dtype=np.uint64)
        parts.append(words[code])
    return identifiers(parts, prefix)
