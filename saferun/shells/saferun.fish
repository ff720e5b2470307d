# Completion of saferun for fish: docker-saferun, which stands beside saferun, is asked.
function __saferun_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program docker-saferun
    if string match -q '*/saferun' -- $words[1]
        set program (string replace -r 'saferun$' docker-saferun -- $words[1])
    end
    command -q $program; or return
    set -l answer ($program __complete saferun $words[2..] "$current" 2>/dev/null)
    set -q answer[1]; or return
    set -l directive (string sub -s 2 -- $answer[-1])
    set -e answer[-1]
    # A candidate stands for the whole word, but behind --flag= only values are answered.
    set -l flag (string match -r -- '^-[^=]*=' "$current")
    for line in $answer
        echo -- "$flag$line"
    end
    if test (math "bitand($directive, 5)") -eq 0
        set -l value (string replace -r -- '^-[^=]*=' '' "$current")
        for path in (__fish_complete_path "$value")
            echo -- "$flag$path"
        end
    end
end
complete -c saferun -e
complete -c saferun -f -a '(__saferun_complete)'
