"""The servers that are compared: PostgreSQL itself, pgbouncer in front of it, and sworn in front of it.

Everything listens on loopback, in folders of its own, and is ended by its process id. Both hops are TCP, as when the
database is another machine."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SWORN = ROOT / "build" / "sworn"
DATABASE = "bench"
CONNECTIONS_MAX = 400
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 40
AGENT = "copilot"
ROWS = 10000

# Rows as an application has them: most fields are plain, some are personal, one is free text with an address in it.
PEOPLE = f"""
CREATE TABLE people (id int PRIMARY KEY, name text, email text, phone text, city text, amount numeric, note text);
INSERT INTO people SELECT i, 'Customer ' || i, 'customer' || i || '@example.com',
    '+1 415 555 ' || lpad((i % 10000)::text, 4, '0'), 'Springfield', i * 1.25,
    'order ' || i || ' was sent to customer' || i || '@example.com' FROM generate_series(1, {ROWS}) AS i;
VACUUM ANALYZE people;
"""


def postgres_program(name):
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return str(found[-1] / name)


def as_postgres(command):
    """PostgreSQL and pgbouncer refuse to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def own_by_postgres(path):
    if os.geteuid() == 0:
        shutil.chown(path, "postgres")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what):
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    raise RuntimeError(f"timed out: {what}")


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Target:
    """Something that pgbench can be pointed at; pids() are the processes whose CPU time is its cost."""

    def __init__(self, name, port, user, password):
        self.name, self.port, self.user, self.password = name, port, user, password

    def pids(self):
        return []

    def stop(self):
        pass


class Postgres(Target):
    def __init__(self, folder, scale):
        super().__init__("direct", free_port(), "owner", os.urandom(12).hex())
        self.folder = folder
        own_by_postgres(folder)
        password_file = folder / "password"
        password_file.write_text(self.password)
        own_by_postgres(password_file)
        subprocess.run(as_postgres([postgres_program("initdb"), "-D", str(folder / "data"), "-U", self.user,
                                    f"--pwfile={password_file}", "--auth=scram-sha-256", "-E", "UTF8",
                                    "--locale=C.UTF-8"]), check=True, capture_output=True)
        with open(folder / "data" / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{folder}'\n"
                       f"fsync = off\nautovacuum = off\nmax_connections = {CONNECTIONS_MAX}\nshared_buffers = 512MB\n")
        self.control("start")
        self.psql("postgres", f"CREATE DATABASE {DATABASE}")
        subprocess.run([postgres_program("pgbench"), "-i", "-q", "-s", str(scale), *self.address(), DATABASE],
                       check=True, capture_output=True, env=self.environment())
        self.psql(DATABASE, PEOPLE)

    def address(self):
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", self.user]

    def environment(self):
        return {**os.environ, "PGPASSWORD": self.password}

    def psql(self, database, sql):
        subprocess.run(["psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", *self.address(), "-d", database], input=sql,
                       text=True, check=True, env=self.environment(), stdout=subprocess.DEVNULL)

    def control(self, verb, *options):
        subprocess.run(as_postgres([postgres_program("pg_ctl"), "-D", str(self.folder / "data"), "-w", "-l",
                                    str(self.folder / "log"), *options, verb]), check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        self.control("stop", "-m", "immediate")


class Process(Target):
    process = None

    def wait_until_ready(self):
        def is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.log.read_text()}")
            return accepts(self.port)
        wait_for(is_ready, f"{self.name} to listen")

    def children(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return [int(pid) for pid in text.split()]

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Pgbouncer(Process):
    """Session mode; whoever connects is let in, and it logs in upstream with its own list of users."""

    def __init__(self, folder, postgres):
        super().__init__("pgbouncer", free_port(), postgres.user, "")
        own_by_postgres(folder)
        users = folder / "users"
        users.write_text(f'"{postgres.user}" "{postgres.password}"\n')
        config = folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n{DATABASE} = host=127.0.0.1 port={postgres.port} dbname={DATABASE}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = trust\n"
            f"auth_file = {users}\npool_mode = session\nmax_client_conn = {CONNECTIONS_MAX}\n"
            f"default_pool_size = {CONNECTIONS_MAX - 20}\n")
        for path in (users, config):
            own_by_postgres(path)
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(as_postgres(["pgbouncer", str(config)]), stdout=log, stderr=log)
        self.wait_until_ready()

    def pids(self):
        return self.children() if os.geteuid() == 0 else [self.process.pid]  # runuser stays as its parent

    def stop(self):
        for pid in self.children() if os.geteuid() == 0 else []:
            os.kill(pid, 15)
        super().stop()


class Sworn(Process):
    """Every control on: the demo's policies, an agent to whom nothing is revealed, evidence, sealed text."""

    def __init__(self, name, folder, postgres):
        super().__init__(name, free_port(), AGENT, "")
        shutil.copytree(ROOT / "policies" / "demo", folder / "policies")
        (folder / "upstream.password").write_text(postgres.password)
        (folder / "upstream.password").chmod(0o600)
        self.config = folder / "sworn.yaml"
        self.config.write_text(f"""
listeners:
  - {{protocol: postgres, address: 127.0.0.1:{self.port}, upstream: {DATABASE}}}
upstreams:
  - name: {DATABASE}
    protocol: postgres
    address: 127.0.0.1:{postgres.port}
    environment: prod
    user: {postgres.user}
    password: file:upstream.password
principals:
  - {{name: ana, kind: user, groups: [support]}}
  - {{name: {AGENT}, kind: agent, on_behalf_of: ana, groups: [agents]}}
tables:
  - {{upstream: {DATABASE}, table: public.people, labels: [pii]}}
policy: {{directory: policies}}
masking: {{hash_key: file:mask.key}}
ledger: {{directory: evidence, vkey: evidence.vkey, origin: sworn.example/bench}}
state: sworn.db
admin: unix:sworn.sock
""")
        self.log = folder / "gateway.log"
        self.password = self.run("token", "create", AGENT)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(SWORN), "gateway", "--config", str(self.config)], stderr=log)
        self.wait_until_ready()

    def run(self, *arguments):
        return subprocess.run([str(SWORN), *arguments], check=True, text=True, capture_output=True,
                              env={**os.environ, "SWORN_CONFIG": str(self.config)}).stdout.strip()

    def pids(self):
        return [self.process.pid, *self.children()]
