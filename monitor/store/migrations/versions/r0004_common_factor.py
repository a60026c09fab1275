"""What luck reached in each application, for the factor that all of them have in common."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "peaks",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("lived", sa.Double(), nullable=False),
        sa.Column("heights", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application", name="pk_peaks"),
    )
