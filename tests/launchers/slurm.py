"""A Slurm of one node for tests, from Debian's packages: in a folder of its own, with ports and processes of its own.

    python tests/launchers/slurm.py install           # as root: apt-get install slurmctld slurmd slurm-client
    python tests/launchers/slurm.py start FOLDER      # prints what to put into the environment
    python tests/launchers/slurm.py stop FOLDER

It needs neither munge nor systemd nor cgroups, and leaves /etc/slurm alone. Whoever reaches its ports can start jobs:
for tests only.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from pwd import getpwuid

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
PACKAGES = ("slurmctld", "slurmd", "slurm-client")
CONFIG = """\
ClusterName=ibtrain
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
CryptoType=crypto/openssl
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
JobRequeue=1
ReturnToService=2
KillWait=10
SchedulerParameters=batch_sched_delay=1,sched_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
STARTS = 30.0  # seconds within which the node must be ready


def missing() -> str:
    """What is not installed, or nothing."""
    return ", ".join(name for name in PROGRAMS if shutil.which(name, path=search_path()) is None)


def search_path() -> str:
    """PATH with the folders where Debian puts daemons."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def install() -> None:
    """Install Debian's packages without starting their services."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES], env=environment, check=True)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(folder: Path, cpus: int = 2) -> dict[str, str]:
    """Start controller and node; returns what a command needs in its environment to find them."""
    folder = folder.resolve()
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    controller_port, node_port = _free_ports(2)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 500
    (folder / "slurm.conf").write_text(
        CONFIG.format(
            host=socket.gethostname().split(".")[0],
            user=getpwuid(os.getuid()).pw_name,
            folder=folder,
            cpus=min(cpus, os.cpu_count() or 1),
            memory=memory,
            controller_port=controller_port,
            node_port=node_port,
        )
    )
    environment = {"SLURM_CONF": str(folder / "slurm.conf")}
    whole = os.environ | environment | {"PATH": search_path()}
    for name in ("slurmctld", "slurmd"):
        with (folder / f"{name}.out").open("wb") as output:
            process = subprocess.Popen(
                [name, "-D"], env=whole, stdout=output, stderr=output, cwd=folder, start_new_session=True
            )
        (folder / f"{name}.started").write_text(str(process.pid))
    deadline = time.monotonic() + STARTS
    while time.monotonic() < deadline:
        said = subprocess.run(["sinfo", "--noheader", "--format=%T"], env=whole, capture_output=True, text=True)
        if said.stdout.strip() == "idle":
            return environment
        time.sleep(0.5)
    logs = "\n".join(file.read_text()[-2000:] for file in sorted(folder.glob("slurm*.log")))
    stop(folder)
    raise RuntimeError(f"Slurm did not start: {said.stdout} {said.stderr}\n{logs}")


def stop(folder: Path) -> None:
    """End what `start` started, by the ids that it wrote down, and the steps of jobs that are left."""
    environment = os.environ | {"SLURM_CONF": str(folder.resolve() / "slurm.conf"), "PATH": search_path()}
    left = subprocess.run(["squeue", "--noheader", "--format=%A"], env=environment, capture_output=True, text=True)
    if jobs := sorted(set(left.stdout.split())):
        subprocess.run(["scancel", *jobs], env=environment, capture_output=True)
        time.sleep(2)
    for name in ("slurmd", "slurmctld"):
        file = folder / f"{name}.started"
        if not file.exists():
            continue
        number = int(file.read_text())
        deadline = time.monotonic() + 20
        while _runs(number, name) and time.monotonic() < deadline:
            os.kill(number, signal.SIGTERM)
            time.sleep(0.5)
        if _runs(number, name):
            os.kill(number, signal.SIGKILL)
        file.unlink()


def _runs(number: int, name: str) -> bool:
    """Whether the process of this id is alive and still the one that was started."""
    try:
        if os.waitpid(number, os.WNOHANG)[0] == number:
            return False
    except ChildProcessError:
        pass  # another process's child: /proc tells
    file = Path(f"/proc/{number}/comm")
    return file.exists() and file.read_text().strip() == name


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["install"]:
            install()
        case ["start", folder]:
            for name, value in start(Path(folder)).items():
                print(f"export {name}={value}")
        case ["stop", folder]:
            stop(Path(folder))
        case _:
            sys.exit(__doc__)
