"""Whose words are in the logs: nobody's, unless the settings say so."""

import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from mutoscope.service import logs
from mutoscope.service.desk import Desk
from mutoscope.service.worker import Worker
from tests.service.served import QUICK

WORD = "xylophone"


@pytest.fixture
def _put_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever `begin` changes is afterwards as it was."""
    root = logging.getLogger()
    before, level = [*root.handlers], root.level
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.getLogger(logs.OURS).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)


@pytest.mark.usefixtures("_put_back")
@pytest.mark.parametrize("prompts", [False, True])
def test_a_job_is_logged_with_its_words_only_if_asked_for(desk: Desk, capsys, prompts):
    logs.begin(prompts=prompts)
    for fault in ("none", "raise"):
        asked = {"prompt": f"a {WORD}", "negative": f"no {WORD}", "settings": {"fault": fault}}
        desk.submit(desk.request({**QUICK, **asked}))
        Worker(desk.settings, "w", desk.store).run(desk.store.claim("w"))
    text = capsys.readouterr().err
    made, trouble, failed = map(json.loads, text.splitlines())
    assert (made["what"], made["ended"]) == ("job", "completed")
    assert (failed["what"], failed["ended"]) == ("job", "internal")
    assert "_go_wrong" in trouble["trace"]
    assert "ValueError" in trouble["trace"]
    for line in (made, failed):
        assert line.get("prompt") == (f"a {WORD}" if prompts else None)
        assert line.get("negative") == (f"no {WORD}" if prompts else None)
    assert (WORD in text) == prompts
    assert (WORD in trouble["trace"]) == prompts


@pytest.mark.usefixtures("_put_back")
def test_what_others_say_and_what_threads_die_of_holds_no_words(capsys):
    logs.begin(prompts=False)
    logs.begin(prompts=False)

    def die() -> None:
        try:
            raise KeyError(WORD)
        except KeyError as error:
            raise ValueError(f"not {WORD}") from error

    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    logging.getLogger("asyncio").error(f"a task failed\nfuture: <Task exception={WORD}>")
    text = capsys.readouterr().err
    died, other = map(json.loads, text.splitlines())
    assert (died["what"], died["level"]) == ("died", "critical")
    assert "KeyError" in died["trace"]
    assert "ValueError" in died["trace"]
    assert other["what"] == "a task failed"
    assert WORD not in text
