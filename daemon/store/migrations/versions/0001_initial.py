"""The first schema, as frozen SQL beside this file: one text per database.

Frozen, because a migration must make the schema of its day whatever `schema.py` says now. There is no
way back: a database is restored from its backup, not downgraded.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the statements of this database, in order."""
    bind = op.get_bind()
    written = Path(__file__).with_name(f"0001.{bind.dialect.name}.sql").read_text(encoding="utf-8")
    for statement in written.split(";\n\n"):
        bind.exec_driver_sql(statement.strip().removesuffix(";"))
