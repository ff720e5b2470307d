# shellcheck shell=bash
# Completion of saferunctl for bash, as click writes it.
eval "$(_SAFERUNCTL_COMPLETE=bash_source saferunctl)"
