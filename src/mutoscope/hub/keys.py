"""Foreign words and ours: what a published folder's configurations mean here.

Weights need no dictionary, since networks of published layouts keep the published names. The words
of schedulers do: a table of betas, what the network predicts, and the times its authors visited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from types import ModuleType
from typing import Any, cast

from mutoscope.core import grids, prediction, schedule
from mutoscope.core.prediction import Prediction
from mutoscope.core.schedule import Betas, Schedule, Table, ZeroTerminal
from mutoscope.core.shapes import Grid
from mutoscope.errors import WeightsError
from mutoscope.networks.unet3d import CLOCK

Config = Mapping[str, Any]
Spacing = Callable[[int], Grid]

NETWORK = (
    "sample_size", "in_channels", "out_channels", "down_block_types", "up_block_types",
    "block_out_channels", "layers_per_block", "norm_num_groups", "norm_eps",
    "cross_attention_dim", "attention_head_dim",
)  # fmt: skip
"""Entries of a U-Net's config.json that ours has too."""

FIXED: Config = {
    "act_fn": "silu",
    "downsample_padding": 1,
    "mid_block_scale_factor": 1,
    "num_attention_heads": None,
    "time_cond_proj_dim": None,
}
"""Entries that published networks leave at these values, and ours takes for granted."""

PREDICTIONS: Mapping[str, Prediction] = {
    "epsilon": prediction.Noise(),
    "v_prediction": prediction.Velocity(),
    "sample": prediction.Clean(),
}

LINSPACED = ("DPM", "Euler", "Heun", "LMS", "KDPM", "UniPC", "DEIS")
"""Schedulers whose times lie evenly from end to end unless their configuration says otherwise."""


def network(config: Config) -> dict[str, Any]:
    """The arguments of our U-Net; refuses a network that is another one."""
    kind = config.get("_class_name", "UNet3DConditionModel")
    if kind not in ("UNet3DConditionModel", "UNet3D"):
        raise WeightsError(f"the folder's network must be a UNet3DConditionModel (got {kind})")
    for name, only in FIXED.items():
        if config.get(name, only) != only:
            raise WeightsError(
                f"the network's {name} must be {only} (got {config[name]}); no published folder "
                "of this kind has another"
            )
    found = {name: config[name] for name in NETWORK if name in config}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in found.items()}


def table(config: Config) -> Table:
    """The schedule that a scheduler's betas make."""
    count = config.get("num_train_timesteps", 1000)
    if count != CLOCK:
        raise WeightsError(f"the scheduler must have {CLOCK} timesteps (got {count})")
    ends = (config.get("beta_start", 1e-4), config.get("beta_end", 0.02))
    name = config.get("beta_schedule", "linear")
    if config.get("trained_betas") is not None:
        betas = Betas(tuple(config["trained_betas"]))
    elif name == "linear":
        betas = Betas.linear(*ends, count=count)
    elif name == "scaled_linear":
        betas = Betas.scaled_linear(*ends, count=count)
    elif name == "squaredcos_cap_v2":
        betas = Betas.squared_cosine(count=count)
    else:
        raise WeightsError(
            f"the scheduler's betas are {name!r}; known are linear, scaled_linear, "
            "squaredcos_cap_v2 and a table of them"
        )
    return ZeroTerminal(betas) if config.get("rescale_betas_zero_snr") else betas


def predicts(config: Config) -> Prediction:
    """What the scheduler takes the network's answer for."""
    name = config.get("prediction_type", "epsilon")
    if name not in PREDICTIONS:
        raise WeightsError(
            f"the network is said to predict {name!r}; known are {', '.join(PREDICTIONS)}"
        )
    for trick in ("clip_sample", "thresholding"):
        # Pixel networks' habit; DDIMScheduler has the first on unless its file says otherwise.
        if config.get(trick, trick == "clip_sample" and _kind(config) == "DDIMScheduler"):
            raise WeightsError(f"the scheduler asks for {trick}, which a latent must not have")
    return PREDICTIONS[name]


def spacing(config: Config) -> Spacing:
    """The times that the scheduler visits, as a function of the number of steps."""
    usual = "linspace" if _kind(config).startswith(LINSPACED) else "leading"
    name = config.get("timestep_spacing", usual)
    offset = config.get("steps_offset", 0)
    # DDIM's last step ends at the first timestep of the table if the file doesn't ask for clean.
    whole = config.get("set_alpha_to_one", True) or _kind(config) != "DDIMScheduler"
    last = 0.0 if whole else 1 / CLOCK

    def times(steps: int) -> Grid:
        if name == "trailing":
            return grids.trailing(steps, table=CLOCK, last=last)
        if name == "linspace":
            grid = grids.linear(steps, table=CLOCK, last=last)
        else:
            grid = grids.leading(steps, table=CLOCK, offset=offset, last=last)
        return grid if grid[-2] > grid[-1] else grid[:-1]

    if name not in ("trailing", "linspace", "leading"):
        raise WeightsError(
            f"the scheduler's timestep_spacing is {name!r}; it must be leading, "
            "linspace or trailing"
        )
    return times


def _kind(config: Config) -> str:
    return str(config.get("_class_name", "DDIMScheduler"))


def said(value: Schedule | Prediction) -> dict[str, Any]:
    """A schedule or prediction as JSON: the name of its class and its fields."""
    if not is_dataclass(value) or isinstance(value, type):
        raise WeightsError(f"{value!r} can't be written down: it is none of core's")
    fields = {name: getattr(value, name) for name in asdict(value)}
    told = {n: said(v) if isinstance(v, Schedule) else v for n, v in fields.items()}
    return {"kind": type(value).__name__, **told}


def schedule_of(told: Config) -> Schedule:
    """The schedule that `said` wrote down."""
    fields = {name: _field(value) for name, value in told.items() if name != "kind"}
    return cast("Schedule", _kind_of(schedule, Schedule, told)(**fields))


def prediction_of(told: Config) -> Prediction:
    """The prediction that `said` wrote down."""
    fields = {name: value for name, value in told.items() if name != "kind"}
    return cast("Prediction", _kind_of(prediction, Prediction, told)(**fields))


def _kind_of(room: ModuleType, base: type, told: Config) -> Callable[..., object]:
    kind = getattr(room, str(told.get("kind", "")), None)
    if not isinstance(kind, type) or not is_dataclass(kind) or not issubclass(kind, base):
        raise WeightsError(f"no {base.__name__.lower()} is called {told.get('kind')!r}")
    return kind


def _field(value: object) -> object:
    if isinstance(value, Mapping):
        return schedule_of(value)
    return tuple(value) if isinstance(value, list) else value
