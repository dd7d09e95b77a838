# Marks the phases of a domain's migration as this host's libvirt sees them: a file for each in a directory, until there is
# one called done.
import os
import sys
import time

import libvirt

NAME, MARKS, SIDE = sys.argv[1:]


def phases(domain):
    state = domain.state()[0]
    if SIDE == "destination":
        if state == libvirt.VIR_DOMAIN_RUNNING:
            yield "finish"
        return
    if state == libvirt.VIR_DOMAIN_PAUSED:
        yield "switchover"
    iteration = domain.jobStats().get("memory_iteration", 0)
    if iteration >= 1:
        yield "first-iteration"
    if iteration >= 2:
        yield "later-iteration"


def mark(phase):
    open(os.path.join(MARKS, phase), "a").close()


libvirt.registerErrorHandler(lambda *_: None, None)
connection = None
while not os.path.exists(os.path.join(MARKS, "done")):
    try:
        connection = connection or libvirt.open("qemu:///system")
        for phase in phases(connection.lookupByName(NAME)):
            mark(phase)
    except libvirt.libvirtError as error:
        # A daemon that was killed is connected to anew; a domain that is not there may come.
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            connection = None
    time.sleep(0.01)
