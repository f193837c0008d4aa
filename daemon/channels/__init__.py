"""Channels: how mail enters and leaves. They know transports and nothing else: no SQL, no policy.

Every way in ends in one call, `receive(envelope, raw) -> Receipt` (see `door`), which returns only
after the durable commit; only then may a channel answer 250, set a flag or exit 0. The way out is
`submit`: bytes to a relay, and one value that says what became of them.
"""
