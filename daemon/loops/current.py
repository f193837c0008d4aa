"""What the loops work with right now: policy, templates, reader. Replaced as a whole by SIGHUP."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.core.policy import Policy
from daemon.reader.pool import ReaderPool
from daemon.render import Renderer


@dataclass(slots=True)
class Current:
    """The one mutable value of the loops: three references that change together, between two mails."""

    policy: Policy
    renderer: Renderer
    reader: ReaderPool
