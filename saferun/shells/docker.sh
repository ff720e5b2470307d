# shellcheck shell=bash
# saferun in the place of docker run, for bash and zsh.
# An alias would come before the function, and run docker without saferun.
unalias docker 2>/dev/null || :
function docker {
    case ${1-} in
        run)
            shift
            @saferun@ "$@"
            ;;
        container)
            case ${2-} in
                run)
                    shift 2
                    @saferun@ "$@"
                    ;;
                -*) @docker-saferun@ as-docker "$@" ;;
                *) command docker "$@" ;;
            esac
            ;;
        # Global options: what is behind them, and what they mean to saferun, is worked out there.
        -*) @docker-saferun@ as-docker "$@" ;;
        *) command docker "$@" ;;
    esac
}
