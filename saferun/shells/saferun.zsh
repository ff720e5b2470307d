#compdef saferun
# Completion of saferun for zsh: docker-saferun, which stands beside saferun, is asked.
_saferun() {
    local program=docker-saferun line word
    local -a answer candidates
    [[ $words[1] == */saferun ]] && program=${(Q)words[1]%saferun}docker-saferun
    answer=("${(@f)$($program __complete saferun "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    local -i directive=${${answer[-1]#:}:-1}
    [[ $PREFIX == -*=* ]] && compset -P 1 '*='
    for line in "${(@)answer[1,-2]}"; do
        word=${${line%%$'\t'*}//:/\\:}
        [[ $line == *$'\t'* ]] && word+=:${line#*$'\t'}
        candidates+=("$word")
    done
    local -i found=1
    (( $#candidates )) && _describe -t saferun saferun candidates && found=0
    (( directive & 5 )) || { _files && found=0 }
    return found
}
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _saferun "$@"
elif (( ${+functions[compdef]} )); then
    compdef _saferun saferun
fi
