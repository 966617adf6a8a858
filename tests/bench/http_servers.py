"""The servers of the HTTP benchmark: a stand-in for a model API, and what may stand in front of it.

Each runs on loopback with one thread that does the work, in a folder of its own, and is ended by its process id."""
import fcntl
import json
import os
import pathlib
import shutil
import subprocess

from servers import AGENT, ROOT, SWORN, Process, free_port

BUILD = ROOT / "build" / "tests" / "bench"
KEY = "sk-bench-provider-key"
ANSWER_BYTES = 1024
PORTKEY = "@portkey-ai/gateway"
PORTKEY_VERSION = "1.15.2"
# With the later ones of the range that it asks for, its streams fail: "TypeError: immutable".
PORTKEY_SERVER, PORTKEY_SERVER_VERSION = "@hono/node-server", "1.13.1"
INSTALL_TIMEOUT_S = 240
UPSTREAM = "model"
KEY_VARIABLE = "SWORN_BENCH_KEY"


class Server(Process):
    """key is what a caller sends; fields are what it sends besides."""
    fields = ()

    def __init__(self, name, folder, key=KEY):
        super().__init__(name, free_port(), None, None)
        self.folder, self.key = folder, key
        self.log = folder / "log"

    def start(self, command, **environment):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={**os.environ, **environment})
        try:
            self.wait_until_ready()
        except RuntimeError:
            self.stop()
            raise

    def pids(self):
        return [self.process.pid, *self.children()]


class Fake(Server):
    def __init__(self, folder):
        super().__init__("direct", folder)
        self.start([BUILD / "http_fake", "-p", self.port, "-k", KEY, "-a", ANSWER_BYTES])


class Nginx(Server):
    """Without its access log; a body stays in memory and an answer is passed on as it comes, as for streams."""

    def __init__(self, folder, fake):
        super().__init__("nginx", folder)
        folder.chmod(0o755)
        config = folder / "nginx.conf"
        temporary = "\n".join(f"    {name}_temp_path {folder / name};"
                              for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(f"""daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
pid {folder / "pid"};
error_log {folder / "error.log"} error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
{temporary}
    client_body_buffer_size 1m;
    client_max_body_size 64m;
    keepalive_requests 1000000000;
    upstream model {{
        server 127.0.0.1:{fake.port};
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{self.port} backlog=1024;
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
""")
        self.start(["nginx", "-e", folder / "error.log", "-c", config])


class Haproxy(Server):
    def __init__(self, folder, fake):
        super().__init__("haproxy", folder)
        config = folder / "haproxy.cfg"
        config.write_text(f"""global
    nbthread 1
    maxconn 4096
defaults
    mode http
    option http-keep-alive
    option http-no-delay
    http-reuse always
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    timeout http-keep-alive 300s
frontend clients
    bind 127.0.0.1:{self.port} backlog 1024
    default_backend model
backend model
    server model 127.0.0.1:{fake.port} pool-max-conn 1024
""")
        self.start(["haproxy", "-db", "-f", config])


def install_portkey():
    """Its program; RuntimeError tells why there is none."""
    work = BUILD / "peers"
    module = work / "node_modules" / PORTKEY
    program = module / "build" / "start-server.js"
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.is_file():
            return program
        if shutil.which("npm") is None or shutil.which("node") is None:
            raise RuntimeError("npm and node are not installed")
        (work / "package.json").write_text(json.dumps(
            {"private": True, "overrides": {PORTKEY_SERVER: PORTKEY_SERVER_VERSION}}), encoding="utf-8")
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(work),
                   f"{PORTKEY}@{PORTKEY_VERSION}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError("the npm registry does not answer") from error
        if done.returncode != 0:
            raise RuntimeError(f"npm could not install {PORTKEY}: is the registry reachable?")
    return program


class Portkey(Server):
    def __init__(self, folder, fake):
        super().__init__("portkey", folder)
        self.fields = ("x-portkey-provider: openai", f"x-portkey-custom-host: http://127.0.0.1:{fake.port}/v1")
        self.start(["node", install_portkey(), "--headless", f"--port={self.port}"], NODE_ENV="production")


POLICIES = {
    "off": """@id("everything") permit (principal, action, resource);
""",
    # Nothing leaves in clear towards the model; the caller gets its own values back.
    "on": """@id("agents-prompt")
permit (principal in Sworn::Group::"agents", action in Sworn::Action::"llm", resource in Sworn::Environment::"prod");
@id("callers-see-their-own")
permit (principal in Sworn::Group::"agents", action == Sworn::Action::"reveal", resource)
when { context.sink == "principal" };
""",
}


class SwornHttp(Server):
    """RuntimeError when this sworn does not take the configuration, with what it says."""

    def __init__(self, folder, fake, name, controls):
        super().__init__(name, folder)
        (folder / "policies").mkdir()
        (folder / "policies" / "bench.cedar").write_text(POLICIES[controls])
        self.config = folder / "sworn.yaml"
        self.config.write_text(f"""
listeners:
  - {{protocol: openai, address: 127.0.0.1:{self.port}, upstream: {UPSTREAM}}}
upstreams:
  - name: {UPSTREAM}
    protocol: openai
    address: 127.0.0.1:{fake.port}
    environment: prod
    key: env:{KEY_VARIABLE}
principals:
  - {{name: ana, kind: user, groups: [support]}}
  - {{name: {AGENT}, kind: agent, on_behalf_of: ana, groups: [agents]}}
policy: {{directory: policies}}
masking: {{hash_key: file:mask.key}}
ledger: {{directory: evidence, vkey: evidence.vkey, origin: sworn.example/bench}}
state: sworn.db
admin: unix:sworn.sock
workers: 1
""")
        self.check()
        self.key = self.sworn("token", "create", AGENT).stdout.strip()
        self.start([SWORN, "gateway", "--config", self.config], **{KEY_VARIABLE: KEY})

    def sworn(self, *arguments, check=True):
        return subprocess.run([str(SWORN), *arguments], check=check, text=True, capture_output=True,
                              env={**os.environ, KEY_VARIABLE: KEY, "SWORN_CONFIG": str(self.config)})

    def check(self):
        done = self.sworn("check", check=False)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip() or f"it ended with {done.returncode}"
            first = said.splitlines()[0].replace(str(self.folder) + os.sep, "")
            raise RuntimeError(f"this build of sworn does not take the configuration ({first})")


def versions():
    def first_line(*command):
        done = subprocess.run(command, check=False, text=True, capture_output=True)
        return (done.stdout or done.stderr).partition("\n")[0]
    return [first_line("nginx", "-v").removeprefix("nginx version: "), first_line("haproxy", "-v").partition(" 20")[0],
            f"{PORTKEY} {PORTKEY_VERSION} on node {first_line('node', '--version')}, with {PORTKEY_SERVER} "
            f"{PORTKEY_SERVER_VERSION} (its streams fail with later ones)"]
