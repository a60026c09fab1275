"""Everything that is stored, behind one SQLAlchemy engine."""
