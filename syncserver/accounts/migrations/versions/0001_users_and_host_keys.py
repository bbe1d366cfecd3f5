"""Users, the host keys of their devices, and the folders of deleted users."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("folder", sa.String(128), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("password_version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
        sa.UniqueConstraint("folder", name="uq_users_folder"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "host_keys",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("client_version", sa.String(128), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_host_keys"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_host_keys_user_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("key_hash", name="uq_host_keys_key_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_host_keys_user_id", "host_keys", ["user_id"])
    op.create_table(
        "folder_purges",
        sa.Column("folder", sa.String(128), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("folder", name="pk_folder_purges"),
    )
