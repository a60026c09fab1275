"""Columns of all tables, for every database alike: text, 64-bit integers, doubles and bytes; no type of one dialect."""

from sqlalchemy import BigInteger, Column, Double, Integer, LargeBinary, MetaData, Text, text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
RowNumber = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits everywhere: SQLite's own row number is called INTEGER."""


def key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def integer_key(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def string(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def double(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)


def blob(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def later_string(name: str) -> Column[str]:
    """Of a later revision than its table: rows from before it are empty."""
    return Column(name, Text, nullable=False, server_default=text("''"))


def later_integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def serial() -> Column[int]:
    return Column("id", RowNumber, primary_key=True)
