"""The end of DATA: one shape ends a message, everything else is content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.channels.dot import DotReader, Room, Verdict


def read(*chunks: bytes, limit: int = 1_000_000, room: int = 10_000_000) -> tuple[DotReader, bytes]:
    dot = DotReader(limit, Room(room))
    rest = b""
    for chunk in chunks:
        rest += dot.feed(chunk)
    return dot, rest


def stuff(content: bytes) -> bytes:
    """RFC 5321 §4.5.2 as a sender does it, independent of the reader: line by line."""
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in content.split(b"\r\n"))


@pytest.mark.parametrize(
    "ending",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\n\r.\r\n",
        b"\r\n\x00.\r\n",
        b"\r\r\n.\r\r\n",
    ],
    ids=repr,
)
def test_smuggling_endings_are_content(ending: bytes) -> None:
    """No shape with a bare CR or LF ends a message."""
    inside = b"a" + ending + b"MAIL FROM:<evil@x>"

    dot, rest = read(inside + b"\r\n.\r\n")

    assert dot.finished
    assert rest == b""
    assert b"MAIL FROM:<evil@x>" in dot.content


_PIECES = st.lists(st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"..", b"ab", b"\0"]), max_size=40).map(b"".join)


@given(
    content=st.one_of(st.binary(max_size=400), _PIECES),
    cuts=st.lists(st.integers(0, 500), max_size=8),
    rest=st.binary(max_size=20),
)
def test_content_survives_any_split(content: bytes, cuts: list[int], rest: bytes) -> None:
    """Whatever a sender stuffs comes back equal, however TCP cuts it, and what follows is left over."""
    wire = stuff(content) + b"\r\n.\r\n"
    marks = sorted({cut for cut in cuts if cut < len(wire)})
    chunks = [wire[a:b] for a, b in zip([0, *marks], [*marks, len(wire)], strict=True)]
    chunks[-1] += rest

    dot, left = read(*chunks)

    assert dot.finished
    assert dot.content == content + b"\r\n"
    assert left == rest


@given(content=_PIECES)
def test_content_survives_byte_by_byte(content: bytes) -> None:
    """The same, one byte at a time."""
    wire = stuff(content) + b"\r\n.\r\n"

    dot, left = read(*(wire[at : at + 1] for at in range(len(wire))))

    assert (dot.finished, dot.content, left) == (True, content + b"\r\n", b"")


def test_empty_message() -> None:
    """A dot right after 354 is a message of nothing."""
    dot, rest = read(b".\r\nQUIT\r\n")

    assert (dot.finished, dot.content, rest) == (True, b"", b"QUIT\r\n")


def test_limit_is_exact_after_unstuffing() -> None:
    """A message of dots that fits is taken although it is longer on the wire; one byte more is not."""
    content = b".\r\n" * 1000
    wire = b"..\r\n" * 1000 + b".\r\n"

    assert read(wire, limit=len(content))[0].content == content
    too_big, _ = read(wire, limit=len(content) - 1)
    assert too_big.content == b""
    assert too_big.verdict is Verdict.TOO_BIG


def test_too_big_keeps_nothing_and_still_finds_the_end() -> None:
    """An oversized message is read to its end in constant memory; the next command is not lost."""
    room = Room(10_000)
    dot = DotReader(1_000, room)
    for _ in range(3):
        assert dot.feed(b"x" * 998 + b"\r\n") == b""

    rest = dot.feed(b"\r\n.\r\nQUIT\r\n")

    assert (dot.verdict, dot.finished, rest) == (Verdict.TOO_BIG, True, b"QUIT\r\n")
    assert room.take(10_000)


def test_room_is_shared_and_given_back() -> None:
    """When all sessions together hold too much, one more hears 'try later' and the memory comes back."""
    room = Room(1_500)
    first = DotReader(10_000, room)
    first.feed(b"x" * 1_000)
    second = DotReader(10_000, room)
    second.feed(b"x" * 1_000)

    assert second.verdict is Verdict.NO_ROOM
    first.release()
    assert room.take(1_500)


def test_a_flood_without_end_is_hopeless() -> None:
    """A peer far over the limit is not listened to for ever."""
    dot = DotReader(1_000, Room(10_000))
    for _ in range(5):
        dot.feed(b"y" * 1_000)

    assert dot.hopeless
