"""mutoscope: the text-to-video systems of 2022-2023 as interchangeable, trainable, measured parts."""

__version__ = "0.1.0.dev0"
