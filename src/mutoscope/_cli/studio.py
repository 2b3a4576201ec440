"""`mutoscope studio`: the page, and the service below it."""

from __future__ import annotations

import threading
import webbrowser

import typer

from mutoscope.errors import MutoscopeError

try:
    from mutoscope.service import serve
    from mutoscope.service.settings import Settings
    from mutoscope.studio import page
except ModuleNotFoundError as error:
    raise MutoscopeError(
        f"the studio needs {error.name}, which isn't installed; run: make studio,"
        " or: pip install 'mutoscope[studio]'",
        failed=True,
    ) from error

HOST = "127.0.0.1"
"""Where the studio answers, and nowhere else: a page can't send a key."""


def run(port: int, *, browser: bool) -> None:
    """Serve the page until told to stop, and show it."""

    def say(address: str) -> None:
        shown = f"{address}{page.PATH}/"
        typer.echo(shown)
        if browser:
            threading.Thread(target=webbrowser.open, args=(shown,), daemon=True).start()

    settings = Settings.load()
    if settings.keys:
        raise MutoscopeError(
            "service.toml asks for keys, which the studio can't send; set MUTOSCOPE_HOME to another"
            " folder, or take the line 'keys' out"
        )
    serve.run(settings, host=HOST, port=port, say=say, mount=page.mount, pages=(page.PATH,))
