"""Runs one command for bench.py and writes what it used to descriptor 3, as one line of JSON.

A process of its own, and a small one: what a process holds in memory when it starts another counts as the peak of that
one, so the peaks of small programs would be those of the whole benchmark. Even so none is below some 9 MiB.

    python3 -I -S -c TEXT-OF-THIS-FILE COMMAND...
"""

import os
import sys
import time

# SIGPIPE and SIGXFSZ: python ignores them, and the command would inherit that.
begin = time.monotonic()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_CLOSE, 3)], setsigdef=[13, 25])
_, status, used = os.wait4(pid, 0)
wall = time.monotonic() - begin
os.write(3, b'{"status": %d, "wall": %f, "cpu": %f, "peak": %f}\n' % (
    os.waitstatus_to_exitcode(status), wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024))
