"""`firstline explain`: why a ticket or a mail ended as it did, from what was stored at the time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from daemon.commands.configured import configured
from daemon.commands.opened import looking
from daemon.core.calendar import BusinessCalendar, zone_named
from daemon.core.clock import CLOCKS, due_at, runs, segments
from daemon.core.disposition import ACK_REASONS, DISPOSITIONS
from daemon.core.ticket import Ticket
from daemon.core.week import duration
from daemon.settings import calendars
from daemon.store import inbound
from daemon.store.dossier import Dossier, Mail, find


@click.command("explain")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--raw", is_flag=True, help="Print the original mail (of a ticket: the one that opened it).")
@click.pass_obj
def command(config: str | None, *, name: str, as_json: bool, raw: bool) -> int:
    """Tell why NAME (a reference like FL-1042, a Message-ID, or a mail's number) ended as it did."""
    settings = configured(config)
    with looking(settings) as tx:
        dossier = find(tx, name)
        original = inbound.raw_of(tx, dossier.mails[0].inbound_id) if raw and dossier and dossier.mails else None
    if dossier is None:
        click.echo(f"firstline: nothing is called {name}", err=True)
        return 1
    if raw:
        sys.stdout.buffer.write(original or b"")
        return 0
    if as_json:
        click.echo(json.dumps(asdict(dossier), default=_plain))
    else:
        known = dict(calendars(settings)) if dossier.turns else {}
        costs = {tier.number: tier.cost_per_hour for tier in settings.tiers}
        spent = _effort(dossier, costs, settings.currency)
        click.echo("\n".join((*_lines(dossier), *spent, *_clocks(dossier, known, datetime.now(UTC)))))
    return 0


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _lines(dossier: Dossier) -> Iterator[str]:
    ticket = dossier.ticket
    if ticket is not None:
        yield f"{ticket.reference}  {ticket.status}  {ticket.category}, tier {ticket.tier}, {ticket.priority}"
        yield f"  {ticket.subject or '(no subject)'}  from {ticket.requester or 'nobody known'}"
        for how, reference in dossier.related:
            yield f"  {how} {reference}"
        yield from _closing(dossier, ticket)
    for mail in dossier.mails:
        yield from _mail(mail)
    for promise in dossier.promises:
        due = promise.due_at.astimezone(zone_named(promise.zone))
        target = timedelta(seconds=promise.target_s)
        yield f"promise  {due:%Y-%m-%d %H:%M %Z}  {promise.state}  ({target} of {promise.calendar} hours)"
        yield f"  said: {promise.said or 'nothing, nobody was told'}"
    for clock in dossier.clocks:
        yield f"instant  {clock.name} at {clock.due_at:%Y-%m-%d %H:%M:%S} UTC  {clock.state}"
    for sent in dossier.sent:
        yield f"sent     {sent.kind} {sent.sequence} to {sent.recipient}  {sent.state} after {sent.attempts} tries"
        if sent.reply:
            yield f"  the relay said: {sent.reply}"
    for line in dossier.journal:
        facts = "  ".join(f"{name}={value}" for name, value in line.facts)
        yield f"journal  {line.at:%Y-%m-%d %H:%M:%S} UTC  {line.name}  {facts}"


def _closing(dossier: Dossier, ticket: Ticket) -> Iterator[str]:
    """How it ended, in the words of whoever ended it, and what the requester thought of it."""
    said = (("reason", ticket.close_reason), ("cause", ticket.cause), ("resolution", ticket.resolution))
    for name, words in said:
        if words:
            yield f"  {name}: {words}"
    if ticket.muted:
        yield "  the requester wants no more news of it"
    if (opinion := dossier.opinion) is not None:
        answer = f"{opinion.score}/5  {opinion.words}".rstrip() if opinion.score else "no answer yet"
        yield f"  asked how it went on {opinion.asked_at:%Y-%m-%d %H:%M} UTC: {answer}"


def _effort(dossier: Dossier, costs: Mapping[int, float], currency: str) -> Iterator[str]:
    """Time that was logged, and what it cost."""
    for agent, tier, minutes in dossier.effort:
        cost = costs.get(tier, 0.0) * minutes / 60
        yield f"time     {agent}, tier {tier}: {duration(minutes)}, {cost:.2f} {currency}"


def _clocks(dossier: Dossier, known: Mapping[str, BusinessCalendar], now: datetime) -> Iterator[str]:
    """Each run of each clock with the target it was given, and every segment in its own hours, with its reason."""
    for run in (run for name in CLOCKS for run in runs(dossier.turns, name)):
        target, calendar = timedelta(seconds=int(run.target.total_seconds())), known.get(run.calendar)
        yield f"clock    {run.clock}: {target} of {run.calendar} hours, as given by tier {run.tier}"
        if calendar is None:
            yield f'  the configuration has no calendar "{run.calendar}" any more'
            continue
        zone = ZoneInfo(calendar.zone)
        for segment in segments(run.events, calendar, run.target, until=now):
            start, end = (at.astimezone(zone).strftime("%Y-%m-%d %H:%M") for at in (segment.start, segment.end))
            counted = timedelta(seconds=int(segment.working.total_seconds()))
            yield f"  {segment.pace:<8} {start} – {end} {calendar.zone}  {counted} counted  {segment.why}".rstrip()
        if (due := due_at(run.events, calendar, run.target)) is not None and run.open:
            yield f"  due      {due.astimezone(zone):%Y-%m-%d %H:%M} {calendar.zone}"
        elif run.open:
            yield "  due      not while it is paused"


def _predicted(evidence: Mapping[str, Any]) -> Iterator[str]:
    """What the model said and why, and what a model in the shadow would have."""
    prediction = evidence.get("prediction")
    if prediction:
        yield (
            f"  model {prediction['model']}: {prediction['category']}, tier {prediction['tier']}, "
            f"{prediction['confidence']:.0%} ({prediction['band']})"
        )
        reasons = ", ".join(f"{phrase} {weight:+.2f}" for phrase, weight in prediction["reasons"])
        if reasons:
            yield f"    because of: {reasons}"
        if by_sentence := prediction.get("by_sentence"):
            yield f"    of what spoke for it, {by_sentence:.0%} came from the sentence as a whole"
        if runner_up := prediction.get("runner_up"):
            yield f"    next likely: {runner_up[0]} {runner_up[1]:.0%}"
        if nearest := prediction.get("nearest"):
            yield "    like solved tickets: " + ", ".join(f"{key} ({likeness:.0%})" for key, likeness in nearest)
    if shadow := evidence.get("shadow"):
        yield f"  in the shadow {shadow['model']}: {shadow['category']}, {shadow['confidence']:.0%} ({shadow['band']})"


def _mail(mail: Mail) -> Iterator[str]:
    known = DISPOSITIONS.get(mail.reason)
    yield f"mail {mail.inbound_id}  {mail.message_id or '(no Message-ID)'}  {mail.outcome or mail.state}"
    why = known.words if known else mail.reason or "waits"
    yield f"  received {mail.received_at:%Y-%m-%d %H:%M:%S} UTC; why: {why}"
    if mail.outcome:
        withheld = ACK_REASONS.get(mail.ack_reason, mail.ack_reason)
        yield f"  acknowledged: {'no, ' + withheld if withheld else 'yes'}"
    evidence = mail.evidence
    for verdict in evidence.get("verdicts", ()):
        yield f"  guard {verdict['guard']} ({verdict['source']}): {verdict['evidence']}"
    trust = evidence.get("trust")
    if trust:
        yield f"  sender proven: {trust['proof']}  {trust['evidence']}"
    match = evidence.get("match")
    if match and (match["ticket"] or match["hint"]):
        yield f"  thread: {match['clue']} {match['evidence']} → {match['ticket'] or 'hint ' + str(match['hint'])}"
        for each in match.get("weighed", ()):
            yield f"    {each['score']:>3} {each['clue']} {each['evidence']} → {each['ticket']}: {each['verdict']}"
    yield from _predicted(evidence)
    if evidence.get("trouble"):
        yield f"  trouble: {evidence['trouble']}"
