"""How many threads are used beside what other processes use, and what a process has computed."""

import os

import pytest
import torch

from mutoscope import machine


@pytest.mark.parametrize(("others", "threads"), [(0.0, 2), (0.3, 2), (0.8, 1), (3.0, 1)])
def test_threads_leave_cores_to_neighbours(others, threads, monkeypatch):
    looks = iter([(0.0, 10.0, 5.0), (1.0, 12.0 + others, 7.0), (1.1, 99.0, 7.0)])
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(machine, "_used", lambda: next(looks))
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", pytest.fail)
    found = machine.Neighbours()
    assert found.threads() == threads
    assert found.threads() == threads, "too soon after the last look"


def test_what_somebody_set_stays(monkeypatch):
    looks = iter([(0.0, 0.0, 0.0), (1.0, 9.0, 0.0)])
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(machine, "_used", lambda: next(looks))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert machine.Neighbours().threads() == 2


def test_what_a_process_has_computed_is_what_it_says_of_itself():
    found = machine.computed(os.getpid())
    if found is None:
        pytest.skip("this system doesn't tell")
    own = os.times()
    assert found == pytest.approx(own.user + own.system, abs=1)
    assert machine.computed(2**30) is None
