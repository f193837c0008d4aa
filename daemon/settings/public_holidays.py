"""Public holidays of a country or a part of it, from the `holidays` package.

The package is imported when a calendar names a place: it costs 60 ms and more.
"""

from __future__ import annotations

from datetime import date


def unknown_place(place: str) -> str:
    """Why no holidays are known for `DE` or `DE-BE`; "" when they are."""
    import holidays  # noqa: PLC0415 — see the module's head

    country, _, part = place.partition("-")
    known = holidays.list_supported_countries()
    if country not in known:
        return f'no public holidays are known for "{place}"'
    if part and part not in known[country]:
        return f'{country} has no part "{part}" (it has {", ".join(known[country]) or "none"})'
    return ""


def public_holidays(place: str, years: range, *, language: str) -> dict[date, str]:
    """Holidays by date, named in `language` where the package speaks it, else in English, else as at home."""
    import holidays  # noqa: PLC0415 — see the module's head

    country, _, part = place.partition("-")
    spoken = holidays.country_holidays(country).supported_languages
    named = next((known for wanted in (language, "en") for known in spoken if known[:2] == wanted), None)
    return dict(holidays.country_holidays(country, subdiv=part or None, years=years, language=named))
