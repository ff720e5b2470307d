# shellcheck shell=bash
# Completion of saferun for bash: docker-saferun, which stands beside saferun, is asked.
_saferun() {
    local program=docker-saferun rest=${COMP_LINE:0:COMP_POINT} piece i last=0
    local -a words=() answer=()
    # Bash breaks words at = and :, which docker's are full of. What has no blank in front of it
    # goes on with the word before it; of the last one only what is left of the cursor counts.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]-}
        if ((i == 0)) || [[ $rest == [[:blank:]]* ]]; then
            last=${#words[@]}
            words[last]=
        fi
        rest=${rest#"${rest%%[![:blank:]]*}"}
        if ((i == COMP_CWORD)); then piece=$rest; fi
        words[last]+=$piece
        rest=${rest#"$piece"}
    done
    if [[ $1 == */saferun ]]; then program=${1%saferun}docker-saferun; fi
    mapfile -t answer < <("$program" __complete saferun "${words[@]:1}" 2>/dev/null)
    local directive=1 value=${words[last]} flag='' breaks='' given='' candidate
    if ((${#answer[@]})); then
        directive=${answer[${#answer[@]} - 1]#:}
        unset 'answer[${#answer[@]} - 1]'
    fi
    # Readline replaces only what is behind the last break.
    if [[ $COMP_WORDBREAKS == *:* ]]; then breaks=':'; fi
    if [[ $value == -*=* ]]; then
        if [[ $COMP_WORDBREAKS != *=* ]]; then flag=${value%%=*}=; fi
        value=${value#*=}
    fi
    if [[ $breaks ]]; then given=${value%"${value##*:}"}; fi
    COMPREPLY=()
    for candidate in ${answer[@]+"${answer[@]}"}; do
        candidate=${candidate%%$'\t'*}
        COMPREPLY+=("$flag${candidate#"$given"}")
    done
    if ((directive & 2)); then compopt -o nospace 2>/dev/null || :; fi
    if ((!(directive & 5))); then
        compopt -o filenames 2>/dev/null || :
        while IFS= read -r candidate; do
            COMPREPLY+=("$flag$candidate")
        done < <(compgen -f -- "${value#"$given"}")
    fi
}
complete -F _saferun saferun
