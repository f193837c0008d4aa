"""The index of solved tickets that readers ask: made here, at training, refit and nightly, never in the daemon.

Promises: bounded (the newest 20,000 solved tickets); made for one model, beside it, so that switching models or going
back finds each with its own; where the desk has no solved ticket, or a model no vocabulary of its own, nothing is made.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from classifier import solved
from classifier.nearest import LIMIT_TEXTS, Example, build
from classifier.types import Classifier, Document
from daemon import models
from daemon.core.policy import Policy
from daemon.errors import Unavailable
from daemon.reader.model import load_classifier
from daemon.store import similar

FRESH = timedelta(hours=1)  # an index that is younger is left alone by the timer that comes every minute


def index(tx: Connection, folder: Path, model: Classifier) -> int:
    """Make the index for `model` anew; how many tickets are in it. Raises Unavailable when the disk refuses."""
    vectoriser = getattr(model, "vectoriser", None)
    if vectoriser is None:
        return 0
    examples = (
        Example(
            key=each.ticket_id,
            group=each.desk,
            document=Document(subject=each.subject, text=each.text, language=each.language),
        )
        for each in similar.solved(tx, limit=LIMIT_TEXTS)
    )
    postings = build(vectoriser, examples)
    try:
        if len(postings.keys):
            solved.save(postings, model.model_id, models.similar_of(folder, model.model_id))
    except OSError as error:
        raise Unavailable(f"{folder}: {error.strerror}") from None
    return len(postings.keys)


def serving(folder: Path, policy: Policy) -> Classifier:
    """The model that serves now; raises nothing: keyword rules, which have no index, where it cannot be loaded."""
    active = models.active(folder)
    classifier, _ = load_classifier(active if active == models.STARTER else str(folder / active), policy)
    return classifier


def stale(folder: Path, model_id: str, *, now: datetime) -> bool:
    """True when the index of this model is missing or older than an hour."""
    try:
        made = (models.similar_of(folder, model_id) / solved.INDEX).stat().st_mtime
    except OSError:
        return True
    return now - datetime.fromtimestamp(made, UTC) > FRESH
