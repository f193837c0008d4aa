"""Which classifier a worker uses: the configured artifact, the bundled starter, or keyword rules.

The daemon runs with no model at all; a model that cannot be loaded (tampered, truncated, from
another version) is refused with its reason, the keyword rules take over, and the reason is told.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.types import Classifier
from daemon.core.policy import Policy
from daemon.errors import Misconfigured

if TYPE_CHECKING:
    from classifier.catalogue import Catalogue


def load_classifier(model: str, policy: Policy) -> tuple[Classifier, str]:
    """The classifier for `model` and a note ("" when all is well).

    `model` is "starter", "none", a directory, or `module:attribute` of one's own.
    """
    if model == "none":
        return _rules(policy), ""
    if ":" in model and not Path(model).exists():
        return _object(model), ""
    from classifier import artifact, starter  # noqa: PLC0415 - numpy is only for workers

    directory = starter.path() if model == "starter" else Path(model)
    try:
        return artifact.load(directory, Path(policy.encoder) if policy.encoder else None), ""
    except artifact.ArtifactError as error:
        return _rules(policy), f"model {directory.name} refused, keywords rule instead: {error}"


def catalogue_of(policy: Policy) -> Catalogue:
    """The desk's closed set of labels, as models know it."""
    from classifier.catalogue import Catalogue, Category  # noqa: PLC0415 - see above

    return Catalogue(
        categories=tuple(
            Category(id=each.name, keywords=each.keywords, tiers=each.tiers, default_tier=each.tier)
            for each in policy.categories
        )
    )


def _rules(policy: Policy) -> Classifier:
    from classifier import rules  # noqa: PLC0415 - see above

    return rules.default(catalogue_of(policy))


def _object(name: str) -> Classifier:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise Misconfigured(f"classifier.model: cannot import {name}: {error}") from error
    made = found() if isinstance(found, type) else found
    if not isinstance(made, Classifier):
        raise Misconfigured(f"classifier.model: {name} has no predict() and model_id")
    return made
