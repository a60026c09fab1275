"""The database's revision: Alembic's migrations, in one transaction."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from monitor.store.dialect import hold
from records.errors import StoreError


def upgrade(c: Connection) -> str:
    """Migrate to the newest revision this version knows and return it; StoreError where the database is of a newer one."""
    hold(c, "plumbline/upgrade")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = c
    scripts = ScriptDirectory.from_config(config)
    _refuse_newer(_revision(c), scripts)
    command.upgrade(config, "head")
    return scripts.get_current_head() or ""


def check(c: Connection) -> None:
    """StoreError unless the database is of this version's revision."""
    scripts = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    revision = _revision(c)
    _refuse_newer(revision, scripts)
    if revision != scripts.get_current_head():
        raise StoreError(f"the database is at revision {revision or 'none'}: run `plumbline db upgrade`")


def _revision(c: Connection) -> str | None:
    return MigrationContext.configure(c).get_current_revision()


def _refuse_newer(revision: str | None, scripts: ScriptDirectory) -> None:
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            f"the database is at revision {revision}, this version knows up to {scripts.get_current_head()}: upgrade plumbline"
        )
