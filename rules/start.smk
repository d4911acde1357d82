import fcntl
import os
import socket
import sys
from datetime import datetime


def work_alone(path):
    """Hold a lock until this process ends, however it ends; exit if another one holds it."""
    file = open(path, "a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        sys.exit(
            f"error: another snakemake ({file.read().strip() or 'just started'}) works in this "
            "folder: wait for it, stop it, or look with `snakemake -n`"
        )
    except OSError as error:
        logger.warning(f"{path}: {error.strerror}: start no second snakemake here")
    file.truncate(0)
    file.write(
        f"pid {os.getpid()} on {socket.gethostname()} since {datetime.now():%F %T}"
    )
    file.flush()
    return file


# only where jobs start: not for dry runs, nor in the snakemake of a job on another node
onstart:
    globals()["alone"] = work_alone(".snakemake/in_use")
    # Snakemake would end in a traceback
    if os.path.exists("results") and not os.access("results", os.W_OK):
        sys.exit(
            "error: results: cannot be written; make it writable and run again"
        )
