# Completion of virsh-hpc in fish: the program knows virsh's candidates and its own.

function __virsh_hpc_candidates
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l current "$(commandline -ct)"
    $program complete -- $words $current 2>/dev/null | string match -v ''
    # Without a candidate, a file's name.
    or __fish_complete_path $current
end

complete -c virsh-hpc -f -a '(__virsh_hpc_candidates)'
