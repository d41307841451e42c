# What the shell in a build reads when it starts.
. /run/farm/rerun.bash
unset HISTFILE
# The name of a step is a text: nothing in it is a command, nor an escape of the prompt.
shopt -u promptvars
PS1=$(</run/farm/prompt)
PS1="${PS1//\\/\\\\} \w\$ "
cat /run/farm/greeting
