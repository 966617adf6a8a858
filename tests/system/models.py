"""What tests of model APIs stand on: a stand-in of a provider, perhaps sworn before it, and clients of both.

A `Line` is one way from a client to a provider: `direct`, which proves that the stand-in is one, or through `sworn`. The
same test runs on both. The official SDKs run in one node process for each provider (sdk/*.mjs), told in JSON what to do.
"""
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

import pytest

from conftest import BUILD, PRINCIPALS, ROOT, SWORN, Gateway, free_port

sys.path.insert(0, str(ROOT / "tests"))
from fakes.providers import Provider  # noqa: E402

SDK = ROOT / "tests" / "system" / "sdk"
KEYS = {"openai": "sk-proj-fake0Provider0Key0of0OpenAI", "anthropic": "sk-ant-api03-fake-provider-key-of-anthropic"}
WAIT_S = 30

# What the SDK tests need: everything that a model API does, and the caller's own values back in the answer.
POLICY = """
@id("models") permit (principal, action in Sworn::Action::"llm", resource);
@id("own-values") permit (principal in Sworn::Group::"support", action == Sworn::Action::"reveal", resource)
when { context.sink == "principal" };
"""


def has_protocol(name):
    rows = (ROOT / "wire" / "protocols.def").read_text()
    return re.search(rf"PROTOCOL\({name}\b", rows) is not None


def install_sdk():
    """The folder where the SDKs are; skips, and says why, where they cannot be had."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm and node are not installed")
    folder = BUILD / "sdk"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in SDK.iterdir():
            shutil.copy(path, folder / path.name)
        wanted = json.loads((SDK / "package.json").read_text())["dependencies"]
        if any(version_of(folder / "node_modules" / name) != version for name, version in wanted.items()):
            npm_install(folder)
    return folder


def version_of(module):
    try:
        found = json.loads((module / "package.json").read_text())
    except OSError:
        return None
    return found["version"] if found["name"] == module.name or module.parent.name.startswith("@") else \
        f"npm:{found['name']}@{found['version']}"


def npm_install(folder):
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error",
               "--fetch-retries=1", "--fetch-timeout=20000"]
    try:
        done = subprocess.run(command, cwd=folder, timeout=240, check=False, text=True, capture_output=True)
    except subprocess.TimeoutExpired:
        pytest.skip("npm install took too long: is the registry reachable?")
    if done.returncode != 0:
        pytest.skip(f"npm could not install the SDKs: {done.stderr[-300:]}")


class SdkError(Exception):
    """An exception of the SDK; its fields as attributes."""

    def __init__(self, fields):
        super().__init__(f"{fields.get('class')}: {fields.get('message')}")
        self.fields = fields

    def __getattr__(self, name):
        return self.fields.get({"kind": "class"}.get(name, name))


class Sdk:
    """One node process that runs the SDK of a provider."""

    def __init__(self, provider, folder, package=None):
        command = ["node", f"{provider}.mjs", *([package] if package else [])]
        environment = {name: value for name, value in os.environ.items()
                       if not re.match("(OPENAI|ANTHROPIC|HTTP|HTTPS|ALL|NO)_", name.upper())}
        self.start = lambda: subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, text=True,
                                              stdout=subprocess.PIPE, env={**environment, "NO_PROXY": "*"})
        self.process = self.start()

    def ask(self, request):
        if self.process.poll() is not None:
            self.process = self.start()
        alarm = threading.Timer(WAIT_S, self.process.kill)
        alarm.start()
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        finally:
            alarm.cancel()
        if not line:
            self.process.wait(10)
        assert line, f"the SDK program ended or took more than {WAIT_S} s: {request}"
        answer = json.loads(line)
        if "error" in answer:
            raise SdkError(answer["error"])
        return answer["result"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class ModelGateway(Gateway):
    """sworn before the stand-ins: one listener for each, of the provider's protocol or of another."""

    def __init__(self, folder, fakes, policies=None, config="", upstream="", listener="", protocol=None):
        self.folder, self.process, self.tokens = pathlib.Path(folder), None, {}
        self.environment = {f"FAKE_{name.upper()}_KEY": KEYS[name] for name in fakes}
        self.config, self.log = self.folder / "sworn.yaml", self.folder / "gateway.log"
        self.evidence = self.folder / "evidence"
        self.ports = {name: free_port() for name in fakes}
        (self.folder / "policies").mkdir(parents=True, exist_ok=True)
        self.write_policies(policies or {"models.cedar": POLICY})
        listeners = "".join(f"  - {{protocol: {protocol or name}, address: '127.0.0.1:{port}', upstream: {name}{listener}}}\n"
                            for name, port in self.ports.items())
        upstreams = "".join(f"  - {{name: {name}, protocol: {protocol or name}, address: '127.0.0.1:{fake.port}', "
                            f"environment: prod, key: 'env:FAKE_{name.upper()}_KEY'{upstream}}}\n" for name, fake in fakes.items())
        self.config.write_text(f"""
listeners:
{listeners}upstreams:
{upstreams}principals:{PRINCIPALS}
policy: {{directory: policies}}
masking: {{hash_key: file:mask.key}}
ledger: {{directory: evidence, vkey: evidence.vkey, origin: sworn.example/test, checkpoint_interval: 200ms}}
state: sworn.db
admin: unix:sworn.sock
{config}
""")


class Line:
    """From a client to a provider. `key` is what the client sends as its API key."""

    def __init__(self, provider, mode, sdk, fake, gateway=None, user="ana"):
        self.provider, self.mode, self.sdk, self.fake, self.gateway = provider, mode, sdk, fake, gateway
        self.user = user
        self.port = gateway.ports[provider] if gateway else fake.port
        self.base_url = f"http://127.0.0.1:{self.port}" + ("/v1" if provider == "openai" else "")
        self.key = gateway.token(user) if gateway else KEYS[provider]

    @property
    def is_direct(self):
        return self.mode == "direct"

    def call(self, name, *arguments, mode="value", client=None, **extra):
        """Calls a method of the SDK; client: further options of the client."""
        options = {"apiKey": self.key, "baseURL": self.base_url, "maxRetries": 0, "timeout": 20000, **(client or {})}
        return self.sdk.ask({"call": name, "args": list(arguments), "mode": mode, "client": options, **extra})

    def check_requests(self):
        """What holds for each request that reached the provider: its own key, no token, clean framing."""
        for request in self.fake.requests:
            assert request.problems == [], request.head
            if self.is_direct:
                continue
            given = request.values("authorization") + request.values("x-api-key")
            assert given in ([KEYS[self.provider]], [f"Bearer {KEYS[self.provider]}"]), request.head
            assert self.key.encode() not in request.wire


def lines(provider, package=None):
    """A module's fixtures: `line` for each test, on both ways; with the SDK that is installed as `package`."""
    @pytest.fixture(scope="module", params=["direct", "sworn"])
    def opened(request):
        if request.param == "sworn" and not has_protocol(provider):
            pytest.skip(f"wire/protocols.def has no {provider}: this sworn does not speak it")
        assert request.param == "direct" or SWORN.exists(), f"{SWORN} is not built"
        sdk = Sdk(provider, install_sdk(), package)
        with Provider(provider, KEYS[provider]) as fake, tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
            gateway = ModelGateway(folder, {provider: fake}).start() if request.param == "sworn" else None
            try:
                yield Line(provider, request.param, sdk, fake, gateway)
            finally:
                sdk.stop()
                if gateway:
                    gateway.stop()

    @pytest.fixture
    def line(opened):
        opened.fake.reset()
        yield opened
        opened.check_requests()

    return opened, line
