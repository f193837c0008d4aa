"""The names of watched instants: what `course` starts and `due` fires.

Stored in clock rows and journal lines, so a name is never given another meaning. A clock of `clock.CLOCKS` is an
instant too: the one at which its target is used up.
"""

from __future__ import annotations

from daemon.core.clock import CLOCKS, NEXT_UPDATE, OLA, VENDOR_RESOLUTION, VENDOR_RESPONSE
from daemon.core.ticket import Status

RISK = "first_response_risk"
REMINDER = "_reminder"
WAIT_FOLLOW_UP, WAIT_CLOSE, WAIT_OVER, VENDOR = "wait_follow_up", "wait_close", "wait_over", "vendor"
CLOSE, LONG_OPEN = "close", "long_open"
BREACH_TOLD = "breach_told"  # a target missed at closing time, told at the opening
ESCALATE = "escalate"  # the same for the tier above
TELL_TAKEN, TELL_MOVED, TELL_WAITING = "tell_taken", "tell_moved", "tell_waiting"
TELL_RESUMED, TELL_SOLVED = "tell_resumed", "tell_solved"
TELL_APPROVAL, TELL_APPROVED, TELL_DENIED = "tell_approval", "tell_approved", "tell_denied"
TELL_PRIORITY, TELL_ASSIGNED = "tell_priority", "tell_assigned"  # only a promise that moves is told
SURVEY = "survey"  # the requester is asked how it went; outlives the closing of the ticket
CLOSING = "closing"  # the agent is asked what it was and what helped
VENDORS = (VENDOR_RESPONSE, VENDOR_RESOLUTION)
TELL = (
    TELL_TAKEN,
    TELL_MOVED,
    TELL_WAITING,
    TELL_RESUMED,
    TELL_SOLVED,
    TELL_APPROVAL,
    TELL_APPROVED,
    TELL_DENIED,
    TELL_PRIORITY,
    TELL_ASSIGNED,
)
SAID = (TELL_TAKEN, TELL_MOVED, TELL_RESUMED, TELL_PRIORITY, TELL_ASSIGNED, BREACH_TOLD, ESCALATE)  # an answer tells
AT_REST = (NEXT_UPDATE, NEXT_UPDATE + REMINDER, OLA, OLA + REMINDER)  # while a ticket waits
VENDOR_WATCH = (*VENDORS, *(name + REMINDER for name in VENDORS))
WAITS = (WAIT_FOLLOW_UP, WAIT_CLOSE, WAIT_OVER, VENDOR, TELL_WAITING)
ALL = (RISK, *CLOCKS, *(name + REMINDER for name in CLOCKS), *WAITS, CLOSE, LONG_OPEN, BREACH_TOLD, ESCALATE, *TELL)
LIVE = frozenset({Status.NEW, Status.OPEN})
