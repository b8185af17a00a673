"""Check Dockerfile, docker-compose.yml and deploy/ without a container engine or a cluster: ``make lint-deploy``.

The linters have a virtual environment of their own (.venv-deploy), made at the first run from the lock beside this
file. What they cannot see (do the variables exist as settings, do the commands start?) is tested in tests/deploy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = ROOT / ".venv-deploy"
LOCK = HERE / "requirements.lock"
KUSTOMIZATIONS = ("base", "overlays/development", "overlays/production")
KUBERNETES = ("1.33", "1.37")
"""The oldest and the newest version of Kubernetes that the manifests are held against."""


def main() -> int:
    """Run every linter; returns 1 when one of them found something."""
    os.chdir(ROOT)
    bin_ = made(VENV)
    good = run(bin_ / "hadolint", "Dockerfile")
    good &= run(bin_ / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        print("KUBERNETES MANIFESTS ARE NOT CHECKED: kubectl, which puts them together, is not installed")
        return 1 if os.environ.get("CI") or not good else 0
    with tempfile.TemporaryDirectory() as folder:
        for name in KUSTOMIZATIONS:
            good &= checked(kubectl, bin_, name, Path(folder))
    print("deploy: nothing found" if good else "deploy: see above")
    return 0 if good else 1


def made(venv: Path) -> Path:
    """The folder of the linters' commands, made anew when their lock has changed."""
    stamp = venv / ".lock"
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        shutil.rmtree(venv, ignore_errors=True)
        uv = str(ROOT / ".venv" / "bin" / "uv")
        python = str(venv / "bin" / "python")
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(venv)], check=True)
        install = (uv, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", str(LOCK))
        subprocess.run(install, check=True)
        stamp.write_bytes(LOCK.read_bytes())
    return venv / "bin"


def checked(kubectl: str, bin_: Path, name: str, folder: Path) -> bool:
    """Build one kustomization; Kubernetes' own kinds go to its schemas, KEDA's to ours."""
    done = subprocess.run(
        [kubectl, "kustomize", f"deploy/k8s/{name}"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        print(f"deploy/k8s/{name} cannot be put together: {done.stderr}")
        return False
    own, custom = [], []
    for document in done.stdout.split("\n---\n"):
        (custom if document.startswith("apiVersion: keda.sh/") else own).append(document)
    stem = name.replace("/", "-")
    manifest = folder / f"{stem}.yaml"
    manifest.write_text("\n---\n".join(own), encoding="utf-8")
    good = True
    for version in KUBERNETES:
        good &= run(bin_ / "kubernetes-validate", "--strict", "--quiet", "-k", version, manifest)
    for number, document in enumerate(custom):
        scaled = folder / f"{stem}-keda-{number}.yaml"
        scaled.write_text(document, encoding="utf-8")
        good &= run(bin_ / "check-jsonschema", "--schemafile", HERE / "keda.schema.json", scaled)
    return good


def run(*command: str | Path) -> bool:
    """Run a linter, its words to our output; whether it found nothing."""
    sys.stdout.flush()
    return subprocess.run([str(part) for part in command], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
