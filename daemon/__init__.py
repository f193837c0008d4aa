"""Firstline: intake, acknowledgment and promises for help desks that work by mail."""
