"""What helps an agent: similar solved tickets without leaking subjects to other teams, and the category's script."""

from __future__ import annotations

from dataclasses import replace

from builders import a_policy

from daemon.core.assistance import MOST_STEPS, Similar, script, similar


def a_similar(reference: str, likeness: float, *, team: str = "desk", subject: str = "VPN drops") -> Similar:
    return Similar(reference=reference, subject=subject, category="network", team=team, likeness=likeness)


def test_the_most_alike_come_first_and_no_more_than_three() -> None:
    """Whatever was found."""
    found = [a_similar(f"FL-{number}", number / 10) for number in range(4, 9)]

    lines = [value for _, value in similar(found, "desk")]

    assert [line.split(" ")[0] for line in lines] == ["FL-8", "FL-7", "FL-6"]
    assert lines[0] == "FL-8 (80%) – VPN drops"


def test_another_teams_subject_is_not_shown() -> None:
    """Its reference and likeness are."""
    assert similar([a_similar("FL-7", 0.61, team="hr", subject="Dismissal")], "desk") == (("similar", "FL-7 (61%)"),)
    assert similar([a_similar("FL-7", 0.61, subject=" ")], "desk") == (("similar", "FL-7 (61%)"),)


def test_the_script_speaks_the_teams_language() -> None:
    """Else English, else whatever there is; numbered, bounded; nothing without a script or a category."""
    policy = a_policy()
    entry = policy.categories[0]
    steps = (("de", ("Seit wann?",)), ("en", tuple(f"Step {n}?" for n in range(20))))
    spoken = replace(policy, categories=(replace(entry, script=steps),))
    french = replace(policy, categories=(replace(entry, script=(("fr", ("Depuis quand ?",)),)),))

    assert script(spoken, entry.name, "de") == (("script", "1. Seit wann?"),)
    assert script(spoken, entry.name, "sv")[0] == ("script", "1. Step 0?")
    assert len(script(spoken, entry.name, "en")) == MOST_STEPS
    assert script(french, entry.name, "de") == (("script", "1. Depuis quand ?"),)
    assert script(policy, "triage", "en") == ()
