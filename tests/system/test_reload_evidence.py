"""A reload is in evidence, and what it changes of the heartbeats is known to whoever checks them."""
import os
import re
import signal
import time

import pytest

from conftest import wait_until
from promise import events


def start(make_gateway, heartbeat):
    gateway = make_gateway(start=False)
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace("interval: 200ms}", f"interval: 200ms, heartbeat: {heartbeat}}}"))
    return gateway.start()


def reload(gateway, heartbeat):
    text = re.sub(r"heartbeat: \w+", f"heartbeat: {heartbeat}", gateway.config.read_text())
    gateway.config.write_text(text)
    before = len(events(gateway, "node_reload"))
    gateway.process.send_signal(signal.SIGHUP)
    return wait_until(lambda: events(gateway, "node_reload")[before:], 15, "the reload in evidence")[0]


@pytest.mark.parametrize("first, second, wait_s", [("1s", "1h", 5), ("1h", "1s", 4), ("2s", "1s", 4)])
def test_reload_of_the_heartbeat_reaches_keeper_and_verifier(make_gateway, first, second, wait_s):
    """Raised: the log accused itself before each punctual beat. Lowered: real gaps were not declared."""
    gateway = start(make_gateway, first)
    entry = reload(gateway, second)
    assert entry["by_uid"] == os.getuid() and entry["heartbeat_ms"] == {"1s": 1000, "1h": 3600000}[second]
    beats = len(events(gateway, "heartbeat"))
    if second == "1s":
        wait_until(lambda: len(events(gateway, "heartbeat")) >= beats + 3, 15, "beats of the new interval")
    else:
        time.sleep(wait_s)
        assert len(events(gateway, "heartbeat")) <= beats + 1
    gateway.stop()
    assert events(gateway, "heartbeat_gap") == []
    verified = gateway.verify()
    assert verified.returncode == 0 and "heartbeats stayed away" not in verified.stdout


def test_gap_after_the_interval_was_lowered_is_declared(make_gateway):
    gateway = start(make_gateway, "1h")
    reload(gateway, "1s")
    gateway.process.send_signal(signal.SIGSTOP)
    time.sleep(6)
    gateway.process.send_signal(signal.SIGCONT)
    wait_until(lambda: events(gateway, "heartbeat_gap"), 10, "the declared gap")
    gateway.stop()
    assert gateway.verify().returncode == 0
