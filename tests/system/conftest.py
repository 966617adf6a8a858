"""What system tests stand on: a real PostgreSQL of their own, and a real gateway in front of it.

Every process that is started here is ended here, by its id. Nothing listens outside of loopback.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("SWORN_BUILD", "build")
SWORN = BUILD / "sworn"
os.environ.setdefault("LSAN_OPTIONS", f"suppressions={ROOT / 'tests' / 'system' / 'lsan.supp'}:print_suppressions=0")
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 40

ALLOW_ALL = """
@id("allow-all") permit (principal, action, resource);
"""


def postgres_bin(name):
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return str(found[-1] / name)


def as_postgres(command):
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, timeout_s, what):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"timed out after {timeout_s} s: {what}")


class Postgres:
    """A cluster in a temporary folder: superuser `owner`, databases as asked, over a Unix socket and loopback."""

    def __init__(self, folder, settings=()):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.password = os.urandom(12).hex()
        self.log = self.folder / "log"
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            shutil.chown(password_file, "postgres")
        subprocess.run(as_postgres([postgres_bin("initdb"), "-D", str(self.folder / "data"), "-U", "owner",
                                    f"--pwfile={password_file}", "--auth=scram-sha-256", "-E", "UTF8",
                                    "--locale=C.UTF-8"]), check=True, capture_output=True)
        options = {"port": self.port, "listen_addresses": "'127.0.0.1'", "unix_socket_directories": f"'{self.folder}'",
                   "fsync": "off", "max_connections": 300, "log_statement": "all", "log_line_prefix": "'%m [%p] %a '",
                   "shared_buffers": "64MB", **dict(settings)}
        with open(self.folder / "data" / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in options.items())
        self.start()

    def start(self):
        subprocess.run(as_postgres([postgres_bin("pg_ctl"), "-D", str(self.folder / "data"), "-w", "-l", str(self.log),
                                    "start"]), check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        subprocess.run(as_postgres([postgres_bin("pg_ctl"), "-D", str(self.folder / "data"), "-m", "immediate", "-w",
                                    "stop"]), check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def dsn(self, database="postgres"):
        return f"host=127.0.0.1 port={self.port} user=owner password={self.password} dbname={database}"

    def connect(self, database="postgres", **options):
        return psycopg.connect(self.dsn(database), autocommit=True, **options)

    def create_database(self, name, sql=""):
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        if sql:
            self.psql(name, "-q", "-f", "-", stdin=sql)

    def psql(self, database, *arguments, stdin=None):
        environment = {**os.environ, "PGPASSWORD": self.password}
        return subprocess.run(["psql", "-X", "-h", "127.0.0.1", "-p", str(self.port), "-U", "owner", "-d", database,
                               "-v", "ON_ERROR_STOP=1", *arguments], input=stdin, text=True, check=True,
                              capture_output=True, env=environment, timeout=120)

    def server_log(self):
        return self.log.read_text(errors="replace")


PRINCIPALS = """
  - {name: ana, kind: user, groups: [support]}
  - {name: bo, kind: user, groups: [sre]}
  - {name: cleo, kind: user, groups: [sre, security]}
  - {name: copilot, kind: agent, on_behalf_of: ana, groups: [agents]}
  - {name: nightly, kind: service, groups: [jobs]}
  - {name: owner, kind: user, groups: [owners]}
"""


class Gateway:
    """sworn gateway in a folder of its own, in front of one database."""

    verifies = True  # every log that a test writes is a good one; a test that spoils its own says so

    def __init__(self, folder, postgres, database="shop", policies=None, config="", upstream="", listener="",
                 environment=None):
        self.folder = pathlib.Path(folder)
        self.postgres = postgres
        self.database = database
        self.port = free_port()
        self.process = None
        self.tokens = {}
        self.environment = environment or {}
        self.config = self.folder / "sworn.yaml"
        self.log = self.folder / "gateway.log"
        self.evidence = self.folder / "evidence"
        (self.folder / "policies").mkdir(parents=True, exist_ok=True)
        (self.folder / "upstream.password").write_text(postgres.password)
        (self.folder / "upstream.password").chmod(0o600)
        self.write_policies(policies or {"all.cedar": ALLOW_ALL})
        self.config.write_text(f"""
listeners:
  - protocol: postgres
    address: 127.0.0.1:{self.port}
    upstream: shop
    {listener}
upstreams:
  - name: shop
    protocol: postgres
    address: 127.0.0.1:{postgres.port}
    environment: prod
    user: owner
    password: file:upstream.password
    {upstream}
principals:{PRINCIPALS}
tables:
  - {{upstream: shop, table: public.customers, labels: [pii]}}
policy: {{directory: policies}}
masking: {{hash_key: file:mask.key}}
ledger: {{directory: evidence, vkey: evidence.vkey, origin: sworn.example/test, checkpoint_interval: 200ms}}
state: sworn.db
admin: unix:sworn.sock
{config}
""")

    def write_policies(self, policies):
        for old in (self.folder / "policies").iterdir():
            old.unlink()
        for name, text in policies.items():
            (self.folder / "policies" / name).write_text(text)

    def run(self, *arguments, check=True, token=None, **options):
        environment = {**os.environ, **self.environment, "SWORN_CONFIG": str(self.config)}
        if token:
            environment["SWORN_TOKEN"] = self.token(token)
        return subprocess.run([str(SWORN), *arguments], check=check, text=True, capture_output=True, env=environment,
                              timeout=60, **options)

    def token(self, name):
        if name not in self.tokens:
            self.tokens[name] = self.run("token", "create", name).stdout.strip()
        return self.tokens[name]

    def start(self, wait=True):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([str(SWORN), "gateway", "--config", str(self.config)], stderr=log,
                                            env={**os.environ, **self.environment})
        if wait:
            wait_until(self.is_ready, START_TIMEOUT_S, f"gateway to be ready: {self.log.read_text()}")
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended with {self.process.returncode}: {self.log.read_text()}")
        return self.run("status", check=False).returncode == 0

    def keeper_pid(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def stop(self, expect=0):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process = None
        if expect is not None:
            assert status == expect, self.log.read_text()
        if status == 0 and self.verifies:
            verified = self.run("audit", "verify", check=False)
            assert verified.returncode == 0, verified.stdout[:4000]

    def reload(self):
        before = self.log.read_text().count("reload")
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log.read_text().count("reload") > before, 10, "the reload")

    def dsn(self, user="ana", database=None):
        return (f"host=127.0.0.1 port={self.port} user={user} password={self.token(user)} "
                f"dbname={database or self.database}")

    def connect(self, user="ana", database=None, autocommit=True, **options):
        return psycopg.connect(self.dsn(user, database), autocommit=autocommit, **options)

    def psql(self, *arguments, user="ana", stdin=None, check=True, database=None):
        environment = {**os.environ, "PGPASSWORD": self.token(user)}
        return subprocess.run(["psql", "-X", "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d",
                               database or self.database, *arguments], input=stdin, text=True, check=check,
                              capture_output=True, env=environment, timeout=120)

    def pending(self):
        return json.loads(self.run("pending", "--json").stdout)

    def view(self, hold, who=None):
        """What `sworn pending ID` shows of a held action: {"id", "masked", "view"}."""
        return json.loads(self.run("pending", hold, "--json", token=who).stdout)

    def approve(self, hold, who, *arguments, check=True):
        """As somebody who has looked first; an action that no longer waits cannot be looked at."""
        looked = self.run("pending", hold, "--json", token=who, check=False)
        view = json.loads(looked.stdout)["id"] if looked.returncode == 0 else "0" * 16
        return self.run("approve", hold, "--view", view, *arguments, token=who, check=check)

    def actions(self, *arguments):
        """The trail, once the published log holds all that was recorded so far."""
        self.await_publication()
        lines = self.run("audit", "list", "--json", *arguments).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def entries(self):
        """Every entry of the published log, as `sworn audit verify` and others read it: from the files."""
        bundles = [path for path in (self.evidence / "tile" / "entries").rglob("*") if path.is_file()]
        newest = {bundle_order(path)[0]: path for path in sorted(bundles, key=bundle_order)}
        result = []
        for number in sorted(newest):
            data = newest[number].read_bytes()
            at = 0
            while at < len(data):
                length = int.from_bytes(data[at:at + 2], "big")
                result.append(json.loads(data[at + 2:at + 2 + length]))
                at += 2 + length
        return result

    def await_publication(self):
        """A checkpoint is due each 200 ms; a gateway that has stopped has written its last."""
        if self.process is not None:
            time.sleep(0.5)

    def verify(self, folder=None, check=True):
        self.await_publication()
        vkey = (self.folder / "evidence.vkey").read_text().strip()
        return self.run("audit", "verify", str(folder or self.evidence), "--key", vkey, check=check)


def bundle_order(path):
    """(bundle number, width) of tile/entries/x001/002 or tile/entries/002.p/17."""
    parts = path.parts[path.parts.index("entries") + 1:]
    width = 256
    if len(parts) > 1 and parts[-2].endswith(".p"):
        width = int(parts[-1])
        parts = (*parts[:-2], parts[-2][:-2])
    return int("".join(part.lstrip("x") for part in parts)), width


@pytest.fixture(scope="session")
def cluster():
    folder = tempfile.mkdtemp(prefix="sworn-pg-")
    postgres = Postgres(folder)
    try:
        postgres.create_database("shop", (ROOT / "tests" / "demo" / "shop.sql").read_text())
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_gateway(cluster, tmp_path):
    """make_gateway(policies=..., config=...) starts one; all are stopped at the end of the test."""
    started = []

    def make(postgres=None, start=True, **options):
        folder = tempfile.mkdtemp(prefix="sworn-gw-", dir=tmp_path if len(str(tmp_path)) < 60 else None)
        gateway = Gateway(folder, postgres or cluster, **options)
        started.append(gateway)
        return gateway.start() if start else gateway

    yield make
    for gateway in started:
        if gateway.process is not None:
            gateway.stop(expect=None)
    for gateway in started:
        shutil.rmtree(gateway.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def gateway(cluster):
    """One gateway under which everything is allowed and revealed."""
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster).start()
        try:
            yield running
        finally:
            running.stop()
