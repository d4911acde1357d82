import fcntl
import os
import socket
import sys
from datetime import datetime


def work_alone(path):
    """Hold a lock until this process ends, however it ends; exit if another one holds it."""
    try:
        file = open(path, "a+", buffering=1)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        now, host = datetime.now(), socket.gethostname()
        print(f"pid {os.getpid()} on {host} since {now:%F %T}", file=file)
    except BlockingIOError:
        file.seek(0)
        sys.exit(
            f"error: another snakemake ({file.read().strip() or 'just started'}) works in this "
            "folder: wait for it, stop it, or look with `snakemake -n`"
        )
    except OSError as error:  # no room, or a file system without locks
        logger.warning(f"{path}: {error.strerror}: start no second snakemake here")
        return None
    return file


# only where jobs start: not for dry runs, nor in the snakemake of a job on another node
onstart:
    globals()["alone"] = work_alone(".snakemake/in_use")
    # Snakemake would end in a traceback
    if os.path.exists("results") and not os.access("results", os.W_OK):
        sys.exit(
            "error: results: cannot be written; make it writable and run again"
        )
