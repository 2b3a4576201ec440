import pytest
import torch
from diffusers import UNet2DConditionModel, UNet3DConditionModel

from mutoscope.core.condition import Condition
from mutoscope.errors import RequestError, WeightsError
from mutoscope.networks.unet3d import UNet3D
from mutoscope.nn.inflate import grow, zeroed
from tests.networks.modelscope import CROSS, PLAIN, config, inputs, pair, time
from tests.tiny import awake

CONFIGS = {
    "attention on one level": config(),
    "no attention but in the middle": config((PLAIN, PLAIN)),
    "attention on all levels, two layers": config((CROSS, CROSS), depth=2),
    "three levels, other channels": config((CROSS, CROSS, PLAIN), (16, 16, 24), out_channels=3),
    "one level": config((CROSS,), (16,)),
}


@pytest.mark.parametrize("sizes", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize(("batch", "frames"), [(1, 1), (2, 8)])
def test_it_says_what_diffusers_network_says(sizes, batch, frames):
    theirs, ours = pair(**sizes)
    x, steps, condition = inputs(batch, frames)
    want = theirs(x, steps, condition.text).sample
    got = ours(x, time(steps), condition)
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("h", "w"), [(7, 10), (5, 3)])
def test_it_says_the_same_where_sides_do_not_halve(h, w):
    theirs, ours = pair(**config((CROSS, PLAIN, PLAIN), (16, 16, 16)))
    x, steps, condition = inputs(1, 3)
    x = torch.nn.functional.interpolate(x, (3, h, w))
    want = theirs(x, steps, condition.text).sample
    torch.testing.assert_close(ours(x, time(steps), condition), want, atol=1e-5, rtol=1e-5)


def test_every_integer_timestep_arrives_as_itself():
    _, ours = pair(**config((PLAIN,), (16,)))

    def heard(_, args):
        raise StopIteration(args[0])

    ours.time_embedding.register_forward_pre_hook(heard)
    x, _, condition = inputs(1, 1, side=2)
    steps = torch.arange(1000)
    with pytest.raises(StopIteration) as stopped:
        ours(x.expand(1000, -1, -1, -1, -1), time(steps), condition.expanded(1000))
    assert torch.equal(stopped.value.value, steps.float())


def test_bfloat16_stays_as_near_to_float32_as_diffusers_own():
    theirs, ours = pair(**config((CROSS, CROSS), depth=2))
    x, steps, condition = inputs(2, 8)
    want = theirs(x, steps, condition.text).sample
    half = theirs.bfloat16()(x.bfloat16(), steps, condition.text.bfloat16()).sample
    got = ours.bfloat16()(x.bfloat16(), time(steps), condition.to(dtype=torch.bfloat16))
    assert got.dtype == torch.bfloat16
    assert (got - want).square().mean() <= 1.5 * (half - want).square().mean()


@pytest.fixture(scope="module")
def published():
    """Both at full size, on the device where nothing takes memory."""
    with torch.device("meta"):
        return UNet3DConditionModel(sample_size=32, attention_head_dim=64), UNet3D(sample_size=32)


def test_the_published_size_has_the_published_names_and_shapes(published):
    theirs, ours = ({n: w.shape for n, w in part.state_dict().items()} for part in published)
    assert ours == theirs


def test_the_published_size_has_the_published_number_of_parameters(published):
    counts = {name: weight.numel() for name, weight in published[1].named_parameters()}
    new = {n: c for n, c in counts.items() if "temp_" in n or "transformer_in" in n}
    assert sum(counts.values()) == 1_411_233_860
    # The report's 1345 M are mebi: 1345 * 2**20 = 1410 M; of them 39 % are for time.
    assert sum(counts.values()) // 2**20 == 1345
    assert sum(new.values()) / sum(counts.values()) == pytest.approx(0.39, abs=0.005)


def test_the_defaults_are_the_published_configuration(published):
    with torch.device("meta"):
        by_default = {n: w.shape for n, w in UNet3D().state_dict().items()}
    assert by_default == {n: w.shape for n, w in published[1].state_dict().items()}


@pytest.mark.parametrize("frames", [1, 2, 16])
def test_at_step_0_a_clip_is_so_many_independent_images(frames):
    network = awake(UNet3D(**config()).eval())
    for name, layer in UNet3D(**config()).named_modules():  # as a new network has them
        if not any(True for _ in layer.children()) and (".conv4" in name or "temp" in name):
            last = network.get_submodule(name)
            last.load_state_dict(layer.state_dict())
    zeroed(network.transformer_in.proj_out)
    x, steps, condition = inputs(2, frames)
    clip = network(x, time(steps), condition)
    alone = [network(x[:, :, k : k + 1], time(steps), condition) for k in range(frames)]
    torch.testing.assert_close(clip, torch.cat(alone, dim=2), atol=1e-5, rtol=1e-5)


def test_an_image_network_of_diffusers_grows_into_one_for_clips():
    sizes = config((CROSS, PLAIN))
    names = {"down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D")}
    names["up_block_types"] = ("UpBlock2D", "CrossAttnUpBlock2D")
    heads = tuple(width // sizes["attention_head_dim"] for width in sizes["block_out_channels"])
    image = UNet2DConditionModel(
        **{**sizes, **names, "attention_head_dim": heads, "use_linear_projection": True}
    )
    awake(image).eval()
    clips = UNet3D(**sizes).eval()
    new = grow(clips, image.state_dict())
    assert {name.split(".")[0] for name in new} >= {"transformer_in"}
    assert all("temp_" in name or "transformer_in" in name for name in new)
    x, steps, condition = inputs(2, 4)
    want = [image(x[:, :, k], steps, condition.text).sample for k in range(4)]
    got = clips(x, time(steps), condition)
    torch.testing.assert_close(got, torch.stack(want, dim=2), atol=1e-5, rtol=1e-5)


def silence(network, part):
    for name, layer in network.named_modules():
        if part in name and name.endswith(("conv4.3", "proj_out")):
            zeroed(layer)
    return network


def test_the_order_of_frames_is_known_from_the_convolutions_over_time_alone():
    network = awake(UNet3D(**config((CROSS, PLAIN))).eval())
    x, steps, condition = inputs(1, 8)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))

    def moved():
        there = network(x[:, :, order], time(steps), condition)
        return (there - network(x, time(steps), condition)[:, :, order]).abs().max()

    assert moved() > 1e-2
    silence(network, "temp_convs")
    assert moved() < 1e-5


def test_frames_know_of_one_another_without_convolutions_over_time():
    network = silence(awake(UNet3D(**config((CROSS, PLAIN))).eval()), "temp_convs")
    x, steps, condition = inputs(1, 4)
    other = x.clone()
    other[:, :, 3] = 0
    here, there = (network(y, time(steps), condition)[:, :, 0] for y in (x, other))
    assert (here - there).abs().max() > 1e-3


def test_clips_of_a_batch_do_not_see_one_another():
    _, ours = pair(**config((CROSS, CROSS)))
    x, steps, condition = inputs(2, 4)
    both = ours(x, time(steps), condition)
    alone = ours(x[1:], time(steps)[1:], Condition(text=condition.text[1:]))
    torch.testing.assert_close(both[1:], alone, atol=1e-6, rtol=1e-6)


def test_masked_words_say_nothing():
    _, ours = pair(**config())
    x, steps, condition = inputs(2, 2)
    padded = torch.cat([condition.text, torch.full((2, 3, 12), 9.0)], dim=1)
    mask = torch.arange(10).expand(2, -1) < 7
    masked = ours(x, time(steps), Condition(text=padded, text_mask=mask))
    plain = ours(x, time(steps), condition)
    torch.testing.assert_close(masked, plain, atol=1e-6, rtol=1e-6)


def test_more_channels_come_in_through_concat():
    network = awake(UNet3D(**config(in_channels=7)).eval())
    x, steps, condition = inputs(1, 2)
    extra = torch.randn(1, 3, 2, 8, 8, generator=torch.Generator().manual_seed(4))
    whole = network(torch.cat([x, extra], 1), time(steps), condition)
    beside = network(x, time(steps), Condition(text=condition.text, concat=extra))
    assert torch.equal(whole, beside)


def test_it_learns_through_every_weight():
    network = awake(UNet3D(**config()))
    x, steps, condition = inputs(2, 3)
    network(x, time(steps), condition).square().mean().backward()
    still = [n for n, w in network.named_parameters() if w.grad is None or not w.grad.any()]
    assert not still


def test_doors_it_does_not_have_are_refused():
    network = UNet3D(**config())
    x, steps, condition = inputs(1, 1)
    with pytest.raises(RequestError, match="no text"):
        network(x, time(steps), Condition())
    with pytest.raises(RequestError, match="fps"):
        network(x, time(steps), Condition(text=condition.text, scalars={"fps": torch.ones(1)}))
    with pytest.raises(RequestError, match="pooled"):
        network(x, time(steps), Condition(text=condition.text, pooled=torch.ones(1, 4)))


def test_frames_per_second_and_a_picture_come_in_where_there_are_doors_for_them():
    plain, network = (UNet3D(**config(), rate=more, image=more).eval() for more in (False, True))
    awake(plain)
    assert {
        name.split(".")[0] for name in grow(network, plain.state_dict()) if "_ip" not in name
    } == {"fps_embedding"}
    zeroed(network.fps_embedding.linear_2)
    x, steps, condition = inputs(2, 2)
    tokens = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(4))

    def said(**scalars):
        whole = Condition(text=condition.text, image=tokens, scalars=scalars)
        return network(x, time(steps), whole)

    want = plain(x, time(steps), condition)
    fps = torch.tensor([4.0, 16.0])
    torch.testing.assert_close(said(fps=fps), want, atol=1e-6, rtol=1e-6)
    awake(network)
    none = network(x, time(steps), Condition(text=condition.text))
    torch.testing.assert_close(said(image=torch.zeros(2)), none, atol=1e-6, rtol=1e-6)
    assert (said() - none).abs().max() > 1e-3
    assert (said(fps=fps) - said(fps=fps.flip(0))).abs().max() > 1e-3
    with pytest.raises(RequestError, match=r"but concat, fps, image \(got camera\)"):
        said(camera=torch.ones(2))


def test_videocrafters_layout_has_as_many_numbers_as_its_code_makes():
    """512 x 320, with and without pictures: sums over the layers of openaimodel3d.py."""
    with torch.device("meta"):
        clips, pictures = (UNet3D(rate=True, image=more) for more in (False, True))
    embedder = (320 + 1) * 1280 + (1280 + 1) * 1280
    widths = 2 * 320 + 2 * 640 + 2 * 1280 + 1280 + 3 * 1280 + 3 * 640 + 3 * 320
    counts = [sum(w.numel() for w in network.parameters()) for network in (clips, pictures)]
    assert counts == [1_411_233_860 + embedder, 1_411_233_860 + embedder + 2 * 1024 * widths]
    assert counts == [1_413_284_420, 1_438_843_460]
    own = {n: w.shape for n, w in pictures.state_dict().items() if "_ip." in n}
    assert len(own) == 2 * 16
    assert all("attn2.to_" in name and shape[1] == 1024 for name, shape in own.items())


def test_blocks_it_does_not_have_are_refused():
    with pytest.raises(WeightsError, match="DownBlockMotion"):
        UNet3D(
            **{
                **config((PLAIN,), (16,)),
                "down_block_types": ("DownBlockMotion",),
            }
        )
    with pytest.raises(WeightsError, match="mirror"):
        UNet3D(**{**config(), "up_block_types": ("CrossAttnUpBlock3D", "UpBlock3D")})


def test_what_it_saves_opens_in_diffusers(tmp_path):
    theirs, ours = pair(**config((CROSS, CROSS), depth=2))
    ours.save_pretrained(tmp_path)
    again = UNet3DConditionModel.from_pretrained(tmp_path)
    for name, weight in theirs.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight), name
    x, steps, condition = inputs(1, 2)
    want = ours(x, time(steps), condition)
    got = again(x, steps, condition.text).sample
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_what_diffusers_saves_opens_here(tmp_path):
    theirs, ours = pair(**config())
    theirs.save_pretrained(tmp_path)
    again = UNet3D.from_pretrained(tmp_path)
    x, steps, condition = inputs(1, 2)
    want = ours(x, time(steps), condition)
    torch.testing.assert_close(again(x, time(steps), condition), want, atol=1e-6, rtol=1e-6)
