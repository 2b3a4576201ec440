"""`mutoscope serve` and `mutoscope keys`: the service, and who may ask it."""

from __future__ import annotations

import typer

from mutoscope.checked import one_of
from mutoscope.errors import MutoscopeError, RequestError

try:
    from mutoscope.service import serve
    from mutoscope.service.access import LOCAL, Keys
    from mutoscope.service.settings import Settings
    from mutoscope.service.tables import Database
except ModuleNotFoundError as error:
    raise MutoscopeError(
        f"serving needs {error.name}, which isn't installed; run: make serve,"
        " or: pip install 'mutoscope[serve]'",
        failed=True,
    ) from error

ACTIONS = ("add", "remove", "list", "secret")


def run(host: str, port: int, workers: int | None) -> None:
    """Serve until told to stop."""
    changes = {} if workers is None else {"workers": workers}
    serve.run(Settings.load(**changes), host=host, port=port, say=typer.echo)


def keys(action: str, name: str, *, rate: int | None, active: int | None, priority: int) -> None:
    """One action on the keys; a new key is printed alone, once."""
    one_of("action", action, ACTIONS)
    settings = Settings.load()
    database = Database(settings.url)
    database.create()
    found = Keys(database, settings)
    if action == "list":
        for one in found.names():
            typer.echo(one)
        return
    if action == "secret":
        typer.echo(found.secret(name or LOCAL))
        return
    if not name:
        raise RequestError(f"whose key? say: mutoscope keys {action} NAME")
    if action == "remove":
        found.remove(name)
        return
    typer.echo(found.add(name, rate=rate, active=active, priority=priority))
