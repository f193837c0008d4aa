"""Message identifiers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.identifier import IDS, all_ids, first_id


@pytest.mark.parametrize(
    ("value", "identifiers"),
    [
        (b"<a@b> <c@d>", ("<a@b>", "<c@d>")),
        (b"<a@b>\r\n\t<c@d>", ("<a@b>", "<c@d>")),
        (b"<a@b>,<a@b>", ("<a@b>",)),
        (b"Your message of <a@b>", ("<a@b>",)),
        (b"<a\r\n @b>", ("<a@b>",)),
        (b"=?utf-8?q?=3Ca=40b=3E?=", ("<a@b>",)),
        (b"a@b", ()),
        (b"<>", ()),
        (b"<<a@b>", ("<a@b>",)),
    ],
)
def test_references_are_read(value: bytes, identifiers: tuple[str, ...]) -> None:
    """Folding, words around and repeats do not matter."""
    assert all_ids(value) == identifiers


def test_newest_references_are_kept() -> None:
    """A thread of thousands keeps its newest hundred."""
    found = all_ids(b" ".join(b"<%d@x>" % n for n in range(1_000)))

    assert (len(found), found[-1]) == (IDS, "<999@x>")


@given(st.binary(max_size=200))
def test_any_bytes_are_read(value: bytes) -> None:
    """No bytes raise; what comes out has its brackets and no white space."""
    for identifier in (*all_ids(value), first_id(value)):
        assert not identifier or (
            identifier[0] == "<" and identifier[-1] == ">" and not any(c.isspace() for c in identifier)
        )
