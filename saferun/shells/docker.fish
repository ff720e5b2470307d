# saferun in the place of docker run, for fish.
function docker --description 'docker, with saferun in the place of docker run'
    switch "$argv[1]"
        case run
            @saferun@ $argv[2..]
        case container
            switch "$argv[2]"
                case run
                    @saferun@ $argv[3..]
                case '-*'
                    @docker-saferun@ as-docker $argv
                case '*'
                    command docker $argv
            end
        # Global options: what is behind them, and what they mean to saferun, is worked out there.
        case '-*'
            @docker-saferun@ as-docker $argv
        case '*'
            command docker $argv
    end
end
