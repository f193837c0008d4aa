"""The kernel machine on sentence vectors: what its waves stand for, and that no fold sees itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from classifier import ridge as machine
from classifier import waves as features
from classifier.ridge import PENALTY, ridge
from classifier.waves import WAVES, directions, waves


def some_vectors(rows: int, dimension: int = 12, seed: int = 0) -> np.ndarray:
    """Rows of length one."""
    found = np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def few_waves(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """So few that both ways to solve are quick."""
    for module in (features, machine):
        monkeypatch.setattr(module, "WAVES", 64)
    directions.cache_clear()
    yield 64
    directions.cache_clear()


def test_waves_stand_for_the_kernel() -> None:
    """Their product is exp(-|a - b|²), within what chance allows."""
    rows = some_vectors(30, 384)

    near = waves(rows) @ waves(rows).T
    kernel = np.exp(-((rows[:, np.newaxis] - rows[np.newaxis]) ** 2).sum(axis=2))

    assert waves(rows).shape == (30, WAVES)
    assert np.abs(near - kernel).max() < 0.05


def test_one_vector_or_many_is_the_same() -> None:
    """A mail gets what its row in the training gets."""
    rows = some_vectors(4)

    assert np.allclose(waves(rows)[1], waves(rows[1]), atol=1e-6)


def test_the_directions_are_the_same_in_every_process() -> None:
    """They are drawn, not stored: these numbers must never change."""
    found = directions(3)

    assert found.shape == (3, WAVES // 2)
    again = np.random.RandomState(features.SEED).standard_normal((3, 3))
    turned, corner = np.linalg.qr(again)
    assert np.allclose(np.abs(found[:, 0] / np.linalg.norm(found[:, 0])), np.abs(turned[:, 0]), atol=1e-5)
    assert np.sign(corner[0, 0]) * np.sign(turned[0, 0]) == np.sign(found[0, 0])


def test_held_out_scores_come_from_the_other_rows() -> None:
    """Equal to a machine that was fitted without the fold."""
    vectors, fold = some_vectors(40), np.tile([0, 1, 2, -1], 10)
    truth, weight = np.random.default_rng(1).integers(0, 3, 40), np.ones(40, dtype=np.float32)

    held, _ = ridge(vectors, truth, 3, fold, weight)
    outside = fold != 1
    _, without = ridge(vectors[outside], truth[outside], 3, fold[outside], weight[outside])

    assert np.allclose(held[fold == 1], waves(vectors[fold == 1]) @ without, atol=1e-4)
    assert not held[fold == -1].any()


def test_both_ways_to_solve_agree(few_waves: int) -> None:
    """One equation a row, or one a wave: the same machine."""
    vectors, fold = some_vectors(60), np.arange(60) % 3
    truth = np.random.default_rng(2).integers(0, 4, 60)
    weight = np.where(np.arange(60) % 7, 1.0, 0.0).astype(np.float32)
    target = (np.eye(4)[truth] - 0.25).astype(np.float32)

    for number in (0, 2, None):
        learn = np.ones(60, dtype=bool) if number is None else fold != number
        a = machine._ByRows(vectors, target, weight)(learn, number)
        b = machine._ByWaves(vectors, target, weight, fold)(learn, number)
        assert np.allclose(a, b, atol=1e-3), number
    assert a.shape == (few_waves, 4)
    assert PENALTY > 0


def test_a_label_that_is_not_believed_teaches_nothing() -> None:
    """Weight 0 is the same as not being there."""
    vectors, fold = some_vectors(30), np.arange(30) % 2
    truth, weight = np.arange(30) % 3, np.ones(30, dtype=np.float32)
    weight[:5] = 0

    _, doubted = ridge(vectors, truth, 3, fold, weight)
    _, absent = ridge(vectors[5:], truth[5:], 3, fold[5:], weight[5:])

    assert np.allclose(doubted, absent, atol=1e-4)
