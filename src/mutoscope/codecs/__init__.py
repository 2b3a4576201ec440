"""Files <-> pictures as uint8 arrays `T H W 3`: every format this project reads or writes.

The only room that knows PyAV, and a floor below `Clip`, which saves itself through it. Nothing here
knows a clip, a request or a system: a record is a JSON object, handed in and handed out whole.
"""

from mutoscope.codecs.facts import Facts, probe, read_record
from mutoscope.codecs.output import KINDS, Output, write
from mutoscope.codecs.sink import Options, Picture, Pictures
from mutoscope.codecs.source import Fit, Shown, Source
from mutoscope.codecs.trouble import Limits
from mutoscope.codecs.vectors import Codec, motion_vectors

__all__ = [
    "KINDS",
    "Codec",
    "Facts",
    "Fit",
    "Limits",
    "Options",
    "Output",
    "Picture",
    "Pictures",
    "Shown",
    "Source",
    "motion_vectors",
    "probe",
    "read_record",
    "write",
]
