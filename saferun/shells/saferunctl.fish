# Completion of saferunctl for fish, as click writes it.
_SAFERUNCTL_COMPLETE=fish_source saferunctl | source
