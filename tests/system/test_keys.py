"""A key of a log that exists is never silently made anew."""
import pytest

KEYS = ["evidence.key", "sealed.key", "mask.key"]


def refused_start(gateway):
    gateway.log.write_text("")
    gateway.start(wait=False)
    assert gateway.process.wait(30) == 1
    gateway.process = None
    return gateway.log.read_text()


@pytest.mark.parametrize("name", KEYS)
def test_missing_key_of_an_existing_log_is_refused(make_gateway, name):
    gateway = make_gateway()
    assert gateway.connect("ana").execute("SELECT 1").fetchone() == (1,)
    gateway.stop()
    key = gateway.folder / name
    kept = key.read_bytes()
    key.unlink()
    told = refused_start(gateway)
    assert name in told and "put it back" in told and not key.exists()
    if name == "mask.key":
        checked = gateway.run("check", check=False)
        assert checked.returncode == 2 and "put it back" in checked.stdout + checked.stderr
    if name == "sealed.key":
        action = gateway.actions()[0]["action"]
        shown = gateway.run("audit", "show", action, check=False)
        assert "put it back" in shown.stdout + shown.stderr and not key.exists()  # looking makes none either
    key.write_bytes(kept)
    key.chmod(0o600)
    gateway.start()
    assert gateway.connect("ana").execute("SELECT 2").fetchone() == (2,)
    gateway.stop()
    assert gateway.verify().returncode == 0


@pytest.mark.parametrize("lost", [["evidence.state"], ["evidence"]])
def test_half_of_a_log_is_a_log(make_gateway, lost):
    """Its folder or its state is enough to know that there was one."""
    gateway = make_gateway()
    gateway.connect("ana").execute("SELECT 1")
    gateway.stop()
    for name in lost:
        (gateway.folder / name).rename(gateway.folder / f"{name}.away")
    (gateway.folder / "sealed.key").unlink()
    assert "put it back" in refused_start(gateway)
    assert not (gateway.folder / "sealed.key").exists()


def test_keys_of_a_new_log_are_made(make_gateway):
    gateway = make_gateway()
    assert all((gateway.folder / name).stat().st_mode & 0o777 == 0o600 for name in KEYS)
