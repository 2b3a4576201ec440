"""How a service is set up: a folder for all it keeps, limits that its `service.toml` changes."""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mutoscope import checked
from mutoscope.checked import Check, Number
from mutoscope.errors import RequestError

HOME = "MUTOSCOPE_HOME"
"""The environment variable that names the folder of everything kept."""

MEGABYTE = 1_000_000


def home() -> Path:
    """The folder of everything kept: `MUTOSCOPE_HOME`, else the platform's data folder."""
    said = os.environ.get(HOME)
    if said:
        return Path(said).expanduser()
    from platformdirs import user_data_path

    return user_data_path("mutoscope", appauthor=False)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The numbers of a service; all ours.

    - `home`: results, uploads, keys and the store. `database`: an SQLAlchemy URL; empty is a
      SQLite file in `home`.
    - `workers`: processes that generate. `warm`: systems they load before the first job. `models`:
      systems that one keeps in memory at once. `weights`: a folder of weights instead of those
      that ship.
    - `queue`: jobs that may wait before more are answered with 429. `attempts`: workers a job may
      lose before it counts as failed. `stall`: seconds without a heartbeat after which a worker is
      replaced. One that computes is given heartbeats meanwhile, for `step_seconds` at most: how
      long one step, or loading a system, may take. Where the system doesn't tell what a process
      computes (only Linux does), `stall` must be longer than that.
    - `keep`: seconds a finished job is kept, and an upload after its last use; 0 for ever.
      `tunings`: tuned systems that one owner may have; they are kept until they are deleted.
    - `keys`: bearer keys are needed even on loopback. `rate`, `active`: requests a minute and
      unfinished jobs that a key may have, unless its own numbers say otherwise.
    - `local_rate`, `local_active`: the same for all who ask on loopback without a key; the studio's
      page isn't counted.
    - `body`: bytes of a request; `upload`, `pixels`, `seconds`, `frames`: bytes, pixels a picture,
      length and frames of an uploaded file; `decode_seconds`, `decode_memory`: what decoding it
      may take. `assets`: files that one owner may keep; what came with a request gives way.
    - `webhooks`: hosts that may be told of finished jobs; none unless named.
    - `prompts`: logs hold prompts.
    """

    home: Path = field(default_factory=home)
    database: str = ""
    workers: int = 1
    warm: Sequence[str] = ("modelscope",)
    models: int = 2
    weights: str = ""
    queue: int = 100
    attempts: int = 5
    stall: Number = 120.0
    step_seconds: Number = 3600.0
    keep: Number = 7 * 86400.0
    tunings: int = 50
    keys: bool = False
    rate: int = 600
    active: int = 20
    local_rate: int = 6000
    local_active: int = 100
    body: int = MEGABYTE
    upload: int = 32 * MEGABYTE
    pixels: int = 16_000_000
    seconds: Number = 60.0
    frames: int = 1000
    decode_seconds: Number = 20.0
    decode_memory: int = 2_000 * MEGABYTE
    assets: int = 100
    webhooks: Sequence[str] = ()
    prompts: bool = False

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(getattr(self, name)))

    @property
    def url(self) -> str:
        """Where the store lies."""
        return self.database or f"sqlite:///{self.home / 'service.sqlite'}"

    @property
    def weights_folder(self) -> Path | None:
        """Where weights lie; None is what ships."""
        return Path(self.weights) if self.weights else None

    @property
    def results(self) -> Path:
        """Where finished jobs lie, a folder each."""
        return self.home / "results"

    @property
    def tuned(self) -> Path:
        """Where tuned systems lie, a folder each, and what is still being learned."""
        return self.home / "tuned"

    @property
    def previews(self) -> Path:
        """Where the newest preview of a running job lies."""
        return self.home / "previews"

    @property
    def uploads(self) -> Path:
        """Where uploaded files lie, decoded and written anew."""
        return self.home / "assets"

    def to_json(self) -> dict[str, Any]:
        """The settings as a JSON object, for a worker."""
        return {**asdict(self), "home": str(self.home)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        """The settings in a JSON object; a key left out takes its default."""
        known = {item.name for item in fields(cls)}
        for name in data:
            checked.one_of("setting of the service", name, known)
        given = dict(data)
        if "home" in given:
            given["home"] = Path(given["home"])
        return cls(**given)

    @classmethod
    def load(cls, **changes: object) -> Settings:
        """What `service.toml` in the folder says, then the changes; makes the folders."""
        place = home()
        path = place / "service.toml"
        try:
            said = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise RequestError(f"{path} can't be read as TOML ({error}); mend it") from error
        settings = cls.from_json({"home": place, **said, **changes})
        settings.make()
        return settings

    def make(self) -> None:
        """Make the folders, for nobody else to read."""
        for folder in (self.home, self.results, self.tuned, self.previews, self.uploads):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def secret(self) -> bytes:
        """What webhooks are signed from; drawn once and kept for the owner of the folder alone."""
        return kept(self.home / "secret", lambda: secrets.token_hex(32)).encode()

    def node(self) -> str:
        """The name of this folder among others that share a store."""
        return kept(self.home / "node", lambda: secrets.token_hex(4))

    def but(self, **changes: Any) -> Settings:  # noqa: ANN401
        """The same with some changed."""
        return replace(self, **changes)


def kept(path: Path, draw: Any) -> str:  # noqa: ANN401
    """The text of a file that is written once, readable by its owner only."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(draw())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike a rename this never replaces what another process drew
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")


def _whole(name: str, low: int, high: int = checked.LARGEST) -> Check:
    return lambda value: checked.whole(f"setting '{name}'", value, low=low, high=high)


def _number(name: str, low: Number = 0) -> Check:
    return lambda value: checked.number(f"setting '{name}'", value, low=low)


def _words(name: str) -> Check:
    def check(value: object) -> tuple[str, ...]:
        listed = checked.listed(f"setting '{name}'", value)
        return tuple(checked.said(f"an entry of setting '{name}'", item) for item in listed)

    return check


def _switch(name: str) -> Check:
    def check(value: object) -> bool:
        if not isinstance(value, bool):
            raise RequestError(f"setting '{name}' must be true or false (got {value!r})")
        return value

    return check


_CHECKS: Mapping[str, Check] = {
    "home": Path,
    "database": lambda value: checked.text("setting 'database'", value),
    "weights": lambda value: checked.text("setting 'weights'", value),
    "workers": _whole("workers", 0, 64),
    "models": _whole("models", 1),
    "queue": _whole("queue", 1),
    "attempts": _whole("attempts", 1),
    "tunings": _whole("tunings", 0),
    "rate": _whole("rate", 1),
    "active": _whole("active", 1),
    "local_rate": _whole("local_rate", 1),
    "local_active": _whole("local_active", 1),
    "body": _whole("body", 1000),
    "upload": _whole("upload", 1000),
    "pixels": _whole("pixels", 1),
    "frames": _whole("frames", 1),
    "decode_memory": _whole("decode_memory", 300 * MEGABYTE, 2**53),
    "assets": _whole("assets", 1),
    "stall": _number("stall", 1),
    "step_seconds": _number("step_seconds", 1),
    "keep": _number("keep"),
    "seconds": _number("seconds"),
    "decode_seconds": _number("decode_seconds", 1),
    "warm": _words("warm"),
    "webhooks": _words("webhooks"),
    "keys": _switch("keys"),
    "prompts": _switch("prompts"),
}
