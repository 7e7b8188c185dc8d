# The learner's shell in a node or pod.
[ -z "$PS1" ] && return

shopt -s checkwinsize histappend
HISTSIZE=10000
HISTFILESIZE=10000
HISTCONTROL=ignoredups
# Each command is kept at once, for every shell of the host, as long as the node's world lives. The node's own
# is where bash has it anyway.
case "$PODWIRE_HOST" in
pod/*) HISTFILE=/root/.bash_history-${PODWIRE_HOST#pod/} ;;
*) HISTFILE=/root/.bash_history ;;
esac
PROMPT_COMMAND='history -a'
EDITOR=${EDITOR:-nano}
PAGER=less
LESS=-R
export EDITOR PAGER LESS

if [ -z "$NO_COLOR" ]; then
	alias ip='ip -c=auto' bridge='bridge -c=auto' tc='tc -c=auto' ls='ls --color=auto' grep='grep --color=auto' diff='diff --color=auto'
fi
alias ll='ls -l' vi='vim.tiny' vim='vim.tiny' plan='/usr/lib/podwire/show-plan'

case "$PODWIRE_HOST" in
pod/*) podwire_color='1;35' ;;
*) podwire_color='1;36' ;;
esac
if [ -n "$NO_COLOR" ]; then
	PS1='${PODWIRE_HOST:-\h}:\w\$ '
else
	PS1="\[\e[${podwire_color}m\]\${PODWIRE_HOST:-\h}\[\e[0m\]:\[\e[34m\]\w\[\e[0m\]\\\$ "
fi
# The window's title says where it is, too.
case "$TERM" in
xterm* | screen* | tmux* | rxvt*) PS1="\[\e]0;\${PODWIRE_HOST:-\h}\a\]$PS1" ;;
esac
unset podwire_color

[ -r /usr/share/bash-completion/bash_completion ] && . /usr/share/bash-completion/bash_completion

# Only the first shell greets, not those started in it.
if [ -n "$PODWIRE_HOST" ] && [ "$SHLVL" -le 1 ]; then
	case "$PODWIRE_HOST" in
	pod/*) echo "You are root in ${PODWIRE_HOST}, on ${PODWIRE_NODE}. 'plan' shows the addresses, 'exit' leaves." ;;
	*) echo "You are root on ${PODWIRE_HOST}. 'plan' shows the addresses, 'exit' leaves." ;;
	esac
fi
