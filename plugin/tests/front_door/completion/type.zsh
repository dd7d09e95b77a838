#!/usr/bin/env -S zsh -f
# Usage: type.zsh SHELL LINE...
# Types each LINE and a tab into an interactive shell on a terminal of its own, and prints what the line
# has become. What the shell reads at its start says that it is READY, and shows its line on ^Xr.
zmodload zsh/zpty || exit 2

zpty typed $=1
zpty -r typed seen '*<READY>*' || exit 3
for line in "${@:2}"; do
    zpty -w -n typed "$line"$'\t\x18r'
    zpty -r typed seen '*<LINE>*</LINE>*' || exit 4
    print -r -- "${${seen##*<LINE>}%%</LINE>*}"
done
zpty -d typed
