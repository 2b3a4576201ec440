"""VERSION names pictures: eight scenes, drawn and rendered, must look as they did.

If a test here fails because the world was meant to change, raise scene.VERSION and write the new
prints down: running this file shows them. Weights name the version they learned.
"""

from binascii import hexlify, unhexlify

import numpy as np
import pytest

from mutoscope.world.render import render
from mutoscope.world.sample import sample
from mutoscope.world.scene import VERSION

SCENES = [("core", k) for k in range(4)] + [("wide", k) for k in range(4)]
PRINTS = {
    "0.2": (
        "b8bcc2e4e7d0bcb8d9c9c8c9caced7d0e1dededddddedfe09f9b9ba5a19f9a9e"
        "72777a90997b797773726e676565727c726870737c7c74757d7270676a666f73",
        "848b8f91918f8b84848b8f919190888282898e909090767a93999d9e86907589"
        "a6ada99c758586a8b5b09998a4ab937b8b92c3c28b8bbdc3d8887273d8d8c473",
        "b8bcc2e4e7d0bcb8d9c9c8c9caced7d0e1dededadddedfe09f9b974f739b9a9e"
        "727779394e74797773726e676972767c726870737c7c74757d7270676a666f73",
        "b8bcc2e4e7d0bcb8d9c9c8c9caced7d0e1dededddcdedfe09f9b9b9b8f9b9a9e"
        "72777a827072777773726e676972767c726870737c7c74757d7270676a666f73",
        "a2aab0b3b3b0aaa2a2aab0b3b3b0aaa29fa8aeb1b19e9d9fa9b0b5b797757790"
        "9e9e9e9e996d719c9d9d9d9c917d787e9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d",
        "bcc6d4d4d4d4c6bca08b93cfd4d4c3bca49499cbd4d3bebca08b8b8ec4879bb4"
        "aca1929a8c59568b99af9c94908a5390b3b3b3b3b3b3aeb2b3b3b3b3b3b3b3b3",
        "4444444444444444444444745b444444444444886944444472718692937c7a71"
        "7750765f82657e5f6375727768765a4944494946444444444444444444444444",
        "4e4d4d4b4b4f55494c4b4b4a494e544a6e6e6e6e6c6c6b6c687e7e8f624e654b"
        "6d658061606d6d6e5a73586b5072844b4444444444484f444444444444444444",
    ),
}


def print_of(tier, index):
    """The middle of a clip as 8 x 8 grey levels: any processor's last bits are far below them."""
    clip = render(sample(2023, index, tier=tier), frames=1, size=(64, 64), start=1.0)
    return clip.rgb[0].astype(float).mean(-1).reshape(8, 8, 8, 8).mean((1, 3))


@pytest.mark.parametrize("place", range(len(SCENES)), ids=lambda k: "-".join(map(str, SCENES[k])))
def test_the_pictures_of_a_version_never_change(place):
    expected = np.frombuffer(unhexlify(PRINTS[VERSION][place]), np.uint8).reshape(8, 8)
    assert np.abs(print_of(*SCENES[place]) - expected).max() <= 1.0


def test_a_print_notices_a_change_of_one_thing():
    scene = sample(2023, 0)
    assert scene.version == VERSION
    assert np.abs(print_of("core", 0) - print_of("core", 1)).max() > 20


if __name__ == "__main__":
    import sys

    for tier, index in SCENES:
        levels = np.rint(print_of(tier, index)).astype(np.uint8)
        sys.stdout.write(f'        "{hexlify(levels.tobytes()).decode()}",\n')
