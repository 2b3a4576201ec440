import torch
from torch import nn

from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser, Network
from mutoscope.core.prediction import Flow, Velocity
from mutoscope.core.schedule import Cosine, Rectified

from .oracles import PREDICTIONS, Oracle, clips, condition, denoiser


class Linear(nn.Module):
    """One weight and a memory of what it was given."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.7, dtype=dtype))

    def forward(self, x, t, condition):
        self.given = x.dtype, t.dtype, condition
        return self.weight * x


def test_the_network_keeps_its_dtype_and_the_mathematics_is_float32():
    network = Linear(torch.bfloat16)
    answer = Denoiser(network, Cosine(), Velocity())(
        clips().bfloat16(), torch.tensor([0.3, 0.6]), condition(1).to(dtype=torch.float32)
    )
    dtype, time, seen = network.given
    assert answer.dtype == torch.float32
    assert dtype == seen.text.dtype == seen.concat.dtype == torch.bfloat16
    assert time == torch.float32
    assert seen.text_mask.dtype == torch.bool
    assert seen.scalars["fps"].dtype == torch.float64  # as it came: never narrowed


def test_float64_stays_float64():
    answer = denoiser(Velocity())(clips(), torch.tensor([0.3, 0.6]), condition(1))
    assert answer.dtype == torch.float64


def test_a_network_that_knows_the_truth_has_no_loss():
    class Told(nn.Module):
        def forward(self, x, t, condition):
            return eps - x0

    x0, eps = clips(seed=1), clips(seed=2)
    loss = Denoiser(Told(), Rectified(), Flow()).loss(
        x0, torch.tensor([0.3, 0.6]), eps, Condition()
    )
    assert (loss == 0).all()


def test_the_loss_of_a_clip_does_not_depend_on_its_batch():
    x0, eps, t = clips(seed=1), clips(seed=2), torch.tensor([0.3, 0.6], dtype=torch.float64)
    for prediction in PREDICTIONS:
        d = denoiser(prediction)
        together = d.loss(x0, t, eps, condition(3))
        for i in range(2):
            one = Condition(
                **{
                    n: getattr(condition(3), n)[i : i + 1]
                    for n in ("text", "pooled", "image", "concat")
                },
                scalars={n: v[i : i + 1] for n, v in condition(3).scalars.items()},
            )
            alone = d.loss(x0[i : i + 1], t[i : i + 1], eps[i : i + 1], one)
            torch.testing.assert_close(alone[0], together[i])


def test_the_loss_is_the_same_twice_and_reaches_the_weights():
    d = Denoiser(Linear(), Cosine(), Velocity())
    given = clips(seed=1).float(), torch.tensor([0.3, 0.6]), clips(seed=2).float(), Condition()
    first, second = d.loss(*given), d.loss(*given)
    assert torch.equal(first, second)
    first.sum().backward()
    assert d.network.weight.grad.abs() > 0


def test_forward_is_the_output_read_by_the_row():
    d, x, t = denoiser(Velocity()), clips(), torch.tensor([0.3, 0.6], dtype=torch.float64)
    output = d.output(x, t, condition(1))
    assert torch.equal(d(x, t, condition(1)), d.clean(output, x, t))


def test_a_module_with_the_right_call_is_a_network():
    assert isinstance(Oracle(Cosine(), Velocity()), Network)
