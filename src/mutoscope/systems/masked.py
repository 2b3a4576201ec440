"""A clip of which only what is masked is made anew.

    clean' = m clean + (1 - m) z      z the latent of the clip, m 1 in cells that the mask touches
    frames = M made + (1 - M) clip    M the mask, pixel by pixel

Outside, the clean clip is known; so at every time t the sampler has z there with the noise of t,
with what it began with where it draws none. Source: Avrahami et al. (2022), Blended Diffusion,
algorithm 2. Departs: they put noised pixels into x_t, which is the same for one fixed noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from mutoscope.clip import Frames
from mutoscope.controls import given
from mutoscope.controls.control import pooled
from mutoscope.core.shapes import Denoise, Latent, Time
from mutoscope.errors import RequestError
from mutoscope.request import Request
from mutoscope.systems.diffusion import Parts
from mutoscope.systems.steered import Steered


@dataclass(frozen=True)
class Masked:
    """The clip, its latent, and where it is made anew, in [0, 1]."""

    clip: Frames
    clean: Latent
    mask: Float[Tensor, "b 1 T H W"]

    def bound(self, denoise: Denoise) -> Denoise:
        """The same denoiser, to which all but what is masked is known."""
        t, h, w = self.clean.shape[2:]
        where = pooled(self.mask, (t, h, w), most=True)
        known = self.clean * (1 - where)

        def told(x: Latent, t: Time) -> Latent:
            return where.to(x) * denoise(x, t) + known.to(x)

        return told

    def shown(self, made: Frames, places: Sequence[int]) -> Frames:
        """Frames `places`, made anew where masked and otherwise the clip's, to the bit."""
        mask, clip = (x[:, :, list(places)].to(made) for x in (self.mask, self.clip))
        return mask * made + (1 - mask) * clip


class Editing(Steered):
    """A system that makes anew what of a clip is masked, where a mask is asked for.

    `edited` is the kind of the condition whose clip that is; its file must be filmed, not a map.
    """

    edited: str

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._last: tuple[object, Masked | None] = (None, None)

    @final
    def masked(self, request: Request) -> Masked | None:
        """None where no mask is asked for; of several masks the last one counts.

        The last answer is kept: a preview asks at every step.
        """
        asked = {one.kind: one for one in request.given()}
        if "mask" not in asked:
            return None
        of, mask = asked[self.edited], given.whole(asked["mask"])
        key = (mask, of, request.frames, request.fps, request.size)
        if self._last[0] != key:
            if given.is_map(of):
                raise RequestError(
                    f"{of.source} is a map and doesn't show what was filmed; to keep what isn't"
                    f" masked, give the clip itself as {of.kind}"
                )
            clip = given.clip(of, request)
            self._last = (key, Masked(clip, self.coded(clip), given.given(mask, request)))
        return self._last[1]

    @final
    @override
    def shown(self, frames: Frames, request: Request, places: Sequence[int]) -> Frames:
        masked = self.masked(request)
        return frames if masked is None else masked.shown(frames, places)
