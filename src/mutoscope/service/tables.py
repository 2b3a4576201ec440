"""The tables of the store, and how it is opened: SQLite in WAL mode, or PostgreSQL.

Writers take turns. On SQLite a write begins with BEGIN IMMEDIATE, on PostgreSQL with an advisory
lock; so what a transaction reads is true until it ends, on both alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Table
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from mutoscope.errors import RequestError

Row = Mapping[Any, Any]
"""A row by its columns' names."""

VERSION = 3
"""Raised whenever a table changes; a store that no row of UPGRADES leads to this is refused."""

UPGRADES: Mapping[int, Sequence[str]] = {
    1: (
        "ALTER TABLE mutoscope_jobs ADD COLUMN threads INTEGER",
        "ALTER TABLE mutoscope_assets ADD COLUMN received TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE mutoscope_assets ADD COLUMN lasting BOOLEAN NOT NULL DEFAULT TRUE",
        "ALTER TABLE mutoscope_assets ADD COLUMN uses INTEGER NOT NULL DEFAULT 2",
        "ALTER TABLE mutoscope_assets ADD COLUMN used_at FLOAT NOT NULL DEFAULT 0",
        "UPDATE mutoscope_assets SET used_at = created_at",
    ),
    2: (
        "ALTER TABLE mutoscope_jobs ADD COLUMN task TEXT NOT NULL DEFAULT 'make'",
        "ALTER TABLE mutoscope_jobs ADD COLUMN keeping BOOLEAN NOT NULL DEFAULT FALSE",
    ),
}
"""What makes a store of a version one of the next."""

LOCK = 0x6D75746F
"""The number of our advisory lock in PostgreSQL ('muto')."""

DURABLE = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
"""SQLite's for a store whose every commit survives a power cut."""

QUICK = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
"""The same, but a commit is on disk only with the next durable one; it is never half there."""

WAIT = 20.0
"""Seconds that a writer waits for its turn."""

tables = sa.MetaData()

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

meta = Table("mutoscope_meta", tables, Column("version", sa.Integer, nullable=False))

jobs = Table(
    "mutoscope_jobs",
    tables,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("id", sa.Text, nullable=False, unique=True),
    Column("owner", sa.Text, nullable=False),
    Column("state", sa.Text, nullable=False),
    Column("task", sa.Text, nullable=False),
    Column("priority", sa.Integer, nullable=False),
    Column("system", sa.Text, nullable=False),
    Column("request", sa.Text, nullable=False),
    Column("source", sa.Text),  # the job it remixes, edits or extends
    Column("webhook", sa.Text),
    Column("created_at", sa.Float, nullable=False),
    Column("started_at", sa.Float),
    Column("ended_at", sa.Float),
    Column("expires_at", sa.Float),
    Column("attempt", sa.Integer, nullable=False),
    Column("lost", sa.Integer, nullable=False),  # workers that died on it
    Column("worker", sa.Text),
    Column("beat", _SERIAL, nullable=False),
    Column("step", sa.Integer, nullable=False),
    Column("steps", sa.Integer, nullable=False),
    Column("threads", sa.Integer),  # with which it was begun, and is run again
    Column("eta", sa.Float),
    Column("watched", sa.Float, nullable=False),
    Column("keeping", sa.Boolean, nullable=False),  # ends after its step, what it learned is kept
    Column("preview", sa.Integer, nullable=False),  # the step of the newest one
    Column("error_code", sa.Text),
    Column("error", sa.Text),
    Column("folder", sa.Text),
    Column("files", sa.Text),
    Column("sha256", sa.Text),
    Column("deleted", sa.Boolean, nullable=False),
    sa.Index("mutoscope_jobs_turn", "state", sa.text("priority DESC"), "seq"),
    sa.Index("mutoscope_jobs_owner", "owner", "seq"),
    sqlite_autoincrement=True,
)

idempotency = Table(
    "mutoscope_idempotency",
    tables,
    Column("owner", sa.Text, primary_key=True),
    Column("key", sa.Text, primary_key=True),
    Column("fingerprint", sa.Text, nullable=False),
    Column("job", sa.Text, nullable=False),
    Column("created_at", sa.Float, nullable=False),
)

keys = Table(
    "mutoscope_keys",
    tables,
    Column("name", sa.Text, primary_key=True),
    Column("hash", sa.Text, nullable=False, unique=True),
    Column("created_at", sa.Float, nullable=False),
    Column("rate", sa.Integer),
    Column("active", sa.Integer),
    Column("priority", sa.Integer, nullable=False),
)

assets = Table(
    "mutoscope_assets",
    tables,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("id", sa.Text, nullable=False, unique=True),
    Column("owner", sa.Text, nullable=False),
    Column("file", sa.Text, nullable=False),
    Column("sha256", sa.Text, nullable=False),
    Column("width", sa.Integer, nullable=False),
    Column("height", sa.Integer, nullable=False),
    Column("frames", sa.Integer, nullable=False),
    Column("fps", sa.Float, nullable=False),
    Column("bytes", sa.Integer, nullable=False),
    Column("created_at", sa.Float, nullable=False),
    Column("received", sa.Text, nullable=False),  # sha256 of the file as it came
    Column("lasting", sa.Boolean, nullable=False),  # doesn't give way to others
    Column("uses", sa.Integer, nullable=False),  # how often it was sent or named
    Column("used_at", sa.Float, nullable=False),  # when last, by a job also when that ended
    sqlite_autoincrement=True,
)

deliveries = Table(
    "mutoscope_deliveries",
    tables,
    Column("seq", _SERIAL, primary_key=True, autoincrement=True),
    Column("id", sa.Text, nullable=False, unique=True),
    Column("owner", sa.Text, nullable=False),
    Column("url", sa.Text, nullable=False),
    Column("body", sa.Text, nullable=False),
    Column("tries", sa.Integer, nullable=False),
    Column("next_at", sa.Float, nullable=False),
    sqlite_autoincrement=True,
)


class Database:
    """An open store: `reading()`, `writing()` and `noting()` give a connection each."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url, DURABLE)
        self.lite = self.engine.dialect.name == "sqlite"
        self._notes = _engine(url, QUICK) if self.lite else self.engine

    def create(self) -> None:
        """Make the tables that are missing; refuses those of another version."""
        with self.writing() as connection:
            tables.create_all(connection)
            found = connection.execute(sa.select(meta.c.version)).scalar()
            if found is None:
                connection.execute(meta.insert().values(version=VERSION))
                return
            while found in UPGRADES:
                for statement in UPGRADES[found]:
                    connection.exec_driver_sql(statement)
                found += 1
                connection.execute(meta.update().values(version=found))
            if found != VERSION:
                raise RequestError(
                    f"the store is of version {found}, this service writes {VERSION};"
                    " use the version of mutoscope that made it, or another MUTOSCOPE_HOME"
                )

    def check(self) -> None:
        """Write what is there already; fails as the next job would."""
        with self.writing() as connection:
            connection.execute(meta.update().values(version=meta.c.version))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with; each statement sees what is committed."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer is beside; on disk when its `with` has ended well."""
        with self._turn(self.engine) as connection:
            yield connection

    @contextmanager
    def noting(self) -> Iterator[Connection]:
        """The same for what a power cut may take, so that nobody waits for the disk.

        For how far a job is and who looks at it, never for a state.
        """
        with self._turn(self._notes) as connection:
            if not self.lite:
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
            yield connection

    @contextmanager
    def _turn(self, engine: Engine) -> Iterator[Connection]:
        if not self.lite:
            with engine.connect() as found:
                connection = found.execution_options(isolation_level="READ COMMITTED")
                with connection.begin():
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
                    yield connection
            return
        with engine.connect() as connection:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
                connection.exec_driver_sql("COMMIT")
            except OperationalError:
                # Undone by closing: one that was opened on a read-only disk would stay read-only.
                connection.invalidate()
                raise
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        self._notes.dispose()


def _engine(url: str, pragmas: Sequence[str]) -> Engine:
    try:
        found = sa.make_url(url)
        if found.drivername == "postgresql":
            found = found.set(drivername="postgresql+psycopg")
        # pysqlite begins transactions by itself unless it is told not to.
        options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"}
        if found.get_backend_name() == "sqlite":
            options["connect_args"] = {"timeout": WAIT}
        engine = sa.create_engine(
            found, pool_size=8, max_overflow=32, pool_pre_ping=True, hide_parameters=True, **options
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise RequestError(
            "setting 'database' must be an SQLAlchemy URL such as"
            " postgresql://user@host/name, its driver installed (pip install 'psycopg[binary]')"
        ) from error
    if engine.dialect.name == "sqlite":

        def begun(connection: Any, _record: object) -> None:  # noqa: ANN401
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        sa.event.listen(engine, "connect", begun)
    return engine
