# Enters a step of a build by hand: as a shell, or for one command.
#
# Constant, like the step driver, whose files it reads: the step's own variables, its directory, its umask.
#
# usage: enter.bash STEP DIRECTORY [COMMAND [ARGUMENT…]]   (without a command: a shell on the terminal)
set -eu
umask 022
mkdir -p "$2"
cd "$2"
mapfile -d '' -t environment <"$1/environment"
for assignment in "${environment[@]}"; do
    export "$assignment"
done
unset assignment environment
shift 2
if [ $# -eq 0 ]; then
    exec /usr/bin/bash --rcfile /run/farm/shell.bash -i
fi
if [ "$1" = rerun ]; then
    exec /usr/bin/bash -c '. /run/farm/rerun.bash; "$@"' enter "$@"
fi
exec "$@"
