"""Evidence: why a mail was read as it was, as the JSON that is stored with it and that `explain` shows.

Holds verdicts, trust, thread clues and the prediction; never the text of the mail. At most 32 kB: a hostile mail
cannot make it longer, because what does not fit is dropped whole.
"""

from __future__ import annotations

import json
from typing import Any

from classifier.types import Prediction
from daemon.core.match import Match
from daemon.core.reading import Reading

_LIMIT = 32_768


def evidence(reading: Reading, match: Match | None = None) -> str:
    """The JSON text for `Settlement.evidence`."""
    facts = _facts(reading, match)
    written = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    while len(written) > _LIMIT and facts:
        facts.pop(max(facts, key=lambda name: len(json.dumps(facts[name]))))
        written = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return written


def _facts(reading: Reading, match: Match | None) -> dict[str, Any]:
    message, clues, trust = reading.message, reading.clues, reading.trust
    facts: dict[str, Any] = {
        "message_id": message.message_id,
        "from": message.from_text,
        "identity": None if message.identity is None else str(message.identity),
        "subject": message.subject,
        "readability": str(reading.readability),
        "trouble": reading.trouble,
        "exceeded": list(message.exceeded),
        "defects": list(message.defects[:20]),
        "verdicts": [
            {"guard": v.guard, "source": v.source, "consequence": str(v.consequence), "evidence": v.evidence}
            for v in reading.verdicts
        ],
        "trust": {"proof": trust.proof.name.lower(), "failed": trust.failed, "evidence": trust.evidence},
        "clues": {
            "own_ids": [f"{own.kind}.{own.ticket_id}.{own.sequence}" for own in clues.own_ids],
            "tokens": [token.ticket_id for token in clues.tokens],
            "references": list(clues.references),
            "tag": clues.tag,
            "foreign": [" ".join(tag) for tag in clues.foreign],
        },
        "language": reading.language,
        "seconds": round(reading.seconds, 4),
    }
    if match is not None:
        facts["match"] = {
            "ticket": match.ticket_id,
            "hint": match.hint,
            "clue": match.clue,
            "evidence": match.evidence,
            "proven": match.proven,
            "score": match.score,
            "weighed": [
                {
                    "ticket": each.ticket_id,
                    "clue": each.clue,
                    "evidence": each.evidence,
                    "score": each.score,
                    "verdict": str(each.verdict),
                }
                for each in match.weighed
            ],
        }
    if (prediction := reading.prediction) is not None:
        facts["prediction"] = {
            **_said(prediction),
            "runner_up": [prediction.runner_up.label, round(prediction.runner_up.probability, 4)]
            if prediction.runner_up
            else None,
            "nearest": [[each.key, round(each.likeness, 3)] for each in prediction.nearest],
            "reasons": [[reason.phrase, round(reason.weight, 3)] for reason in prediction.reasons[:10]],
            **({"by_sentence": round(prediction.by_sentence, 3)} if prediction.by_sentence else {}),
        }
    if reading.shadow is not None:
        facts["shadow"] = _said(reading.shadow)
    return facts


def _said(prediction: Prediction) -> dict[str, Any]:
    return {
        "category": prediction.category,
        "tier": prediction.tier,
        "kind": prediction.kind,
        "confidence": round(prediction.confidence, 4),
        "band": str(prediction.band),
        "model": prediction.model_id,
    }
