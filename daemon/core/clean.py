"""`clean`: the one gate for every string that comes from a mail.

Before a string reaches a header, a template, a log or the database it loses NUL, C0/C1
controls, lone surrogates and bidi controls, becomes NFC and is cut to a length.
"""
