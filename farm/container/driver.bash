# The step driver: runs a plan's steps in turn inside the build container and ends with the first one that fails.
#
# Constant. Each step is a directory that holds `script`, and NUL-separated `arguments` and `environment`, so that no
# value is ever part of a shell's text. Marker lines say which step begins, and which lines are the driver's own.
#
# usage: driver.bash NONCE STEPS DIRECTORY [-x]
#   (each step starts in DIRECTORY, which is made; with -x, bash prints its commands)
#
# One pipe for both streams: the kernel keeps the lines in the order in which they were written.
exec 2>&1
set -eu
umask 022
nonce=$1
mkdir -p "$3"
cd "$3"
# The kernel counts the processes that it refused; nothing else tells that limit from other failures. No fork in here.
forks_refused() {
    for events in /sys/fs/cgroup/pids.events /sys/fs/cgroup/pids/pids.events; do
        if [ -r "$events" ] && read -r _ count <"$events" && [ "$count" -gt 0 ]; then
            return 0
        fi
    done
    return 1
}
# usage: excerpt FILE END   (the last lines of FILE, up to the first that begins with the pattern END, if it has one)
excerpt() {
    local -a lines=()
    local line number=0 read=0 shown
    while IFS= read -r line || [ -n "$line" ]; do
        lines[number % 48]="$((++read)): ${line:0:1000}"
        # The programs that configure tried are long, and say nothing.
        [[ $line == '| '* ]] || number=$((number + 1))
        # shellcheck disable=SC2053  # a pattern
        if [ -n "$2" ] && [[ $line == $2 ]]; then
            break
        fi
    done <"$1"
    for ((shown = number > 48 ? number - 48 : 0; shown < number; shown++)); do
        printf '\036%s says %s:%s\n' "$nonce" "${1#../}" "${lines[shown % 48]}"
    done
}
# What a configure that failed has written into its own log, which ends with the container. One that succeeded has left
# a file to build with.
configure_logs() {
    local file directory
    local -a files=()
    mapfile -d '' -t files < <(find .. -type f '(' -name config.log -o -name CMakeConfigureLog.yaml \
        -o -name CMakeError.log -o -name meson-log.txt ')' -print0 2>/dev/null | sort -z)
    for file in "${files[@]:0:8}"; do
        directory=${file%/*}
        case $file in
            */config.log)
                if grep -q '^configure:[0-9]*: error: ' "$file"; then
                    excerpt "$file" 'configure:*([0-9]): error: *'
                fi
                ;;
            *)
                directory=${directory%/*}
                if ! [ -e "$directory/build.ninja" ] && ! [ -e "$directory/Makefile" ] && grep -q 'error: ' "$file"; then
                    excerpt "$file" ''
                fi
                ;;
        esac
    done
}
for step in "$2"/*; do
    number=${step##*/}
    mapfile -d '' -t arguments <"$step/arguments"
    mapfile -d '' -t environment <"$step/environment"
    printf '\036%s begin %s\n' "$nonce" "$number"
    status=0
    (
        unset nonce number
        # A file at its end rather than a closed descriptor: some configure scripts ask questions.
        exec </dev/null
        for assignment in "${environment[@]}"; do
            export "$assignment"
        done
        exec /usr/bin/bash -eu ${4:+-x} "$step/script" "${arguments[@]}"
    ) || status=$?
    if [ "$status" -ne 0 ]; then
        if forks_refused; then
            printf '\036%s forks refused\n' "$nonce"
        else
            shopt -s extglob
            configure_logs || true
        fi
        exit "$status"
    fi
done
