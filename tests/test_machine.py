"""How many threads are used beside what other processes use."""

import pytest
import torch

from mutoscope import machine


@pytest.mark.parametrize(("others", "threads"), [(0.0, 2), (0.3, 2), (0.8, 1), (3.0, 1)])
def test_threads_leave_cores_to_neighbours(others, threads, monkeypatch):
    asked, looks = [], iter([(0.0, 10.0, 5.0), (1.0, 12.0 + others, 7.0), (1.1, 99.0, 7.0)])
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(machine, "_used", lambda: next(looks))
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    found = machine.Neighbours()
    found.settle()
    found.settle()  # too soon after the last look
    assert asked == [threads]


def test_what_somebody_set_stays(monkeypatch):
    looks = iter([(0.0, 0.0, 0.0), (1.0, 9.0, 0.0)])
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(machine, "_used", lambda: next(looks))
    monkeypatch.setattr(torch, "set_num_threads", pytest.fail)
    machine.Neighbours().settle()
