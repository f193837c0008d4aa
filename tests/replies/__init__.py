"""Replies as twelve mail programs write them in twelve languages."""
