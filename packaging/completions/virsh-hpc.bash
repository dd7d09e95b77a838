# Completion of virsh-hpc in bash: the program knows virsh's candidates and its own.
# shellcheck shell=bash

_virsh_hpc() {
    local cur cword words i part='' breaks=${COMP_WORDBREAKS//[^=:]/}
    # A URI, or an option with its value, is one word.
    _get_comp_words_by_ref -n "\"'><=;|&(:" -c cur -w words -i cword
    mapfile -t COMPREPLY < <("$1" complete -- "${words[@]:1:cword-1}" "$cur" 2>/dev/null)
    # readline breaks it all the same, and replaces what follows the last break.
    [[ $breaks && $cur == *["$breaks"]* ]] && part=${cur%"${cur##*["$breaks"]}"}
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=${COMPREPLY[i]#"$part"}
        case ${COMPREPLY[i]} in
            '') unset "COMPREPLY[i]" ;;
            # A domain's name may be anything; it must not become more than a word.
            *[!A-Za-z0-9_.,:=/@%+-]*) printf -v "COMPREPLY[i]" %q "${COMPREPLY[i]}" ;;
        esac
    done
    return 0
} &&
    # Without a candidate, a file's name.
    complete -o default -F _virsh_hpc virsh-hpc

# ex: filetype=sh
