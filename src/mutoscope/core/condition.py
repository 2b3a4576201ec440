"""Everything a clip may be conditioned on, by the door it enters a network through."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mutoscope.errors import RequestError


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A closed set of doors into a network; None is a door left shut.

    Text and image tokens go to cross-attention, `pooled` is added to the time embedding, `concat`
    lies on the channels of x_t, scalars (fps, motion strength, camera, task, ...) are embedded.
    """

    text: Float[Tensor, "b l d"] | None = None
    text_mask: Bool[Tensor, "b l"] | None = None
    pooled: Float[Tensor, "b p"] | None = None
    image: Float[Tensor, "b n e"] | None = None
    concat: Float[Tensor, "b k t h w"] | None = None
    scalars: Mapping[str, Float[Tensor, " b"]] = field(default_factory=dict)

    @property
    def batch(self) -> int | None:
        """How many clips it speaks of; None if every door is shut."""
        return next((len(value) for value in self._flat().values()), None)

    def merged(self, other: Condition) -> Condition:
        """The doors of both, for one request; refuses a door filled twice."""
        mine, theirs = self._flat(), other._flat()
        twice = sorted(mine.keys() & theirs.keys())
        if twice:
            raise RequestError(
                f"two conditions fill the same door ({', '.join(twice)}); give one of them"
            )
        return self._of({**mine, **theirs})

    def stacked(self, other: Condition) -> Condition:
        """Both along the batch, for one network call instead of two; needs the same doors."""
        return self._paired(other, lambda mine, theirs: torch.cat([mine, theirs]))

    def expanded(self, batch: int) -> Condition:
        """One clip's condition for every clip of a batch; one that fits already stays as it is."""
        if self.batch not in (None, 1, batch):
            raise RequestError(
                f"a condition of {self.batch} clips can't serve a batch of {batch}; "
                "give one for all clips or one each"
            )
        return self._of({n: v.expand(batch, *v.shape[1:]) for n, v in self._flat().items()})

    def replaced(
        self, null: Condition, where: Bool[Tensor, " b"], *, doors: Collection[str] | None = None
    ) -> Condition:
        """Takes `null` for the clips marked; `null` may hold one clip for all.

        Without `doors` all of them are replaced. Scalars are named as `scalars`, all together;
        text brings its mask.
        """
        mine, theirs = self._flat(), null._flat()
        for name in mine:
            if doors is None or _door(name) in doors:
                if name not in theirs:
                    raise RequestError(f"the null condition lacks {name}; give it the same doors")
                mark = where.reshape(-1, *(1,) * (mine[name].ndim - 1)).to(mine[name].device)
                mine[name] = torch.where(mark, theirs[name], mine[name])
        return self._of(mine)

    def dropped(
        self,
        null: Condition,
        chance: float,
        rng: torch.Generator,
        *,
        doors: Collection[str] | None = None,
    ) -> Condition:
        """Replaces each clip's condition by `null` with a chance in [0, 1], as guidance needs."""
        if self.batch is None:
            return self
        where = torch.rand(self.batch, generator=rng) < chance
        return self.replaced(null, where, doors=doors)

    def swapped(self, other: Condition, doors: Collection[str]) -> Condition:
        """With the named doors as `other` has them, shut where it has them shut.

        Scalars are named as `scalars`, all together; text brings its mask.
        """
        unknown = set(doors) - {f.name for f in fields(self)}
        if unknown:
            raise RequestError(
                f"a condition has no door {', '.join(sorted(unknown))}; it has "
                f"{', '.join(f.name for f in fields(self))}"
            )
        kept = {n: v for n, v in self._flat().items() if _door(n) not in doors}
        taken = {n: v for n, v in other._flat().items() if _door(n) in doors}
        return self._of({**kept, **taken})

    def framewise(self, frames: int) -> Condition:
        """The same for a clip cut into single frames, frame after frame along the batch."""
        return self._of(
            {
                name: value.transpose(1, 2).flatten(0, 1).unsqueeze(2)
                if name == "concat"
                else value.repeat_interleave(frames, 0)
                for name, value in self._flat().items()
            }
        )

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Condition:
        """On another device, tokens and maps in another dtype; masks and scalars keep theirs."""

        def moved(name: str, value: Tensor) -> Tensor:
            plain = name == "text_mask" or name.startswith("scalars.")
            return value.to(device=device, dtype=value.dtype if plain else dtype)

        return self._of({name: moved(name, value) for name, value in self._flat().items()})

    def _flat(self) -> dict[str, Tensor]:
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "scalars"}
        named |= {f"scalars.{name}": value for name, value in self.scalars.items()}
        return {name: value for name, value in named.items() if value is not None}

    def _paired(self, other: Condition, join: Callable[[Tensor, Tensor], Tensor]) -> Condition:
        mine, theirs = self._flat(), other._flat()
        odd = sorted(mine.keys() ^ theirs.keys())
        odd += [n for n in mine.keys() & theirs.keys() if mine[n].shape[1:] != theirs[n].shape[1:]]
        if odd:
            raise RequestError(
                f"two conditions must open the same doors at the same sizes (got {', '.join(odd)} "
                "in one only, or of another size); fill the null condition alike"
            )
        return self._of({name: join(mine[name], theirs[name]) for name in mine})

    @staticmethod
    def _of(flat: Mapping[str, Tensor]) -> Condition:
        scalars = {n.partition(".")[2]: v for n, v in flat.items() if n.startswith("scalars.")}
        doors = {n: v for n, v in flat.items() if not n.startswith("scalars.")}
        return Condition(**doors, scalars=scalars)


def _door(name: str) -> str:
    """The door a tensor goes with: its own, `scalars` for each of them, `text` for the mask."""
    return "text" if name == "text_mask" else name.partition(".")[0]
