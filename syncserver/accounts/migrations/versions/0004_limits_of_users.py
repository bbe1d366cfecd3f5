"""Limits of single users in the place of those of the settings."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns; NULL is what the settings say."""
    op.add_column("users", sa.Column("max_collection_bytes", sa.BigInteger))
    op.add_column("users", sa.Column("media_quota", sa.BigInteger))
    op.add_column("users", sa.Column("requests_per_user", sa.Integer))
