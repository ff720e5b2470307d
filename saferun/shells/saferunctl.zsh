#compdef saferunctl
# Completion of saferunctl for zsh, as click writes it.
eval "$(_SAFERUNCTL_COMPLETE=zsh_source saferunctl)"
_saferunctl_completion "$@"
