import pytest
import torch

from mutoscope.core.condition import Condition
from mutoscope.errors import RequestError
from mutoscope.networks.small3d import Block, SmallUNet3D, deflate, extended, inflate

TINY = {"channels": 4, "width": 16, "inner": 32, "depth": 2, "heads": 2, "text": 8}


def shaken(network, seed=0):
    """Weights that are nowhere zero, so that a law isn't true because nothing happens."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=rng))
    return network.eval()


def told(batch, length=5, seed=1, fps=8.0):
    rng = torch.Generator().manual_seed(seed)
    return Condition(
        text=torch.randn(batch, length, 8, generator=rng),
        text_mask=torch.ones(batch, length, dtype=torch.bool),
        scalars={"fps": torch.full((batch,), fps)},
    )


def latent(batch, frames, seed=2):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 4, frames, 8, 8, generator=rng)


@pytest.mark.parametrize(("frames", "reading"), [(1, 1), (2, 3), (16, 1)])
def test_an_inflated_network_says_of_each_frame_what_the_image_network_says(frames, reading):
    image = shaken(SmallUNet3D(**TINY, temporal=False))
    video = inflate(image, reading=reading).eval()
    x, t, c = latent(2, frames), torch.tensor([0.3, 0.8]), told(2)
    alone = [image(x[:, :, k : k + 1], t, c) for k in range(frames)]
    torch.testing.assert_close(video(x, t, c), torch.cat(alone, dim=2), atol=1e-5, rtol=1e-5)


def test_what_is_left_of_a_video_network_within_frames_is_the_image_network_it_was():
    image = shaken(SmallUNet3D(**TINY, temporal=False, reading=2))
    left = deflate(inflate(image, reading=2)).eval()
    x, t, c = latent(2, 1), torch.tensor([0.3, 0.8]), told(2)
    assert torch.equal(left(x, t, c), image(x, t, c))


def test_the_order_of_frames_counts_once_time_layers_have_learned():
    video = shaken(SmallUNet3D(**TINY))
    x, t, c = latent(1, 8), torch.tensor([0.5]), told(1)
    turned = video(x.flip(2), t, c).flip(2)
    assert (turned - video(x, t, c)).abs().max() > 1e-3


def test_frames_per_second_count_in_a_video_network():
    video = shaken(SmallUNet3D(**TINY))
    x, t = latent(1, 8), torch.tensor([0.5])
    slow, fast = (video(x, t, told(1, fps=f)) for f in (4.0, 24.0))
    assert (slow - fast).abs().max() > 1e-3


def test_masked_tokens_say_nothing():
    network = shaken(SmallUNet3D(**TINY))
    x, t, c = latent(1, 2), torch.tensor([0.5]), told(1)
    padded = torch.cat([c.text, torch.full((1, 3, 8), 9.0)], dim=1)
    mask = torch.arange(8)[None] < 5
    longer = Condition(text=padded, text_mask=mask, scalars=c.scalars)
    torch.testing.assert_close(network(x, t, longer), network(x, t, c), atol=1e-5, rtol=1e-5)


def test_a_clip_is_the_same_in_any_batch():
    network = shaken(SmallUNet3D(**TINY))
    x, t, c = latent(3, 4), torch.tensor([0.1, 0.5, 0.9]), told(3)
    first = Condition(
        text=c.text[:1], text_mask=c.text_mask[:1], scalars={"fps": c.scalars["fps"][:1]}
    )
    alone = network(x[:1], t[:1], first)
    torch.testing.assert_close(network(x, t, c)[:1], alone, atol=1e-5, rtol=1e-5)


def test_another_latent_size_has_its_places_stretched():
    network = shaken(SmallUNet3D(**TINY))
    x = torch.randn(1, 4, 2, 12, 16)
    assert network(x, torch.tensor([0.5]), told(1)).shape == x.shape


def test_a_missing_text_is_named():
    with pytest.raises(RequestError, match="text"):
        SmallUNet3D(**TINY)(latent(1, 1), torch.tensor([0.5]), Condition())


def test_it_survives_the_disk(tmp_path):
    network = shaken(SmallUNet3D(**TINY))
    network.save_pretrained(tmp_path)
    again = SmallUNet3D.from_pretrained(tmp_path)
    x, t, c = latent(1, 2), torch.tensor([0.5]), told(1)
    assert all(
        torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True)
    )
    torch.testing.assert_close(network(x, t, c), again(x, t, c))


def test_anchored_frames_look_at_the_first_frame_of_their_own_branch():
    network = shaken(SmallUNet3D(**TINY, temporal=False))
    x, t = latent(2, 4), torch.tensor([0.5, 0.5])
    said = network(x, t, told(2), sees="first")
    other = x.clone()
    other[0, :, 0] += 1
    moved = (network(other, t, told(2), sees="first") - said).abs().amax(dim=(1, 3, 4))
    assert (moved[0] > 1e-4).all(), "frames 2 to 4 heard of frame 1"
    assert (moved[1] == 0).all(), "of their own clip only, though its prompt is another"
    other = x.clone()
    other[0, :, 2] += 1
    moved = (network(other, t, told(2), sees="first") - said).abs().amax(dim=(1, 3, 4))
    assert (moved[0, [0, 1, 3]] < 1e-6).all()
    assert moved[0, 2] > 1e-4


def test_two_prompts_side_by_side_are_anchored_as_each_alone():
    network = shaken(SmallUNet3D(**TINY, temporal=False))
    frames, t = latent(1, 3), torch.tensor([0.6])
    one, two = told(1, seed=1), told(1, seed=9)
    both = network(frames.repeat(2, 1, 1, 1, 1), t.repeat(2), one.stacked(two), sees="first")
    for k, prompt in enumerate((one, two)):
        alone = network(frames, t, prompt, sees="first")
        torch.testing.assert_close(both[k : k + 1], alone, atol=1e-5, rtol=1e-5)
    assert (both[0] - both[1]).abs().max() > 1e-3


def test_the_first_frame_and_a_picture_are_the_same_anchored_or_not():
    network = shaken(SmallUNet3D(**TINY, temporal=False))
    x, t, c = latent(1, 3), torch.tensor([0.4]), told(1)
    plain, anchored = network(x, t, c), network(x, t, c, sees="first")
    torch.testing.assert_close(anchored[:, :, :1], plain[:, :, :1], atol=1e-5, rtol=1e-5)
    assert (anchored[:, :, 1:] - plain[:, :, 1:]).abs().max() > 1e-3
    still = x[:, :, :1].expand(-1, -1, 3, -1, -1)
    said = network(still, t, c, sees="first")
    torch.testing.assert_close(said, network(still, t, c), atol=1e-5, rtol=1e-5)


def asked_of(sees, frames=5):
    """Which input frames each output frame of one block depends on."""
    block = shaken(Block(32, 2, temporal=False, whole=False, ratio=2, sees=sees))
    x = torch.randn(1, frames, 2, 2, 32, generator=torch.Generator().manual_seed(3))
    x.requires_grad_(requires_grad=True)
    text, bias, shifts = torch.randn(1, 4, 32), torch.zeros(1, 1, 1, 4), torch.zeros(1, 4, 32)
    y = block(x, shifts, text, bias, None, torch.zeros(4 * frames, 4 * frames))
    found = []
    for k in range(frames):
        (slope,) = torch.autograd.grad(y[:, k].square().sum(), x, retain_graph=True)
        found.append(set(torch.nonzero(slope.abs().amax((0, 2, 3, 4))).flatten().tolist()))
    return found


def test_a_frame_depends_on_the_frames_it_looks_at_and_itself_alone():
    assert asked_of("own") == [{0}, {1}, {2}, {3}, {4}]
    assert asked_of("first") == [{0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}]
    assert asked_of("sparse") == [{0}, {0, 1}, {0, 1, 2}, {0, 2, 3}, {0, 3, 4}]


def test_looking_at_other_frames_a_still_clip_is_the_image_networks():
    image = shaken(SmallUNet3D(**TINY, temporal=False))
    one, t, c = latent(1, 1), torch.tensor([0.5]), told(1)
    still, moving = one.expand(-1, -1, 4, -1, -1), latent(1, 4)
    for sees in ("first", "sparse"):
        grown = extended(image, sees=sees, over_time=True).eval()
        want = image(one, t, c).expand_as(still)
        torch.testing.assert_close(grown(still, t, c), want, atol=1e-5, rtol=1e-5)
        assert (grown(moving, t, c) - image(moving, t, c)).abs().max() > 1e-3
        first = grown(moving, t, c)[:, :, :1]
        torch.testing.assert_close(first, image(moving[:, :, :1], t, c), atol=1e-5, rtol=1e-5)


def test_a_layer_over_time_starts_as_nothing_and_knows_one_place_of_all_frames():
    image = shaken(SmallUNet3D(**TINY, temporal=False))
    grown = extended(image, over_time=True).eval()
    x, t, c = latent(1, 4), torch.tensor([0.5]), told(1)
    assert torch.equal(grown(x, t, c), image(x, t, c))
    new = set(grown.state_dict()) - set(image.state_dict())
    assert new
    assert all(".over." in name for name in new)
    learned = shaken(grown)
    order = [2, 0, 3, 1]
    said = learned(x, t, c)
    assert (said[:, :, :1] - learned(x[:, :, :1], t, c)).abs().max() > 1e-3
    torch.testing.assert_close(learned(x[:, :, order], t, c), said[:, :, order])


DOORS = {"maps": {"depth": 1, "motion": 2}, "image": 6, "queries": 3}


def opened_doors(**changed):
    rng = torch.Generator().manual_seed(4)
    scalars = {name: torch.ones(1) for name in ("depth", "motion", "image")}
    c = told(1)
    doors = {
        "concat": torch.randn(1, 3, 4, 8, 8, generator=rng),
        "image": torch.randn(1, 9, 6, generator=rng),
        "scalars": {**c.scalars, **scalars},
    }
    return Condition(text=c.text, text_mask=c.text_mask, **{**doors, **changed})


def test_new_doors_say_nothing_at_first_and_each_is_heard_once_it_has_learned():
    base = shaken(SmallUNet3D(**TINY))
    grown = extended(base, **DOORS).eval()
    x, t, plain = latent(1, 4), torch.tensor([0.5]), told(1)
    assert torch.equal(grown(x, t, opened_doors()), base(x, t, plain))
    learned = shaken(grown)
    said = learned(x, t, opened_doors())
    fps = plain.scalars
    for other in (
        opened_doors(concat=None), opened_doors(image=None), opened_doors(scalars=fps),
        opened_doors(scalars={**fps, "depth": torch.ones(1), "image": torch.ones(1)}),
    ):  # fmt: skip
        assert (learned(x, t, other) - said).abs().max() > 1e-4
    unheard = {**fps, "image": torch.zeros(1)}
    torch.testing.assert_close(
        learned(x, t, opened_doors(scalars=unheard)), learned(x, t, opened_doors(
            concat=None, image=None, scalars=fps)), atol=1e-5, rtol=1e-5,
    )  # fmt: skip


def test_channels_beside_x_say_nothing_at_first_and_must_be_as_many_as_it_has():
    base = shaken(SmallUNet3D(**TINY))
    grown = extended(base, extra=5).eval()
    x, t, c = latent(1, 4), torch.tensor([0.5]), told(1)
    beside = torch.randn(1, 5, 4, 8, 8, generator=torch.Generator().manual_seed(4))
    given = Condition(text=c.text, text_mask=c.text_mask, scalars=c.scalars, concat=beside)
    assert torch.equal(grown(x, t, given), base(x, t, c))
    assert (shaken(grown)(x, t, given) - grown(x, t, c)).abs().max() > 1e-3
    fewer = Condition(text=c.text, scalars=c.scalars, concat=beside[:, :4])
    with pytest.raises(RequestError, match="takes 5 channels beside x"):
        grown(x, t, fewer)
    with pytest.raises(RequestError, match="no door for maps"):
        base(x, t, given)
    seen = Condition(text=c.text, scalars=c.scalars, image=torch.randn(1, 3, 6))
    with pytest.raises(RequestError, match="no door for a picture"):
        base(x, t, seen)
    with pytest.raises(RequestError, match="not both"):
        SmallUNet3D(**TINY, extra=2, maps={"depth": 1})
