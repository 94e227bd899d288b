# Completion of zvm for bash. Commands and options are those that the command itself tells by --help.

_zvm_commands() {
    "$1" --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\)  .*/\1/p'
}

_zvm_options() {
    "$1" "$2" --help 2>/dev/null | grep -oE '^  --?[a-z][a-z-]*' | tr -d ' '
}

# Words that an option takes, where its help lists them; fails where the value is free.
_zvm_values() {
    case $1 in
    --output) echo "first all none" ;;
    --report) echo "none text json prom" ;;
    --color) echo "auto always never" ;;
    --gc-mode) echo "auto full incremental generational" ;;
    --at) echo "exit limit signal" ;;
    *) return 1 ;;
    esac
}

_zvm() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]-} values
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_zvm_commands "$program")" -- "$word")
    elif values=$(_zvm_values "$before"); then
        mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_zvm_options "$program" "$command")" -- "$word")
    elif [ "$command" = help ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_zvm_commands "$program")" -- "$word")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}

complete -F _zvm zvm
