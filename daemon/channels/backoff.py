"""Back-off after trouble: doubling with full jitter between two bounds; randomness is an argument."""

from __future__ import annotations

FIRST_S = 1.0
LONGEST_S = 300.0
REFUSED_S = 60.0  # a refused login or a throttling server: at most one try a minute


def pause_s(failures: int, chance: float, *, refused: bool = False) -> float:
    """Seconds to wait after `failures` in a row; `chance` is in [0, 1). At least half of the full step."""
    step = min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 1, 20))
    wait = step / 2 + chance * step / 2
    return min(LONGEST_S, REFUSED_S + wait) if refused else wait
