"""Lay the frames of a video side by side in one picture: sheet.py VIDEO PICTURE."""

import sys

from mutoscope import media


def main(video: str, picture: str) -> None:
    """Write the contact sheet; it keeps the record of the video."""
    clip = media.read(video)
    media.write(clip, picture, options=media.Options(columns=4))


if __name__ == "__main__":
    main(*sys.argv[1:])
