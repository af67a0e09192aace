"""For child processes of the tests, and theirs: no network beyond this machine, packages that are
said to be absent, little memory.

    GUARD_LOG      file to which every attempt to reach another machine is added (each also fails)
    GUARD_ABSENT   packages, separated by commas, that cannot be imported
    GUARD_MEMORY   megabytes that the process may add to the address space that it has after the
                   imports in GUARD_IMPORT
"""

import errno
import importlib
import os
import socket
import sys

LOG = os.environ.get("GUARD_LOG")
ABSENT = set(filter(None, os.environ.get("GUARD_ABSENT", "").split(",")))
HERE = {"localhost", "0.0.0.0", "::", "::1", "", None, socket.gethostname()}


def stay_here(event, args):
    "Let connections within the machine through, and no others."
    if event in ("socket.connect", "socket.sendto"):
        if args[0].family == socket.AF_UNIX:
            return
        host = args[1][0] if isinstance(args[1], tuple) else args[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host in HERE or str(host).startswith("127."):
        return
    with open(LOG, "a", encoding="utf-8") as f:
        f.write(f"{event} {host}\n")
    raise OSError(errno.ENETUNREACH, "the test allows no network")


if LOG:
    sys.addaudithook(stay_here)
# imports fail, and importlib.util.find_spec finds nothing
for name in ABSENT:
    sys.modules[name] = None
if "GUARD_MEMORY" in os.environ:
    import resource

    for name in filter(None, os.environ.get("GUARD_IMPORT", "").split(",")):
        importlib.import_module(name)
    with open("/proc/self/status", encoding="ascii") as f:
        now = next(int(line.split()[1]) for line in f if line.startswith("VmSize")) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (now + int(os.environ["GUARD_MEMORY"]) * 2**20,) * 2)
