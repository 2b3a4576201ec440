"""The world as files: complete samples, the same every time, in folders and in shards."""

import json
import tarfile

import numpy as np
import pytest

from mutoscope import media
from mutoscope.data.worldexport import KEYS, Order, truths, write_folder, write_shards
from mutoscope.errors import DataError, RequestError
from mutoscope.world.scene import VERSION, Scene

ORDER = Order(seed=3, count=3, size=(32, 32), frames=4, fps=8)


def test_a_folder_holds_clip_caption_scene_and_truths_of_every_sample(tmp_path):
    told = []
    clips = write_folder(ORDER, tmp_path / "out", progress=told.append)
    assert told == [1, 2, 3]
    assert [c.name for c in clips] == ["000000.mp4", "000001.mp4", "000002.mp4"]
    assert len(list((tmp_path / "out").iterdir())) == 12
    for index, path in enumerate(clips):
        scene, text = ORDER.scene(index)
        assert path.with_suffix(".txt").read_text() == f"{text}\n"
        facts = json.loads(path.with_suffix(".json").read_text())
        assert Scene.from_json(json.dumps(facts["scene"])) == scene
        with np.load(path.with_suffix(".npz")) as arrays:
            assert set(arrays) == {"rgb", *KEYS}
            assert arrays["rgb"].shape == (4, 32, 32, 3)
            assert arrays["flow"].shape == (4, 32, 32, 2)
            assert arrays["occluded"].dtype == bool
            assert arrays["pose"].shape == (4, 3, 4)
        clip = media.read(path)
        assert clip.frames.shape == (1, 3, 4, 32, 32)
        record = media.read_record(path)
        assert record.pop("frames_sha256")
        assert record == {
            "prompt": text, "world": VERSION, "seed": 3, "index": index, "tier": "core",
            "split": "train", "size": [32, 32], "frames": 4, "fps": 8, "scene": facts["scene"],
        }  # fmt: skip


def test_shards_hold_the_same_bytes_as_a_folder(tmp_path):
    write_folder(ORDER, tmp_path / "folder")
    shards = write_shards(ORDER, tmp_path / "shards", per_shard=2)
    assert [s.name for s in shards] == ["world-000000.tar", "world-000001.tar"]
    seen = 0
    for shard in shards:
        with tarfile.open(shard) as tar:
            for entry in tar:
                data = tar.extractfile(entry).read()
                assert data == (tmp_path / "folder" / entry.name).read_bytes(), entry.name
                seen += 1
    assert seen == 12


def test_without_truths_there_is_no_npz(tmp_path):
    order = Order(seed=3, count=1, size=(32, 32), frames=2, truth=truths("none"))
    write_folder(order, tmp_path)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".mp4", ".txt"]


def test_truths_are_named_in_words_and_wrong_orders_are_refused(tmp_path):
    assert truths("all") == KEYS
    assert truths("depth,flow") == ("depth", "flow")
    with pytest.raises(DataError, match="no truth 'normals'"):
        truths("depth,normals")
    with pytest.raises(DataError, match="count must be at least 1"):
        Order(seed=0, count=0)
    with pytest.raises(DataError, match="seeds and indices go from 0"):
        Order(seed=-1, count=1)
    with pytest.raises(RequestError, match="fps must be a finite number"):
        Order(seed=0, count=1, fps=float("nan"))
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(DataError, match="is a file"):
        write_folder(ORDER, file)


@pytest.mark.parametrize("write", [write_folder, write_shards])
def test_what_stops_an_export_leaves_only_whole_files(write, tmp_path, monkeypatch):
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    def broken(*_: object) -> None:
        raise MemoryError

    with pytest.raises(KeyboardInterrupt):
        write(ORDER, tmp_path / "some", progress=stop)
    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    whole = [f"000000{suffix}" for suffix in (".json", ".mp4", ".npz", ".txt")]
    assert left == (whole if write is write_folder else [])
    assert (tmp_path / "some").exists() == bool(left)
    monkeypatch.setattr("mutoscope.data.worldexport._packed", broken)
    (tmp_path / "mine").mkdir()
    with pytest.raises(MemoryError):
        write(ORDER, tmp_path / "mine" / "new" / "deep")
    assert not list((tmp_path / "mine").iterdir())
