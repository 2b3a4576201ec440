"""The prior: from the vector of a sentence to that of a picture which the sentence tells of.

    y = normalize(x + sum of layers over x)

Both lie on the aligner's sphere (`networks.alignment`), which brings what belongs together near
each other, not onto each other. Source: Ramesh et al. (2022), unCLIP, section 2.1, which Gen-1
takes its own from. Departs: the mean picture of a sentence, not one that is drawn.
"""

from __future__ import annotations

from torch import nn
from torch.nn import functional as F

from mutoscope.networks.alignment import Vectors
from mutoscope.nn.tokens import FeedForward, normed
from mutoscope.weights import ModelMixin, register_to_config


class Prior(ModelMixin):
    """Layers over one vector; before it has learned it answers what it is told."""

    @register_to_config
    def __init__(self, width: int = 128, ratio: int = 2, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(FeedForward(width, ratio) for _ in range(depth))

    def forward(self, heard: Vectors) -> Vectors:
        """Unit vectors of pictures, of unit vectors of sentences."""
        x = heard.shape[-1] ** 0.5 * heard
        for layer in self.layers:
            x = x + layer(normed(x))
        return F.normalize(x, dim=-1)
