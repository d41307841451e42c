# The step driver: runs a plan's steps in turn inside the build container and ends with the first one that fails.
#
# Constant. Each step is a directory that holds `script`, and NUL-separated `arguments` and `environment`, so that no
# value is ever part of a shell's text. A marker line on both streams says which step begins.
#
# usage: driver.bash NONCE STEPS DIRECTORY   (each step starts in DIRECTORY, which is made)
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
for step in "$2"/*; do
    number=${step##*/}
    mapfile -d '' -t arguments <"$step/arguments"
    mapfile -d '' -t environment <"$step/environment"
    marker=$(printf '\036%s begin %s' "$nonce" "$number")
    printf '%s\n' "$marker"
    printf '%s\n' "$marker" >&2
    status=0
    (
        unset nonce marker number
        # A file at its end rather than a closed descriptor: some configure scripts ask questions.
        exec </dev/null
        for assignment in "${environment[@]}"; do
            export "$assignment"
        done
        exec /usr/bin/bash -eu "$step/script" "${arguments[@]}"
    ) || status=$?
    if [ "$status" -ne 0 ]; then
        if forks_refused; then
            printf '\036%s forks refused\n' "$nonce" >&2
        fi
        exit "$status"
    fi
done
