"""The oracle: npm's @cedar-policy/cedar-wasm at the version that decides what is right, in a folder of its own."""
import fcntl
import shutil
import subprocess

NAME = "@cedar-policy/cedar-wasm"
VERSION = "4.13.0"
INSTALL_TIMEOUT_S = 240


def module(work):
    return work / "node_modules" / NAME


def install(work):
    """Once, below the folder. None, or why the oracle is not there."""
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return install_locked(work)


def install_locked(work):
    if (module(work) / "package.json").is_file():
        return None
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "npm and node are not installed"
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(work),
               f"{NAME}@{VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return "the npm registry does not answer"
    return None if done.returncode == 0 else "npm could not install the oracle: is the registry reachable?"
