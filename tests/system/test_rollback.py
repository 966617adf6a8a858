"""A log that is put back to an older day: refused at the next start, found by whoever kept a checkpoint."""
import shutil

import pytest

STATE, EVIDENCE, MARK = "evidence.state", "evidence", "elsewhere/mark"


@pytest.fixture
def gateway(make_gateway):
    """Stopped, with an older copy of its folders ("old") beside the newer ones, and a mark on another path."""
    gateway = make_gateway(start=False)
    gateway.verifies = False
    (gateway.folder / "elsewhere").mkdir()
    gateway.config.write_text(gateway.config.read_text().replace("checkpoint_interval: 200ms",
                                                                 f"checkpoint_interval: 200ms, high_water: {MARK}"))
    gateway.start()
    gateway.psql("-c", "SELECT 1")
    gateway.stop()
    for name in (STATE, EVIDENCE, "elsewhere"):
        shutil.copytree(gateway.folder / name, gateway.folder / "old" / name)
    gateway.start()
    for number in range(400):
        if number % 100 == 0:
            gateway.psql(*[word for n in range(100) for word in ("-c", f"SELECT {n}")])
    gateway.stop()
    return gateway


def put_back(gateway, *names):
    for name in names:
        shutil.rmtree(gateway.folder / name)
        shutil.copytree(gateway.folder / "old" / name, gateway.folder / name)


def refusal(gateway):
    gateway.start(wait=False)
    assert gateway.process.wait(20) == 1
    gateway.process = None
    return gateway.log.read_text()


def size_of(gateway):
    return int((gateway.evidence / "checkpoint").read_text().split("\n")[1])


def test_older_state_beside_a_newer_log_is_refused(gateway):
    """The issue's: 600 actions were erased and the rest verified as good."""
    size = size_of(gateway)
    put_back(gateway, STATE)
    assert "an older state was put back" in refusal(gateway)
    assert size_of(gateway) == size and gateway.run("audit", "verify").returncode == 0


def test_without_the_checkpoint_the_tiles_tell(gateway):
    """The same, and the checkpoint put back, too: the folder still holds what was published since."""
    put_back(gateway, STATE, "elsewhere")
    shutil.copy(gateway.folder / "old" / EVIDENCE / "checkpoint", gateway.evidence / "checkpoint")
    assert "more is published than the write-ahead log has" in refusal(gateway)


def test_a_single_tile_tells(gateway):
    """All tiles are put back but one: wherever it is from, it is ahead of everything."""
    put_back(gateway, STATE, EVIDENCE, "elsewhere")
    tile = gateway.evidence / "tile" / "entries" / "000.p" / "200"
    tile.parent.mkdir(exist_ok=True)
    tile.write_bytes(b"x")
    assert "more is published" in refusal(gateway)


def test_both_put_back_are_found_by_the_mark(gateway):
    put_back(gateway, STATE, EVIDENCE)
    assert gateway.run("audit", "verify").returncode == 0, "in itself it is good: that is why the mark is elsewhere"
    assert "the high-water mark has seen" in refusal(gateway)


def test_mark_that_is_gone_is_missed(gateway):
    """Removing the mark with the rest does not help; where the log is the newest, its checkpoint is copied there."""
    (gateway.folder / MARK).unlink()
    assert "high-water mark" in refusal(gateway) and "missing" in refusal(gateway)
    shutil.copy(gateway.evidence / "checkpoint", gateway.folder / MARK)
    gateway.start()
    gateway.psql("-c", "SELECT 1")
    gateway.stop()
    assert (gateway.folder / MARK).read_bytes() == (gateway.evidence / "checkpoint").read_bytes()


def test_mark_of_another_log_or_damaged_is_refused(gateway):
    mark = gateway.folder / MARK
    good = mark.read_text()
    mark.write_text(good.replace("sworn.example/test\n", "sworn.example/other\n", 1))
    assert "high-water mark" in refusal(gateway)
    mark.write_text(good[:-20])
    assert "high-water mark" in refusal(gateway)


def test_fork_is_found_by_the_mark(gateway):
    """Put back, and written on past the mark's size: as long as the mark, and another tree."""
    newest = (gateway.folder / MARK).read_bytes()
    put_back(gateway, STATE, EVIDENCE, "elsewhere")
    gateway.start()
    for _ in range(6):
        gateway.psql(*[word for n in range(100) for word in ("-c", f"SELECT {n}")])
    gateway.stop()
    assert size_of(gateway) > int(newest.split(b"\n")[1])
    (gateway.folder / MARK).write_bytes(newest)
    assert "it was forked" in refusal(gateway)
    kept = gateway.folder / "kept"
    kept.write_bytes(newest)
    found = gateway.run("audit", "verify", "--checkpoint", str(kept), check=False)
    assert found.returncode == 1 and "the log was forked" in found.stdout


def test_kept_checkpoint_finds_what_was_cut_back(gateway, tmp_path):
    """State, evidence and mark together: whoever kept a checkpoint sees it."""
    kept = tmp_path / "kept"
    shutil.copy(gateway.evidence / "checkpoint", kept)
    older = gateway.folder / "old" / EVIDENCE / "checkpoint"
    for checkpoint in (kept, older):
        assert gateway.run("audit", "verify", "--checkpoint", str(checkpoint)).returncode == 0
    put_back(gateway, STATE, EVIDENCE, "elsewhere")
    found = gateway.run("audit", "verify", "--checkpoint", str(kept), check=False)
    assert found.returncode == 1 and "it was cut back" in found.stdout
    assert gateway.run("audit", "verify", "--checkpoint", str(older)).returncode == 0
    kept.write_text("nonsense")
    assert gateway.run("audit", "verify", "--checkpoint", str(kept), check=False).returncode == 2
    assert gateway.run("audit", "verify", "--checkpoint", str(tmp_path / "none"), check=False).returncode == 2


def test_high_water_in_no_folder_is_said_at_start(make_gateway):
    gateway = make_gateway(start=False)
    gateway.config.write_text(gateway.config.read_text().replace("checkpoint_interval: 200ms",
                                                                 "checkpoint_interval: 200ms, high_water: nowhere/mark"))
    assert "ledger.high_water" in refusal(gateway)
