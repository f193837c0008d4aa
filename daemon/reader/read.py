"""One mail read: parse, trust, clues, guards, language; then one classification for the batch.

Runs inside a worker process; pure apart from the classifier it is given and what works beside it. Automatic mail is
not classified: it never opens a ticket.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from classifier.types import Classifier, Document
from daemon.core.authres import AuthResults
from daemon.core.envelope import Envelope
from daemon.core.guards import Consequence, evaluate
from daemon.core.language import detect
from daemon.core.limits import Limits, exceeded
from daemon.core.match import find_clues
from daemon.core.message import Message
from daemon.core.parse import parse, parse_headers_only
from daemon.core.policy import Policy
from daemon.core.reading import Readability, Reading
from daemon.core.trust import grade
from daemon.errors import Unreadable
from daemon.reader.beside import Beside

Check = Callable[[bytes, str], AuthResults]

_OPENS_A_TICKET = frozenset({Consequence.NO_ACK})


def _parse(
    raw: bytes, limits: Limits, *, headers_only: bool, sent: tuple[str, ...]
) -> tuple[Message, Readability, str]:
    broken = exceeded(raw, limits)
    if headers_only or broken:
        reasons = broken or ("parser",)
        message = parse_headers_only(raw, limits, reasons)
        return message, Readability.HEADERS, "over the limit: " + ", ".join(reasons)
    try:
        return parse(raw, limits, sent), Readability.FULL, ""
    except Unreadable as error:
        return parse_headers_only(raw, limits, ("parser",)), Readability.HEADERS, str(error)


def read_one(  # noqa: PLR0913 - all that a mail is read with; every one has a default but the first
    envelope: Envelope,
    raw: bytes,
    policy: Policy,
    *,
    limits: Limits,
    today: date,
    headers_only: bool = False,
    sent: tuple[str, ...] = (),
    check: Check | None = None,
) -> Reading:
    """Everything but the classification of one mail. Raises nothing for content (`Unreadable` becomes HEADERS).

    `check` authenticates the mail itself for the domain of its From address; a mail over a limit is not checked.
    """
    started = time.perf_counter()
    message, readability, trouble = _parse(raw, limits, headers_only=headers_only, sent=sent)
    clues = find_clues(message, envelope, policy, today)
    own = None
    if check is not None and readability is Readability.FULL:
        own = check(raw, message.identity.domain if message.identity else "")
    trust = grade(message, envelope, policy, clues, own=own)
    verdicts = evaluate(message, envelope, policy, trust=trust, clues=clues)
    languages = policy.desk(envelope.desk).languages
    language = detect(f"{message.subject}\n{message.body.new}", languages)
    return Reading(
        message=message,
        readability=readability,
        verdicts=verdicts,
        trust=trust,
        clues=clues,
        language=language,
        trouble=trouble,
        seconds=time.perf_counter() - started,
    )


def wants_classification(reading: Reading) -> bool:
    """True for mail that may open a ticket by a person."""
    return reading.readability is Readability.FULL and all(
        verdict.consequence in _OPENS_A_TICKET for verdict in reading.verdicts
    )


def classify(
    readings: Sequence[Reading],
    classifier: Classifier,
    *,
    beside: Beside | None = None,
    desks: Sequence[str] = (),
) -> list[Reading]:
    """The same readings with a prediction where one is wanted, from one pass over the batch.

    With `beside`, also what a model in the shadow says, and the nearest solved tickets of the mail's desk (`desks`,
    one for each reading).
    """
    wanted = [index for index, reading in enumerate(readings) if wants_classification(reading)]
    if not wanted:
        return list(readings)
    started = time.perf_counter()
    documents = [
        Document(
            subject=readings[index].message.subject,
            text=readings[index].message.body.new,
            language=readings[index].language,
        )
        for index in wanted
    ]
    predictions = classifier.predict(documents)
    shadows = beside.shadow_of(documents) if beside else [None] * len(wanted)
    if beside:
        predictions = [
            replace(prediction, nearest=beside.nearest(document, desks[index]))
            for index, document, prediction in zip(wanted, documents, predictions, strict=True)
        ]
    each = (time.perf_counter() - started) / len(wanted)
    done = list(readings)
    for index, prediction, shadow in zip(wanted, predictions, shadows, strict=True):
        done[index] = replace(done[index], prediction=prediction, shadow=shadow, seconds=done[index].seconds + each)
    return done
