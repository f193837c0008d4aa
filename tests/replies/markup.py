"""The text/html part of a reply, as each of the programs writes it."""
# ruff: noqa: E501 - tags are left as long as the programs write them

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from replies.script import ATTRIBUTION, DISCLAIMER, FORWARD, MOBILE, OWN, QUOTE, SIGNATURE, Block, Case

Heads = dict[str, list[str]]


def rows(lines: Sequence[str], line: str = "<div>{}</div>", blank: str = "<div><br></div>") -> str:
    """Lines as markup: lists as lists, code as pre, the rest by the template of the program."""
    out: list[str] = []
    kind = ""
    for text in lines:
        now = "ul" if text.startswith("* ") else "ol" if text[:2] in {"1.", "2.", "3.", "4."} else ""
        now = "pre" if text.startswith("    ") else now
        if now != kind:
            out.append((f"</{kind}>" if kind else "") + (f"<{now}>" if now else ""))
            kind = now
        if now in {"ul", "ol"}:
            out.append(f"<li>{escape(text[2:].strip(), quote=False)}</li>")
        elif now == "pre":
            out.append(escape(text, quote=False) + "\n")
        else:
            shown = escape(text, quote=False)
            out.append(line.format(shown) if text.strip() else blank)
    out.append(f"</{kind}>" if kind else "")
    return "".join(out)


def linked(text: str) -> str:
    """An address in angle brackets as the link that programs make of it."""
    address = "help@example.com"
    return escape(text, quote=False).replace(address, f'<a href="mailto:{address}">{address}</a>')


def _cited(
    case: Case, mobile: str, *, own: Callable[[Block], str], quote: tuple[str, str], above: str, frame=("", "")
) -> str:
    """Programs with marked quotes: a blockquote ends where an answer begins and starts again behind it."""
    out: list[str] = []
    depth = 0

    def to(level: int) -> None:
        nonlocal depth
        while depth < level:
            out.append(quote[0])
            depth += 1
        while depth > level:
            out.append(quote[1])
            depth -= 1

    framed = False
    for block in case.blocks:
        if block.kind == ATTRIBUTION:
            out.append(frame[0])
            framed = True
            out.append(above)
        elif block.kind == QUOTE:
            to(block.depth)
            out.append(rows(block.lines))
        else:
            to(0)
            out.append(_other(block, mobile, own, case))
    to(0)
    return "".join(out) + (frame[1] if framed else "")


def _other(block: Block, mobile: str, own: Callable[[Block], str], case: Case) -> str:
    if block.kind == OWN:
        return own(block)
    if block.kind == MOBILE:
        return f'<div dir="ltr">{escape(mobile)}</div>'
    if block.kind == DISCLAIMER:
        return f"<p>{escape(block.lines[0])}</p>"
    if block.kind == FORWARD:
        return rows(block.lines)
    return f"<div>-- <br>{rows(block.lines)}</div>"


def gmail(case: Case, mobile: str, heads: Heads) -> str:
    if any(block.kind == FORWARD for block in case.blocks):
        return _gmail_forward(case, heads)

    def own(block: Block) -> str:
        return f'<div dir="{"auto" if "android" in case.client else "ltr"}">{rows(block.lines)}</div>'

    above = f'<div dir="ltr" class="gmail_attr">{linked(case.language.gmail)}<br></div>'
    quote = (
        '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">',
        "</blockquote>",
    )
    body = _cited(case, mobile, own=own, quote=quote, above=above, frame=('<br><div class="gmail_quote">', "</div>"))
    for block in case.blocks:
        if block.kind == SIGNATURE:
            plain = f"<div>-- <br>{rows(block.lines)}</div>"
            marked = (
                '<span class="gmail_signature_prefix">-- </span><br><div dir="ltr" class="gmail_signature" '
                f'data-smartmail="gmail_signature">{rows(block.lines)}</div>'
            )
            body = body.replace(plain, marked)
    return body


def _gmail_forward(case: Case, heads: Heads) -> str:
    out = []
    for block in case.blocks:
        if block.kind == FORWARD:
            shown = "<br>".join(linked(line) for line in block.lines if line)
            out.append(f'<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">{shown}<br></div><br>')
        else:
            out.append(rows(block.lines))
    return f'<div dir="ltr">{"".join(out)}</div></div>'


def outlook_desktop(case: Case, mobile: str, heads: Heads) -> str:
    line = "<p class=MsoNormal>{}<o:p></o:p></p>\r\n"
    blank = "<p class=MsoNormal><o:p>&nbsp;</o:p></p>\r\n"
    out = []
    for block in case.blocks:
        if block.kind == ATTRIBUTION:
            shown = "<br>".join(
                f"<b>{escape(text[: text.index(':') + 1])}</b>{linked(text[text.index(':') + 1 :])}"
                for text in heads["outlook"]
            )
            out.append(
                "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
                f"<p class=MsoNormal>{shown}<o:p></o:p></p></div></div>{blank}"
            )
        elif block.kind == SIGNATURE:
            out.append(rows(["-- ", *block.lines], line, blank))
        else:
            out.append(rows(block.lines or (mobile,), line, blank))
    return (
        '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta name=Generator content="Microsoft Word 15 '
        '(filtered medium)"><style><!--\np.MsoNormal {margin:0cm;}\n--></style></head><body lang=EN-US>'
        f"<div class=WordSection1>{''.join(out)}</div></body></html>"
    )


def outlook_web(case: Case, mobile: str, heads: Heads) -> str:
    line = '<div class="elementToProof" style="font-family: Aptos, Calibri; font-size: 12pt;">{}</div>\n'
    blank = line.format("<br>")
    out = []
    for block in case.blocks:
        if block.kind == ATTRIBUTION:
            shown = "<br>\n".join(
                f"<b>{escape(text[: text.index(':') + 1])}</b>{linked(text[text.index(':') + 1 :])}"
                for text in heads["outlook"]
            )
            before, after = '<div id="appendonsend"></div>', ""
            if case.client == "outlook-mobile":
                before, after = (
                    '<div id="mail-editor-reference-message-container" class="ms-outlook-mobile-reference-message">',
                    "",
                )
            out.append(
                f'{before}<hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr">'
                f'<font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">{shown}</font>'
                f"<div>&nbsp;</div></div>{after}"
            )
        elif block.kind == MOBILE:
            text, _, rest = mobile.partition("<https://aka.ms/o0ukef>")
            out.append(
                '<div class="ms-outlook-mobile-signature" id="ms-outlook-mobile-signature"><div>'
                f'<a href="https://aka.ms/o0ukef">{text}</a>{rest}</div></div>'
            )
        elif block.kind == SIGNATURE:
            out.append(f'<div id="Signature">{rows(["-- ", *block.lines], line, blank)}</div>')
        else:
            out.append(rows(block.lines, line, blank))
    return f'<html><head><style type="text/css" style="display:none;"> P {{margin-top:0;}} </style></head><body dir="ltr">{"".join(out)}</body></html>'


def apple(case: Case, mobile: str, heads: Heads) -> str:
    def own(block: Block) -> str:
        return rows(block.lines)

    above = f'<div><br><blockquote type="cite"><div>{linked(case.language.apple)}</div><br class="Apple-interchange-newline"></blockquote>'
    body = _cited(
        case, mobile, own=own, quote=('<blockquote type="cite">', "</blockquote>"), above=above, frame=("", "</div>")
    )
    return (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>'
        f'<body style="overflow-wrap: break-word; -webkit-nbsp-mode: space;">{body}</body></html>'
    )


def thunderbird(case: Case, mobile: str, heads: Heads) -> str:
    def own(block: Block) -> str:
        return rows(block.lines, "<p>{}</p>\n", "")

    above = f'<div class="moz-cite-prefix">{linked(case.language.thunderbird)}<br></div>'
    quote = ('<blockquote type="cite" cite="mid:a.1042.1@example.com">', "</blockquote>")
    body = _cited(case, mobile, own=own, quote=quote, above=above)
    for block in case.blocks:
        if block.kind == SIGNATURE:
            marked = f'<pre class="moz-signature" cols="72">-- \n{escape(chr(10).join(block.lines))}</pre>'
            body = body.replace(f"<div>-- <br>{rows(block.lines)}</div>", marked)
    return f"<!DOCTYPE html><html><head></head><body>{body}</body></html>"


def k9(case: Case, mobile: str, heads: Heads) -> str:
    def own(block: Block) -> str:
        return "<div dir='auto'>" + rows(block.lines, "{}<br>\n", "<br>\n") + "</div>"

    above = escape(case.language.k9)
    quote = (
        '<blockquote class="gmail_quote" style="margin: 0pt 0pt 0pt 0.8ex; border-left: 1px solid rgb(204, 204, 204); padding-left: 1ex;">',
        "</blockquote>",
    )
    body = _cited(case, mobile, own=own, quote=quote, above=above, frame=('<div class="gmail_quote">', "</div>"))
    mark = f'<div dir="ltr">{escape(mobile)}</div>'
    return f"<!DOCTYPE html><html><body>{body.replace(mark, f'<div class=k9mail-signature>{escape(mobile)}</div>')}</body></html>"


def samsung(case: Case, mobile: str, heads: Heads) -> str:
    out = []
    for block in case.blocks:
        if block.kind == ATTRIBUTION:
            shown = "".join(f"<div>{linked(line)} </div>" for line in heads["samsung"])
            out.append(
                '<div style="font-size:100%;color:#000000" dir="auto"><!-- originalMessage -->'
                + shown
                + "<div><br></div></div>"
            )
        elif block.kind == MOBILE:
            out.append(
                '<div id="composer_signature" dir="auto"><div style="font-size:85%;color:#575757" dir="auto">'
                f"{escape(mobile)}</div></div><div dir='auto'><br></div>"
            )
        elif block.kind == SIGNATURE:
            out.append(rows(["-- ", *block.lines]))
        else:
            out.append(rows(block.lines, '<div dir="auto">{}</div>', '<div dir="auto"><br></div>'))
    return f'<html><head></head><body dir="auto">{"".join(out)}</body></html>'


def yahoo(case: Case, mobile: str, heads: Heads) -> str:
    out = []
    quoting = False
    for block in case.blocks:
        if block.kind == ATTRIBUTION:
            quoting = True
            out.append(
                '<div id="yahoo_quoted_1234567890" class="yahoo_quoted"><div style="font-family:Helvetica;font-size:13px;color:#26282a;">'
                f"<div>{linked(case.language.yahoo)}</div><div><br></div><div><br></div>"
            )
        elif block.kind == OWN and quoting:
            out.append(f"</div></div><div>{rows(block.lines)}</div><div class='yahoo_quoted'><div>")
        else:
            out.append(rows(["-- ", *block.lines] if block.kind == SIGNATURE else block.lines or (mobile,)))
    return f'<html><head></head><body><div class="ydp1a2b3c4dyahoo-style-wrap">{"".join(out)}{"</div></div>" * quoting}</div></body></html>'


def zimbra(case: Case, mobile: str, heads: Heads) -> str:
    out = []
    for block in case.blocks:
        if block.kind == ATTRIBUTION:
            shown = "<br>".join(
                f"<b>{escape(text[: text.index(':') + 1])} </b>{linked(text[text.index(':') + 1 :])}"
                for text in heads["zimbra"]
            )
            out.append(
                f'<hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__">{shown}</div><div><br></div>'
                '<div data-marker="__QUOTED_TEXT__">'
            )
        else:
            out.append(rows(["-- ", *block.lines] if block.kind == SIGNATURE else block.lines or (mobile,)))
    return f'<html><body><div style="font-family: arial; font-size: 12pt; color: #000000">{"".join(out)}</div></body></html>'


def gmx(case: Case, mobile: str, heads: Heads) -> str:
    out = []
    quoting = False
    for block in case.blocks:
        if block.kind == ATTRIBUTION:
            quoting = True
            shown = "<br/>\n".join(
                f"<b>{escape(text[: text.index(':') + 1])}</b>&nbsp;{linked(text[text.index(':') + 1 :].strip())}"
                for text in heads["gmx"]
            )
            out.append(
                '<div name="quote" style="margin:10px 5px 5px 10px; padding: 10px 0 10px 10px; border-left:2px solid #C3D9E5; '
                f'word-wrap: break-word;">\n<div style="margin:0 0 10px 0;">{shown}</div>\n\n<div name="quoted-content">'
            )
        elif block.kind == OWN and quoting:
            out.append(f"</div></div>{rows(block.lines)}")
            quoting = False
        else:
            out.append(
                rows(
                    ["-- ", *block.lines] if block.kind == SIGNATURE else block.lines or (mobile,),
                    blank="<div>&nbsp;</div>",
                )
            )
    end = "</div></div>" if quoting else ""
    return f'<html><head></head><body><div style="font-family: Verdana;font-size: 12.0px;">{"".join(out)}{end}</div></body></html>'


HTML: dict[str, Callable[[Case, str, Heads], str]] = {
    "gmail-web": gmail, "gmail-android": gmail, "outlook-desktop": outlook_desktop, "outlook-web": outlook_web,
    "outlook-mobile": outlook_web, "apple-mail": apple, "ios-mail": apple, "thunderbird": thunderbird, "k9": k9,
    "samsung": samsung, "yahoo": yahoo, "zimbra": zimbra, "gmx": gmx,
}  # fmt: skip
