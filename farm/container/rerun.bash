# `rerun` runs the step that one is in once more, as the build does; its status is the step's. With -x, bash prints each
# command of the step before it runs it.
rerun() {
    if [ "$*" != "" ] && [ "$*" != -x ]; then
        echo "usage: rerun [-x]" >&2
        return 2
    fi
    # The driver marks with its first argument where a step begins, and what it found in the logs of a configure.
    /usr/bin/bash /run/farm/driver.bash rerun /run/farm/again "$(</run/farm/directory)" "$@" |
        sed --unbuffered -e 's/^\x1ererun says //' -e '/^\x1ererun /d'
    return "${PIPESTATUS[0]}"
}
# `show-step` prints the text of the step.
show-step() {
    cat /run/farm/again/*/script
}
