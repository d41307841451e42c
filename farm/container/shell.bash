# What the shell in a build reads when it starts.
. /run/farm/rerun.bash
unset HISTFILE
PS1="$(</run/farm/prompt) \w\$ "
cat /run/farm/greeting
