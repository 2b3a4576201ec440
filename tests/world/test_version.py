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
    "0.1": (
        "b8bcc2e4e7d0bcb8d9c9c8c9caced7d0e1dededddddedfe09f9b9ba5a19f9a9e"
        "72777a90997b797773726e676565727c726870737c7c74757d7270676a666f73",
        "848b8f91918f8b84848b8f919190888282898e909090767a93999d9e86907589"
        "a6ada99c758586a8b5b09998a4ab937b8b92c3c28b8bbdc3d8887273d8d8c473",
        "b8bcc2e4e7d0bcb8d9c9c8c9caced7d0e1dededadddedfe09f9b974f739b9a9e"
        "727779394e74797773726e676972767c726870737c7c74757d7270676a666f73",
        "b8bcc2e4e7d0bcb8d9c9c8c9caced7d0e1dededddcdedfe09f9b9b9b8f9b9a9e"
        "72777a827072777773726e676972767c726870737c7c74757d7270676a666f73",
        "a2aab0b3b3b0aaa2a2aab0b3b3b0aaa29fa8aeb1b1aea89fa9b0b5b7b7b7a7a9"
        "9e9e9e9e9eb6a09e9d9d9d9d9cae9e929d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d",
        "9caeb6b6b6b6ae9c9cb0b6b4aeb6b09c93aeb6a286b6a5939cacb89f98af808d"
        "977f809794947083907e708191877687af8e9693829a97a1867d787d80736373",
        "c7c8cddcdcddded3d4c0b3c6accfcfccc1868ca78db6c0bfccb3aec6b6bba2af"
        "d0d8d2d0cdbca2a7d1d6d4c3c0ae9a9fccd1d0cfd1cccfc8cac9ced0d3d0d2d1",
        "4e4e4d4c4a50544a4c4d4b4a494e53496f6e6e6e6c716b6d4b79658f93785d4a"
        "578d7b67907955444c484b6c514f444444444444444444444444444444444444",
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
