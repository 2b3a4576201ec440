"""Files <-> pictures as uint8 arrays `T H W 3`: every format this project reads or writes.

The only room that knows PyAV, and a floor below `Clip`, which saves itself through it. Nothing here
knows a clip, a request or a system: a record is a JSON object, handed in and handed out whole.
"""

from mutoscope.codecs.sink import Options, Output, write
from mutoscope.codecs.source import Source
from mutoscope.codecs.tags import read_record
from mutoscope.codecs.trouble import Limits

__all__ = ["Limits", "Options", "Output", "Source", "read_record", "write"]
