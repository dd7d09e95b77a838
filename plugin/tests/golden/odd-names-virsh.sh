#!/bin/sh
# Knows domains of odd names.
printf '%s\n' 'x; reboot' '$(reboot)' 'plain-1.a:b'
