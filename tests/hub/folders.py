"""Tiny published folders: real classes, random weights, a tokenizer whose words are made here."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, TextToVideoSDPipeline
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tests.networks.modelscope import CROSS, PLAIN, config, pair
from tests.tiny import awake

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONGEST = 12
SCHEDULER = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


def tokenizer():
    words = [*LETTERS, *(letter + "</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=LONGEST)


def tower():
    words = len(tokenizer())
    sizes = {"hidden_size": 12, "intermediate_size": 16, "num_hidden_layers": 2}
    ends = {"bos_token_id": words - 2, "eos_token_id": words - 1, "pad_token_id": words - 1}
    told = CLIPTextConfig(
        vocab_size=words, num_attention_heads=2, max_position_embeddings=LONGEST, **sizes, **ends
    )
    return awake(CLIPTextModel(told)).eval()


def coder():
    return awake(
        AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(8, 8),
            norm_num_groups=4,
        )
    ).eval()


def pipeline(**scheduler):
    theirs, _ = pair(**config((CROSS, PLAIN), sample_size=8))
    found = TextToVideoSDPipeline(
        vae=coder(),
        text_encoder=tower(),
        tokenizer=tokenizer(),
        unet=theirs,
        scheduler=DDIMScheduler(**{**SCHEDULER, **scheduler}),
    )
    found.set_progress_bar_config(disable=True)
    return found


def saved(folder: Path, **scheduler) -> Path:
    pipeline(**scheduler).save_pretrained(folder)
    return folder


def change(file: Path, **values) -> None:
    """Change entries of a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def noise(frames=3, side=8):
    rng = torch.Generator().manual_seed(7)
    return torch.randn(1, 4, frames, side, side, generator=rng)
