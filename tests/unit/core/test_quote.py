"""The writer's own words apart from the rest."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.markup import Line
from daemon.core.quote import About, Split, split


def parts(text: str, *, forward: bool = False, sent: tuple[str, ...] = ()) -> Split:
    return split([Line(line) for line in text.split("\n")], About(forward=forward, sent=sent))


ATTRIBUTIONS = {
    "en gmail": "On Tue, Nov 3, 2026 at 10:00 AM Ann Lee <ann@example.org> wrote:",
    "en apple": "On 3 Nov 2026, at 10:00, Ann Lee <ann@example.org> wrote:",
    "en wrapped": "On Tue, Nov 3, 2026 at 10:00 AM Ann Lee <\nann@example.org> wrote:",
    "en wrapped twice": "On Tue, Nov 3, 2026 at 10:00 AM\nAnn Lee via Desk <ann@example.org>\nwrote:",
    "de": "Am Di., 3. Nov. 2026 um 10:00 Uhr schrieb Ann Lee <ann@example.org>:",
    "de thunderbird": "Am 03.11.26 um 10:00 schrieb Ann Lee:",
    "fr": "Le mar. 3 nov. 2026 à 10:00, Ann Lee <ann@example.org> a écrit :",
    "es": "El mar, 3 nov 2026 a las 10:00, Ann Lee (<ann@example.org>) escribió:",
    "pt": "Em ter., 3 de nov. de 2026 às 10:00, Ann Lee <ann@example.org> escreveu:",
    "it": "Il giorno mar 3 nov 2026 alle ore 10:00 Ann Lee <ann@example.org> ha scritto:",
    "nl": "Op di 3 nov 2026 om 10:00 schreef Ann Lee <ann@example.org>:",
    "sv": "Den tis 3 nov. 2026 kl 10:00 skrev Ann Lee <ann@example.org>:",
    "no": "tir. 3. nov. 2026 kl. 10:00 skrev Ann Lee <ann@example.org>:",
    "pl": "wt., 3 lis 2026 o 10:00 Ann Lee <ann@example.org> napisał(a):",
    "cs": "út 3. 11. 2026 v 10:00 odesílatel Ann Lee <ann@example.org> napsal:",
    "ru": "вт, 3 нояб. 2026 г. в 10:00, Ann Lee <ann@example.org>:",
    "ru yandex": '03.11.2026, 10:00, "Ann Lee" <ann@example.org>:',
    "zh": "Ann Lee <ann@example.org> 于2026年11月3日周二 10:00写道：",
    "ja": "2026年11月3日(火) 10:00 Ann Lee <ann@example.org>:",
    "tr": "Ann Lee <ann@example.org>, 3 Kas 2026 Sal, 10:00 tarihinde şunu yazdı:",
    "fi": "ti 3. marrask. 2026 klo 10.00 Ann Lee (ann@example.org) kirjoitti:",
    "netnews": "In article <1@example.org>, Ann Lee <ann@example.org> writes:",
    "name only": "Ann Lee wrote:",
}


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS.keys())
def test_attribution_and_quote_go_together(attribution: str) -> None:
    """An answer above a ">" quote keeps only the answer, in every language."""
    found = parts(f"It works now.\n\n{attribution}\n\n> Please try again.\n>\n> Ann")

    assert found.new == "It works now."
    assert found.quoted.startswith(attribution)


@pytest.mark.parametrize(
    "attribution",
    [value for key, value in ATTRIBUTIONS.items() if key not in {"netnews", "name only", "de thunderbird"}],
)
def test_attribution_without_quote_marks(attribution: str) -> None:
    """When the quote has no marks, all below a dated attribution with an address is quoted."""
    assert parts(f"It works now.\n\n{attribution}\n\nPlease try again.\n\nAnn").new == "It works now."


DIVIDERS = [
    "-----Original Message-----",
    "-----Ursprüngliche Nachricht-----",
    "-------- Original-Nachricht --------",
    "-----Message d'origine-----",
    "-----Mensaje original-----",
    "-----Mensagem original-----",
    "-----Messaggio originale-----",
    "-----Oorspronkelijk bericht-----",
    "-----Ursprungligt meddelande-----",
    "-----Oryginalna wiadomość-----",
    "----- Исходное сообщение -----",
    "-----原始邮件-----",
    "---- On Tue, 03 Nov 2026 10:00:00 +0100 Ann Lee <ann@example.org> wrote ----",
]


@pytest.mark.parametrize("divider", DIVIDERS)
def test_all_below_a_divider_is_quoted(divider: str) -> None:
    """Outlook's and webmailers' dividers end the writer's words."""
    assert parts(f"It works now.\n\n{divider}\nPlease try again.").new == "It works now."


BLOCKS = {
    "en": "From: Ann Lee <ann@example.org>\nSent: Tuesday, November 3, 2026 10:00 AM\nTo: Bob\nSubject: Printer",
    "en cc": "From: Ann Lee\nSent: Tuesday\nTo: Bob; Carl;\n Dora\nCc: Eve\nSubject: Printer",
    "en date": "From: Ann Lee <ann@example.org>\nDate: Tuesday, 3 November 2026 at 10:00\nTo: Bob\nSubject: Printer",
    "en bold": "*From:* Ann Lee\n*Sent:* Tuesday\n*To:* Bob\n*Subject:* Printer",
    "de": "Von: Ann Lee <ann@example.org>\nGesendet: Dienstag, 3. November 2026 10:00\nAn: Bob\nBetreff: Drucker",
    "fr": "De : Ann Lee\nEnvoyé : mardi 3 novembre 2026 10:00\nÀ : Bob\nObjet : Imprimante",
    "es": "De: Ann Lee\nEnviado el: martes, 3 de noviembre de 2026 10:00\nPara: Bob\nAsunto: Impresora",
    "pt": "De: Ann Lee\nEnviada em: terça-feira, 3 de novembro de 2026 10:00\nPara: Bob\nAssunto: Impressora",
    "it": "Da: Ann Lee\nInviato: martedì 3 novembre 2026 10:00\nA: Bob\nOggetto: Stampante",
    "nl": "Van: Ann Lee\nVerzonden: dinsdag 3 november 2026 10:00\nAan: Bob\nOnderwerp: Printer",
    "sv": "Från: Ann Lee\nSkickat: den 3 november 2026 10:00\nTill: Bob\nÄmne: Skrivare",
    "da": "Fra: Ann Lee\nSendt: 3. november 2026 10:00\nTil: Bob\nEmne: Printer",
    "pl": "Od: Ann Lee\nWysłano: wtorek, 3 listopada 2026 10:00\nDo: Bob\nTemat: Drukarka",
    "ru": "От: Ann Lee\nОтправлено: вторник, 3 ноября 2026 г. 10:00\nКому: Bob\nТема: Принтер",
    "zh": "发件人: Ann Lee\n发送时间: 2026年11月3日 10:00\n收件人: Bob\n主题: 打印机",
    "ja": "差出人: Ann Lee\n送信日時: 2026年11月3日 10:00\n宛先: Bob\n件名: プリンター",
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())
def test_all_below_a_header_block_is_quoted(block: str) -> None:
    """Outlook's block ends the writer's words, with or without a line above it."""
    assert parts(f"It works now.\n\n{block}\n\nPlease try again.").new == "It works now."
    assert (
        parts(f"It works now.\n\n________________________________\n{block}\n\nPlease try again.").new == "It works now."
    )


def test_inline_answers_stay() -> None:
    """Words between quoted lines are the writer's."""
    found = parts("Ann Lee wrote:\n> Which floor?\n\nThe second.\n\n> Which room?\n\n2.14\n")

    assert found.new == "The second.\n\n2.14"
    assert "Which floor?" in found.quoted
    assert "The second." not in found.quoted


def test_answers_below_the_quote_stay() -> None:
    """A bottom-poster's answer is his."""
    assert (
        parts("On 3 Nov 2026, at 10:00, Ann <a@example.org> wrote:\n> Which room?\n\n2.14, thanks").new
        == "2.14, thanks"
    )


@pytest.mark.parametrize(
    "text",
    [
        "> only\n> a quote",
        "-----Original Message-----\nFrom: a\nall of it",
        "-- \nJust a signature",
        "Sent from my iPhone",
        "On Tue, Nov 3, 2026 at 10:00 AM Ann Lee <ann@example.org> wrote:\nhello",
    ],
)
def test_words_are_never_lost(text: str) -> None:
    """When nothing would be the writer's, everything is."""
    assert parts(text) == Split(text.replace("-- ", "--"), "", "")


@pytest.mark.parametrize(
    "text",
    [
        "On Monday I wrote:\nthe printer is broken\nand nobody answered",
        "As you wrote on 3 Nov 2026 at 10:15:\nit should work",
        "Here are the headers:\nFrom: a@example.org\nTo: b@example.org\nSubject: x\n\nCan you see why it bounced?",
        (
            "Received mail with these headers\nFrom: a\nMessage-ID: <1@x>\nDate: Tue, 3 Nov 2026\nTo: b\n"
            "Subject: c\n\nWhy?"
        ),
        "C> dir\nSQL> select 1\nPS> Get-Process\nfails",
        "| a | b |\n| 1 | 2 |\nThis table is wrong",
        "From: my desk\nI wanted to say hello",
        "Steps:\n---\n1. open\n---\n2. crash",
        "On 12 March I get the error\nbut not on 13 March:\nwhy?",
    ],
    ids=lambda value: value[:24],
)
def test_what_looks_like_a_quote_but_is_none(text: str) -> None:
    """Sentences, pasted headers, prompts and tables stay with the writer."""
    assert parts(text).new == text


def test_signature_is_apart() -> None:
    """All below "-- " is the signature; quotes around it do not matter."""
    found = parts("Hello\n\n-- \nBob\nRoom 2.14\n\nOn 3 Nov 2026, at 10:00, Ann <a@example.org> wrote:\n> x")

    assert (found.new, found.signature) == ("Hello", "--\nBob\nRoom 2.14")


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my iPhone",
        "Get Outlook for iOS <https://aka.ms/o0ukef>",
        "Von meinem iPhone gesendet",
        "Gesendet mit der GMX Mail App",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Enviado do meu iPhone",
        "Inviato da iPhone",
        "Verstuurd vanaf mijn iPhone",
        "Skickat från min iPhone",
        "Wysłane z iPhone'a",
        "Отправлено с iPhone",
        "发自我的 iPhone",
        "iPhoneから送信",
    ],
)
def test_phone_signatures(line: str) -> None:
    """What a phone adds below is no word of the writer."""
    assert parts(f"Hello\n\n{line}\n") == Split("Hello", "", line)


def test_a_forwarded_mail_is_the_message() -> None:
    """Under a forwarding subject or mark the mail below stays with the writer's words."""
    below = "From: Ann Lee\nSent: Tuesday\nTo: Bob\nSubject: Printer\n\nIt smokes."
    marked = "FYI\n\n---------- Forwarded message ---------\nFrom: Ann\nDate: x\nSubject: y\nTo: z\n\nIt smokes."
    apple = "FYI\n\nBegin forwarded message:\n\n> From: Ann\n> Subject: y\n>\n> It smokes."

    assert "It smokes." in parts(f"FYI\n\n{below}", forward=True).new
    assert "It smokes." in parts(marked).new
    assert "It smokes." in parts(apple).new
    assert "It smokes." not in parts(f"FYI\n\n{below}").new


def test_lines_that_we_sent_are_quoted_without_any_mark() -> None:
    """A client that quotes without marks is seen through by our own text."""
    ours = "We have received your request FL-12.\nA person will answer by Tuesday 10:00."
    found = parts(f"Thanks, but it is urgent!\n\n{ours}", sent=(ours,))

    assert found.new == "Thanks, but it is urgent!"


def test_answers_below_an_unmarked_quote_of_ours_are_found() -> None:
    """Below Outlook's header block, lines that we never sent are the writer's answers."""
    ours = (
        "Which floor is the printer on, please?\nAnd is it still smoking at the moment?\nThank you very much, the desk."
    )
    block = BLOCKS["en"]
    found = parts(
        "See below.\n\n" + block + "\n\nWhich floor is the printer on, please?\nThe second floor of building four.\n"
        "And is it still smoking at the moment?\nNot any more since this morning.\nThank you very much, the desk.",
        sent=(ours,),
    )

    assert "The second floor of building four." in found.new
    assert "Not any more since this morning." in found.new
    assert "still smoking" not in found.new


def test_a_pasted_shell_stays() -> None:
    """Lines with ">" that nobody introduced stay above the program's own quote, and in a mail that answers nothing."""
    shell = "It says\n> connect host7\n> login jo\nand stops."
    quote = "\n\nOn 3 Nov 2026, at 10:00, Ann Lee <ann@example.org> wrote:\n> Which host is it, please?"

    assert parts(shell + quote).new == shell
    assert split([Line(line) for line in shell.split("\n")], About(reply=False)).new == shell
    assert parts("> Which host is it, please?\nhost7" + quote).new == "host7"
    assert parts("so\n>>> import os\n>>> os.fork()\nfails").new == "so\n>>> import os\n>>> os.fork()\nfails"


def test_answers_pointed_at_are_kept() -> None:
    """Above a mail quoted without marks, "see below" keeps all of it; in a long text it does not."""
    below = f"\n\n{BLOCKS['en']}\n\nWhich floor?\nThe second."

    assert "The second." in parts(f"See below.{below}").new
    assert "The second." in parts(f"Siehe unten.{below}").new
    assert "The second." not in parts(f"{'The printer on the floor below is broken. ' * 6}{below}").new


def test_a_block_of_those_we_answer_needs_no_order() -> None:
    """Labels in Zimbra's order are a quote when they name whom we answer; pasted headers name somebody else."""
    block = "From: Ann Lee <ann@example.org>\nTo: Bob\nSent: Tuesday, November 3\nSubject: x\n\nold"
    lines = [Line(line) for line in f"new\n\n{block}".split("\n")]

    assert split(lines, About(people=frozenset({"ann@example.org"}))).new == "new"
    assert "old" in split(lines, About(people=frozenset({"eve@example.org"}))).new


@pytest.mark.parametrize(
    "piece",
    [
        "> ",
        "On Mon ",
        "On 3 Nov 2026, a <a@b.cd> wrote\n",
        "From: a\nSent: b\n",
        "-- \n",
        "____\n\n",
        "\n",
        "wrote:\n",
        "> a\nb\n",
        "<a@b.c>:\n",
        "> a\n\nb wrote:\n> c\n",
        "This e-mail\n> a\n",
    ],
)
def test_hostile_text_is_linear(piece: str) -> None:
    """200 kB of any repeated piece take no more than a moment (asserted loosely)."""
    started = time.process_time()
    parts((piece * 200_000)[:200_000], sent=("On Mon 3 Nov 2026 hello",))

    assert time.process_time() - started < 5


@given(
    st.lists(
        st.sampled_from(
            [
                "hello",
                "> hi",
                ">",
                "",
                "-- ",
                "wrote:",
                "On 3 Nov 2026, at 10:00, A <a@b.cd> wrote:",
                "From: a",
                "Sent: b",
                "To: c",
                "Subject: d",
                "Sent from my iPhone",
                "-----Original Message-----",
            ]
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_every_word_is_in_one_part(lines: list[str], forward: bool) -> None:
    """Nothing is lost or doubled, and some words are always the writer's."""
    found = parts("\n".join(lines), forward=forward)

    together = [
        line for part in (found.new, found.quoted, found.signature) for line in part.split("\n") if line.strip()
    ]
    assert sorted(together) == sorted(line.rstrip() for line in lines if line.strip())
    assert bool(found.new.strip()) == any(line.strip() for line in lines)
