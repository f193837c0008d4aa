"""The training report as one HTML file: no script, no link to anywhere, drawings as hand-written SVG.

Owns the look only; every number comes from `classifier.report`. Every text is
escaped: label names and masked mails come from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from classifier.report import ClassFigures, HeadReport, Point, Report

WIDTH, HEIGHT, MARGIN = 420, 260, 36
LARGEST_MATRIX = 40  # labels; a larger confusion matrix is not readable and costs megabytes

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.5rem}h2{margin-top:2.5rem;border-bottom:1px solid #d0d7de}h3{margin:1.2rem 0 .4rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 0}
th,td{padding:.2rem .55rem;text-align:right;border-bottom:1px solid #eaeef2}
th:first-child,td:first-child{text-align:left}
td.text{text-align:left;max-width:40rem}.charts{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:0}
figcaption{font-size:.85rem;color:#57606a}.bad{color:#a40e26;font-weight:600}.good{color:#116329;font-weight:600}
.scroll{overflow-x:auto}svg{max-width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:#57606a}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th,td{border-color:#21262d}
h2{border-color:#30363d}.bad{color:#ff7b72}.good{color:#56d364}svg text,figcaption{fill:#9198a1;color:#9198a1}}
"""


def page(report: Report) -> str:
    """The whole document."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width,initial-scale=1">',
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Training report {escape(report.model_id)}</title><style>{STYLE}</style>",
        f"<h1>Training report: {escape(report.model_id)}</h1>",
        _summary(report),
    ]
    if report.gate is not None:
        parts.append(_gate(report.gate))
    if report.comparisons:
        parts.append(_comparisons(report))
    if report.moved:
        parts.append(_drift(report))
    if report.learning_curve:
        parts.append(_learning(report))
    parts.extend(_head(head) for head in report.heads)
    return "\n".join(parts) + "\n</html>\n"


def _summary(report: Report) -> str:
    rows = [
        ("Labelled mails", str(report.rows)),
        ("Languages", ", ".join(f"{'not known' if k == '?' else k} {v}" for k, v in report.languages.items())),
        ("Data", report.data_sha256[:16]),
    ]
    rows += [(f"Baseline: {name}", _percent(value)) for name, value in report.baselines.items()]
    if report.drift is not None:
        rows.append(("Drift of categories since the active model", f"{report.drift:.3f} (0 equal, 1 disjoint)"))
    if report.test is not None:
        test = report.test
        rows.append(("Test mails: right", f"{_percent(test.accuracy)} of {test.n}"))
        routed = f"{_percent(test.coverage)}, wrong {_percent(test.misroute)} (at most {_percent(test.misroute_upper)})"
        rows.append(("Test mails: routed by itself", routed))
    notes = "".join(f"<li>{escape(f)}</li>" for f in report.findings)
    return _table((), rows) + (f"<h3>About the labels</h3><ul>{notes}</ul>" if notes else "")


def _comparisons(report: Report) -> str:
    head = (
        *("The same mails", "mails", "active right", "new right", "got worse", "got better", "chance of so many worse"),
        *("active misroutes", "new misroutes"),
    )
    rows = [
        (c.name, str(c.n), _percent(c.old_accuracy), _percent(c.new_accuracy), str(c.only_old), str(c.only_new),
         f"{c.chance:.2g}{' worse' if c.worse else ''}", _percent(c.old_misroute), _percent(c.new_misroute))
        for c in report.comparisons
    ]  # fmt: skip
    return f'<h2>Against the active model, mail by mail</h2><div class="scroll">{_table(head, rows)}</div>'


def _gate(refusals: Sequence[str]) -> str:
    if not refusals:
        return '<h2>Gate</h2><p class="good">Nothing speaks against this model.</p>'
    return "<h2>Gate</h2>" + "".join(f'<p class="bad">Refused: {escape(each)}</p>' for each in refusals)


def _drift(report: Report) -> str:
    rows = [(m.label, _percent(m.before), _percent(m.now), f"{100 * (m.now - m.before):+.1f}") for m in report.moved]
    return "<h2>Drift since the active model</h2>" + _table(("Category", "share then", "share now", "points"), rows)


def _learning(report: Report) -> str:
    most = max(p.x for p in report.learning_curve)
    points = [Point(x=p.x / most, y=p.y) for p in report.learning_curve]
    said = "".join(
        f'<text x="{_x(p.x):.1f}" y="{_y(p.y) + 18:.1f}" text-anchor="end">{_percent(p.y)} of {given.x:.0f}</text>'
        for p, given in zip(points, report.learning_curve, strict=True)
    )
    drawing = _chart(_line(points, "#0969da") + _dots(points, "#0969da") + said, ("0", f"{most:.0f} mails"))
    more = " More labels of this kind would change little."
    if report.rows_for_more:
        more = f" Half of the mistakes would be gone at about {report.rows_for_more:,} labelled mails."
    return "<h2>Learning curve</h2>" + _figure(drawing, f"Share right on held-out mails.{more}")


def _head(head: HeadReport) -> str:
    figures = [
        ("Right (out of fold)", f"{_percent(head.accuracy)} of {head.rows}; majority {_percent(head.majority)}"),
        ("Macro-F1", f"{head.macro_f1:.3f}"),
        ("Calibration error", f"{head.ece:.3f} (15 bins, {head.rows} mails)"),
        ("Routed by itself", f"{_percent(head.coverage)} at a stated risk of {_percent(head.risk)}"),
        ("Wrong of these", f"{_percent(head.misroute)}, at most {_percent(head.misroute_upper)} (95 % sure)"),
    ]
    return "\n".join(
        (
            f"<h2>{escape(head.name.capitalize())}</h2>",
            _table((), figures),
            '<div class="charts">',
            _figure(_reliability(head), "Reliability: predicted probability (x) and share right (y)."),
            _figure(_coverage(head), "Share right (y) when the surest part (x) is routed; red: stated risk, choice."),
            "</div>",
            _classes(head.classes),
            _confusion(head),
            _worst(head),
        )
    )


def _classes(classes: Sequence[ClassFigures]) -> str:
    head = ("Label", "mails", "precision", "95 %", "recall", "95 %", "routes from", "routed", "of these wrong")
    rows = [
        (c.label, str(c.rows), _percent(c.precision), _span(c.precision_interval), _percent(c.recall),
         _span(c.recall_interval), "never" if c.threshold is None else f"{c.threshold:.2f}", str(c.routed),
         str(c.routed_wrong))
        for c in classes
    ]  # fmt: skip
    return f'<h3>Labels</h3><div class="scroll">{_table(head, rows)}</div>'


def _confusion(head: HeadReport) -> str:
    if len(head.labels) > LARGEST_MATRIX:
        return ""
    cells = []
    for label, row in zip(head.labels, head.confusion, strict=True):
        most = max(1, *row)
        shades = "".join(
            f'<td style="background:rgba({"9,105,218" if n == head.labels.index(label) else "207,34,46"},'
            f'{0.55 * value / most:.2f})">{value or ""}</td>'
            for n, value in enumerate(row)
        )
        cells.append(f"<tr><td>{escape(label)}</td>{shades}</tr>")
    top = "".join(f"<th>{escape(label)}</th>" for label in head.labels)
    table = f"<table><tr><th>given \\ predicted</th>{top}</tr>{''.join(cells)}</table>"
    return f'<h3>Confusion</h3><div class="scroll">{table}</div>'


def _worst(head: HeadReport) -> str:
    if not head.worst:
        return ""
    rows = "".join(
        f"<tr><td class=text>{escape(m.text)}</td><td>{escape(m.given)}</td><td>{escape(m.predicted)}</td>"
        f"<td>{m.probability:.2f}</td></tr>"
        for m in head.worst
    )
    names = "<tr><th>Text (unknown words masked)</th><th>given</th><th>predicted</th><th>probability</th></tr>"
    return f"<h3>Surest mistakes</h3><table>{names}{rows}</table>"


def _reliability(head: HeadReport) -> str:
    bars = "".join(
        f'<rect x="{_x(b.low):.1f}" y="{_y(b.right):.1f}" width="{_x(b.high) - _x(b.low) - 1:.1f}" '
        f'height="{_y(0) - _y(b.right):.1f}" fill="#0969da" fill-opacity="{0.25 + 0.6 * b.rows / head.rows:.2f}"/>'
        for b in head.reliability
    )
    diagonal = _line([Point(x=0, y=0), Point(x=1, y=1)], "#8c959f")
    return _chart(bars + diagonal, ("0", "1"))


def _coverage(head: HeadReport) -> str:
    chosen = [Point(x=head.coverage, y=1 - head.misroute)] if head.coverage else []
    allowed = 1 - head.risk
    risk = f'<path d="M{_x(0)} {_y(allowed):.1f}H{_x(1)}" stroke="#cf222e" stroke-dasharray="4 4" fill="none"/>'
    return _chart(risk + _line(head.coverage_curve, "#0969da") + _dots(chosen, "#cf222e"), ("0", "all mails"))


def _chart(inside: str, ends: tuple[str, str]) -> str:
    axes = (
        f'<path d="M{_x(0)} {_y(1)}V{_y(0)}H{_x(1)}" fill="none" stroke="#8c959f"/>'
        + "".join(f'<text x="4" y="{_y(v) + 4}">{v:.0%}</text>' for v in (0.0, 0.5, 1.0))
        + f'<text x="{_x(0)}" y="{HEIGHT - 8}">{escape(ends[0])}</text>'
        + f'<text x="{_x(1)}" y="{HEIGHT - 8}" text-anchor="end">{escape(ends[1])}</text>'
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">{axes}{inside}</svg>'


def _line(points: Sequence[Point], colour: str) -> str:
    path = " ".join(f"{_x(p.x):.1f},{_y(p.y):.1f}" for p in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _dots(points: Sequence[Point], colour: str) -> str:
    return "".join(f'<circle cx="{_x(p.x):.1f}" cy="{_y(p.y):.1f}" r="4" fill="{colour}"/>' for p in points)


def _x(share: float) -> float:
    return MARGIN + share * (WIDTH - MARGIN - 8)


def _y(share: float) -> float:
    return HEIGHT - 24 - share * (HEIGHT - 36)


def _figure(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:

    def cell(tag: str, text: str) -> str:
        return f"<{tag}>{escape(text)}</{tag}>"

    top = f"<tr>{''.join(cell('th', h) for h in head)}</tr>" if head else ""
    return f"<table>{top}{''.join('<tr>' + ''.join(cell('td', c) for c in row) + '</tr>' for row in rows)}</table>"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _span(bounds: tuple[float, float]) -> str:
    return f"{100 * bounds[0]:.0f}–{100 * bounds[1]:.0f}"
