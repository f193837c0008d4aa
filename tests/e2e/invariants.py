"""The invariants from outside: the store against what was handed in, the relay against the store (mail-rules §6)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tests.e2e.corpus import Sample
from tests.e2e.sink import ids
from tests.e2e.stage import Stage

_TRACE = {b"Received", b"Return-Path", b"Delivered-To", b"X-Original-To"}  # what MTAs and we put on top


def assert_invariants(stage: Stage, samples: Iterable[Sample]) -> None:
    """I1–I7 and I9. A mail may reach the relay again only for a kill that fell after its final dot (`stage.cut`)."""
    samples = list(samples)
    _stored_once(stage, samples)
    _acknowledged_once(stage, samples)
    _appended(stage, samples)
    _ended(stage)
    if not stage.database_url:
        assert stage.rows("PRAGMA integrity_check") == [("ok",)]  # I6
    stage.audit()


def _stored_once(stage: Stage, samples: list[Sample]) -> None:
    """I1: each mail is there once a desk, its bytes equal behind the trace fields, every repeat counted on it."""
    wanted = {(desk, sample.message_id): sample for sample in samples for desk in sample.desks}
    sql = "SELECT i.desk, i.message_id, r.bytes FROM inbound i JOIN raw r ON r.inbound_id = i.id"
    stored = stage.rows(sql)
    assert len(stored) == len(wanted), f"{len(stored)} stored, {len(wanted)} handed in"
    for desk, message_id, raw in stored:
        sample = wanted.pop((desk, message_id))
        before, content = bytes(raw)[: -len(sample.raw)], bytes(raw)[-len(sample.raw) :]
        assert content == sample.raw, sample.message_id
        assert set(re.findall(rb"(?m)^([A-Za-z-]+):", before)) <= _TRACE, before
    assert not wanted, list(wanted)[:5]
    handed_in = sum(len(sample.desks) for sample in samples)
    assert stage.count("SELECT count(*) FROM delivery") >= handed_in  # more when an answer of ours was lost


def _acknowledged_once(stage: Stage, samples: list[Sample]) -> None:
    """I2: one acknowledgment for each that deserves it, at the relay too; for the others none, with a reason."""
    sql = """SELECT i.desk, i.message_id FROM inbound i JOIN entry e ON e.inbound_id = i.id AND e.kind = 'request'
             JOIN outbox o ON o.ticket_id = i.ticket_id AND o.kind = 'ack'"""
    rows = Counter(tuple(row) for row in stage.rows(sql))
    answered: dict[tuple[str, str], set[str]] = {}
    for to, mail in stage.sink.messages():
        if mail["Auto-Submitted"] == "auto-replied":
            answered.setdefault((to, str(mail["In-Reply-To"])), set()).add(str(mail["Message-ID"]))
    why = {row[:2]: row[2:] for row in stage.rows("SELECT desk, message_id, reason, ack_reason, attempts FROM inbound")}
    for sample in samples:
        for desk in sample.desks:
            told = (sample.message_id, why.get((desk, sample.message_id)))
            assert rows[desk, sample.message_id] == (1 if sample.eligible else 0), told
        got = answered.get((sample.sender, sample.message_id), set())
        due = len(sample.desks) if sample.eligible else 0
        assert len(got) == due, f"{len(got)} acknowledgments of {sample.message_id} at the relay, {due} are due"
    silent = {(desk, sample.message_id) for sample in samples if not sample.eligible for desk in sample.desks}
    reasons = stage.rows("SELECT desk, message_id FROM inbound WHERE ack_reason <> ''")
    assert {tuple(row) for row in reasons} == silent


def _appended(stage: Stage, samples: list[Sample]) -> None:
    tickets = dict(stage.rows("SELECT message_id, ticket_id FROM inbound WHERE desk = 'help'"))
    for sample in samples:
        if sample.parent:
            assert tickets[sample.message_id] == tickets[sample.parent], sample


def _ended(stage: Stage) -> None:
    """I3 and I4, with a relay that takes all: every row accepted; repeats only for cut final dots, with the same id."""
    accepted = {row[0] for row in stage.rows("SELECT message_id FROM outbox")}
    seen = ids(stage.sink)
    repeated = Counter({message_id: times - 1 for message_id, times in seen.items() if times > 1})
    assert not repeated - stage.cut, f"repeated without a reason: {repeated - stage.cut}"
    assert set(seen) == accepted, f"{len(set(seen) - accepted)} unknown, {len(accepted - set(seen))} never came"
    open_or_failed = stage.rows("SELECT id, state, attempts, uncertain, reply FROM outbox WHERE state <> 'accepted'")
    assert not open_or_failed, f"not accepted: {open_or_failed}"
