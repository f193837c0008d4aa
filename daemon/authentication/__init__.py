"""Direct authentication: DKIM, SPF, DMARC and ARC checked by us, where no mail server in front does it.

Two halves, because DNS is waited for and signatures are computed. `gather` runs in the event loop
before a mail is read: it asks DNS for all that this mail may need, under one deadline, and hands on
plain `Findings`. `judge` runs in the reader's worker, under its limits of time and memory, asks
nobody, and says `AuthResults` as a trusted server's field would. Whatever goes wrong proves nothing.
"""
