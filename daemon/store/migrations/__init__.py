"""Migrations, run by `daemon.store.migrate` and never imported otherwise."""
