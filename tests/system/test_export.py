"""Copies of a log that is being written: `sworn audit export`, and a plain recursive copy."""
import shutil
import threading

from conftest import wait_until


class Busy:
    """A gateway whose log grows while the test copies it."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.is_over = False
        self.threads = [threading.Thread(target=self.work) for _ in range(3)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join(30)

    def work(self):
        with self.gateway.connect() as connection:
            while not self.is_over:
                connection.execute("select 1")


def size_of(folder):
    return int((folder / "checkpoint").read_text().split("\n")[1])


def test_exports_of_a_busy_log_verify(make_gateway, tmp_path):
    gateway = make_gateway()
    gateway.token("ana")
    sizes = []
    with Busy(gateway):
        wait_until(lambda: size_of(gateway.evidence) > 256, 60, "more than one bundle")
        for number in range(6):
            done = gateway.run("audit", "export", str(tmp_path / f"copy{number}"))
            assert "entries" in done.stdout
    for number in range(6):
        copy = tmp_path / f"copy{number}"
        verified = gateway.verify(copy, check=False)
        assert verified.returncode == 0, verified.stdout
        sizes.append(size_of(copy))
    assert sizes == sorted(sizes) and sizes[0] > 256
    # Nothing but what the checkpoint covers: no wider tile, no foreign file.
    files = [path for path in (tmp_path / "copy5").rglob("*") if path.is_file()]
    bundles = (sizes[-1] + 255) // 256
    assert len([path for path in files if "entries" in path.parts]) == bundles


def test_plain_copies_of_a_busy_log_verify(make_gateway, tmp_path):
    """The documented `rsync`: partial tiles that were listed are still there when they are copied."""
    gateway = make_gateway()
    gateway.token("ana")
    with Busy(gateway):
        wait_until(lambda: size_of(gateway.evidence) > 256, 60, "more than one bundle")
        for number in range(4):
            copy = tmp_path / f"copy{number}"
            copy.mkdir()
            shutil.copy(gateway.evidence / "checkpoint", copy / "checkpoint")  # first: files may be ahead of it
            shutil.copytree(gateway.evidence / "tile", copy / "tile")
    for number in range(4):
        verified = gateway.verify(tmp_path / f"copy{number}", check=False)
        assert verified.returncode == 0, verified.stdout


def test_partial_that_has_gone_is_cut_from_the_full_tile(make_gateway, tmp_path):
    """Long after the checkpoint that a copy is made of."""
    gateway = make_gateway()
    for _ in range(3):
        gateway.psql(*[word for _ in range(60) for word in ("-c", "select 1")])
    gateway.stop()
    source = tmp_path / "source"
    shutil.copytree(gateway.evidence, source)
    size = size_of(source)
    assert size > 256
    old = [path for path in source.rglob("*.p") if path.is_dir()]
    assert old
    key = (gateway.folder / "evidence.vkey").read_text().strip()
    # A full tile in place of the partial one: as if 256 entries more had come.
    number, width = size // 256, size % 256
    partial = source / "tile" / "entries" / f"{number:03d}.p" / str(width)
    wide = partial.read_bytes() + b"".join(len(b"{}").to_bytes(2, "big") + b"{}" for _ in range(256 - width))
    hashes = (source / "tile" / "0" / f"{number:03d}.p" / str(width)).read_bytes() + bytes(32 * (256 - width))
    for level, data in (("entries", wide), ("0", hashes)):
        shutil.rmtree(source / "tile" / level / f"{number:03d}.p")
        (source / "tile" / level / f"{number:03d}").write_bytes(data)
    gateway.run("audit", "export", str(tmp_path / "copy"), "--evidence", str(source), "--key", key)
    assert gateway.run("audit", "verify", str(tmp_path / "copy"), "--key", key).returncode == 0
    assert (tmp_path / "copy" / "tile" / "entries" / f"{number:03d}.p" / str(width)).exists()


def test_export_refuses_what_it_must(make_gateway, tmp_path):
    gateway = make_gateway()
    gateway.psql("-c", "select 1")
    gateway.stop()
    full = tmp_path / "full"
    full.mkdir()
    (full / "something").write_text("x")
    assert gateway.run("audit", "export", str(full), check=False).returncode == 1
    assert gateway.run("audit", "export", str(tmp_path / "no" / "where"), check=False).returncode == 1
    source = tmp_path / "source"
    shutil.copytree(gateway.evidence, source)
    (source / "checkpoint").write_text((source / "checkpoint").read_text().replace("\n", "\n1", 1))
    key = (gateway.folder / "evidence.vkey").read_text().strip()
    copy = tmp_path / "copy"
    assert gateway.run("audit", "export", str(copy), "--evidence", str(source), "--key", key, check=False).returncode == 1
    assert not (copy / "checkpoint").exists()
